"""A process's estimate of the database's clock: behind it, never ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from actum.engine import clock as clocks
from actum.engine.clock import DatabaseClock

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(microseconds: int) -> datetime:
    return NOON + timedelta(microseconds=microseconds)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The process's own clock, in microseconds: the test moves it."""
    instant = [0]
    monkeypatch.setattr(clocks.time, "monotonic_ns", lambda: instant[0] * 1000)
    return instant


def test_it_is_never_ahead_whenever_in_the_round_trip_the_database_looked(own: list[int]) -> None:
    for looked in (1_000, 5_500, 10_000):
        clock = DatabaseClock(lambda: None)
        clock.learn(
            at(looked), 1_000, 10_000
        )  # both clocks show the same; it was asked at 1,000 and heard at 10,000
        own[0] = 10_000
        behind = at(10_000) - clock.now_as_datetime()
        assert timedelta(0) <= behind <= timedelta(microseconds=9_000)


def test_a_slow_answer_changes_nothing_and_one_that_proves_it_wrong_does(own: list[int]) -> None:
    clock = DatabaseClock(lambda: None)
    clock.learn(at(1_000), 900, 1_000)
    clock.learn(at(2_000), 2_000, 9_000_000)
    own[0] = 10_000_000
    assert at(10_000_000) == clock.now_as_datetime()
    clock.learn(at(10_500_000), 10_000_000, 10_000_100)
    own[0] = 11_000_000
    assert at(11_499_900) == clock.now_as_datetime()
