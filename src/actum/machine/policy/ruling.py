"""What a policy says about one operation: a tier, who must approve, how it is batched, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from actum.machine.policy.tracing import Considered, describe

STRICTEST: Final = 2
OWNER: Final = "owner"
"""The approvers where no rule names any: the team that owns the contract."""
DEFAULT: Final = "default"
"""The name under which the default tier stands among the rules of a ruling."""
NO_POLICY: Final = "no-policy"
CONTRACT_AUTHOR: Final = "contract_author"
NEVER: Final = ("requester", CONTRACT_AUTHOR)
DEFAULT_REMIND: Final = 0.8
MOST_ITEMS: Final = 50
"""Items of a batch whose rule names no number: more than that nobody reads."""


class OnExpiry(StrEnum):
    """What happens when nobody decided in time, the strictest first; approving is not among it."""

    REJECT = "reject"
    ESCALATE = "escalate"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Operation:
    """One effect that wants to happen; None stands for what is not known, and `at` for the instant it is ruled.

    `facts` come from its preview. A fact there under one of Actum's own names (`kind`, `team`, …) is not looked at.
    """

    kind: str | None
    contract: str | None = None
    team: str | None = None
    reversibility: str | None = None
    environment: str | None = None
    facts: Mapping[str, object] | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """`quorum` different people of `by` must say yes, none of them among `never`.

    `by` holds `user:…`, `service:…`, `group:…` or `team:…`; empty means anybody who is not among `never`.
    `expires` is the time to decide, None for no limit; at `remind` (a share of it) the approvers are reminded.
    `escalate_to` names the group that is asked next when `on_expiry` is `escalate`.
    """

    group: str
    by: tuple[str, ...]
    quorum: int = 1
    never: tuple[str, ...] = NEVER
    expires: timedelta | None = None
    on_expiry: OnExpiry = OnExpiry.REJECT
    escalate_to: str | None = None
    remind: float = DEFAULT_REMIND

    def implies(self, other: Requirement) -> bool:
        """Whether whoever satisfied this one satisfied `other` too: as many people, of no wider circle."""
        within = not other.by or (bool(self.by) and set(self.by) <= set(other.by))
        return within and self.quorum >= other.quorum and set(self.never) >= set(other.never)

    def as_data(self) -> dict[str, object]:
        """Return this as JSON values, `expires` in seconds."""
        return {
            "group": self.group,
            "by": list(self.by),
            "quorum": self.quorum,
            "never": list(self.never),
            "expires": None if self.expires is None else self.expires.total_seconds(),
            "on_expiry": self.on_expiry.value,
            "escalate_to": self.escalate_to,
            "remind": self.remind,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Requirement:
        """Return what `as_data` wrote; what is not there has its default."""
        expires = data.get("expires")
        return cls(
            data["group"],
            tuple(data["by"]),
            data.get("quorum", 1),
            tuple(data.get("never", NEVER)),
            None if expires is None else timedelta(seconds=expires),
            OnExpiry(data.get("on_expiry", OnExpiry.REJECT)),
            data.get("escalate_to"),
            data.get("remind", DEFAULT_REMIND),
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Tier-1 approvals that may share one card: equal in all of `by`, asked within `window`, within the limits.

    `max_sum` limits the sum of each fact it names; None is no limit.
    """

    by: tuple[str, ...]
    window: timedelta
    max_items: int | None = None
    max_sum: tuple[tuple[str, int | float | Decimal], ...] = ()


