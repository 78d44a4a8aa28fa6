"""The table of statuses, read against the theory above it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import pytest

from actum.machine.transitions import BORN, ENDINGS_IN_FLIGHT, PROGRESS, TABLE, IllegalTransition, next_status
from actum.model.events import EventKind as K
from actum.model.workflow import FINAL, Status

S = Status
ALIVE = [status for status in S if not status.is_final]
NOT_TAKEN_IN_WHILE_STOPPED = [
    K.SIGNAL_RECEIVED,
    K.APPROVAL_DECIDED,
    K.APPROVAL_EXPIRED,
    K.TIMER_FIRED,
    K.QUESTION_ANSWERED,
    K.EFFECT_STARTED,
    K.CHILD_STARTED,
    K.STEP_ABANDONED,
]


def follow(statuses: Iterable[S], kinds: Iterable[K]) -> dict[tuple[S, K], S]:
    """Return what each of these kinds makes of each of these statuses; an illegal pair is named by its refusal."""
    found = {(status, kind): next_status(status, kind) for status, kind in product(statuses, kinds)}
    assert found
    return found


def test_a_workflow_is_born_pending() -> None:
    assert S.PENDING is next_status(None, K.WORKFLOW_STARTED) is BORN


def test_no_other_kind_begins_a_workflow() -> None:
    for kind in set(K) - {K.WORKFLOW_STARTED}:
        with pytest.raises(IllegalTransition, match=f"^{kind.value} .* begins with workflow.started"):
            next_status(None, kind)


def test_a_workflow_is_started_once() -> None:
    for status in S:
        with pytest.raises(IllegalTransition, match=f"workflow.started cannot follow {status.value}"):
            next_status(status, K.WORKFLOW_STARTED)


@pytest.mark.parametrize("status", sorted(FINAL))
def test_final_is_final(status: S) -> None:
    assert [pair for pair in TABLE if pair[0] is status] == []


def test_an_absent_pair_raises_and_names_both_sides() -> None:
    for status, kind in set(product(S, K)) - set(TABLE):
        with pytest.raises(IllegalTransition, match=f"{kind.value} cannot follow {status.value}") as caught:
            next_status(status, kind)
        assert (status.value, kind.value) == (caught.value.state, caught.value.move)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        TABLE[S.COMPLETED, K.WORKFLOW_CLAIMED] = S.RUNNING  # type: ignore[index]


def test_every_kind_but_the_first_is_legal_somewhere() -> None:
    assert set(K) - {K.WORKFLOW_STARTED} == {kind for _, kind in TABLE}


def reach(begin: S) -> set[S]:
    """Return the statuses that `begin` can lead to, and itself."""
    seen = {begin}
    while more := {after for (before, _), after in TABLE.items() if before in seen} - seen:
        seen |= more
    return seen


def test_every_status_has_a_way_to_an_end_and_can_be_reached() -> None:
    assert [] == [status for status in ALIVE if not reach(status) & FINAL]
    assert set(S) == reach(BORN)


def test_progress_makes_a_workflow_running() -> None:
    after = follow([S.PENDING, S.RUNNING, S.WAITING], PROGRESS)
    assert dict.fromkeys(after, S.RUNNING) == after


def test_progress_leaves_a_rollback_rolling_back() -> None:
    after = follow([S.ROLLING_BACK], PROGRESS)
    assert dict.fromkeys(after, S.ROLLING_BACK) == after


def test_what_was_executing_may_still_end_in_a_stopped_workflow() -> None:
    after = follow([S.PAUSED, S.BLOCKED], ENDINGS_IN_FLIGHT)
    assert {pair: pair[0] for pair in after} == after


def test_a_stopped_workflow_takes_nothing_new_in() -> None:
    for status, kind in product([S.PAUSED, S.BLOCKED], NOT_TAKEN_IN_WHILE_STOPPED):
        with pytest.raises(IllegalTransition, match=f"{kind.value} cannot follow {status.value}"):
            next_status(status, kind)


def test_a_doubt_is_settled_in_a_blocked_workflow_and_not_in_a_paused_one() -> None:
    assert S.BLOCKED is next_status(S.BLOCKED, K.EFFECT_SETTLED)
    with pytest.raises(IllegalTransition):
        next_status(S.PAUSED, K.EFFECT_SETTLED)


def test_taking_a_workflow_up_runs_it_unless_something_holds_it() -> None:
    assert {
        (before, kind): S.RUNNING if before in (S.PENDING, S.RUNNING, S.WAITING) else before
        for before in ALIVE
        for kind in (K.WORKFLOW_CLAIMED, K.WORKFLOW_RESCUED)
    } == follow(ALIVE, [K.WORKFLOW_CLAIMED, K.WORKFLOW_RESCUED])


def test_parking_makes_a_running_workflow_wait_and_no_other() -> None:
    assert {
        (S.PENDING, K.WORKFLOW_PARKED): S.WAITING,
        (S.RUNNING, K.WORKFLOW_PARKED): S.WAITING,
        (S.PAUSED, K.WORKFLOW_PARKED): S.PAUSED,
        (S.BLOCKED, K.WORKFLOW_PARKED): S.BLOCKED,
        (S.ROLLING_BACK, K.WORKFLOW_PARKED): S.ROLLING_BACK,
    } == follow([S.PENDING, S.RUNNING, S.PAUSED, S.BLOCKED, S.ROLLING_BACK], [K.WORKFLOW_PARKED])


def test_only_a_person_or_a_block_takes_a_workflow_out_of_paused() -> None:
    ways = {kind for (before, kind), after in TABLE.items() if before is S.PAUSED and after is not S.PAUSED}
    assert {
        K.WORKFLOW_RESUMED,
        K.WORKFLOW_CANCEL_REQUESTED,
        K.WORKFLOW_BLOCKED,
        K.WORKFLOW_ROLLING_BACK,
    } == ways


def test_the_ways_out_of_blocked_are_these_five() -> None:
    ways = {
        kind: after
        for (before, kind), after in TABLE.items()
        if before is S.BLOCKED and after is not S.BLOCKED
    }
    assert ways == {
        K.WORKFLOW_UNBLOCKED: S.RUNNING,
        K.STEP_REOPENED: S.RUNNING,
        K.WORKFLOW_ROLLING_BACK: S.ROLLING_BACK,
        K.WORKFLOW_FAILED: S.FAILED,
        K.WORKFLOW_CANCELLED: S.CANCELLED,
    }


def test_only_a_rollback_ends_as_rolled_back_and_it_ends_in_no_other_way() -> None:
    assert {S.ROLLING_BACK} == {before for (before, _), after in TABLE.items() if after is S.ROLLED_BACK}
    assert {S.ROLLING_BACK, S.BLOCKED, S.ROLLED_BACK} == {
        after for (before, _), after in TABLE.items() if before is S.ROLLING_BACK
    }


@pytest.mark.parametrize("status", [status for status in ALIVE if status is not S.BLOCKED])
def test_anything_alive_can_be_blocked(status: S) -> None:
    assert S.BLOCKED is next_status(status, K.WORKFLOW_BLOCKED)


@pytest.mark.parametrize("status", ALIVE)
def test_anything_alive_takes_a_request_to_cancel_and_can_be_rolled_back(status: S) -> None:
    assert (S.RUNNING if status is S.PAUSED else status) is next_status(status, K.WORKFLOW_CANCEL_REQUESTED)
    assert S.ROLLING_BACK is next_status(status, K.WORKFLOW_ROLLING_BACK)
