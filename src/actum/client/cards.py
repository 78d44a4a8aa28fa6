"""Cards: everything an approver is told about one approval, as plain data without a mark for any screen.

Command line and console show the same card. Its sentence, facts, diff and checks come from the author's preview, which
is code; arguments may have been written by a model, and whoever shows them says so. Nothing here is made harmless or
shortened: that is for whoever shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from actum.client.oddities import LAST, Asked, find_oddities
from actum.client.reasons import Reason, explain_rules, operation_of
from actum.errors import PolicyError
from actum.machine.amounts import exact_amounts
from actum.machine.batches import looks_failed
from actum.machine.policy import Policy, parse_policy
from actum.store.cards import AlikeRow, BesideRow
from actum.store.rows import ApprovalRow, InquiryRow, VoteRow

if TYPE_CHECKING:
    from actum.store.store import Store

LONGEST_TYPED = 60
"""Characters of a value that a person can be asked to type."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the preview, in its own words."""

    text: str
    has_failed: bool


@dataclass(frozen=True, slots=True)
class Need:
    """Who has to approve: `quorum` of `by` (empty: anybody but the requester), and who has so far, in the current round."""

    group: str
    by: tuple[str, ...]
    quorum: int
    voters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One approval as a person reads it, its parts in the order in which they are shown.

    `reversibility` is undoable, compensable, final or unknown. `remind_at` is None without an end, and once reminded.
    `odd` says what is unlike the last fifty of its kind; `editable` names the parameters an approver may change. Where
    somebody edited, `edited` are the arguments that are decided instead of `arguments`, and `edited_by` says who it was.
    """

    approval: ApprovalRow
    sentence: str
    target: str
    facts: Mapping[str, Any]
    reasons: tuple[Reason, ...]
    diff: str
    blast_radius: str
    reversibility: str
    checks: tuple[Check, ...]
    remind_at: datetime | None
    needs: tuple[Need, ...]
    votes: tuple[VoteRow, ...]
    inquiries: tuple[InquiryRow, ...]
    odd: tuple[str, ...]
    arguments: Any
    editable: tuple[str, ...]
    input_schema: str
    has_preview: bool
    is_first: bool
    """Whether nothing of its kind was asked before."""
    edited: Any = None
    edited_by: str = ""

    @property
    def is_final(self) -> bool:
        """Whether nothing may put it back; what is not known counts as that."""
        return self.reversibility not in ("undoable", "compensable")

    @property
    def edits(self) -> dict[str, Any]:
        """What was edited: the parameters with other values than were asked for, and those values."""
        own = self.arguments if isinstance(self.arguments, dict) else {}
        given = self.edited if isinstance(self.edited, dict) else {}
        return {name: value for name, value in given.items() if name not in own or own[name] != value}

    @property
    def salient(self) -> tuple[str, str]:
        """What a person types to approve what is final, as (name, value): the amount, else the target, else the kind."""
        for name, value in (("amount", self.facts.get("amount")), ("target", self.target)):
            if (
                isinstance(value, str)
                and value.strip()
                and len(value) <= LONGEST_TYPED
                and value.isprintable()
            ):
                return name, value
        return "kind", self.approval.kind

    @property
    def amounts(self) -> dict[str, Decimal]:
        """The numbers among its facts, and money that is given as text, exactly as written."""
        return exact_amounts(
            {
                name: value
                for name, value in self.facts.items()
                if not isinstance(value, str) or name.startswith("amount")
            }
        )

    def as_data(self) -> dict[str, Any]:
        """Return as JSON values what a card adds to its approval's row."""
        return {
            "sentence": self.sentence,
            "target": self.target,
            "reasons": [asdict(one) for one in self.reasons],
            "reversibility": self.reversibility,
            "checks": [asdict(one) for one in self.checks],
            "batch": str(self.approval.batch_id) if self.approval.batch_id else None,
            "remind_at": None if self.remind_at is None else self.remind_at.isoformat(),
            "on_expiry": self.approval.on_expiry,
            "needs": [asdict(one) for one in self.needs],
            "round": self.approval.round,
            "votes": [{"by": one.voter, "ruling": one.ruling, "round": one.round} for one in self.votes],
            "inquiries": [
                {
                    "number": one.id,
                    "question": one.question,
                    "by": one.asked_by,
                    "answer": one.answer,
                    "answered_by": one.answered_by,
                }
                for one in self.inquiries
            ],
            "odd": list(self.odd),
            "edited": self._edited_as_data(),
            "editable": list(self.editable),
            "confirm": dict([self.salient]) if self.is_final and self.approval.tier == 2 else None,
        }

    def _edited_as_data(self) -> dict[str, Any] | None:
        if self.approval.edited is None:
            return None
        return {"by": self.edited_by, "changes": self.edits, "arguments": self.edited}


async def read_card(store: Store, approval: ApprovalRow) -> Card:
    """Return the card of one approval, decided or not."""
    return (await read_cards(store, [approval]))[0]


