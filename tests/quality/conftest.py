"""Lets the tests of this folder import `golden` and `counted`; and a database whose past reaches back."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parent))

from actum.store.store import Store
from actum.testing.server import TestServer


@pytest_asyncio.fixture
async def store(actum_server: TestServer) -> AsyncIterator[Store]:
    """A store on a database of the test's own."""
    dsn = await actum_server.create()
    opened = await Store.open(dsn, size=4)
    yield opened
    await opened.close()
    await actum_server.drop(dsn)
