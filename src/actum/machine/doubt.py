"""What to do with an effect in doubt: started, and nobody recorded how it ended.

The hard part is a probe's "no". The probe looks at the world now, and a request that is still under way may arrive
after it; whoever believed the "no" would do the effect twice. So a "no" is believed only when the probe was begun
after the attempt could no longer act. See docs/design/doubt.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from actum.errors import InvalidInput

PROBE_TRIES: Final = 3
"""How many probes may fail one after the other before a person is asked."""

PROBE_PAUSE: Final = timedelta(seconds=5)
"""The pause after the first failed probe; it doubles with each."""


class Way(StrEnum):
    """The declared way out of doubt. Asking is the default."""

    REPEAT = "repeat"
    PROBE = "probe"
    ASK = "ask"


class Answer(StrEnum):
    """What the last probe said; `failed` means that it could not look."""

    HAPPENED = "happened"
    NOT_HAPPENED = "not_happened"
    UNKNOWN = "unknown"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Probed:
    """A probe's answer, the instant it was begun, and how many have failed in a row (this one included).

    `returned_at` is when the attempt's body returned, where that was in this very process and before the probe was
    begun; its request may be under way for `settle_after` from then on, and no longer.
    """

    answer: Answer
    begun_at: datetime
    returned_at: datetime | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class RepeatNow:
    """Carry the effect out again under the same key: the other side honours it."""


@dataclass(frozen=True, slots=True)
class ProbeNow:
    """Look at the world, now."""


@dataclass(frozen=True, slots=True)
class ProbeAgainAt:
    """Look at the world again at this instant of the database's clock."""

    instant: datetime


@dataclass(frozen=True, slots=True)
class SettleHappened:
    """It happened: record the probe's result as the effect's."""


@dataclass(frozen=True, slots=True)
class SettleNotHappened:
    """It did not happen and no longer can: another attempt is safe."""


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Only a person can tell; `why` is the sentence they read first."""

    why: str


WayOut: TypeAlias = RepeatNow | ProbeNow | ProbeAgainAt | SettleHappened | SettleNotHappened | AskPerson


def decide(
    *,
    way: Way,
    started_at: datetime,
    attempt_timeout: timedelta | None,
    settle_after: timedelta,
    now: datetime,
    probed: Probed | None = None,
) -> WayOut:
    """Say the next move for an effect in doubt.

    All instants are of the database's clock. `attempt_timeout` and `settle_after` bound how long an attempt that began
    at `started_at` can still act elsewhere; without a time-out nothing bounds it, and a "no" is believed only in
    the process that saw its body return. Pure: asked again after a crash, with what is recorded, it says the same.
    Raises InvalidInput for a negative `settle_after`.
    """
    if settle_after < timedelta(0):
        raise InvalidInput(
            f"settle_after={settle_after} is negative: it is the time to wait after an attempt's end"
        )
    match way:
        case Way.REPEAT:
            return RepeatNow()
        case Way.ASK:
            return AskPerson("it started and nobody recorded how it ended, and its contract says to ask")
        case Way.PROBE:
            if probed is None:
                return ProbeNow()
            if probed.returned_at is not None:
                return _after_probe(probed, probed.returned_at + settle_after, now)
            return _after_probe(probed, acts_until(started_at, attempt_timeout, settle_after), now)
        case _:
            assert_never(way)


def acts_until(
    started_at: datetime, attempt_timeout: timedelta | None, settle_after: timedelta
) -> datetime | None:
    """Return the instant from which an attempt, wherever it executes, can no longer act; None when nothing bounds it."""
    return None if attempt_timeout is None else started_at + attempt_timeout + settle_after


def _after_probe(probed: Probed, quiet_from: datetime | None, now: datetime) -> WayOut:
    match probed.answer:
        case Answer.HAPPENED:
            return SettleHappened()
        case Answer.NOT_HAPPENED:
            return _after_no(probed, quiet_from, now)
        case Answer.UNKNOWN:
            return AskPerson("its probe looked and could not tell whether it happened")
        case Answer.FAILED if probed.failures >= PROBE_TRIES:
            return AskPerson(f"its probe failed {probed.failures} times in a row, so nobody has looked")
        case Answer.FAILED:
            return ProbeAgainAt(now + PROBE_PAUSE * 2 ** max(probed.failures - 1, 0))
        case _:
            assert_never(probed.answer)


def _after_no(probed: Probed, quiet_from: datetime | None, now: datetime) -> WayOut:
    if quiet_from is None:
        return AskPerson(
            "its probe says it did not happen, but the attempt has no time-out, so it may still be under way elsewhere"
        )
    if probed.begun_at >= quiet_from:
        return SettleNotHappened()
    return ProbeNow() if now >= quiet_from else ProbeAgainAt(quiet_from)
