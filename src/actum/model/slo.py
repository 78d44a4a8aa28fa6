"""What a contract's owner promises about it over thirty days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal, TypeAlias

from actum.errors import InvalidContract
from actum.model.contract import Duration, parse_duration

WhenExhausted: TypeAlias = Literal["tell", "reduce_autonomy"]


class Objective(StrEnum):
    """A promise that is a share of events, each good or bad."""

    COMPLETION = "completion"
    USABILITY = "usability"
    DECISION = "decision"


@dataclass(frozen=True, slots=True)
class Slo:
    """Promises about a contract; what is None is not promised.

    `completion` is the share of ended workflows that complete (cancelled ones do not count), `usability` the share of
    judged outputs that are usable, `decided` the share of approvals that are decided within `decision`. A workflow
    that could move and has not for `progress` is stuck. With `when_exhausted="reduce_autonomy"` effects of tier 0 are
    asked for (tier 1) while more has gone wrong than thirty days allow.
    """

    completion: float | None = None
    usability: float | None = None
    decision: Duration | None = None
    decided: float = 0.95
    progress: Duration | None = None
    when_exhausted: WhenExhausted = "tell"

    def __post_init__(self) -> None:
        for name in ("completion", "usability", "decided"):
            value = getattr(self, name)
            is_share = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1
            if value is not None and not is_share:
                raise InvalidContract(
                    f"Slo({name}={value!r}) leaves no room for failure or none for success: "
                    "give a share between 0 and 1, such as 0.99"
                )
        for length in (self.decision, self.progress):
            if length is not None:
                parse_duration(length)
        if self.when_exhausted not in ("tell", "reduce_autonomy"):
            raise InvalidContract(
                f'Slo(when_exhausted={self.when_exhausted!r}) is none: choose "tell" or "reduce_autonomy"'
            )

    def as_document(self) -> dict[str, object]:
        """Return the promises as JSON values, lengths in seconds."""
        return {
            "completion": self.completion,
            "usability": self.usability,
            "decision": _seconds(self.decision),
            "decided": self.decided,
            "progress": _seconds(self.progress),
            "when_exhausted": self.when_exhausted,
        }


def _seconds(length: Duration | None) -> float | None:
    return None if length is None else parse_duration(length) / timedelta(seconds=1)
