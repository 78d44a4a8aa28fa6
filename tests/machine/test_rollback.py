"""The plan of a rollback: which order things ended in, what came after an address, and what is left by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from actum.machine.ledger import EffectState
from actum.machine.rollback import (
    CHILD,
    LAST,
    Action,
    Course,
    Fact,
    Operation,
    Standing,
    judge,
    plan,
    read_course,
)
from actum.model.events import EventKind

K = EventKind
E = EffectState
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
IT: Operation = ("thing.make", "a key")


def fact(
    seq: int, kind: EventKind, address: str, outcome: str | None = None, of: Operation | None = None
) -> Fact:
    return Fact(seq, NOON + timedelta(seconds=seq), kind, address, "step", outcome, of)


def standing(address: str, *place: float, state: EffectState = E.SUCCEEDED) -> Standing:
    """Return an undoable effect that happened at `address` and stands at `place`."""
    return Standing(
        "a workflow", "a contract", address, "make", "thing.make", address, 1, NOON, place, state, "undoable"
    )


BEGUN = [fact(2, K.EFFECT_STARTED, "1", of=IT)]


@pytest.mark.parametrize(
    ("facts", "ends"),
    [
        ([fact(2, K.STEP_COMPLETED, "1"), fact(3, K.TIMER_FIRED, "2")], {"1": 2, "2": 3}),
        (BEGUN, {}),
        ([*BEGUN, fact(4, K.EFFECT_SETTLED, "1", "happened")], {"1": 4}),
        ([*BEGUN, fact(4, K.EFFECT_SETTLED, "1", "did_not_happen")], {}),
        ([*BEGUN, fact(4, K.EFFECT_SETTLED, "1", "abandoned")], {"1": 4}),
        ([fact(2, K.STEP_FAILED, "1"), fact(4, K.STEP_REOPENED, "1", "retry")], {}),
        ([fact(2, K.STEP_FAILED, "1"), fact(4, K.STEP_REOPENED, "1", "skip")], {"1": 4}),
        (
            [
                fact(2, K.STEP_FAILED, "1"),
                fact(4, K.STEP_REOPENED, "1", "edit"),
                fact(5, K.STEP_COMPLETED, "1"),
            ],
            {"1": 5},
        ),
        ([fact(2, K.STEP_ABANDONED, "1")], {"1": 2}),
    ],
)
def test_an_address_has_ended_by_the_last_event_that_ended_it_and_not_once_it_is_begun_again(
    facts: list[Fact], ends: dict[str, int]
) -> None:
    assert ends == {address: one.seq for address, one in read_course(facts).ends.items()}


def test_what_was_begun_has_its_own_end_whatever_came_to_its_address_later() -> None:
    other: Operation = ("thing.make", "another key")
    child: Operation = (CHILD, "a child")
    course = read_course(
        [
            fact(2, K.EFFECT_STARTED, "1", of=IT),
            fact(3, K.EFFECT_SUCCEEDED, "1"),
            fact(4, K.CHILD_STARTED, "2", of=child),
            fact(5, K.CHILD_CANCELLED, "2"),
            fact(6, K.EFFECT_STARTED, "1", of=other),
            fact(7, K.EFFECT_SUCCEEDED, "1"),
        ]
    )
    assert {IT: 3, other: 7} == {what: one.seq for what, one in course.ended.items()}
    assert 5 < course.find(NOON + timedelta(seconds=6.5)) < 7, (
        "a child that nobody waited for ended in between"
    )


COURSE = Course(ends={"1": fact(3, K.EFFECT_SUCCEEDED, "1"), "2": fact(5, K.CHILD_FINISHED, "2")})
ALL = [standing("1", 3), standing("1", 5, 3), standing("2", 5, 9), standing("3", 5.5, 2), standing("4", LAST)]


@pytest.mark.parametrize(
    ("to", "undone"),
    [
        (None, [("4", LAST), ("3", 5.5), ("2", 5), ("1", 5), ("1", 3)]),
        ("1", [("4", LAST), ("3", 5.5), ("2", 5), ("1", 5)]),
        ("2", [("4", LAST), ("3", 5.5)]),
    ],
)
def test_only_what_came_after_an_address_is_undone_newest_first_and_a_childs_where_it_finished(
    to: str | None, undone: list[tuple[str, float]]
) -> None:
    assert undone == [(entry.of.address, entry.of.place[0]) for entry in plan(ALL, COURSE, to)]


def test_nothing_is_undone_after_an_address_where_nothing_has_ended() -> None:
    entries = plan(ALL, COURSE, "3")
    assert ({Action.LEAVE}, len(ALL)) == ({one.action for one in entries}, len(entries))
    assert all("nothing has ended at 3" in one.why for one in entries)
    assert "partial" == judge(entries, frozenset())


@pytest.mark.parametrize(
    ("one", "action", "why"),
    [
        (standing("1", 3), Action.UNDO, "exact reverse"),
        (replace(standing("1", 3), reversibility="compensable"), Action.COMPENSATE, "counter-action"),
        (replace(standing("1", 3), reversibility="final"), Action.LEAVE, "neither undo nor compensate"),
        (replace(standing("1", 3), held_by_others=True), Action.LEAVE, "another workflow holds it"),
        (replace(standing("1", 3), is_shared=True), Action.LEAVE, "another workflow did it"),
        (standing("1", 3, state=E.STARTED), Action.LEAVE, "nobody knows whether it happened"),
        (standing("1", 3, state=E.IN_DOUBT), Action.LEAVE, "nobody knows whether it happened"),
        (standing("1", 3, state=E.ABANDONED), Action.LEAVE, "a person gave it up"),
        (standing("1", 3, state=E.UNDOING), Action.LEAVE, "its undo was begun before"),
        (replace(standing("1", 3, state=E.UNDO_FAILED), undo=E.FAILED), Action.UNDO, "is tried again"),
        (
            replace(standing("1", 3, state=E.UNDO_FAILED), undo=E.ABANDONED),
            Action.LEAVE,
            "its undo was begun before",
        ),
    ],
)
def test_what_stands_is_undone_or_left_by_name(one: Standing, action: Action, why: str) -> None:
    (entry,) = plan([one], Course())
    assert action is entry.action
    assert why in entry.why
    assert judge([entry], frozenset({"undo.1"})) == ("partial" if action is Action.LEAVE else "complete")
