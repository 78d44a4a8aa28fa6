"""Where the processes of commands come from: a program that has imported the whole command line, and forks.

Each process is real: it has its own pid, folder, environment, arguments, standard files and end, and it runs what
`python` with these arguments would, a module after `-m` or a file. Only the interpreter's start and the imports, a third of
a second of computing, are done once. The nursery ends with whoever started it, killed or not, and kills what is left.
"""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

PATIENCE = 60.0
READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "DYLD_", "MALLOC_")
"""Variables that an interpreter reads when it starts: one that is forked cannot have others than its nursery's."""


# the side of the tests


class Nursery:
    """Bears processes. Started at the first birth; one for each process of a test run."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._control, theirs = socket.socketpair()
        self._read = _read_at_start(environment)
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        atexit.register(self.close)

    def bear(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], files: Sequence[int]
    ) -> Child:
        """Start what `python` would, with three standard files; raises ValueError for what only a new one can have."""
        if _read_at_start(environment) != self._read:
            raise ValueError("an interpreter reads these variables at its start: start one for this command")
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [b"!"], [theirs.fileno(), *files])
        order = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
        ours.sendall(json.dumps(order).encode() + b"\n")
        return Child(ours)

    def close(self) -> None:
        """End the nursery, which kills what it bore. A second call changes nothing."""
        self._control.close()
        self._process.wait(PATIENCE)


class Child:
    """One process, seen from the test: as much of `subprocess.Popen` as tests need."""

    def __init__(self, words: socket.socket) -> None:
        self.pid = 0
        self.returncode: int | None = None
        self._words, self._rest = words, b""
        while not self.pid:
            self._hear(PATIENCE)

    def poll(self) -> int | None:
        """Return the exit status, or less than zero for the signal that killed it; None while it lives."""
        with suppress(BlockingIOError):
            while self.returncode is None:
                self._hear(0)
        return self.returncode

    def wait(self, seconds: float) -> int:
        """Wait for the end and return as `poll` does; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while self.returncode is None:
            self._hear(max(deadline - time.monotonic(), 0.001))
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to a process that lives."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, if it lives, and wait until it is gone."""
        with suppress(ProcessLookupError):
            self.send_signal(signal.SIGKILL)
        self.wait(PATIENCE)

    def _hear(self, seconds: float) -> None:
        self._words.settimeout(seconds)
        heard = self._words.recv(64)
        if not heard:
            raise RuntimeError("the nursery of commands has ended before its child")
        *lines, self._rest = (self._rest + heard).split(b"\n")
        for line in lines:
            word, number = line.split()
            if word == b"born":
                self.pid = int(number)
            else:
                self.returncode = int(number)
                self._words.close()


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(READ_AT_START)}


# the side of the program


def main(control: socket.socket) -> None:
    """Fork a process for each order until the one who orders is gone; in that process, be the command."""
    ended: list[int] = []
    atexit.register(leave, ended)  # before all imports, so that it comes last
    import actum.cli

    for module in pkgutil.iter_modules(actum.cli.__path__):
        if module.name != "__main__":
            import_module(f"actum.cli.{module.name}")
    for name in ("rich.console", "rich.text", "uvloop"):
        with suppress(ImportError):
            import_module(name)
    gc.collect()
    gc.freeze()  # a collector that looked at what was imported would copy all of it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C in the tests' terminal is for the tests
    if (words := serve(control)) is not None:
        become(words)
        try:
            if sys.argv[0] == "-m":
                del sys.argv[0]
                runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
            else:
                run_file(os.path.abspath(sys.argv[0]))
            ended.append(0)
        except SystemExit as end:
            if isinstance(end.code, int):
                ended.append(end.code)
            raise


def run_file(path: str) -> None:
    """Run a file as `python` does; `runpy.run_path` makes of its path one and the same in `sys.argv` and `__file__`."""
    module = sys.modules["__main__"] = ModuleType("__main__")
    module.__file__ = path
    exec(compile(Path(path).read_bytes(), path, "exec"), vars(module))  # noqa: S102


def leave(ended: list[int]) -> None:
    """Spare a command that has ended in order, threads and exit functions too, the taking apart of what was imported.

    That copies nearly all memory. What the command itself left lying about is still collected, and may complain.
    """
    if ended:
        gc.collect()
        os._exit(ended[0])


def serve(control: socket.socket) -> int | None:
    """Bear and bury; return None at the end, and in each child the file in which its order is."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    alive: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if woken in ready:
            os.read(woken, 512)
            bury(alive)
        if control not in ready:
            continue
        asked, given, _, _ = socket.recv_fds(control, 1, 4)
        if not asked:
            break
        pid = os.fork()
        if pid == 0:
            control.detach()
            return adopt(given)
        alive[pid] = given[0]
        for file in given[1:]:
            os.close(file)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return None


def bury(alive: dict[int, int]) -> None:
    """Say of each child that has ended how it did."""
    while alive:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        words = alive.pop(pid)
        with suppress(OSError):  # nobody wants to know
            os.write(words, b"ended %d\n" % os.waitstatus_to_exitcode(status))
        os.close(words)


def adopt(given: Sequence[int]) -> int:
    """Take the files that came with an order for one's own, let go of all others, and forget the nursery's signals."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    words, *files = given
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.dup2(words, len(files), inheritable=False)
    os.closerange(len(files) + 1, os.sysconf("SC_OPEN_MAX"))
    return len(files)


def become(words: int) -> None:
    """Be a process that `python` has just become, as the order says."""
    with os.fdopen(words, "r+b", buffering=0) as file:
        line = b""
        while not line.endswith(b"\n"):
            line += file.read(65536)
        order = json.loads(line)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        time.tzset()
        sys.argv[:] = order["arguments"]
        sys.path[0] = os.path.dirname(os.path.realpath(sys.argv[0])) if sys.argv[0] != "-m" else os.getcwd()
        sys.stdin = sys.__stdin__ = _standard(0, "rb", sys.stdin)
        sys.stdout = sys.__stdout__ = _standard(1, "wb", sys.stdout)
        sys.stderr = sys.__stderr__ = _standard(2, "wb", sys.stderr)
        file.write(b"born %d\n" % os.getpid())


def _standard(number: int, mode: str, like: Any) -> io.TextIOWrapper:
    """Open a standard file as an interpreter without buffers does; the one at hand has looked at what was there before."""
    return io.TextIOWrapper(
        open(number, mode, buffering=0 if mode == "wb" else -1, closefd=False),
        encoding=like.encoding,
        errors=like.errors,
        newline="\n",
        write_through=like.write_through,
    )


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
