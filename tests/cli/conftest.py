"""A user's project, databases for its commands, and one worker that serves most tests."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent)]

from commanding import HERE, Actum, Begin, Running  # noqa: E402

from actum.testing.server import TestServer  # noqa: E402


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the shared commands run."""
    return Path(shutil.copytree(HERE / "project", tmp_path_factory.mktemp("cli") / "project"))


@pytest.fixture(scope="session")
def idle(actum_server: TestServer, project: Path) -> Iterator[Actum]:
    """Commands on a database that no worker serves."""
    dsn = asyncio.run(actum_server.create())
    yield Actum(project, ACTUM_DATABASE_URL=dsn)
    asyncio.run(actum_server.drop(dsn))


@pytest.fixture(scope="session")
def served(actum_server: TestServer, project: Path) -> Iterator[Actum]:
    """Commands on a database whose workflows a worker serves."""
    dsn = asyncio.run(actum_server.create())
    commands = Actum(project, ACTUM_DATABASE_URL=dsn)
    worker = commands.begin("worker", "flows", "--name", "served", log="served.log")
    try:
        worker.wait_for("served serves")
        yield commands
    finally:
        worker.kill()
        asyncio.run(actum_server.drop(dsn))


@pytest.fixture
def own(actum_server: TestServer, tmp_path: Path) -> Iterator[Actum]:
    """Commands in a project and on a database of the test's own."""
    folder = Path(shutil.copytree(HERE / "project", tmp_path / "project"))
    dsn = asyncio.run(actum_server.create())
    yield Actum(folder, ACTUM_DATABASE_URL=dsn)
    asyncio.run(actum_server.drop(dsn))


@pytest.fixture
def empty(actum_server: TestServer, project: Path) -> Iterator[Actum]:
    """Commands on a database in which nothing is."""
    dsn = asyncio.run(actum_server.create_empty())
    yield Actum(project, ACTUM_DATABASE_URL=dsn)
    asyncio.run(actum_server.drop(dsn))


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Start commands that go on, and end what is left of them."""
    begun: list[Running] = []

    def start(actum: Actum, *arguments: str, log: str = "log") -> Running:
        begun.append(actum.begin(*arguments, log=log))
        return begun[-1]

    yield start
    for one in begun:
        one.kill()
