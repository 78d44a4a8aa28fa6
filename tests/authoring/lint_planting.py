"""Modules planted with mistakes: each line that `# expect: code` marks is to be found, and no other."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from actum.authoring.lint import lint_module

NUMBERS = count()
HEAD = """\
from __future__ import annotations

from actum import Happened, NotHappened, Owner, Preview, Timeout, Usable, Unusable, contract, effect, step

OWNER = Owner(team="platform", escalation=["#oncall"], runbook="runbook.md")


@step
async def fetch(name: str) -> str:
    return name


"""
RUNBOOK = "# R\n\n## What it does\n\n## When it fails\n\n## How to stop it\n\n## Whom to call\n"

Plant = Callable[..., ModuleType]


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """Write a module below its usual head, import it, and forget it afterwards."""
    names: list[str] = []
    (tmp_path / "runbook.md").write_text(RUNBOOK)

    def write(source: str, head: str = HEAD) -> ModuleType:
        name = f"planted_{next(NUMBERS)}"
        path = tmp_path / f"{name}.py"
        path.write_text(head + dedent(source).lstrip("\n"))
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        names.append(name)
        spec.loader.exec_module(module)
        return module

    yield write
    for name in names:
        del sys.modules[name]


def expected(module: ModuleType) -> list[tuple[int, str]]:
    """Return line and code of every `# expect: code, code` in a planted module."""
    lines = Path(module.__file__ or "").read_text().splitlines()
    return sorted(
        (number, code)
        for number, line in enumerate(lines, 1)
        for found in re.findall(r"# expect: (.*)$", line)
        for code in found.split(", ")
    )


def found(module: ModuleType) -> list[tuple[int, str]]:
    findings = lint_module(module, root=Path(module.__file__ or "").parent)
    assert all(one.file == module.__file__ for one in findings)
    return sorted((one.line, one.code) for one in findings)
