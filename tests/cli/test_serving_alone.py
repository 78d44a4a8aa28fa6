"""`actum dev` stops while a workflow runs alone in a process of its own: that one is drained, waited for and held."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from commanding import HERE, Actum, Begin, Running, until

from actum.engine.process import started
from actum.store.embedded import EmbeddedServer
from actum.store.embedded_house import find_house
from actum.store.embedded_locks import FileLock

pytestmark = pytest.mark.crash


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Actum]:
    """Commands in a project with a database of its own."""
    home = Path(tempfile.mkdtemp(prefix="actum-alone-"))
    home.chmod(0o711)
    folder = Path(shutil.copytree(HERE / "project", tmp_path / "project"))
    yield Actum(folder, ACTUM_HOME=str(home / "actum"))
    shutil.rmtree(home, ignore_errors=True)


class Lonely:
    """A workflow that was there at two crashes, as the worker that serves it now runs it: alone."""

    def __init__(self, laptop: Actum, begin: Begin, grace: float) -> None:
        self.laptop = laptop
        self.begin = begin
        self.name = laptop.fine("start", "lonely:tarry", "--input", '{"name": "x"}', "--json").json["name"]
        asyncio.run(self._crash_twice())
        self.dev: Running = begin(laptop, "dev", "lonely", "--grace", str(grace))
        until(lambda: len(self.pids) == 1, "the step runs")
        (self.pid,) = self.pids
        self.started = started(self.pid)
        assert self.pid != self.dev.process.pid

    @property
    def pids(self) -> list[int]:
        """The processes in which the step was begun."""
        file = self.laptop.folder / "x.ran"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    @property
    def told(self) -> int:
        """The process in which the second step ran."""
        return int((self.laptop.folder / "x.told").read_text())

    def lives(self) -> bool:
        """Whether the process in which it was begun is there."""
        return started(self.pid) == self.started

    def release(self) -> None:
        """Let the step return."""
        (self.laptop.folder / "x.go").touch()

    def finish(self) -> None:
        """Have another worker bring the workflow to its end."""
        self.begin(self.laptop, "dev", "lonely", log="other")
        self.laptop.fine("watch", self.name)

    async def _crash_twice(self) -> None:
        with EmbeddedServer.open(Path(self.laptop.environment["ACTUM_HOME"])) as server:
            connection = await asyncpg.connect(server.dsn)
            await connection.execute("update actum.workflows set crash_count = 2")
            await connection.close()


@pytest.mark.parametrize("is_terminal", [True, False], ids=["Ctrl-C reaches both", "SIGTERM reaches one"])
def test_what_runs_alone_is_drained_with_its_worker_and_waited_for(
    laptop: Actum, begin: Begin, is_terminal: bool
) -> None:
    lonely = Lonely(laptop, begin, grace=60)
    dev = lonely.dev
    if is_terminal:
        os.kill(lonely.pid, signal.SIGINT)
    dev.signal(signal.SIGINT if is_terminal else signal.SIGTERM)
    dev.wait_for("stops: 1 workflow(s) held, 60 s of grace")
    assert lonely.lives()
    lonely.release()
    assert 0 == dev.end()
    assert "stopped" in dev.said.splitlines()[-1]
    assert not lonely.lives()
    assert "Traceback" not in dev.said, dev.said
    lonely.finish()
    assert [lonely.pid] == lonely.pids
    assert lonely.pid != lonely.told, "it was not drained"


def test_what_runs_alone_ends_with_its_grace_and_is_begun_again_elsewhere(
    laptop: Actum, begin: Begin
) -> None:
    lonely = Lonely(laptop, begin, grace=0.2)
    lonely.dev.signal(signal.SIGTERM)
    assert 0 == lonely.dev.end()
    assert not lonely.lives()
    assert not {"Traceback", "killed"} & set(lonely.dev.said.split()), lonely.dev.said
    lonely.release()
    lonely.finish()
    assert 2 == len(lonely.pids)


def test_a_second_signal_leaves_at_once_and_takes_along_what_runs_alone(laptop: Actum, begin: Begin) -> None:
    lonely = Lonely(laptop, begin, grace=600)
    lonely.dev.signal(signal.SIGTERM)
    lonely.dev.wait_for("stops: 1 workflow(s) held")
    lonely.dev.signal(signal.SIGTERM)
    assert 1 == lonely.dev.end()
    until(lambda: not lonely.lives(), "the process of the lonely workflow ends")


def test_what_runs_alone_goes_on_when_its_worker_is_killed_and_holds_the_database(
    laptop: Actum, begin: Begin
) -> None:
    lonely = Lonely(laptop, begin, grace=2)
    house = find_house(Path(laptop.environment["ACTUM_HOME"]))
    server = int((house.data / "postmaster.pid").read_text().split()[0])
    before = started(server)
    lonely.dev.kill()
    users = FileLock(house.lock("users"))
    assert (False, True) == (users.try_exclusive(), users.try_shared()), "nobody holds the server"
    users.release()
    lonely.release()
    laptop.fine("watch", lonely.name)
    until(lambda: not lonely.lives(), "the process of the lonely workflow ends")
    assert [lonely.pid] == lonely.pids == [lonely.told]
    assert "Traceback" not in lonely.dev.said, lonely.dev.said
    until(lambda: started(server) != before, "the server ends with its last user")
