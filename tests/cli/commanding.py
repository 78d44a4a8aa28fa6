"""The real command: in a process of its own, as a person would start it, or, to save seconds, in this one."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import ModuleType
from typing import Any
from unittest.mock import patch

import asyncpg
from nursery import PATIENCE, Child, Nursery

from actum.cli.main import run

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Done:
    """How one command went."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Actum:
    """Commands in one folder, with one environment."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.environment = {**_kept(), **settings, "PYTHONUNBUFFERED": "1"}
        self._imported: dict[str, tuple[int, ModuleType]] = {}

    def __call__(self, *arguments: str, **settings: str) -> Done:
        """Run a command in this process: the whole program, without the start of an interpreter.

        What it imports from the folder is there for the next command in it, unless the file has changed.
        """
        out, err, here = io.StringIO(), io.StringIO(), Path.cwd()
        known, path = set(sys.modules), list(sys.path)
        os.chdir(self.folder)
        sys.modules.update(self._unchanged())
        try:
            with (
                patch.dict(os.environ, {**self.environment, **settings}, clear=True),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
            ):
                code = run(arguments)
        finally:
            os.chdir(here)
            sys.path[:] = path
            for name in set(sys.modules) - known:
                file = getattr(sys.modules[name], "__file__", None) or ""
                if str(self.folder) in file:
                    self._imported[name] = (_changed_at(file), sys.modules.pop(name))
        return Done(int(code), out.getvalue(), err.getvalue())

    def _unchanged(self) -> dict[str, ModuleType]:
        found = self._imported.items()
        return {name: module for name, (at, module) in found if at == _changed_at(str(module.__file__))}

    def process(self, *arguments: str, text: str | None = None, **settings: str) -> Done:
        """Run a command in a process of its own."""
        environment = {**self.environment, **settings}
        return run_python(["-m", "actum.cli", *arguments], self.folder, environment, text or "")

    def bear(self, arguments: Sequence[str], *files: int, **settings: str) -> Child:
        """Start a command in a process of its own, with these standard files."""
        line = ["-m", "actum.cli", *arguments]
        return nursery().bear(line, self.folder, {**self.environment, **settings}, files)

    def fine(self, *arguments: str) -> Done:
        """Run a command that has to succeed."""
        done = self(*arguments)
        assert (0, "") == (done.code, done.err if done.code else "")
        return done

    def begin(self, *arguments: str, log: str = "log") -> Running:
        """Start a command that goes on; what it says is in the file `log`."""
        path = self.folder / log
        with path.open("w") as file, open(os.devnull) as nothing:
            child = self.bear(arguments, nothing.fileno(), file.fileno(), file.fileno())
        return Running(child, path)

    def start(self, contract: str, arguments: Mapping[str, Any] | None = None, *options: str) -> str:
        """Start a workflow and return its name."""
        given = ("--input", json.dumps(arguments)) if arguments else ()
        name: str = self.fine("start", f"flows:{contract}", *given, *options, "--json").json["name"]
        return name


class Running:
    """A command that goes on."""

    def __init__(self, process: Child, log: Path) -> None:
        self.process = process
        self.log = log

    @property
    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait until the command has said `text`, and fail if it ends before."""
        until(lambda: self.said.count(text) >= count or self.process.poll() is not None, text)
        assert text in self.said, self.said

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for the end and return the exit code."""
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        self.process.kill()


@functools.cache
def nursery() -> Nursery:
    """Return where this test run's commands are born."""
    return Nursery({**_kept(), "PYTHONUNBUFFERED": "1"})


def run_python(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    text: str = "",
    seconds: float = PATIENCE,
) -> Done:
    """Run what `python` with these arguments would, in a process of its own, to its end."""
    with TemporaryFile() as typed, TemporaryFile() as out, TemporaryFile() as err:
        typed.write(text.encode())
        typed.seek(0)
        files = typed.fileno(), out.fileno(), err.fileno()
        child = nursery().bear(arguments, folder, environment, files)
        try:
            code = child.wait(seconds)
        finally:
            child.kill()
        return Done(code, *(file.seek(0) or file.read().decode() for file in (out, err)))


def _changed_at(file: str) -> int:
    return os.stat(file).st_mtime_ns if os.path.exists(file) else 0


def _kept() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ACTUM_")}


def command(*arguments: str) -> list[str]:
    """Return what starts a command in an interpreter of its own."""
    return [sys.executable, "-m", "actum.cli", *arguments]


def until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.01)


ANA = ("--requester", "user:ana")


def ask(served: Actum, title: str, *options: str) -> tuple[str, str]:
    """Start a change and return (workflow, approval) once it asks."""
    name = served.start("change", {"task": {"title": title}}, *options)
    found: list[str] = []

    def asked() -> bool:
        approvals = served.fine("show", name, "--json").json["approvals"]
        found.extend(one["name"] for one in approvals)
        return bool(found)

    until(asked, "an approval")
    return name, found[0]


def ask_how_many(served: Actum, about: str) -> tuple[str, str]:
    """Start a survey and return (workflow, address) once it asks."""
    name = served.start("survey", {"about": about})
    until(lambda: bool(served.fine("show", name, "--json").json["questions"]), "a question")
    return name, served.fine("show", name, "--json").json["questions"][0]["address"]


def execute(actum: Actum, statement: str, *values: object) -> None:
    """Edit the database as somebody with all rights and bad intentions would."""

    async def edit() -> None:
        connection: Any = await asyncpg.connect(actum.environment["ACTUM_DATABASE_URL"])
        try:
            await connection.execute("set session_replication_role = replica")
            await connection.execute(statement, *values)
        finally:
            await connection.close()

    asyncio.run(edit())


Begin = Callable[..., Running]
