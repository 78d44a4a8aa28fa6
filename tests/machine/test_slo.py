"""Burn rates: fast over both windows, by more than a few bad events, and what is left of a budget."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actum.errors import InvalidContract
from actum.machine.slo import (
    ALARMS,
    LEAST_BAD,
    PERIOD,
    WINDOWS,
    Burning,
    Count,
    Steady,
    budget_left,
    burn_rate,
    is_exhausted,
    judge_burn,
)
from actum.model.incident import Urgency
from actum.model.slo import Slo

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)


def test_the_alarms_are_those_that_the_design_names_and_every_window_is_counted() -> None:
    named = {(14.4, HOUR, 5 * MINUTE), (6.0, 6 * HOUR, 30 * MINUTE), (1.0, 3 * DAY, 6 * HOUR)}
    assert named == {(alarm.rate, alarm.long, alarm.short) for alarm in ALARMS}
    assert {length for _, long, short in named for length in (long, short)} | {PERIOD} == set(WINDOWS)


@pytest.mark.parametrize(
    ("objective", "counts", "rate"),
    [
        (0.99, {HOUR: Count(100, 20), 5 * MINUTE: Count(10, 2)}, 14.4),
        (0.99, {6 * HOUR: Count(100, 8), 30 * MINUTE: Count(10, 1)}, 6.0),
        (0.9, {3 * DAY: Count(30, 4), 6 * HOUR: Count(5, 1)}, 1.0),
        (0.99, {HOUR: Count(100, 20), 5 * MINUTE: Count(10, 0)}, None),
        (0.99, {HOUR: Count(100, 20)}, None),
        (0.99, {HOUR: Count(2, 2), 5 * MINUTE: Count(2, 2)}, None),
        (0.99, {HOUR: Count(3, 3), 5 * MINUTE: Count(1, 1)}, 14.4),
        (0.99, {}, None),
        (0.5, {3 * DAY: Count(30, 14), 6 * HOUR: Count(30, 14)}, None),
    ],
)
def test_an_alarm_needs_both_windows_and_a_few_bad_events(
    objective: float, counts: dict[timedelta, Count], rate: float | None
) -> None:
    judged = judge_burn(objective, counts)
    assert rate == (judged.alarm.rate if isinstance(judged, Burning) else None)


def test_the_gravest_alarm_is_named_and_only_the_slow_one_waits_for_the_morning() -> None:
    everything = {length: Count(100, 100) for length in WINDOWS}
    judged = judge_burn(0.99, everything)
    assert isinstance(judged, Burning)
    assert (14.4, Urgency.NOW) == (judged.alarm.rate, judged.alarm.urgency)
    assert pytest.approx(100) == judged.rate
    assert [Urgency.NOW, Urgency.NOW, Urgency.WAKING_HOURS] == [alarm.urgency for alarm in ALARMS]
    assert Steady() == judge_burn(0.99, everything, least_bad=101)


def test_a_budget_is_what_thirty_days_allow_to_go_wrong() -> None:
    assert 0.0 == burn_rate(0.99, Count(0, 0))
    assert pytest.approx(0.5) == budget_left(0.9, Count(100, 5))
    assert pytest.approx(-1.0) == budget_left(0.9, Count(100, 20))
    assert is_exhausted(0.9, Count(100, 11))
    assert not is_exhausted(0.9, Count(100, 9))
    assert not is_exhausted(0.9, Count(2, LEAST_BAD - 1))


@pytest.mark.parametrize(
    "declared",
    [
        {"completion": 1},
        {"completion": 0.0},
        {"usability": 99},
        {"completion": True},
        {"decided": 1.0, "decision": "1h"},
        {"decision": "soon"},
        {"progress": "0s"},
        {"when_exhausted": "panic"},
    ],
)
def test_a_promise_that_cannot_be_meant_is_refused(declared: dict[str, object]) -> None:
    with pytest.raises(InvalidContract):
        Slo(**declared)  # type: ignore[arg-type]  # what a program without types might write