async def read_cards(store: Store, approvals: Sequence[ApprovalRow]) -> list[Card]:
    """Return the cards of approvals, in their order; five statements however many there are, and one a policy."""
    ids = [one.id for one in approvals]
    if not ids:
        return []
    beside = await store.cards.list_beside(ids)
    votes = await store.approvals.list_votes(ids)
    inquiries = await store.approvals.list_inquiries(ids)
    alike = await store.cards.list_alike(ids, LAST)
    policies = {one: await _read_policy(store, one) for one in {row.policy_hash for row in beside.values()}}
    return [
        _card(
            row,
            beside[row.id],
            policies.get(beside[row.id].policy_hash),
            tuple(one for one in votes if one.approval_id == row.id),
            tuple(one for one in inquiries if one.approval_id == row.id),
            [one for one in alike if one.approval_id == row.id],
        )
        for row in approvals
        if row.id in beside
    ]


async def _read_policy(store: Store, policy_hash: bytes | None) -> Policy | None:
    found = [] if policy_hash is None else await store.policies.find(policy_hash.hex())
    try:
        return parse_policy(found[0].body) if len(found) == 1 else None
    except (
        PolicyError
    ):  # its time zone is none that this machine knows: the reasons are kept with the request
        return None


def _card(
    row: ApprovalRow,
    beside: BesideRow,
    policy: Policy | None,
    votes: tuple[VoteRow, ...],
    inquiries: tuple[InquiryRow, ...],
    alike: Sequence[AlikeRow],
) -> Card:
    preview, step, requested = _object(row.preview), _object(beside.step), _object(beside.requested)
    facts, target = _facts(preview.get("facts")), str(preview.get("target") or "")
    operation = operation_of(
        kind=row.kind, contract=row.contract, team=row.team, at=row.asked_at, facts=facts, requested=requested
    )
    now = Asked(row.contract, row.requester, target, facts)
    return Card(
        approval=row,
        sentence=str(preview.get("sentence") or f"{row.kind} by {row.step}, without a preview"),
        target=target,
        facts=facts,
        reasons=explain_rules(row.rule, requested, policy, operation),
        diff=str(preview.get("diff") or ""),
        blast_radius=str(preview.get("blast_radius") or ""),
        reversibility=str(step.get("reversibility") or requested.get("reversibility") or "unknown"),
        checks=read_checks(preview.get("checks")),
        remind_at=_remind_at(row, beside),
        needs=_needs(row, votes),
        votes=votes,
        inquiries=inquiries,
        odd=find_oddities(now, [_asked(one) for one in alike]),
        arguments=_value(row.arguments),
        edited=_value(row.edited),
        edited_by=_editor(row, votes),
        editable=tuple(str(one) for one in step.get("editable") or ()),
        input_schema=orjson.dumps(step.get("input") or {}).decode(),
        has_preview=row.preview is not None,
        is_first=not alike,
    )


def read_checks(checks: object) -> tuple[Check, ...]:
    """Return a preview's checks, those that failed first; what cannot be told from its words has not failed."""
    texts = [str(one) for one in checks] if isinstance(checks, list) else []
    found = [Check(one, looks_failed(one)) for one in texts]
    return tuple(sorted(found, key=lambda one: not one.has_failed))


def _needs(row: ApprovalRow, votes: Sequence[VoteRow]) -> tuple[Need, ...]:
    asked = _value(row.requirements)
    if not isinstance(asked, list):
        asked = [{"group": "owner", "by": row.approvers}]
    return tuple(
        Need(
            group := str(one.get("group") or ""),
            tuple(str(name) for name in one.get("by") or ()),
            int(one.get("quorum") or 1),
            tuple(
                vote.voter
                for vote in votes
                if vote.ruling == "approved"
                and vote.round == row.round
                and (row.requirements is None or group in vote.satisfies)
            ),
        )
        for one in asked
        if isinstance(one, dict)
    )


def _editor(row: ApprovalRow, votes: Sequence[VoteRow]) -> str:
    """Return who edited first: within a round all approve the same arguments."""
    voters = [one.voter for one in votes if one.round == row.round and one.ruling == "approved"]
    return voters[0] if row.edited is not None and voters else ""


def _remind_at(row: ApprovalRow, beside: BesideRow) -> datetime | None:
    is_told = row.state != "pending" or beside.reminded_at or row.paused_at
    return None if is_told else beside.remind_at


def _asked(row: AlikeRow) -> Asked:
    return Asked(row.contract, row.requester, str(_value(row.target) or ""), _facts(_value(row.facts)))


def _facts(facts: object) -> dict[str, Any]:
    if isinstance(facts, dict):
        return facts
    return {} if facts is None else {"facts": facts}


def _object(body: str | bytes | None) -> dict[str, Any]:
    value = _value(body)
    return value if isinstance(value, dict) else {}


def _value(body: str | bytes | None) -> Any:
    if body is None:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body if isinstance(body, str) else body.decode("utf-8", "replace")


def describe_seen(words: int, folded: int = 0) -> str:
    """Return what a decision keeps of what was read: `card, 143 words`, and how many lines stayed folded.

    Every face writes this form, because `actum quality` reads it.
    """
    return f"card, {words} words" + (f", {folded} lines folded" if folded else "")


def count_words(texts: Sequence[str]) -> int:
    """Return how many words there are to read: runs of letters or digits."""
    return sum(1 for text in texts for word in text.split() if any(char.isalnum() for char in word))
