"""Again or give up: the documented formula and its borders."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actum.errors import InvalidInput
from actum.machine.retry import ENDED_FROM_OUTSIDE, Again, GiveUp, Retrying, decide
from actum.model.contract import Retry
from actum.model.events import Reason


def decided(**fields: Any) -> Retrying:
    usual: dict[str, Any] = {
        "retry": Retry(attempts=5),
        "attempt": 1,
        "elapsed": timedelta(seconds=1),
        "reason": Reason.TOOL_ERROR,
        "is_final": False,
        "retry_after": None,
        "jitter": 0.5,
    }
    return decide(**{**usual, **fields})


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 8)])
def test_the_delay_doubles_from_the_first(attempt: int, seconds: int) -> None:
    assert Again(timedelta(seconds=seconds)) == decided(attempt=attempt)


def test_the_delay_stops_growing_at_the_longest() -> None:
    patient = Retry(attempts=10_000, first="1s", longest="1m")
    assert Again(timedelta(minutes=1)) == decided(retry=patient, attempt=7)
    assert Again(timedelta(minutes=1)) == decided(retry=patient, attempt=9_999)


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 0.75), (0.5, 1.0), (0.9999, 1.24995)])
def test_jitter_spreads_the_delay_by_a_quarter_either_way(jitter: float, seconds: float) -> None:
    assert Again(timedelta(seconds=seconds)) == decided(jitter=jitter)


def test_the_last_attempt_gives_up_with_its_own_reason() -> None:
    assert GiveUp(Reason.TOOL_ERROR) == decided(attempt=5)
    assert GiveUp(Reason.BUG) == decided(retry=Retry(attempts=1), reason=Reason.BUG)


def test_a_final_failure_is_not_tried_again() -> None:
    assert GiveUp(Reason.TOOL_ERROR) == decided(is_final=True)


@pytest.mark.parametrize("reason", sorted(ENDED_FROM_OUTSIDE))
def test_what_ended_the_step_from_outside_is_not_tried_again(reason: Reason) -> None:
    assert GiveUp(reason) == decided(reason=reason)


def test_a_lost_worker_costs_no_attempt() -> None:
    assert Again(timedelta(0)) == decided(reason=Reason.WORKER_LOST, attempt=5)


def test_the_other_side_can_ask_for_more_patience_and_not_for_less() -> None:
    assert Again(timedelta(hours=2)) == decided(retry_after=timedelta(hours=2))
    assert Again(timedelta(seconds=1)) == decided(retry_after=timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("elapsed", "word"),
    [(8, Again(timedelta(seconds=1))), (9, GiveUp(Reason.TIMEOUT_TOTAL)), (60, GiveUp(Reason.TIMEOUT_TOTAL))],
)
def test_a_delay_that_ends_outside_the_elapsed_budget_gives_up(elapsed: int, word: Retrying) -> None:
    assert word == decided(retry=Retry(elapsed="10s"), elapsed=timedelta(seconds=elapsed))


def test_a_requested_pause_beyond_the_elapsed_budget_gives_up_at_once() -> None:
    assert GiveUp(Reason.TIMEOUT_TOTAL) == decided(
        retry=Retry(elapsed="10s"), retry_after=timedelta(minutes=1)
    )


@pytest.mark.parametrize(
    "fields", [{"attempt": 0}, {"jitter": 1.0}, {"jitter": -0.1}, {"jitter": float("nan")}]
)
def test_impossible_numbers_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        decided(**fields)


@settings(settings.get_profile("ci"))
@given(
    attempt=st.integers(1, 2000),
    factor=st.floats(1, 1000),
    jitter=st.floats(0, 1, exclude_max=True),
    first=st.floats(0.001, 1000),
)
def test_every_delay_is_positive_and_within_a_quarter_of_the_longest(
    attempt: int, factor: float, jitter: float, first: float
) -> None:
    retry = Retry(attempts=2001, first=timedelta(seconds=first), factor=factor, longest="5m")
    word = decided(retry=retry, attempt=attempt, jitter=jitter)
    assert isinstance(word, Again)
    assert timedelta(0) < word.after <= timedelta(minutes=5) * 1.25
