"""Which failures stand, which is meant, and what may be done about it: read from events alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from actum.errors import NotPossible
from actum.machine.holding import Failure, Verb, choose, list_failures, require_open, require_possible
from actum.model.events import Event
from actum.model.events import EventKind as K

WORKFLOW, AT = UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC)


def log(*entries: tuple[K, str | None, str | None]) -> list[Event]:
    """Return events of (kind, address, outcome), numbered from 2 behind the first."""
    events = [Event(WORKFLOW, 1, AT, K.WORKFLOW_STARTED)]
    for seq, (kind, address, outcome) in enumerate(entries, start=2):
        step = f"step {address}" if address else None
        events.append(Event(WORKFLOW, seq, AT, kind, step=step, address=address, outcome=outcome, attempt=1))
    return events


def blocked(events: list[Event], **data: object) -> list[Event]:
    return [
        *events,
        Event(WORKFLOW, len(events) + 1, AT, K.WORKFLOW_BLOCKED, reason="held", data=json.dumps(data)),
    ]


@pytest.mark.parametrize(
    ("entries", "standing"),
    [
        ([(K.STEP_FAILED, "1", None)], ["1 failed"]),
        ([(K.STEP_FAILED, "1", "rejected")], ["1 rejected"]),
        ([(K.STEP_COMPLETED, "1", "rejected")], []),
        ([(K.STEP_COMPLETED, "1", None), (K.STEP_FAILED, "2", None)], ["2 failed"]),
        ([(K.EFFECT_FAILED, "1", None), (K.CHILD_FINISHED, "2", "failed")], ["1 failed", "2 failed"]),
        (
            [(K.EFFECT_SUCCEEDED, "1", "invalid"), (K.EFFECT_SETTLED, "2", "abandoned")],
            ["1 invalid", "2 abandoned"],
        ),
        ([(K.EFFECT_SETTLED, "1", "happened"), (K.EFFECT_SETTLED, "2", "did_not_happen")], []),
        ([(K.STEP_FAILED, "1", None), (K.STEP_REOPENED, "1", "retry")], []),
        (
            [(K.STEP_FAILED, "1", None), (K.STEP_REOPENED, "1", "retry"), (K.STEP_FAILED, "1", None)],
            ["1 failed"],
        ),
        (
            [(K.STEP_FAILED, "1", None), (K.STEP_FAILED, "2", None), (K.STEP_REOPENED, "1", "skip")],
            ["2 failed"],
        ),
        ([(K.EFFECT_FAILED, "undo.1", None)], []),
        ([(K.ATTEMPT_FAILED, "1", None), (K.TIMER_FIRED, "2", None)], []),
    ],
)
def test_a_failure_stands_until_it_is_reopened_or_comes_to_another_end(
    entries: list[tuple[K, str | None, str | None]], standing: list[str]
) -> None:
    assert standing == [f"{one.address} {one.word}" for one in list_failures(log(*entries))]


TWO = [(K.STEP_FAILED, "1", None), (K.STEP_FAILED, "2", None)]


def test_the_failure_that_the_block_names_is_meant_unless_the_person_names_another() -> None:
    events = blocked(log(*TWO), address="2")
    assert ("2", 3) == (choose(events, None).address, choose(events, None).seq)
    assert choose(events, "1").seq == 2


def test_where_several_are_meant_or_none_stands_there_the_refusal_names_those_that_do() -> None:
    named = [{"address": "1", "step": "left"}, {"address": "2", "step": "right"}]
    with pytest.raises(NotPossible, match=r"one of 1 \(left\), 2 \(right\)"):
        choose(blocked(log(*TWO), failed=named), None)
    with pytest.raises(
        NotPossible, match=r"no failure stands at '3': failures stand at 1 \(step 1\), 2 \(step 2\)"
    ):
        choose(blocked(log(*TWO), address="2"), "3")
    with pytest.raises(NotPossible, match="nothing of it has failed"):
        choose(blocked(log()), "3")


def test_a_body_that_failed_by_itself_is_meant_from_behind_the_last_thing_it_was_told() -> None:
    events = blocked(
        log((K.STEP_COMPLETED, "1", None), (K.SIGNAL_RECEIVED, None, None), (K.STEP_ABANDONED, "2", None))
    )
    assert (None, 4) == (choose(events, None).address, choose(events, None).seq)


def failure(word: str, address: str | None = "1", step: str = "pay") -> Failure:
    return Failure(2, address, step, word, "other", 1)


@pytest.mark.parametrize(
    ("found", "possible"),
    [
        (failure("failed"), set(Verb)),
        (failure("rejected"), set(Verb)),
        (failure("key_conflict"), set(Verb)),
        (failure("invalid"), {Verb.SKIP}),
        (failure("abandoned"), {Verb.RETRY, Verb.SKIP}),
        (failure("raised", None, ""), {Verb.RETRY}),
        (failure("failed", step="request_approval"), {Verb.RETRY}),
    ],
)
def test_each_sort_of_failure_allows_what_cannot_do_harm(found: Failure, possible: set[Verb]) -> None:
    refused = set()
    for verb in Verb:
        try:
            require_possible(found, verb)
        except NotPossible:
            refused.add(verb)
    assert possible == set(Verb) - refused


def test_a_workflow_whose_end_was_asked_for_is_not_reopened() -> None:
    require_open(log(*TWO))
    with pytest.raises(NotPossible, match="roll it back, or cancel it"):
        require_open(log((K.WORKFLOW_CANCEL_REQUESTED, None, None), *TWO))
