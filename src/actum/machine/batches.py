"""When a batch of tier-1 approvals closes, and what does not belong on its card.

A batch closes by the first of: its window is over; it has as many items, or sums as large, as its rule allows; every
workflow in it waits for it, because then nothing more can come and sequential code would wait out the window for
nothing. Nothing joins a batch that was shown: what a person reads is what they decide. What fits beside what is in it is
the database's to say (`actum.fits`), under the batch's lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from statistics import median
from typing import Final, TypeAlias

FEW: Final = 5
"""With fewer others than this nothing can be said to be unlike its group."""
FAR: Final = 10
"""So many times the median of the others is far beyond them."""


class CloseReason(StrEnum):
    """Why nothing joins a batch any more."""

    WINDOW = "window"
    SIZE = "size"
    SUM = "sum"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """What is known of a batch that can still be joined; `sums` and `max_sums` by the name of the amount."""

    closes_at: datetime
    count: int
    max_items: int
    sums: Mapping[str, Decimal]
    max_sums: Mapping[str, Decimal]
    all_parked: bool


@dataclass(frozen=True, slots=True)
class KeepOpen:
    """It can still be joined; look again at `until`, or when an item joins or a workflow parks."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Close:
    """It is to be closed now."""

    why: CloseReason


Closing: TypeAlias = KeepOpen | Close


def consider_closing(batch: OpenBatch, now: datetime) -> Closing:
    """Say whether a batch closes at `now`, and by which of its ends."""
    if batch.closes_at <= now:
        return Close(CloseReason.WINDOW)
    if batch.count >= batch.max_items:
        return Close(CloseReason.SIZE)
    if any(batch.sums.get(name, 0) >= most for name, most in batch.max_sums.items()):
        return Close(CloseReason.SUM)
    if batch.all_parked and batch.count:
        return Close(CloseReason.PARKED)
    return KeepOpen(batch.closes_at)


@dataclass(frozen=True, slots=True)
class Item:
    """One approval of a batch, as far as it can stick out; `amounts` are the numbers among its facts."""

    name: str
    has_failed_check: bool
    is_first_of_its_shape: bool
    amounts: Mapping[str, Decimal]


def find_outliers(items: Sequence[Item]) -> dict[str, str]:
    """Return the items that are to be decided alone, each with the reason a person reads."""
    found: dict[str, str] = {}
    for item in items:
        if item.has_failed_check:
            found[item.name] = "a check failed"
        elif item.is_first_of_its_shape:
            found[item.name] = "nothing of this shape was decided before"
        elif far := _find_far(item, items):
            found[item.name] = f"its {far} is far beyond that of the others"
    return found


def looks_failed(check: str) -> bool:
    """Whether a check of a preview has failed; what cannot be told from its words has not."""
    return "fail" in check.casefold() or check.startswith(("✗", "x "))


def _find_far(item: Item, items: Sequence[Item]) -> str | None:
    for name, amount in sorted(item.amounts.items()):
        others = [one.amounts[name] for one in items if one is not item and name in one.amounts]
        if len(others) >= FEW and amount > FAR * max(median(others), Decimal(1)):
            return name
    return None
