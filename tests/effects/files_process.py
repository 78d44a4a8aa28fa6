"""Carries out one file operation, or its undo, again and again, killed before each of its system calls in turn.

`python files_process.py OPERATION do|undo` prints one line of JSON for each place where the process was killed: the
call that did not happen any more, what the file system showed then, what the probe said, and what it all came to.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actum import Happened
from actum.authoring.attempt import CURRENT_ATTEMPT, Attempt
from actum.authoring.effect import Effect
from actum.effects.files import Folder

OLD, NEW, KEY = "was\n", "is\n", "operation/1"
CALLS = {"open", "os.rename", "os.link", "os.remove", "os.chmod", "os.chown", "os.utime", "os.mkdir"}


class Trial:
    """A fresh folder with one old file in it, and one operation on it."""

    def __init__(self, operation: str, folder: Path) -> None:
        self.operation = operation
        self.root = folder / "site"
        self.root.mkdir()
        self.folder = Folder(self.root)
        self.old = self.root / "old.txt"
        self.old.write_text(OLD)
        self.old.chmod(0o640)
        os.utime(self.old, ns=(10**18, 10**18 + 7))
        self.effect: Effect[..., Any]
        self.args: tuple[str, ...]
        match operation:
            case "write":
                self.effect, self.args = self.folder.writing("t.write"), ("old.txt", NEW)
            case "create":
                self.effect, self.args = self.folder.writing("t.write"), ("new.txt", NEW)
            case "delete":
                self.effect, self.args = self.folder.deleting("t.delete"), ("old.txt",)
            case _:
                self.effect, self.args = self.folder.moving("t.move"), ("old.txt", "new.txt")

    def do(self) -> Any:
        CURRENT_ATTEMPT.set(Attempt(1, key=KEY))
        return self.effect.function(*self.args)

    def undo(self, result: Any) -> None:
        CURRENT_ATTEMPT.set(Attempt(1, key=f"{KEY}/undo"))
        self.effect.hooks["undo"].function(result, *self.args)

    def probe(self) -> Any:
        CURRENT_ATTEMPT.set(Attempt(1, key=KEY))
        return self.effect.hooks["probe"].function(*self.args)

    def state(self) -> dict[str, Any]:
        """Return what people see: every file that is not hidden."""
        return {
            path.name: [path.read_text(), path.stat().st_mode & 0o7777, path.stat().st_mtime_ns == 10**18 + 7]
            for path in sorted(self.root.iterdir())
            if not path.name.startswith(".")
        }

    def leftovers(self) -> list[str]:
        return [path.name for path in self.root.iterdir() if path.name.startswith(".")]


def killed_before(number: int, act: Callable[[], object], told: Path) -> bool:
    """Do `act` in a child that is killed before call `number` of those that count; return whether it got that far."""
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal count
            if event not in CALLS or not str(arguments[0]).startswith(str(told.parent)):
                return
            count += 1
            if count == number:
                os.write(descriptor, f"{event} {Path(str(arguments[0])).name}".encode())
                os.kill(os.getpid(), signal.SIGKILL)

        descriptor = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        sys.addaudithook(hook)
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def main(operation: str, phase: str) -> None:
    number = 0
    while True:
        number += 1
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name).resolve()
            trial, told = Trial(operation, folder), folder / "told"
            before = trial.state()
            result = trial.do() if phase == "undo" else None
            done = trial.state() if phase == "undo" else None
            act = (lambda t=trial, r=result: t.undo(r)) if phase == "undo" else trial.do
            if not killed_before(number, act, told):
                break
            report = {"at": told.read_text(), "before": before, "seen": trial.state(), "done": done}
            answer = trial.probe()
            report["probe"] = type(answer).__name__
            if phase == "do":
                result = answer.result if isinstance(answer, Happened) else trial.do()
                report["done"] = trial.state()
            trial.undo(result)
            report |= {"after": trial.state(), "leftovers": trial.leftovers()}
            print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
