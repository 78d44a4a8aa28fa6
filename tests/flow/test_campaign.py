"""Thousands of random bodies: however a history is cut, resumed and carried elsewhere, it ends as it ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import flow_bodies as bodies
import pytest

import actum
from actum.flow import Delivery

BODIES = 1_000
SOURCE = Path(actum.__file__).parents[1]

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def histories() -> list[tuple[int, list[Delivery], str]]:
    return [(seed, *bodies.record(seed, schedule=seed, history=[])) for seed in range(BODIES)]


@pytest.fixture(scope="module")
def file(histories: list[tuple[int, list[Delivery], str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("campaign") / "histories"
    with file.open("w") as lines:
        for seed, history, ending in histories:
            lines.write(json.dumps([seed, [bodies.to_json(record) for record in history], ending]) + "\n")
    return file


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


def test_the_bodies_are_worth_the_trouble(histories: list[tuple[int, list[Delivery], str]]) -> None:
    kinds = Counter(type(record).__name__ for _, history, _ in histories for record in history)
    assert {"Abandoned", "CancelRequested", "Outcome", "SignalReceived", "Started"} == set(kinds)
    assert min(kinds.values()) > 100
    assert {"cancelled", "returned"} <= {ending.split()[0] for _, _, ending in histories}


def test_every_history_replays_to_its_own_ending(
    histories: list[tuple[int, list[Delivery], str]],
) -> None:
    unequal = [seed for seed, history, ending in histories if bodies.replay(seed, history) != ending]
    assert unequal == []


@pytest.mark.parametrize("python", other_pythons())
def test_every_history_replays_in_another_process_and_on_other_pythons(python: str, file: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONHASHSEED": "random"}
    answer = subprocess.run(
        [python, bodies.__file__, str(file)], env=environment, capture_output=True, text=True
    )
    assert (answer.returncode, answer.stderr, answer.stdout[:2_000]) == (0, "", "")
