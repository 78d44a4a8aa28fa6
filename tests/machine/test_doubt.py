"""The way out of doubt, and when a "no" is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from actum.errors import InvalidInput
from actum.machine.doubt import (
    Answer,
    AskPerson,
    ProbeAgainAt,
    Probed,
    ProbeNow,
    RepeatNow,
    SettleHappened,
    SettleNotHappened,
    Way,
    WayOut,
    decide,
)

START = datetime(2025, 1, 1, tzinfo=UTC)
QUIET = START + timedelta(seconds=90)
INSTANT = timedelta(microseconds=1)


def decided(probed: Probed | None = None, **fields: Any) -> WayOut:
    usual: dict[str, Any] = {
        "way": Way.PROBE,
        "started_at": START,
        "attempt_timeout": timedelta(seconds=60),
        "settle_after": timedelta(seconds=30),
        "now": START + timedelta(seconds=10),
    }
    return decide(**{**usual, **fields}, probed=probed)


def no(begun_at: datetime, *, returned_at: datetime | None = None) -> Probed:
    return Probed(Answer.NOT_HAPPENED, begun_at, returned_at)


def test_what_may_be_repeated_is_repeated_at_once() -> None:
    assert RepeatNow() == decided(way=Way.REPEAT)


def test_asking_asks_with_a_sentence() -> None:
    word = decided(way=Way.ASK)
    assert isinstance(word, AskPerson)
    assert "nobody recorded how it ended" in word.why


def test_a_probe_looks_first() -> None:
    assert ProbeNow() == decided()


@pytest.mark.parametrize("begun_at", [START, QUIET])
def test_a_yes_is_believed_at_any_time(begun_at: datetime) -> None:
    assert SettleHappened() == decided(Probed(Answer.HAPPENED, begun_at))


def test_a_no_is_not_believed_while_the_attempt_may_still_act() -> None:
    assert ProbeAgainAt(QUIET) == decided(no(START + timedelta(seconds=9)))


def test_a_no_is_believed_when_its_probe_began_after_the_attempts_time() -> None:
    assert SettleNotHappened() == decided(no(QUIET), now=QUIET)


def test_a_no_whose_probe_began_too_early_is_not_believed_however_late_it_is_heard() -> None:
    assert ProbeNow() == decided(no(QUIET - INSTANT), now=QUIET + timedelta(hours=1))


def test_a_believed_no_is_true_for_ever_whenever_the_request_arrives() -> None:
    for arrives, begun, heard in product([None, *range(90)], range(0, 100, 3), range(0, 100, 7)):
        saw = arrives is not None and arrives <= begun
        answer = Answer.HAPPENED if saw else Answer.NOT_HAPPENED
        probed = Probed(answer, START + timedelta(seconds=begun))
        word = decided(probed, now=START + timedelta(seconds=max(begun, heard)))
        assert arrives is None or saw or not isinstance(word, SettleNotHappened)
        assert isinstance(word, SettleHappened) == saw


@pytest.mark.parametrize("attempt_timeout", [timedelta(seconds=60), None])
def test_a_no_is_believed_where_the_body_returned_once_its_request_can_no_longer_arrive(
    attempt_timeout: timedelta | None,
) -> None:
    returned = START + timedelta(seconds=1)
    quiet = returned + timedelta(seconds=30)
    early = decided(no(returned, returned_at=returned), attempt_timeout=attempt_timeout)
    assert ProbeAgainAt(quiet) == early
    late = decided(no(quiet, returned_at=returned), attempt_timeout=attempt_timeout, now=quiet)
    assert SettleNotHappened() == late


def test_a_no_without_a_time_out_is_never_believed_elsewhere() -> None:
    word = decided(no(START + timedelta(days=365)), attempt_timeout=None, now=START + timedelta(days=366))
    assert isinstance(word, AskPerson)
    assert "no time-out" in word.why


def test_a_probe_that_cannot_tell_asks_a_person() -> None:
    assert isinstance(decided(Probed(Answer.UNKNOWN, QUIET)), AskPerson)


@pytest.mark.parametrize(("failures", "seconds"), [(0, 5), (1, 5), (2, 10)])
def test_a_failed_probe_is_tried_again_more_patiently(failures: int, seconds: int) -> None:
    word = decided(Probed(Answer.FAILED, START, failures=failures), now=QUIET)
    assert ProbeAgainAt(QUIET + timedelta(seconds=seconds)) == word


def test_a_probe_that_keeps_failing_asks_a_person() -> None:
    assert isinstance(decided(Probed(Answer.FAILED, START, failures=3)), AskPerson)


def test_a_negative_settling_time_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is negative"):
        decided(settle_after=timedelta(seconds=-1))
