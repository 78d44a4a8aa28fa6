"""The pytest plugin: fixtures `actum` (a harness on a database of its own) and `actum_dsn` (just the database).

Nothing of Actum is imported before a test asks for one of them. Asynchronous tests need pytest-asyncio.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from actum.store.store import Store
    from actum.testing.harness import Harness
    from actum.testing.server import TestServer
    from actum.testing.shared import SharedDatabase


def _never_asked_for(*functions: Any, loop_scope: str | None = None, **options: Any) -> Any:
    """Make a fixture of a project that has no asynchronous tests."""
    return pytest.fixture(*functions, **options)


try:
    from pytest_asyncio import fixture as async_fixture
except ImportError:
    async_fixture = _never_asked_for

_TOKEN = pytest.StashKey[str]()
_WORKER_INPUT = "actum_test_token"


def pytest_configure(config: pytest.Config) -> None:
    """Name this test run, once for all its processes."""
    given = getattr(config, "workerinput", {}).get(_WORKER_INPUT)
    config.stash[_TOKEN] = given or secrets.token_hex(5)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist the run it belongs to."""
    node.workerinput[_WORKER_INPUT] = node.config.stash[_TOKEN]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's folder, in the process that named it, after the last server of the run has ended."""
    if hasattr(config, "workerinput") or _TOKEN not in config.stash:
        return
    from actum.testing.folder import remove_folder

    remove_folder(config.stash[_TOKEN])


@pytest.fixture(scope="session")
def actum_server(request: pytest.FixtureRequest) -> Iterator[TestServer]:
    """The server that tests use: the one of `ACTUM_DATABASE_URL`, else an embedded one."""
    from actum.testing.server import TestServer

    server = TestServer.open(request.config.stash[_TOKEN])
    yield server
    asyncio.run(server.close())


@async_fixture(scope="session", loop_scope="session")
async def _actum_kept(actum_server: TestServer) -> AsyncIterator[SharedDatabase]:
    """The database that the tests of one lasting event loop use one after the other."""
    from actum.testing.shared import SharedDatabase

    shared = SharedDatabase(actum_server)
    yield shared
    await shared.close()


@pytest.fixture
def _actum_shared(request: pytest.FixtureRequest, actum_server: TestServer) -> SharedDatabase:
    """Where this test's database comes from: nothing can be kept where each test has an event loop of its own."""
    from actum.testing.shared import SharedDatabase

    if request.config.getini("asyncio_default_fixture_loop_scope") != "session":
        return SharedDatabase(actum_server, is_kept=False)
    shared: SharedDatabase = request.getfixturevalue("_actum_kept")
    return shared


@async_fixture
async def _actum_store(_actum_shared: SharedDatabase) -> AsyncIterator[Store]:
    store = await _actum_shared.lend()
    yield store
    await _actum_shared.take_back()


@pytest.fixture
def actum_dsn(_actum_store: Store) -> str:
    """The address of a database at this version, in which nothing is, for this test alone."""
    return _actum_store.pool.dsn


@async_fixture
async def actum(_actum_store: Store) -> AsyncIterator[Harness]:
    """A harness on a database for this test alone; when the test ends its workers stop and the database is audited."""
    from actum.testing.harness import Harness

    harness = await Harness.over(_actum_store)
    yield harness
    differences = await harness.close()
    if differences:
        pytest.fail("the audit found:\n" + "\n".join(differences), pytrace=False)
