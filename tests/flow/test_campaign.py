"""Thousands of random bodies: however a history is cut, resumed and carried elsewhere, it ends as it ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TypeAlias

import flow_bodies as bodies
import pytest

import actum
from actum.flow import Delivery

SOURCE = Path(actum.__file__).parents[1]
History: TypeAlias = tuple[int, list[Delivery], str]


def other_pythons() -> list[str]:
    """Interpreters of 3.11 to 3.13 on this machine that run, this one first, one for each minor version."""
    versions = ("3.11", "3.12", "3.13")
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"]
    found = [str(path) for root in roots for v in versions for path in sorted(root.glob(f"{v}.*/bin/python"))]
    candidates = [sys.executable, *found, *filter(None, (shutil.which(f"python{v}") for v in versions))]
    working: dict[str, str] = {}
    for candidate in candidates:
        asked = subprocess.run(
            [candidate, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True
        )
        if asked.returncode == 0:
            working.setdefault(asked.stdout.decode(), candidate)
    return list(working.values())


def assert_worth_the_trouble(histories: list[History]) -> None:
    kinds = Counter(type(record).__name__ for _, history, _ in histories for record in history)
    assert {"Abandoned", "CancelRequested", "Outcome", "SignalReceived", "Started"} == set(kinds)
    assert min(kinds.values()) > len(histories) / 10
    assert {"cancelled", "returned"} <= {ending.split()[0] for _, _, ending in histories}


@pytest.mark.campaign
def test_every_history_replays_in_another_process_and_on_other_pythons(tmp_path: Path) -> None:
    histories = [(seed, *bodies.record(seed, schedule=seed, history=[])) for seed in range(bodies.HISTORIES)]
    assert_worth_the_trouble(histories)
    file = tmp_path / "histories"
    with file.open("w") as lines:
        for seed, history, ending in histories:
            lines.write(json.dumps([seed, [bodies.to_json(record) for record in history], ending]) + "\n")
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONHASHSEED": "random"}
    pythons = other_pythons()
    assert sys.executable == pythons[0]
    for python in pythons:
        answer = subprocess.run(
            [python, bodies.__file__, str(file)], env=environment, capture_output=True, text=True
        )
        assert (python, 0, "", "") == (python, answer.returncode, answer.stderr, answer.stdout[:2_000])
