"""The fenced blocks of the documentation, and a reader who does what a page says, in order, in a folder of its own.

```python hello.py     a file the reader saves; it must compile
```python run          a program the reader runs as it stands
```python fragment     a piece of a program; it must compile
```toml policy.toml    a file the reader saves
```sh                  `python FILE` is run, `actum …` must parse, `make …` must be a target
```text                after a `sh` or `run` block: what was printed, exactly
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from commanding import Actum, Done, run_python

from actum.store.embedded import EmbeddedServer

ROOT = Path(__file__).parents[2]
KILLED = "# killed"
ENDINGS = {KILLED: -9, "# exits with 0": 0, "# exits with 1": 1, "# exits with 5": 5}
LONGEST = 120
"""Seconds that one program of a page may take on a busy machine."""

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: the words after the fence, its text, and where it begins."""

    info: str
    text: str
    page: Path
    line: int

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    @property
    def word(self) -> str:
        return self.info.partition(" ")[2]

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Return every page that people read."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[1].strip(), found[2], page, text.count("\n", 0, found.start()) + 1)
        for found in _FENCE.finditer(text)
    ]


class Reader:
    """Does in `folder` what a page says, with a database of its own that stays up from one program to the next."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server: EmbeddedServer | None = None
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ACTUM_")},
            "ACTUM_HOME": str(folder),
            "PYTHONPATH": str(folder),
            "COLUMNS": "80",
        }

    def follow(self, blocks: list[Block]) -> None:
        """Do all blocks in order; raises AssertionError with place and output for what does not work as written."""
        printed: str | None = None
        for block in blocks:
            match block.language, block.word:
                case "python", "fragment":
                    compile_block(block)
                case "python", "run":
                    compile_block(block)
                    printed = self._run(block, self.save(block, "program.py"))
                case "python", name if name.endswith(".py"):
                    compile_block(block)
                    self.save(block, name)
                case "python", word:
                    raise AssertionError(
                        f"{block.place}: python {word!r}: say run, fragment or a file's name"
                    )
                case "toml", name if name.endswith(".toml"):
                    self.save(block, name)
                case "sh", _:
                    printed = self._do(block)
                case "text", _ if printed is not None:
                    assert block.text == printed, f"{block.place}: it printed\n{printed}"
                    printed = None
                case _:
                    printed = None

    def save(self, block: Block, name: str) -> str:
        """Write a block's text as file `name`."""
        (self.folder / name).write_text(block.text, encoding="utf-8")
        return name

    def close(self) -> None:
        """Let the server end."""
        if self._server is not None:
            self._server.close()

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start Python with a saved program, or with `-m` and a module."""
        self._keep_up()
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _keep_up(self) -> None:
        if self._server is None:
            self._server = EmbeddedServer.open_disposable(Path(self.environment["ACTUM_HOME"]))

    def _do(self, block: Block) -> str | None:
        """Run what is to be run of a shell block and return what it printed; None if that is nothing."""
        printed: list[str] = []
        for line in block.text.splitlines():
            ending = next((code for mark, code in ENDINGS.items() if line.endswith(mark)), None)
            program, *arguments = shlex.split(line, comments=True) or [""]
            if program == "python":
                printed.append(self._run(block, *arguments, ending=ending or 0))
            elif program == "actum" and ending is not None:
                printed.append(self._command(block, arguments, ending))
        return "".join(printed) if printed else None

    def _command(self, block: Block, arguments: list[str], ending: int) -> str:
        """Run a command of Actum, in this process unless it is to be killed."""
        if ending < 0:
            return self._run(block, "-m", "actum.cli", *arguments, ending=ending)
        self._keep_up()
        settings = {name: self.environment[name] for name in ("ACTUM_HOME", "COLUMNS")}
        done = Actum(self.folder, **settings)(*arguments)
        assert ending == done.code, (
            f"{block.place}: actum {shlex.join(arguments)} ended with {done.code}\n{done.err}"
        )
        return done.out

    def _run(self, block: Block, *command: str, ending: int = 0) -> str:
        done = self._start_and_wait(*command) if command[0] == "-m" else self._bear(*command)
        shown = " ".join(command)
        assert ending == done.code, f"{block.place}: {shown} ended with {done.code}\n{done.out}{done.err}"
        return done.out

    def _bear(self, *command: str) -> Done:
        """Run a saved program without the start of an interpreter, which finds its folder by itself."""
        self._keep_up()
        kept = {name: value for name, value in self.environment.items() if name != "PYTHONPATH"}
        return run_python(command, self.folder, {**kept, "PYTHONUNBUFFERED": "1"}, seconds=LONGEST)

    def _start_and_wait(self, *command: str) -> Done:
        program = self.start(*command)
        try:
            printed, complaints = program.communicate(timeout=LONGEST)
        finally:
            program.kill()
            program.wait()
        return Done(program.returncode, printed, complaints)


def compile_block(block: Block) -> None:
    """Compile a block at its own place in the page; a piece may await outside a function."""
    source = "\n" * block.line + block.text
    compile(source, block.place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
