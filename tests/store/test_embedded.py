"""The embedded server's life: who starts it, who shares it, what ends it. Real servers, real processes, real kills."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from actum.store.embedded import EmbeddedServer
from actum.store.embedded_locks import FileLock
from actum.store.embedded_watcher import LOG_BYTES, Log

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the embedded server runs on Linux and macOS")

USER = """
import os, sys
from pathlib import Path
from actum.store.embedded import EmbeddedServer
server = EmbeddedServer.open(Path(sys.argv[1]))
print(server.dsn, flush=True)
for order in sys.stdin:
    if os.fork() == 0:
        if order == "fork and close\\n":
            server.close()
        print(os.getpid(), flush=True)
        os.read(0, 1)
        os._exit(0)
server.close()
"""


def choose_disk() -> str:
    """Memory where it can hold databases and run programs: nothing here pulls a plug, and disks are slow."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or os.statvfs(shared).f_flag & os.ST_NOEXEC:
        return "/tmp"
    return str(shared) if shutil.disk_usage(shared).free > 2**30 else "/tmp"


DISK = choose_disk()


def eventually(happened: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class User:
    """A process of its own, in its own process group, that holds the server of a folder."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def order(self, word: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.line()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        os.killpg(self.process.pid, number)
        self.process.wait()

    def end(self) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                self.process.communicate(timeout=60)


class Place:
    """A folder for databases, and what runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.users: list[User] = []

    @property
    def house(self) -> Path:
        return (self.folder / "postgres").resolve()

    def user(self) -> User:
        self.users.append(User(self.folder))
        return self.users[-1]

    def pids(self, program: str) -> list[int]:
        listed = subprocess.run(
            ["ps", "-e", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True
        ).stdout
        rows = [line.split(None, 1) for line in listed.splitlines()]
        return [int(pid) for pid, words in rows if str(self.house) in words and program in words]

    @property
    def server(self) -> int:
        return self.pids("bin/postgres -D")[0]

    @property
    def watcher(self) -> int:
        return self.pids("embedded_watcher.py")[0]

    def clear(self) -> None:
        """Ends what a failed test left."""
        for user in self.users:
            user.process.kill()
            user.process.communicate()
        for pid in self.pids("bin/postgres -D") + self.pids("embedded_watcher.py"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def is_silent(self) -> bool:
        """No watcher, no postmaster, no orphaned Postgres process: each would hold one of these locks."""
        locks = [FileLock(self.house / "locks" / name) for name in ("watcher", "server")]
        free = [lock.try_exclusive() for lock in locks] == [True, True]
        for lock in locks:
            lock.release()
        return free and not self.pids("bin/postgres")


def make_place() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="actum-test-", dir=DISK))
    folder.chmod(0o711)  # root's server runs under another account, which must pass through
    return folder


@pytest.fixture
def fresh() -> Iterator[Place]:
    place = Place(make_place())
    try:
        yield place
        for user in place.users:
            user.end()
        assert eventually(place.is_silent)
    finally:
        place.clear()
        shutil.rmtree(place.folder)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    folder = make_place()
    EmbeddedServer.open(folder).close()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def place(made: Path) -> Iterator[Place]:
    """A folder whose database was made by an earlier test; nothing runs in it before or after."""
    place = Place(made)
    assert eventually(place.is_silent)
    try:
        yield place
        for user in place.users:
            user.end()
        assert eventually(place.is_silent)
    finally:
        place.clear()


def ask(dsn: str, *statements: str) -> object:
    async def go() -> object:
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(go())


def test_first_open_makes_the_database_and_the_last_close_ends_the_server(fresh: Place) -> None:
    with EmbeddedServer.open(fresh.folder) as server:
        assert ask(server.dsn, "select current_user || ' ' || current_database()") == "actum actum"
        socket_folder = Path(str(ask(server.dsn, "show unix_socket_directories")))
        assert socket_folder.stat().st_mode & 0o777 == 0o700
        assert (server.place / "data").stat().st_mode & 0o777 == 0o700
    server.close()
    assert eventually(fresh.is_silent)
    assert not socket_folder.exists()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("jit", "off"),
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
        ("max_connections", "200"),
    ],
)
def test_server_is_set_to_keep_what_it_confirmed(held: str, setting: str, value: str) -> None:
    assert value == ask(held, f"select current_setting('{setting}')")


@pytest.fixture(scope="module")
def held() -> Iterator[str]:
    folder = make_place()
    with EmbeddedServer.open(folder) as server:
        yield server.dsn
    assert eventually(Place(folder).is_silent)
    shutil.rmtree(folder)


def test_text_sorts_by_code_point_and_knows_its_letters(held: str) -> None:
    assert ask(held, "select string_agg(x, ',' order by x) from unnest(array['é','a','B']) x") == "B,a,é"
    assert ask(held, "select lower('ÉA')") == "éa"


def test_processes_that_race_the_first_start_share_one_server(fresh: Place) -> None:
    users = [fresh.user() for _ in range(4)]
    dsns = {user.line() for user in users}
    assert len(dsns) == 1
    assert len(fresh.pids("bin/postgres -D")) == 1
    for user in users[:3]:
        user.kill()
    assert ask(dsns.pop(), "select 1") == 1
    users[3].end()
    assert eventually(fresh.is_silent)


