"""Approvals: the states of one as a table, and who may decide it.

    pending      asked, and nobody has decided
    approved     decided yes, for exactly one action in one state of the world
    rejected     decided no
    expired      the time to decide, or to use the decision, has passed
    withdrawn    the workflow no longer asks
    superseded   asked anew under another ruling or another action
    used         an effect began under it; it is spent
    stale        the world it relied on, or the ruling it was given under, has changed
    revoked      a person took the decision back before its use

Approving by time-out does not exist: only a decision leads to `approved`. A pair that is absent is illegal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from actum.machine.transitions import IllegalTransition


class ApprovalState(StrEnum):
    """Where an approval stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    USED = "used"
    STALE = "stale"
    REVOKED = "revoked"


A = ApprovalState

TABLE: Final[Mapping[ApprovalState, frozenset[ApprovalState]]] = MappingProxyType(
    {
        A.PENDING: frozenset({A.APPROVED, A.REJECTED, A.EXPIRED, A.WITHDRAWN, A.SUPERSEDED}),
        A.APPROVED: frozenset({A.USED, A.STALE, A.REVOKED, A.EXPIRED}),
        A.REJECTED: frozenset(),
        A.EXPIRED: frozenset(),
        A.WITHDRAWN: frozenset(),
        A.SUPERSEDED: frozenset(),
        A.USED: frozenset(),
        A.STALE: frozenset(),
        A.REVOKED: frozenset(),
    }
)
"""State -> the states that may follow it."""

BORN: Final = A.PENDING
"""The state in which an approval is asked for."""


def move(state: ApprovalState | None, to: ApprovalState) -> ApprovalState:
    """Return `to` if an approval in `state` (None before it is asked for) may go there.

    Raises IllegalTransition, with the states that may follow, otherwise.
    """
    allowed = frozenset({BORN}) if state is None else TABLE[state]
    if to in allowed:
        return to
    before = "not yet asked for" if state is None else state.value
    ways = ", ".join(sorted(way.value for way in allowed)) or "nothing: ask anew"
    raise IllegalTransition(
        f"an approval that is {before} cannot become {to.value}: what may follow is {ways}",
        state="" if state is None else state.value,
        move=to.value,
    )


@dataclass(frozen=True, slots=True)
class Entitled:
    """This person may decide; `through` is the entry of the approvers that says so."""

    through: str


@dataclass(frozen=True, slots=True)
class NotEntitled:
    """This person may not decide; `why` is a sentence with the way out."""

    why: str


Entitlement: TypeAlias = Entitled | NotEntitled

_PERSONAL: Final = ("user", "service")
_COLLECTIVE: Final = ("group", "team")


def may_decide(
    person: str,
    *,
    requester: str | None,
    author: str | None,
    approvers: Sequence[str],
    groups: Collection[str] = (),
) -> Entitlement:
    """Say whether `person` may decide an approval.

    Identities are `user:NAME` or `service:NAME`, a bare name meaning a user. `approvers` may also hold `group:NAME` and
    `team:NAME`; `groups` are those the person is in, a bare name standing for the group and the team of that name.
    The requester and the contract's author never decide, compared without regard to letter case. Without a requester
    anybody in a group may be the one who asked, so only persons named one by one decide. Nobody named: nobody decides.
    """
    who = identity(person)
    kind, _, name = who.partition(":")
    if not name:
        return NotEntitled("nobody is signed in: sign in as one of the approvers")
    if kind in _COLLECTIVE:
        return NotEntitled(
            f"{who} is not a person: one of its members decides, signed in under their own name"
        )
    for other, role in ((requester, "requested this"), (author, "wrote this contract")):
        if other and _is_same(who, identity(other)):
            return NotEntitled(f"{who} {role}, and nobody decides on their own work: ask {_named(approvers)}")
    if who in map(identity, approvers):
        return Entitled(who)
    through = next((entry for entry in approvers if _is_member(entry, groups)), None)
    if through is None:
        return NotEntitled(f"{who} is not among the approvers: ask {_named(approvers)}")
    if not (requester or "").strip():
        return NotEntitled(
            f"nobody is recorded as having requested this, so {through} as a whole may not decide: "
            "only an approver named as a person may"
        )
    return Entitled(through)


def identity(name: str) -> str:
    """Return `name` with its kind in front, in lower case: a bare name is a user's."""
    kind, sign, rest = name.strip().partition(":")
    if sign and kind.lower() in _PERSONAL + _COLLECTIVE:
        return f"{kind.lower()}:{rest.strip()}"
    return f"user:{name.strip()}"


def _is_same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _is_member(entry: str, groups: Collection[str]) -> bool:
    kind, _, name = identity(entry).partition(":")
    return kind in _COLLECTIVE and bool(name) and (f"{kind}:{name}" in groups or name in groups)


def _named(approvers: Sequence[str]) -> str:
    return " or ".join(approvers) or "the owner of the policy to name an approver"
