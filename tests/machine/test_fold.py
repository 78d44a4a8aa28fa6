"""The row as the sum of its events: what is carried, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from actum.machine.fold import BrokenHistory, Row, advance, fold
from actum.machine.transitions import IllegalTransition
from actum.model.events import Event
from actum.model.events import EventKind as K
from actum.model.workflow import Cause, Status

WORKFLOW = UUID(int=1)
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def history(*kinds: K, reason: str | None = None) -> list[Event]:
    return [
        Event(
            WORKFLOW,
            seq,
            NOON.replace(minute=seq),
            kind,
            reason=reason if kind is K.WORKFLOW_BLOCKED else None,
            current_step=f"step-{seq}",
            attempt_count=seq * 10,
            hash=bytes([seq]) * 32,
        )
        for seq, kind in enumerate(kinds, start=1)
    ]


def test_the_row_carries_what_the_last_event_says() -> None:
    row = fold(history(K.WORKFLOW_STARTED, K.WORKFLOW_CLAIMED, K.STEP_COMPLETED))
    assert Row(Status.RUNNING, None, "step-3", 30, 4, bytes([3]) * 32, None) == row


def test_an_ended_workflow_finished_when_its_last_event_says() -> None:
    assert NOON.replace(minute=2) == fold(history(K.WORKFLOW_STARTED, K.WORKFLOW_COMPLETED)).finished_at


def test_a_block_keeps_its_cause_while_attempts_end() -> None:
    row = fold(history(K.WORKFLOW_STARTED, K.WORKFLOW_BLOCKED, K.STEP_COMPLETED, reason="in_doubt"))
    assert (row.status, row.cause) == (Status.BLOCKED, Cause.IN_DOUBT)


@pytest.mark.parametrize("way_out", [K.WORKFLOW_UNBLOCKED, K.WORKFLOW_ROLLING_BACK, K.WORKFLOW_FAILED])
def test_whatever_leaves_blocked_clears_the_cause(way_out: K) -> None:
    assert fold(history(K.WORKFLOW_STARTED, K.WORKFLOW_BLOCKED, way_out, reason="mismatch")).cause is None


@pytest.mark.parametrize("reason", [None, "", "tired"])
def test_a_block_without_a_known_cause_is_refused_with_the_list(reason: str | None) -> None:
    with pytest.raises(BrokenHistory, match="it is one of in_doubt") as caught:
        fold(history(K.WORKFLOW_STARTED, K.WORKFLOW_BLOCKED, reason=reason))
    assert caught.value.seq == 2


def test_no_events_are_no_history() -> None:
    with pytest.raises(BrokenHistory, match="no events"):
        fold([])


@pytest.mark.parametrize("lost", [0, 1])
def test_a_gap_is_named_by_the_event_that_is_missing(lost: int) -> None:
    events = history(K.WORKFLOW_STARTED, K.WORKFLOW_CLAIMED, K.STEP_COMPLETED)
    del events[lost]
    with pytest.raises(BrokenHistory) as caught:
        fold(events)
    assert lost + 1 == caught.value.seq


def test_events_of_two_workflows_are_refused() -> None:
    first, _ = history(K.WORKFLOW_STARTED, K.WORKFLOW_CLAIMED)
    stranger = Event(UUID(int=2), 2, NOON, K.WORKFLOW_CLAIMED)
    with pytest.raises(BrokenHistory, match="one workflow at a time"):
        fold([first, stranger])


def test_an_illegal_event_raises_and_leaves_the_row_as_it_was() -> None:
    events = history(K.WORKFLOW_STARTED, K.WORKFLOW_COMPLETED, K.STEP_COMPLETED)
    row = fold(events[:2])
    with pytest.raises(IllegalTransition):
        advance(row, events[2])
    assert fold(events[:2]) == row
