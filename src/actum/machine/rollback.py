"""Which effects a rollback undoes, in which order, and which it leaves standing, by name and reason.

A rollback is a plan, made once from what stands in the ledger and written down before anything is undone: newest
first, a child's effects together at the place where the child finished. The plan is carried out entry by entry and
can be taken up again anywhere. What is newer is told by the numbers of the events in which things ended, never by
clocks: a workflow's log is written by one holder at a time, and its numbers are the order in which it happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from actum.machine.ledger import EffectState
from actum.model.events import EventKind

K = EventKind
E = EffectState

HELD: Final = "another workflow holds it under the same key"
"""Why an effect is left standing although it could be undone."""
SHARED: Final = "another workflow did it, and this one only took its result"
IRREVERSIBLE: Final = "nothing can put it back: neither undo nor compensate is declared"
OPEN: Final = "nobody knows whether it happened"
ABANDONED: Final = "a person gave it up without knowing whether it happened"
UNDO_OPEN: Final = "its undo was begun before, and nobody knows whether that happened"
RESULT_LOST: Final = "its result could not be kept, so a person has to do it"
"""What is added where an undo has nothing to go by."""

Operation: TypeAlias = tuple[str, str]
"""What was begun at an address: the kind and key of an effect, or CHILD and the child's id."""
CHILD: Final = "child"
LAST: Final = float("inf")
"""The place of what has not ended."""


class Action(StrEnum):
    """What the plan does about one effect."""

    UNDO = "undo"
    COMPENSATE = "compensate"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Fact:
    """One event in which something began or ended at an address; `of` is what began there, where an event says so."""

    seq: int
    at: datetime
    kind: EventKind
    address: str
    step: str | None = None
    outcome: str | None = None
    of: Operation | None = None


_BEGIN: Final = frozenset({K.EFFECT_STARTED, K.CHILD_STARTED})
_END_IT: Final = frozenset(
    {K.EFFECT_SUCCEEDED, K.EFFECT_FAILED, K.EFFECT_SETTLED, K.EFFECT_SHARED, K.CHILD_FINISHED}
)
"""What ends not the call alone, but what it did or asked for."""
_END: Final = _END_IT | {
    K.STEP_COMPLETED,
    K.STEP_FAILED,
    K.STEP_ABANDONED,
    K.TIMER_FIRED,
    K.TIMER_CANCELLED,
    K.QUESTION_ANSWERED,
    K.QUESTION_WITHDRAWN,
    K.CHILD_CANCELLED,
}
FACTS: Final = _BEGIN | _END | {K.STEP_REOPENED}
"""The kinds of events that say in which order things ended."""


@dataclass(slots=True)
class Course:
    """In which order things ended in one workflow, as the numbers of the events that say so."""

    ends: dict[str, Fact] = field(default_factory=dict)
    """The last event that ended an address, by address; without what a person reopened since."""
    ended: dict[Operation, Fact] = field(default_factory=dict)
    times: list[tuple[datetime, int]] = field(default_factory=list)

    def find(self, instant: datetime) -> float:
        """Return the place of what this workflow was not told of: behind what had ended by `instant`."""
        return max((seq for at, seq in self.times if at <= instant), default=0) + 0.5


def read_course(facts: Iterable[Fact]) -> Course:
    """Return in which order things ended, from one workflow's facts in the order of their numbers."""
    course = Course()
    begun: dict[str, Operation] = {}
    for fact in facts:
        if fact.of is not None:
            begun[fact.address] = fact.of
        if _begins_again(fact):
            course.ends.pop(fact.address, None)
        else:
            course.ends[fact.address] = fact
            course.times.append((fact.at, fact.seq))
            if fact.kind in _END_IT and fact.address in begun:
                course.ended[begun[fact.address]] = fact
    return course


def _begins_again(fact: Fact) -> bool:
    """Whether the call at the address is under way from here on."""
    if fact.kind is K.STEP_REOPENED:
        return fact.outcome != "skip"
    return fact.kind in _BEGIN or (fact.kind is K.EFFECT_SETTLED and fact.outcome == "did_not_happen")


@dataclass(frozen=True, slots=True)
class Standing:
    """An effect that happened, or may have, and was not undone.

    `place` is the number of the event in which it ended or, for what a child did, in which the child finished, followed
    by the place in the child. `at` is when it ended, or began where that is all that is known. `reversibility` is
    `undoable`, `compensable` or `final`; `held_by_others` says that another unfinished or completed workflow counts on
    it, `is_shared` that none of those that are rolled back did it. `undo` is how far an undo that stopped has come.
    """

    workflow_id: str
    contract: str
    address: str
    step: str
    kind: str
    key: str
    generation: int
    at: datetime
    place: tuple[float, ...]
    state: EffectState
    reversibility: str
    held_by_others: bool = False
    is_shared: bool = False
    undo: EffectState | None = None
    is_result_lost: bool = False
    """Whether its result could not be kept, so that its undo has nothing to go by."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the plan; `address` is its own, `undo.1` being the first to be carried out."""

    address: str
    action: Action
    why: str
    of: Standing


def plan(standing: Sequence[Standing], course: Course, to: str | None = None) -> list[Entry]:
    """Return the plan for what stands, newest first; effects to be left are entries too, so that the report names them.

    With `to`, only what came after the end of that address in the workflow's `course`, what a child did being where the
    child finished. Where nothing has ended at `to`, nothing is undone, and every entry says why.
    """
    ordered = sorted(standing, key=lambda one: (one.place, one.address), reverse=True)
    if to is None:
        return [_entry(f"undo.{number}", one) for number, one in enumerate(ordered, start=1)]
    end = course.ends.get(to)
    if end is None:
        why = f"nothing has ended at {to}, so what came after it is not known, and nothing is undone"
        return [
            Entry(f"undo.{number}", Action.LEAVE, why, one) for number, one in enumerate(ordered, start=1)
        ]
    newer = [one for one in ordered if one.place[0] > end.seq]
    return [_entry(f"undo.{number}", one) for number, one in enumerate(newer, start=1)]


def _entry(address: str, one: Standing) -> Entry:
    why = _why_left(one)
    if why is not None:
        return Entry(address, Action.LEAVE, why, one)
    again = ", and its undo that failed is tried again" if one.state is E.UNDO_FAILED else ""
    if one.is_result_lost:
        again += f"; {RESULT_LOST}"
    if one.reversibility == "undoable":
        return Entry(address, Action.UNDO, f"its exact reverse is declared{again}", one)
    return Entry(address, Action.COMPENSATE, f"its counter-action is declared{again}", one)


def _why_left(one: Standing) -> str | None:
    """Return why an effect is left standing, or None where it is undone."""
    if one.is_shared:
        return SHARED
    match one.state:
        case E.STARTED | E.IN_DOUBT:
            return OPEN
        case E.ABANDONED:
            return ABANDONED
        case E.UNDOING:
            return UNDO_OPEN
        case E.UNDO_FAILED if one.undo is not E.FAILED:
            return UNDO_OPEN
    if one.held_by_others:
        return HELD
    return None if one.reversibility in ("undoable", "compensable") else IRREVERSIBLE


def judge(entries: Sequence[Entry], undone: frozenset[str]) -> str:
    """Return `complete`, or `partial` when anything was left standing or not undone."""
    whole = all(entry.action is not Action.LEAVE and entry.address in undone for entry in entries)
    return "complete" if whole else "partial"
