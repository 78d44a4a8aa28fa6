"""Both checkers accept the public names as authors use them, and catch every planted mistake."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = ["tests/typing/api.py", "tests/typing/planted.py"]


def planted_lines() -> set[int]:
    lines = (HERE / "planted.py").read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# mistake")}


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def mypy_errors() -> set[tuple[str, int]]:
    output = run("mypy", "--strict", "--no-error-summary", *FILES)
    found = re.findall(r"^(\S+?):(\d+): error:", output, re.MULTILINE)
    return {(Path(file).name, int(line)) for file, line in found}


@pytest.fixture(scope="module")
def pyright_errors() -> set[tuple[str, int]]:
    output = json.loads(run("pyright", "--outputjson", "--pythonpath", sys.executable, *FILES))
    return {
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1)
        for one in output["generalDiagnostics"]
        if one["severity"] == "error"
    }


def test_at_least_twenty_mistakes_are_planted() -> None:
    assert len(planted_lines()) >= 20


def test_mypy_reports_every_planted_mistake_and_nothing_else(mypy_errors: set[tuple[str, int]]) -> None:
    assert {("planted.py", line) for line in planted_lines()} == mypy_errors


def test_pyright_reports_every_planted_mistake_and_nothing_else(pyright_errors: set[tuple[str, int]]) -> None:
    assert {("planted.py", line) for line in planted_lines()} == pyright_errors
