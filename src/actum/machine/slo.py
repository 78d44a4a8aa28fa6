"""How fast an error budget burns: over a long window and a short one at once, so that it is both grave and still so.

A budget is the share of events that may go wrong in `PERIOD`. A rate of 1 uses it up in exactly that time. AI workflows
are few, so a handful of bad events within the long window is needed as well: one failure of three is no trend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from actum.model.incident import Urgency

PERIOD: Final = timedelta(days=30)
LEAST_BAD: Final = 3
"""How many bad events there must be before a rate means anything."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many events a window holds, and how many of them are bad."""

    total: int = 0
    bad: int = 0


@dataclass(frozen=True, slots=True)
class Alarm:
    """Burning `rate` times too fast over `long` and still so over `short`."""

    rate: float
    long: timedelta
    short: timedelta
    urgency: Urgency


ALARMS: Final = (
    Alarm(14.4, timedelta(hours=1), timedelta(minutes=5), Urgency.NOW),
    Alarm(6.0, timedelta(hours=6), timedelta(minutes=30), Urgency.NOW),
    Alarm(1.0, timedelta(days=3), timedelta(hours=6), Urgency.WAKING_HOURS),
)
WINDOWS: Final = tuple(sorted({one for alarm in ALARMS for one in (alarm.long, alarm.short)} | {PERIOD}))


@dataclass(frozen=True, slots=True)
class Steady:
    """No alarm: slow enough, or too few bad events to tell."""


@dataclass(frozen=True, slots=True)
class Burning:
    """The gravest alarm that holds, and the rate over its long window."""

    alarm: Alarm
    rate: float


Judged: TypeAlias = Steady | Burning


def burn_rate(objective: float, count: Count) -> float:
    """Return how many times faster than allowed the budget of `objective` (a share, such as 0.99) is used up."""
    if count.total == 0:
        return 0.0
    return count.bad / count.total / (1 - objective)


def judge_burn(objective: float, counts: Mapping[timedelta, Count], least_bad: int = LEAST_BAD) -> Judged:
    """Return the gravest alarm that holds over both of its windows; a window that is not there is empty."""
    for alarm in ALARMS:
        long, short = counts.get(alarm.long, Count()), counts.get(alarm.short, Count())
        rate = burn_rate(objective, long)
        is_fast = rate >= alarm.rate and burn_rate(objective, short) >= alarm.rate
        if is_fast and long.bad >= least_bad:
            return Burning(alarm, rate)
    return Steady()


def budget_left(objective: float, count: Count) -> float:
    """Return the share of the budget that `count`, over `PERIOD`, leaves: 1 is all of it, below 0 is overdrawn."""
    return 1.0 - burn_rate(objective, count)


def is_exhausted(objective: float, count: Count, least_bad: int = LEAST_BAD) -> bool:
    """Whether nothing is left of the budget, and that by more than a few bad events."""
    return count.bad >= least_bad and budget_left(objective, count) <= 0