def _nothing() -> tuple[Considered, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Ruling:
    """What holds for one operation. Denied: nothing may happen, whoever asks, and `approvals` is empty.

    `rules` are the ids that decided the tier, sorted, and `whys` their reasons. Each of `approvals` must be reached.
    `batch` is None for what is asked alone. `escalation` is what takes the place of `approvals` when `on_expiry` is
    `escalate`, and empty otherwise.
    """

    tier: int
    rules: tuple[str, ...]
    whys: tuple[str, ...]
    approvals: tuple[Requirement, ...] = ()
    is_denied: bool = False
    batch: Batch | None = None
    policy_hash: bytes | None = None
    escalation: tuple[Requirement, ...] = ()
    tracer: Callable[[], tuple[Considered, ...]] = field(default=_nothing, compare=False, repr=False)

    @property
    def rule(self) -> str:
        """The ids that decided, as one text."""
        return ", ".join(self.rules)

    @property
    def why(self) -> str:
        """The reasons as one text."""
        return " ".join(self.whys)

    @property
    def approvers(self) -> tuple[str, ...]:
        """Everybody named in an approval; empty means anybody but the requester."""
        return tuple(sorted({entry for one in self.approvals for entry in one.by}))

    @property
    def expires(self) -> timedelta | None:
        """The shortest time to decide among the approvals; None where none has a limit."""
        return min((one.expires for one in self.approvals if one.expires is not None), default=None)

    @property
    def on_expiry(self) -> OnExpiry:
        """What happens then: the strictest of what the approvals with a limit say, `reject` where none has one."""
        return strictest_end(self.approvals)

    @property
    def remind(self) -> float:
        """The share of that time after which to remind: the earliest any approval asks for."""
        return min((one.remind for one in self.approvals), default=DEFAULT_REMIND)

    @property
    def trace(self) -> tuple[Considered, ...]:
        """Every rule, floor and deny with each clause and its value; computed anew from the same facts."""
        return self.tracer()

    def explain(self) -> str:
        """Return the ruling and its trace as text for a person."""
        first = "denied" if self.is_denied else f"tier {self.tier}"
        asked = "".join(
            f"\n  {one.group}: {one.quorum} of {', '.join(one.by) or 'anybody'}" for one in self.approvals
        )
        return f"{first}, by {self.rule}: {self.why}{asked}\n{describe(self.trace)}".rstrip()

    def as_data(self) -> dict[str, object]:
        """Return what is to be kept of this as JSON values: all that `is_stricter_than` looks at, rules and reasons."""
        return {
            "tier": self.tier,
            "denied": self.is_denied,
            "rules": list(self.rules),
            "whys": list(self.whys),
            "approvals": [one.as_data() for one in self.approvals],
            "policy_hash": None if self.policy_hash is None else self.policy_hash.hex(),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Ruling:
        """Return a ruling that `as_data` wrote, to compare another with; it has no trace, batch or escalation."""
        hashed = data.get("policy_hash")
        return cls(
            data["tier"],
            tuple(data["rules"]),
            tuple(data["whys"]),
            tuple(Requirement.from_data(one) for one in data["approvals"]),
            data["denied"],
            policy_hash=None if hashed is None else bytes.fromhex(hashed),
        )

    def is_stricter_than(self, other: Ruling) -> bool:
        """Whether what satisfied `other` does not satisfy this: by deny, tier, or an approval not yet given.

        An approval asked for under `other` stands under this ruling exactly if this is False; `other` is the ruling as
        it was when asked, since escalation and handing over change who decides and not what was needed. Two rulings may each be
        stricter than the other, where they ask different people. Reasons, rule ids and expiry do not matter: a
        reworded policy does not ask again, and an approval carries its own expiry.
        """
        if self.is_denied or other.is_denied:
            return self.is_denied and not other.is_denied
        if self.tier > other.tier:
            return True
        return not all(any(given.implies(one) for given in other.approvals) for one in self.approvals)


def strictest_end(approvals: Iterable[Requirement]) -> OnExpiry:
    """Return what happens when the time for all of `approvals` has passed."""
    said = {one.on_expiry for one in approvals if one.expires is not None}
    return next((end for end in OnExpiry if end in said), OnExpiry.REJECT)


def rule_without_policy(team: str | None) -> Ruling:
    """Return the ruling where no policy is active: tier 2, decided by the owner's team.

    Without a team anybody but the requester may decide, which is what a laptop needs and a deployed worker refuses.
    """
    return Ruling(
        STRICTEST,
        (NO_POLICY,),
        ("no policy is active, so every effect is decided by the owner's team",),
        (Requirement(OWNER, (f"team:{team}",) if team else ()),),
    )
