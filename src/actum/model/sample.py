"""On which outputs of a contract somebody has to say a word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from actum.errors import InvalidContract
from actum.model.contract import Duration, parse_duration

HORIZON = timedelta(days=90)
"""How long after its start a workflow's output is asked about: later, nobody remembers what it was for."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A share of a contract's completed outputs that a person, or work that came later, has to judge `within` a time.

    `share` is text such as `"10%"` or a number above 0 and up to 1. Which outputs they are follows from the workflows'
    ids alone, so a second look chooses the same, and a smaller share is a part of a larger one. What nobody judges
    stays "not judged", never good; a judge's (a model's) word does not count here. Raises InvalidContract.
    """

    share: str | float
    within: Duration = "7d"

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise InvalidContract(
                f'Sample({self.share!r}) is no share: give "10%", or a number above 0 and up to 1, such as 0.1'
            )
        if parse_duration(self.within) >= HORIZON:
            raise InvalidContract(
                f"Sample(within={self.within!r}) is too long: outputs are asked about for {HORIZON.days} days"
            )

    @property
    def fraction(self) -> float:
        """The share as a number, -1 for what is none."""
        if isinstance(self.share, str):
            found = re.fullmatch(r"(\d{1,3}(?:\.\d+)?) ?%", self.share)
            return float(found[1]) / 100 if found else -1.0
        return -1.0 if isinstance(self.share, bool) else float(self.share)

    def as_document(self) -> dict[str, float]:
        """Return this as JSON values, the time in seconds."""
        return {"share": self.fraction, "within": parse_duration(self.within) / timedelta(seconds=1)}
