"""What is unlike the last of its kind: one pure function from earlier approvals to sentences.

A number is odd when it is far beyond the others; a name is odd when it is new among names that repeat. Where nearly
every one has a name of its own (files, tickets), a new one says nothing, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any

from actum.machine.batches import FAR, FEW

LAST = 50
"""How many earlier approvals of a kind one is compared with."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One approval as far as it can be unlike others: what it is about, and who is behind it."""

    contract: str
    requester: str | None
    target: str
    facts: Mapping[str, Any]


def find_oddities(now: Asked, earlier: Sequence[Asked]) -> tuple[str, ...]:
    """Return in sentences what is unlike `earlier`, the last of the same kind; nothing where nothing is."""
    if not earlier:
        return ("the first of its kind: nothing like it was asked before",)
    if len(earlier) < FEW:
        return (f"only {len(earlier)} of its kind came before it: too few to compare with",)
    found = [
        _odd_number(name, value, [one.facts.get(name) for one in earlier])
        for name, value in sorted(now.facts.items())
    ]
    for what, value, others in (
        ("target", now.target, [one.target for one in earlier]),
        ("requester", now.requester, [one.requester for one in earlier]),
        ("contract", now.contract, [one.contract for one in earlier]),
    ):
        found.append(_odd_name(what, value, others))
    for name, value in sorted(now.facts.items()):
        if isinstance(value, str) and value != now.target:
            found.append(_odd_name(name, value, [one.facts.get(name) for one in earlier]))
    return tuple(one for one in found if one)


def is_amount(value: object) -> bool:
    """Whether a fact is a number that can be compared and added up."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def say_number(value: float | Decimal) -> str:
    """Return a number as people read it: whole ones whole, exact ones exact, others with what six places leave of them."""
    if value == int(value):
        return f"{int(value)}"
    return f"{value.normalize():f}" if isinstance(value, Decimal) else f"{round(value, 6)}"


def _odd_number(name: str, value: object, others: Sequence[object]) -> str:
    numbers: list[float] = [one for one in others if is_amount(one)]  # type: ignore[misc]  # looked at just now
    if not isinstance(value, int | float) or not is_amount(value) or len(numbers) < FEW:
        return ""
    middle, most = median(numbers), max(numbers)
    if value > FAR * max(middle, 1.0):
        return f"{name} = {value} is far beyond the median of the last {len(numbers)}, {say_number(middle)}"
    if value > most and value > 2 * middle:
        return f"{name} = {value} is more than in any of the last {len(numbers)}: the most was {say_number(most)}"
    return ""


def _odd_name(what: str, value: str | None, others: Sequence[object]) -> str:
    """Say so when a name is new where names repeat: at most half of the others have one of their own."""
    known = {one for one in others if isinstance(one, str) and one}
    if not value or value in known or not known or 2 * len(known) > len(others):
        return ""
    return f"the {what} {value} is in none of the last {len(others)}"
