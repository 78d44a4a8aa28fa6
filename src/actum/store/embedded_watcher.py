"""The watcher: the small process that owns one embedded Postgres server and ends it when nobody uses it any more.

Run as a script, with the standard library alone, by whoever starts the server. It is the server's parent, in a
session of its own, so that Ctrl-C in a terminal reaches neither. It sleeps until one of four things happens:
the users' lock can be taken alone (nobody is left), it is told to end (SIGTERM, SIGINT), the server ends, or the
server writes to its log, which the watcher keeps within bounds. While it stops the server it keeps the users' lock,
so that a newcomer waits and then starts a fresh server instead of joining a dying one.

If the watcher itself is killed, Linux tells the server to shut down; elsewhere the next opener does.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import TypedDict

LOG_BYTES = 8 * 1024 * 1024  # one former log of this size is kept beside the current one
PATIENCE = 60.0  # seconds for a fast shutdown, before the next harder signal
PR_SET_PDEATHSIG = 1


class Plan(TypedDict):
    """What the opener tells the watcher, as JSON in its one argument."""

    command: list[str]
    environment: dict[str, str]
    users_lock: str
    server_lock: int  # an open file, inherited by every Postgres process
    log: str
    socket_folder: str
    user: int | None  # the account to run as, or None for our own
    group: int | None


class Log:
    """A file that is begun anew when it grows too long; a full disk loses lines, never the server."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = self._begin()

    def write(self, lines: bytes) -> None:
        with suppress(OSError):
            if os.fstat(self._file).st_size > LOG_BYTES:
                os.close(self._file)
                self._file = self._begin()
            os.write(self._file, lines)

    def _begin(self) -> int:
        with suppress(OSError):
            os.replace(self._path, self._path + ".1")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW
        return os.open(self._path, flags, 0o600)


def start_server(plan: Plan, log: int) -> subprocess.Popen[bytes]:
    """Starts Postgres as our child, holding the server lock and writing to `log`."""
    watcher = os.getpid()
    library = ctypes.CDLL(None) if sys.platform == "linux" else None

    def end_with_watcher() -> None:  # after the change of account, which would clear the request
        if library is not None:
            library.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
            if os.getppid() != watcher:
                os._exit(1)

    changes = plan["user"] is not None
    return subprocess.Popen(
        plan["command"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        env=plan["environment"],
        pass_fds=[plan["server_lock"]],
        preexec_fn=end_with_watcher,
        umask=0o077,
        user=plan["user"],
        group=plan["group"],
        extra_groups=[] if changes else None,
    )


class Watch:
    """The life of one server, from its start to the last of its processes."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._log = Log(plan["log"])
        self._bell, self._ring = os.pipe()
        os.set_blocking(self._ring, False)
        signal.set_wakeup_fd(self._ring, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._heard)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._stop_asked = False
        self._harder = [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL]
        self._harder_at = 0.0
        self._users = os.open(plan["users_lock"], os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._server_lines, lines = os.pipe()
        self._server = start_server(plan, lines)
        os.close(lines)
        os.close(plan["server_lock"])

    def run(self) -> None:
        """Returns when every Postgres process is gone: only then do the lines they write to end."""
        threading.Thread(target=self._wait_for_last_user, name="last user", daemon=True).start()
        while True:
            ready, _, _ = select.select([self._bell, self._server_lines], [], [], self._push())
            if self._bell in ready:
                os.read(self._bell, 4096)
                self._server.poll()
            if self._server_lines in ready:
                lines = os.read(self._server_lines, 65536)
                if not lines:
                    self._server.wait()
                    return
                self._log.write(lines)

    def _push(self) -> float | None:
        """Sends the next harder signal once its time has come; returns the seconds until the one after it."""
        if not self._stop_asked or not self._harder:
            return None
        now = time.monotonic()
        if now >= self._harder_at:
            number = self._harder.pop(0)
            self._harder_at = now + PATIENCE
            if self._server.poll() is None:
                self._server.send_signal(number)
        return self._harder_at - now

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._stop_asked = True

    def _wait_for_last_user(self) -> None:
        fcntl.flock(self._users, fcntl.LOCK_EX)
        self._stop_asked = True
        os.write(self._ring, b"\0")


def main(argument: str) -> None:
    """Detaches from the opener, runs the server to its end and clears its socket folder away."""
    plan: Plan = json.loads(argument)
    if os.fork():
        os._exit(0)  # the opener waits for this half only, and is left with no child to look after
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    Watch(plan).run()
    shutil.rmtree(plan["socket_folder"], ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
