"""The trace of a ruling: which clause was true, false or unknown, and for which reason, as data and as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LONGEST_VALUE: Final = 120


class Truth(StrEnum):
    """A clause's value: what is unknown can still be either."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Looked:
    """One clause: its words (`rows le 100`), its value, the fact as it was given, and why it is unknown, if it is."""

    clause: str
    fact: str
    given: object
    value: Truth
    reason: str = ""
    is_exception: bool = False

    def as_data(self) -> dict[str, object]:
        """Return this as JSON values."""
        return {
            "clause": self.clause,
            "fact": self.fact,
            "given": shown(self.given),
            "value": self.value.value,
            "reason": self.reason,
            "except": self.is_exception,
        }


@dataclass(frozen=True, slots=True)
class Considered:
    """One rule, floor or deny: the value of its match, whether it counted, and each of its clauses.

    What counts although its value is unknown counts because it can only raise.
    """

    id: str
    sort: str
    tier: int
    value: Truth
    has_counted: bool
    clauses: tuple[Looked, ...]
    why: str

    def as_data(self) -> dict[str, object]:
        """Return this as JSON values."""
        return {
            "id": self.id,
            "sort": self.sort,
            "tier": self.tier,
            "value": self.value.value,
            "counted": self.has_counted,
            "clauses": [one.as_data() for one in self.clauses],
        }


def all_of(values: Iterable[Truth]) -> Truth:
    """Return false if one value is false, else unknown if one is unknown, else true."""
    found = set(values)
    if Truth.FALSE in found:
        return Truth.FALSE
    return Truth.UNKNOWN if Truth.UNKNOWN in found else Truth.TRUE


def shown(value: object) -> str:
    """Return a fact's value in one short line."""
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        return "a number too long to write"
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text)} characters)"


def describe(trace: Iterable[Considered]) -> str:
    """Return a trace as text: one line for each rule, those that counted first, and one for each clause."""
    lines: list[str] = []
    for one in sorted(trace, key=lambda one: (not one.has_counted, one.id)):
        counted = "counts" if one.has_counted else "does not count"
        says = "denies" if one.sort == "deny" else f"tier {one.tier}"
        lines.append(f"{one.sort} {one.id} ({says}): {one.value}, {counted}")
        lines += [f"  {_clause(looked)}" for looked in one.clauses]
    return "\n".join(lines)


def _clause(looked: Looked) -> str:
    opening = "except " if looked.is_exception else ""
    known = f"{looked.fact} is {shown(looked.given)}" if looked.value is not Truth.UNKNOWN else looked.reason
    return f"{opening}{looked.clause}: {looked.value} ({known})"