def test_holds_of_one_process_are_counted_apart(place: Place) -> None:
    first, second = EmbeddedServer.open(place.folder), EmbeddedServer.open(place.folder)
    first.close()
    first.close()
    assert ask(second.dsn, "select 1") == 1
    second.close()


@pytest.mark.crash
def test_what_was_committed_outlives_sigkill_of_the_only_user(place: Place) -> None:
    user = place.user()
    ask(user.line(), "create table kept as select 7 as number")
    user.kill()
    assert eventually(place.is_silent)
    with EmbeddedServer.open(place.folder) as server:
        assert ask(server.dsn, "select number from kept") == 7
        ask(server.dsn, "drop table kept")


@pytest.mark.crash
def test_killed_server_is_recovered_by_the_next_open_under_the_same_dsn(place: Place) -> None:
    dsn = place.user().line()
    ask(dsn, "create table survivor as select 8 as number")
    os.kill(place.server, signal.SIGKILL)
    with EmbeddedServer.open(place.folder):
        assert ask(dsn, "select number from survivor") == 8
        ask(dsn, "drop table survivor")


@pytest.mark.crash
def test_killed_watcher_never_leaves_an_unwatched_server(place: Place) -> None:
    dsn = place.user().line()
    first = place.server
    os.kill(place.watcher, signal.SIGKILL)
    with EmbeddedServer.open(place.folder):
        assert ask(dsn, "select 1") == 1
        assert first != place.server


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
@pytest.mark.crash
def test_sigkill_of_everybody_but_the_server_ends_the_server_too(place: Place) -> None:
    user = place.user()
    user.line()
    os.kill(place.watcher, signal.SIGKILL)
    user.kill()
    assert eventually(place.is_silent)


@pytest.mark.crash
def test_sigkill_of_everybody_hinders_nobody(place: Place) -> None:
    user = place.user()
    user.line()
    for pid in (place.watcher, place.server):
        os.kill(pid, signal.SIGKILL)
    user.kill()
    assert eventually(place.is_silent)
    with EmbeddedServer.open(place.folder) as server:
        assert ask(server.dsn, "select 1") == 1


@pytest.mark.crash
def test_opener_killed_while_it_makes_the_database_hinders_nobody(fresh: Place) -> None:
    first = fresh.user()
    assert eventually(lambda: any(fresh.house.glob("data.new-*")))
    first.kill()
    with EmbeddedServer.open(fresh.folder) as server:
        assert ask(server.dsn, "select 1") == 1


@pytest.mark.crash
def test_opener_killed_before_the_server_answers_leaves_nothing_running(place: Place) -> None:
    (place.house / "server.log").unlink()
    user = place.user()
    assert eventually((place.house / "server.log").exists)
    user.kill()
    assert eventually(place.is_silent)
    with EmbeddedServer.open(place.folder) as server:
        assert ask(server.dsn, "select 1") == 1


def test_ctrl_c_reaches_its_process_group_and_not_the_server(place: Place) -> None:
    starter, other = place.user(), place.user()
    starter.line()
    dsn = other.line()
    before = place.server
    starter.kill(signal.SIGINT)
    assert starter.process.returncode == -signal.SIGINT
    assert ask(dsn, "select 1") == 1
    assert before == place.server


def test_told_to_end_the_watcher_stops_the_server_cleanly(place: Place) -> None:
    place.user().line()
    os.kill(place.watcher, signal.SIGTERM)
    assert eventually(place.is_silent)
    assert "database system is shut down" in (place.house / "server.log").read_text()


@pytest.mark.crash
def test_forked_child_does_not_keep_the_hold(place: Place) -> None:
    user = place.user()
    user.line()
    child = int(user.order("fork"))
    os.kill(user.process.pid, signal.SIGKILL)
    user.process.wait()
    assert eventually(place.is_silent)
    os.kill(child, signal.SIGKILL)  # alive all the while; raises ProcessLookupError if it were not


def test_forked_child_cannot_give_up_the_hold_of_its_parent(place: Place) -> None:
    user = place.user()
    dsn = user.line()
    child = int(user.order("fork and close"))
    os.kill(child, signal.SIGKILL)
    assert not place.is_silent()
    assert ask(dsn, "select 1") == 1


def test_environment_of_the_caller_does_not_steer_the_server(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGHOST", "PGDATABASE", "PGUSER", "PGOPTIONS", "PGDATA", "PGPORT", "PGSSLMODE"):
        monkeypatch.setenv(name, "nonsense")
    EmbeddedServer.open(place.folder).close()


def test_folder_comes_from_actum_home(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTUM_HOME", str(place.folder))
    with EmbeddedServer.open() as server:
        assert place.house == server.place


def test_log_is_begun_anew_when_it_grows_too_long(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "server.log"))
    for _ in range(LOG_BYTES // 65536 * 3):
        log.write(b"x" * 65536)
    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) <= LOG_BYTES + 65536
