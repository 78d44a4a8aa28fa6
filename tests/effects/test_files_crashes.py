"""File effects are killed before each of their system calls: nothing is torn, no probe lies, every undo is exact."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.crash

PROGRAM = Path(__file__).with_name("files_process.py")


def reports(operation: str, phase: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), operation, phase], capture_output=True, text=True, timeout=120
    )
    assert (0, "") == (done.returncode, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("phase", ["do", "undo"])
@pytest.mark.parametrize("operation", ["write", "create", "delete", "move"])
def test_a_file_effect_survives_a_kill_before_each_of_its_calls(operation: str, phase: str) -> None:
    found = reports(operation, phase)
    said = set()
    for one in found:
        before, done, seen = one["before"], one["done"], one["seen"]
        assert before != done, one
        half = operation == "move" and {"old.txt", "new.txt"} == set(seen)
        is_done = _content(seen) == _content(done)
        assert is_done or seen == before or half, one
        said.add(one["probe"])
        expected = "Unknown" if half else "Happened" if is_done else "NotHappened"
        assert expected == one["probe"], one
        assert before == one["after"], one
        assert [] == one["leftovers"], one
    assert {"Happened", "NotHappened"} <= said


def _content(state: dict[str, Any]) -> dict[str, Any]:
    return {name: values[:2] for name, values in state.items()}
