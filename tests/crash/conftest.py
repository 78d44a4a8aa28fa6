"""A server that tests may kill, a nursery of processes that are killed, and a place for each test."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from crash_contracts import FOLDER  # noqa: E402
from crash_processes import Nursery, Server  # noqa: E402
from crash_trial import MakePlace, Place, opened  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.crash)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest_asyncio.fixture
async def nursery() -> AsyncIterator[Nursery]:
    async with Nursery() as nursery:
        yield nursery


@pytest_asyncio.fixture
async def make_place(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MakePlace]:
    """Makes places, each with a fresh database; the folder of the last one is also that of workers in this process."""
    async with AsyncExitStack() as stack:

        async def make(name: str = "place") -> Place:
            dsn = await server.databases.create()
            folder = tmp_path / name
            folder.mkdir()
            monkeypatch.setenv(FOLDER, str(folder))
            requester, reviewer = await stack.enter_async_context(opened(dsn))
            return Place(dsn, folder, requester, reviewer)

        yield make


@pytest_asyncio.fixture
async def place(make_place: MakePlace) -> Place:
    return await make_place()
