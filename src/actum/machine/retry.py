"""Whether a failed attempt is followed by another, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from actum.errors import InvalidInput
from actum.model.contract import Retry, parse_duration
from actum.model.events import Reason

_SPREAD: Final = 0.25

ENDED_FROM_OUTSIDE: Final = frozenset(
    {
        Reason.TIMEOUT_TOTAL,
        Reason.BUDGET_EXCEEDED,
        Reason.HUMAN_REJECTED,
        Reason.HUMAN_EXPIRED,
        Reason.OPERATOR,
        Reason.CONTRACT_MISMATCH,
    }
)
"""Reasons that speak about the step as a whole: another attempt would meet them again."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again once `after` has passed."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The step has failed, for this reason."""

    why: Reason


Retrying: TypeAlias = Again | GiveUp


def decide(
    *,
    retry: Retry,
    attempt: int,
    elapsed: timedelta,
    reason: Reason,
    is_final: bool,
    retry_after: timedelta | None = None,
    jitter: float = 0.5,
) -> Retrying:
    """Say whether attempt number `attempt` (from 1), which failed for `reason`, is followed by another.

    `elapsed` is the time since the first attempt's start; `is_final` says that the author ruled retries out
    (`Fatal`, or a type listed in `never`); `retry_after` is what the other side asked for, honoured as the least
    delay; `jitter` is a random number in [0, 1), of which 0.5 leaves the delay as it is.

    The delay is `first * factor**(attempt-1)`, at most `longest`, then spread by up to 25 % either way, so that many
    steps which failed together do not come back together. A delay that would end outside the elapsed budget gives up
    with `timeout.total`. A lost worker is no failed attempt: it is followed by another at once and costs nothing.
    Raises InvalidInput for an attempt below 1 or a jitter outside its range.
    """
    if attempt < 1:
        raise InvalidInput(f"attempt {attempt} does not exist: attempts are counted from 1")
    if not 0 <= jitter < 1:
        raise InvalidInput(
            f"a jitter of {jitter} is out of range: pass a random number from 0 up to, not with, 1"
        )
    if is_final:
        return GiveUp(reason)
    if reason is Reason.WORKER_LOST:
        return Again(timedelta(0))
    if reason in ENDED_FROM_OUTSIDE or attempt >= retry.attempts:
        return GiveUp(reason)
    after = max(delay(retry, attempt, jitter), retry_after or timedelta(0))
    if retry.elapsed is not None and elapsed + after >= parse_duration(retry.elapsed):
        return GiveUp(Reason.TIMEOUT_TOTAL)
    return Again(after)


def delay(retry: Retry, attempt: int, jitter: float) -> timedelta:
    """Return the pause after attempt number `attempt` (from 1), before anything the other side asks for."""
    longest = parse_duration(retry.longest).total_seconds()
    first = parse_duration(retry.first).total_seconds()
    try:
        seconds = min(first * retry.factor ** (attempt - 1), longest)
    except OverflowError:
        seconds = longest
    return timedelta(seconds=seconds * (1 - _SPREAD + 2 * _SPREAD * jitter))
