"""Databases with nothing in them; and the helper `holding` on the path of the tests of this folder."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from actum.testing.server import TestServer

sys.path.insert(0, str(Path(__file__).parent))


@pytest_asyncio.fixture
async def empty_dsn(actum_server: TestServer) -> AsyncIterator[str]:
    """The address of a database that Actum has never seen."""
    dsn = await actum_server.create_empty()
    yield dsn
    await actum_server.drop(dsn)
