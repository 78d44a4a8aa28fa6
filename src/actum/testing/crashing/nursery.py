"""Where the processes that are killed come from: a program that has imported the author's code, and forks.

So a hundred kills do not cost a hundred imports. It reads orders, one a line, and says who was born and how each
ended. When its parent is gone it ends, and so do its children and their folder.
"""

from __future__ import annotations

import importlib.util
import json
import os
import select
import shutil
import signal
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any


def find_module(name: str, file: str | None) -> ModuleType:
    """Import a module by its name, or, where only its file can be found, from that, under this name."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if (
            file is None
            or error.name is None
            or not (name == error.name or name.startswith(f"{error.name}."))
        ):
            raise
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"no module named {name!r}", name=name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def say(**values: Any) -> None:
    """Tell the parent."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Import what is asked for, then fork a process for each order until stdin is closed."""
    first = json.loads(_read_line())
    sys.path[:] = first["path"]
    try:
        modules = [find_module(name, file) for name, file in first["modules"]]
        from actum.testing.crashing.life import Order, live

        contract = getattr(modules[0], first["contract"])
    except BaseException as error:
        say(failed=f"{type(error).__name__}: {error}", trace=traceback.format_exc())
        return
    say(ready=True)
    children: set[int] = set()
    rest = b""
    while True:
        ready, _, _ = select.select([0], [], [], 0.01)
        for pid, status in _reap():
            children.discard(pid)
            say(pid=pid, status=status)
        if not ready:
            continue
        read = os.read(0, 65536)
        if not read:
            break
        *lines, rest = (rest + read).split(b"\n")
        for line in lines:
            pid = os.fork()
            if pid == 0:
                os.close(0)
                os._exit(live(Order(**json.loads(line)), contract))
            children.add(pid)
            say(born=pid)
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in children:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
    shutil.rmtree(first["folder"], ignore_errors=True)


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(0, 1) or b"\n"
    return line


def _reap() -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        found.append((pid, os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    main()
