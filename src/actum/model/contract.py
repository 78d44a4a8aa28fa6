"""What a contract says about time, retries and ownership."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from actum.errors import InvalidContract
from actum.model.quiet import QuietHours

Duration: TypeAlias = str | timedelta

LONGEST = timedelta(days=36_500)
"""A hundred years: much further back, or ahead, there is no calendar."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


def parse_duration(value: Duration) -> timedelta:
    """Return `value` as a timedelta; text is numbers with units, such as `"90s"`, `"3m"` or `"1h30m"`.

    Raises InvalidContract for anything else: zero, negative lengths and more than `LONGEST` included.
    """
    length = value if isinstance(value, timedelta) else _read_duration(value)
    if length <= timedelta(0):
        raise InvalidContract(f"a duration must be longer than nothing, and {value!r} is not")
    if length > LONGEST:
        raise InvalidContract(f"{value!r} is too long: give {LONGEST.days}d at most")
    return length


def _read_duration(text: str) -> timedelta:
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise InvalidContract(
            f'{text!r} is not a duration: write numbers with a unit, such as "90s", "3m" or "2d"'
        )
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return timedelta(seconds=seconds) if seconds < timedelta.max.total_seconds() else timedelta.max


@dataclass(frozen=True, slots=True)
class Owner:
    """The team answerable for a contract, whom to call, and where its runbook lies.

    All three are needed by a deployed worker; a laptop does without. In `quiet_hours`, such as `"22:00-07:00
    Europe/Berlin"` (UTC without a zone), nobody is told of an incident that can wait. `authors`, such as `"user:ada"`, wrote
    the contract: they decide no approval of its workflows, nor does anybody in their place.
    """

    team: str
    escalation: Sequence[str] = ()
    runbook: str | None = None
    quiet_hours: str | None = None
    authors: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.team.strip():
            raise InvalidContract('an owner needs a team: Owner(team="platform", …)')
        if isinstance(self.escalation, str):
            raise InvalidContract(f"escalation={self.escalation!r} is one text: write [{self.escalation!r}]")
        if self.quiet_hours is not None:
            QuietHours.parse(self.quiet_hours)
        object.__setattr__(self, "escalation", tuple(self.escalation))
        object.__setattr__(self, "authors", _read_authors(self.authors))


def _read_authors(authors: Sequence[str]) -> tuple[str, ...]:
    if isinstance(authors, str):
        raise InvalidContract(f"authors={authors!r} is one text: write [{authors!r}]")
    for one in authors:
        kind, _, name = str(one).partition(":")
        if kind not in ("user", "service") or not name.strip() or one != one.strip():
            raise InvalidContract(f"authors={authors!r} names {one!r}, which is no person: write user:NAME")
    return tuple(sorted(set(authors)))


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how patiently a step is tried again.

    The delay before attempt n+1 is `first * factor**(n-1)`, at most `longest`, with full-range jitter of ±25 %.
    `elapsed` bounds the time from the first attempt's start. `never` lists exception types that are final at once.
    """

    attempts: int = 3
    first: Duration = "1s"
    factor: float = 2.0
    longest: Duration = "5m"
    elapsed: Duration | None = None
    never: tuple[type[BaseException], ...] = field(default=())

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise InvalidContract(
                f"Retry(attempts={self.attempts}) never runs: attempts start at 1, the first one included"
            )
        if self.factor < 1:
            raise InvalidContract(f"Retry(factor={self.factor}) would hurry: a factor is at least 1")
        parse_duration(self.first)
        parse_duration(self.longest)
        if self.elapsed is not None:
            parse_duration(self.elapsed)


@dataclass(frozen=True, slots=True)
class Timeout:
    """Limits of one step: each attempt, all attempts together, and the silence allowed between heartbeats."""

    attempt: Duration | None = None
    total: Duration | None = None
    stall: Duration | None = None

    def __post_init__(self) -> None:
        for value in (self.attempt, self.total, self.stall):
            if value is not None:
                parse_duration(value)
