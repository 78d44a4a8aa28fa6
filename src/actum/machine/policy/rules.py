"""The parts of a policy file as records: rules, floors and denies, approver groups, and the policy around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from actum.machine.policy.calendars import Calendar
from actum.machine.policy.clauses import Clause
from actum.machine.policy.facts import Fact
from actum.machine.policy.ruling import Batch, OnExpiry

ANYBODY = "anybody"
"""Written alone as `by`: whoever is neither the requester nor the contract's author."""


class Sort(StrEnum):
    """Rules give a tier; floors only raise it; a deny forbids."""

    RULE = "rule"
    FLOOR = "floor"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[rule]]`, `[[floor]]` or `[[deny]]`. Only floors and denies have `exceptions`, only rules a batch.

    All clauses of `match` must hold; an exception is one when all clauses of `exceptions` certainly hold.
    """

    id: str
    sort: Sort
    match: tuple[Clause, ...]
    tier: int
    exceptions: tuple[Clause, ...] = ()
    approvers: tuple[str, ...] = ()
    batch: Batch | None = None
    why: str = ""
    line: int = field(default=0, compare=False)

    @property
    def reason(self) -> str:
        """The reason a person reads, whether or not the author gave one."""
        says = "forbids this" if self.sort is Sort.DENY else f"gives tier {self.tier}"
        return self.why or f"The {self.sort} {self.id} {says}."


@dataclass(frozen=True, slots=True)
class Group:
    """One `[approvers.NAME]`: who may decide, how many of them, and what happens when nobody does.

    `names_author` says that the file itself keeps `contract_author` out, who is always among `never`.
    """

    name: str
    by: tuple[str, ...]
    quorum: int
    never: tuple[str, ...]
    expires: timedelta | None
    on_expiry: OnExpiry
    escalate_to: str | None
    remind: float
    line: int = field(default=0, compare=False)
    names_author: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A policy file as it was meant. Rules are in the order of the file, which has no meaning.

    `lines` says where each named part stands: `("facts", "rows")`, `("calendar", "office")`, ….
    """

    name: str
    owner: str
    default_tier: int
    timezone: str | None
    facts: Mapping[str, Fact]
    calendars: Mapping[str, Calendar]
    groups: Mapping[str, Group]
    rules: tuple[Rule, ...]
    activation: tuple[str, ...]
    file: str = field(default="policy.toml", compare=False)
    lines: Mapping[tuple[str, str], int] = field(default_factory=dict, compare=False)
