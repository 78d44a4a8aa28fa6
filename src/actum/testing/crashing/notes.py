"""What a process that may be killed at any instant writes down about itself: lines of two files, each in one write.

`ran` holds a line for the beginning and the end of everything the author wrote; `killed` one line, the boundary;
`sent` a line for each flush of a process that nobody kills.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

RAN, KILLED, SENT = "ran", "killed", "sent"


@dataclass(frozen=True, slots=True)
class Note:
    """Something of the author's that began or ended, in the life `life` (1 is the one that is killed).

    `role` is `step`, `effect`, `probe`, `undo` or `compensate`; `what` is `began`, `returned` or `raised`; `value` is
    what it returned, as JSON text where it can be stored (a probe's is its word), or the name of what it raised.
    """

    life: int
    workflow: str
    address: str
    step: str
    role: str
    what: Literal["began", "returned", "raised"]
    key: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """One event that a flush carries."""

    kind: str
    step: str | None
    address: str | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Boundary:
    """The instant before a flush was sent, or after its answer had come: the flush `number` of a life."""

    number: int
    when: Literal["before", "after"]
    moments: tuple[Moment, ...] = field(default=())

    def __str__(self) -> str:
        """The boundary in words: what of the flush comes first, and how much more there is."""
        words = list(dict.fromkeys(_in_words(moment) for moment in self.moments)) or ["a wait"]
        more = [f"{len(words) - 2} more"] if len(words) > 3 else words[2:]
        words = [*words[:2], *more]
        named = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
        return f"{self.when} {named} {'was' if len(words) == 1 else 'were'} recorded"


_OUTCOMES = ("step.completed", "step.failed", "effect.succeeded", "effect.failed", "effect.shared")
_WORDS = {
    **dict.fromkeys(_OUTCOMES, "the outcome"),
    "effect.started": "the intent",
    "effect.doubted": "the doubt",
    "effect.settled": "the end of the doubt",
    "approval.requested": "the request for approval",
    "approval.decided": "the decision",
    "attempt.failed": "the failed attempt",
    "preview.completed": "the preview",
    "timer.fired": "the end of the timer",
    "signal.received": "the signal",
    "workflow.claimed": "the claim",
    "workflow.parked": "the wait",
    "workflow.rolling_back": "the plan of the rollback",
    "workflow.completed": "the end of the workflow",
    "workflow.failed": "the end of the workflow",
    "workflow.cancelled": "the end of the workflow",
    "workflow.rolled_back": "the end of the workflow",
}


def _in_words(moment: Moment) -> str:
    word = _WORDS.get(moment.kind, moment.kind)
    if moment.step is None:
        return word
    return f"{word} of {moment.step}" + (f" ({moment.address})" if moment.address else "")


def write_line(path: Path, values: dict[str, Any]) -> None:
    """Add one line in one write: nothing is lost by a kill, nothing is mixed between threads."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, json.dumps(values).encode() + b"\n")
    finally:
        os.close(file)


def write_note(folder: Path, note: Note) -> None:
    """Write down a beginning or an end, at once."""
    write_line(folder / RAN, asdict(note))


def write_boundary(folder: Path, boundary: Boundary) -> None:
    """Write down where this process is about to be killed."""
    write_line(folder / KILLED, asdict(boundary))


def write_sent(folder: Path, moments: tuple[Moment, ...]) -> None:
    """Write down what a flush carries."""
    write_line(folder / SENT, {"moments": [asdict(moment) for moment in moments]})


def read_sent(folder: Path) -> tuple[Moment, ...]:
    """Return what all flushes carried, in order."""
    return tuple(Moment(**moment) for line in _lines(folder / SENT) for moment in line["moments"])


def read_notes(folder: Path) -> list[Note]:
    """Return what ran, in order."""
    return [Note(**line) for line in _lines(folder / RAN)]


def read_boundary(folder: Path) -> Boundary | None:
    """Return where the process was killed; None when it never came there."""
    for line in _lines(folder / KILLED):
        moments = tuple(Moment(**moment) for moment in line.pop("moments"))
        return Boundary(**line, moments=moments)
    return None


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    text = path.read_text("utf-8") if path.exists() else ""
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)
