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
from hashlib import sha256
from types import MappingProxyType
from typing import Final, TypeAlias
from unicodedata import normalize

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

_BLANK: Final = " \t\n\r\f\v"

_PERSONAL: Final = ("user", "service")
_COLLECTIVE: Final = ("group", "team")
_ALWAYS_NEVER: Final = ("requester", "contract_author")

ANYBODY: Final = "anybody"
BREAK_GLASS: Final = "break-glass"


class Standing(StrEnum):
    """How a person stands with the accounts of a database."""

    OPEN = "open"
    """There are no accounts, as on a laptop: anybody but requester and authors decides."""
    STRANGER = "stranger"
    """There are accounts and this person has none: only being named helps."""
    ACTIVE = "active"
    """An account that may decide."""
    ROLELESS = "roleless"
    """An account whose roles do not allow deciding."""
    DISABLED = "disabled"
    BREAK_GLASS = "break_glass"
    """An account that has broken the glass: entitled for an hour, and always reported."""


def may_decide(
    person: str,
    *,
    requester: str | None,
    authors: Collection[str],
    approvers: Sequence[str],
    never: Collection[str] = (),
    groups: Collection[str] = (),
    standing: Standing = Standing.ACTIVE,
) -> Entitlement:
    """Say whether `person` may decide an approval; `actum.may_decide` in the database says the same.

    Identities are `user:NAME` or `service:NAME`, a bare name meaning a user, compared without regard to letter case.
    `approvers` may also hold `group:NAME` and `team:NAME`; `groups` are those the person is in, written likewise. The requester, the
    `authors` (whom the contract names, and who edited its arguments) and whoever is in `never` do not decide. Without a requester anybody in a group may be the one who
    asked, so only persons named one by one decide. Nobody named: anybody else with an account decides.
    """
    who = identity(person)
    kind, _, name = who.partition(":")
    if not name:
        return NotEntitled("nobody is signed in: sign in as one of the approvers")
    if kind in _COLLECTIVE:
        return NotEntitled(
            f"{who} is not a person: one of its members decides, signed in under their own name"
        )
    for other, role in ((requester, "requested this"), *((one, "wrote this") for one in authors)):
        if is_same(who, other):
            return NotEntitled(f"{who} {role}, and nobody decides on their own work: ask {_named(approvers)}")
    if standing in (Standing.DISABLED, Standing.ROLELESS):
        return NotEntitled(
            f"the account {who} may not decide: ask {_named(approvers)}, or an admin for the role"
        )
    kept_out = {identity(entry).lower() for entry in never if entry not in _ALWAYS_NEVER}
    if kept_out & {who.lower(), *(group.lower() for group in groups)}:
        return NotEntitled(f"{who} is kept out of this decision: ask {_named(approvers)}")
    if standing is Standing.OPEN:
        return Entitled(ANYBODY)
    if standing is Standing.BREAK_GLASS:
        return Entitled(BREAK_GLASS)
    return _find_entry(who, approvers, groups, standing, has_requester=bool((requester or "").strip(_BLANK)))


def _find_entry(
    who: str, approvers: Sequence[str], groups: Collection[str], standing: Standing, *, has_requester: bool
) -> Entitlement:
    if any(is_same(who, entry) for entry in approvers):
        return Entitled(who)
    mine = {group.lower() for group in groups} if standing is Standing.ACTIVE else set()
    through = next((entry for entry in approvers if _is_member(entry, mine)), None)
    if not approvers and standing is Standing.ACTIVE:
        through = ANYBODY
    if through is None:
        return NotEntitled(f"{who} is not among the approvers: ask {_named(approvers)}")
    if not has_requester:
        return NotEntitled(
            f"nobody is recorded as having requested this, so {through} as a whole may not decide: "
            "only an approver named as a person may"
        )
    return Entitled(through)


def card_hash(action_hash: bytes, number: int) -> bytes:
    """Return what the card of an action is known by in this round of votes; the first round's is the action's hash.

    `actum.card_hash` in the database says the same. Who is asked is another question after an escalation, so a vote on
    the card that was read before it is none in the new round.
    """
    return action_hash if number == 1 else sha256(action_hash + number.to_bytes(4, "big")).digest()


def identity(name: str) -> str:
    """Return `name` with its kind in front, the kind in lower case: a bare name is a user's.

    What Unicode can spell in two ways is one name.
    """
    name = normalize("NFC", name)
    kind, sign, rest = name.strip(_BLANK).partition(":")
    if sign and kind.lower() in _PERSONAL + _COLLECTIVE:
        return f"{kind.lower()}:{rest.strip(_BLANK)}"
    return f"user:{name.strip(_BLANK)}"


def is_same(one: str, other: str | None) -> bool:
    """Whether two names are one person's: letter case does not count, and nobody is the same as nobody."""
    if not one.strip(_BLANK) or not (other or "").strip(_BLANK):
        return False
    return identity(one).lower() == identity(other or "").lower()


def _is_member(entry: str, groups: Collection[str]) -> bool:
    kind, _, name = identity(entry).partition(":")
    return kind in _COLLECTIVE and bool(name) and identity(entry).lower() in groups


def _named(approvers: Sequence[str]) -> str:
    return " or ".join(approvers) or "anybody else"
