"""Deciding: every verb a person has about approvals, each answered once and in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from actum.client.arguments import check_id, check_number, check_text
from actum.client.finding import find_approval
from actum.engine.sifting import show_sifted
from actum.errors import InvalidInput, NotEntitled, NotFound, NotPossible
from actum.machine.approvals import identity
from actum.model.ids import short
from actum.store.approvals import Ruled
from actum.store.rows import ApprovalRow, DecidedRow, InquiryRow, VoteRow

if TYPE_CHECKING:
    from actum.client.client import Client


class Approvals:
    """The approvals of a client's database, as its actor may act on them: `client.approvals`.

    As long as the database holds no account, anybody but the requester and the contract's authors decides, which is what
    a laptop needs. With the first account only those do whom the approval names: in person, or through a group or team
    in which they have an account that is not disabled and has the role approver or admin.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._store = client.store

    async def approve(
        self,
        approval: UUID | str,
        rationale: str,
        *,
        seen_hash: bytes | None = None,
        edited: bytes | None = None,
        seen: str | None = None,
        seen_ms: int | None = None,
    ) -> DecidedRow:
        """Approve once; the same person saying it again gets the same answer.

        `answer` is `voted` when the vote counts and others are needed. `seen_hash` is the `card_hash` of the card that was
        read: one that is out of date is refused, also where an escalation has begun another round of votes since, in
        which whoever voted before may vote again. Without it the card is the one there is when this call begins. `seen` and `seen_ms` say what was looked at, and for how many
        milliseconds. `edited` are the canonical argument bytes to approve instead: the action that was asked for is
        closed as superseded, because the edited one is another, and the workflow is told. Raises NotEntitled for the
        requester, the authors, their delegates and whoever is not named; NotFound; and NotPossible for an approval that
        is not open any more or was voted on already.
        """
        return await self._decide(approval, "approved", rationale, seen_hash, edited, seen, seen_ms)

    async def reject(
        self,
        approval: UUID | str,
        rationale: str,
        *,
        seen_hash: bytes | None = None,
        seen: str | None = None,
        seen_ms: int | None = None,
    ) -> DecidedRow:
        """Reject once, which closes the approval whatever others said; the requester may. Raises as `approve` does."""
        return await self._decide(approval, "rejected", rationale, seen_hash, None, seen, seen_ms)

    async def _decide(
        self,
        approval: UUID | str,
        ruling: str,
        rationale: str,
        seen_hash: bytes | None,
        edited: bytes | None,
        seen: str | None,
        seen_ms: int | None,
    ) -> DecidedRow:
        _require_text(rationale, "a decision needs its reason: say in a few words why, with --reason")
        approval_id = await self._find(approval)
        decided = await self._store.approvals.decide(
            approval_id,
            ruling=ruling,
            actor=self._client.actor,
            rationale=rationale,
            seen_hash=seen_hash or await self._card_now(approval_id),
            edit=edited,
            seen=seen,
            seen_ms=seen_ms,
        )
        raise_undecided(decided, approval_id, self._client.actor)
        if decided.answer == "decided" and decided.workflow_id is not None:
            self._client.hints.send(f"wake:{decided.workflow_id}")
        return decided

    async def decide_many(
        self, verdicts: Sequence[Ruled], *, seen: str | None = None, seen_ms: int | None = None
    ) -> list[tuple[UUID, DecidedRow]]:
        """Decide the items of a card in one call, each judged as if alone; nothing is raised for a single item.

        Returns (approval, answer) in the order given; durable together. Raises InvalidInput when one lacks its reason.
        """
        for one in verdicts:
            _require_text(one.rationale, f"the decision on {short(one.approval_id)} needs its reason")
            if one.ruling not in ("approved", "rejected"):
                raise InvalidInput(f"{one.ruling!r} is no decision: say approved or rejected", path="ruling")
        bound = [
            one if one.seen_hash else replace(one, seen_hash=await self._card_now(one.approval_id))
            for one in verdicts
        ]
        answers = await self._store.approvals.decide_many(
            bound, actor=self._client.actor, seen=seen, seen_ms=seen_ms
        )
        for workflow_id in {answer.workflow_id for _, answer in answers if answer.answer == "decided"}:
            self._client.hints.send(f"wake:{workflow_id}")
        return answers

    async def _card_now(self, approval_id: UUID) -> bytes | None:
        """Return what to hold a decision to that names no card: sent again, it is still of the round it was made in."""
        row = await self._store.approvals.get(approval_id)
        return None if row is None else row.card_hash

    async def show_batch(self, batch_id: UUID) -> list[ApprovalRow]:
        """Return the items of a batch; from the first time on they are fixed, and nothing joins them.

        What sticks out of it is taken out before that, to be decided alone.
        """
        rows = [await self._store.approvals.get(one) for one in await show_sifted(self._store, batch_id)]
        if not rows:
            raise NotFound(f"there is no batch {short(batch_id)} with anything in it: see `actum inbox`")
        return [row for row in rows if row is not None]

    async def revoke(self, approval: UUID | str, reason: str) -> None:
        """Take an approval back before its use; twice changes nothing.

        Raises NotPossible once it is used or was never given, NotEntitled for whoever had no say in it.
        """
        _require_text(reason, "taking an approval back needs its reason")
        approval_id = await self._find(approval)
        answer = await self._store.approvals.revoke(approval_id, actor=self._client.actor, reason=reason)
        self._raise_refused(answer["answer"], answer["state"], approval_id, "take it back")
        self._client.hints.send(f"wake:{answer['workflow_id']}")

    async def hand_over(self, approval: UUID | str, person: str, reason: str) -> None:
        """Have `person`, who is told, decide in this client's place; who hands over has no say any more.

        Raises NotEntitled when this actor may not decide, or `person` requested or wrote it, and NotPossible when it is
        not open, while this actor's glass is broken, or could not be decided any more because `person` cannot vote on it
        or has a vote that is needed beside this one, or would need one vote less because `person` has a say under another
        group.
        """
        _require_text(reason, "handing over needs its reason")
        approval_id, to = await self._find(approval), identity(person)
        if to.partition(":")[0] not in ("user", "service") or not to.partition(":")[2]:
            raise InvalidInput(f"{person!r} is no person: hand over to user:NAME", path="person")
        answer = await self._store.approvals.hand_over(
            approval_id, actor=self._client.actor, person=to, reason=reason
        )
        if answer["answer"] == "self_approval":
            raise NotEntitled(f"{to} requested or wrote this and cannot decide {short(approval_id)}")
        if answer["answer"] == "break_glass":
            raise NotPossible(
                f"{self._client.actor} has a say in {short(approval_id)} by a broken glass alone, which nobody hands on: "
                "decide it yourself, or leave it"
            )
        if answer["answer"] == "two_votes":
            raise NotPossible(
                f"{to} has a say of their own in {short(approval_id)}, and would decide for two: "
                "hand it over to somebody who has none"
            )
        if answer["answer"] == "undecidable":
            raise NotPossible(
                f"with {to} in the place of {self._client.actor} nobody could decide {short(approval_id)} any more: "
                "hand it over to somebody who can vote on it and has not voted yet"
            )
        self._raise_refused(answer["answer"], answer["state"], approval_id, "hand it over")

    async def inquire(self, approval: UUID | str, question: str) -> int:
        """Ask about an open approval; its time stands still until the answer. Returns the question's number.

        Whoever requested or wrote it is told, or else their team.
        """
        _require_text(question, "the question is empty: say what you want to know")
        approval_id = await self._find(approval)
        answer = await self._store.approvals.inquire(approval_id, actor=self._client.actor, question=question)
        self._raise_refused(answer["answer"], None, approval_id, "ask about it")
        number: int = answer["inquiry_id"]
        return number

    async def answer_inquiry(self, inquiry: int, answer: str) -> None:
        """Answer what was asked about an approval; the first answer stands. Raises NotFound and NotPossible."""
        _require_text(answer, "the answer is empty: say something")
        check_number(inquiry, "a question", "actum inbox")
        said = await self._store.approvals.answer_inquiry(inquiry, actor=self._client.actor, answer=answer)
        if said["answer"] == "not_found":
            raise NotFound(f"there is no question {inquiry} about an approval: see `actum inbox`")
        if said["answer"] == "repeated":
            raise NotPossible(f"question {inquiry} is answered already: the first answer stands")

    async def list_inquiries(self, approvals: Sequence[UUID]) -> list[InquiryRow]:
        """Return what was asked about these approvals, and answered, in order."""
        return await self._store.approvals.list_inquiries(approvals)

    async def list_votes(self, approvals: Sequence[UUID]) -> list[VoteRow]:
        """Return the votes on these approvals, in order."""
        return await self._store.approvals.list_votes(approvals)

    async def _find(self, approval: UUID | str) -> UUID:
        if isinstance(approval, str):
            return await find_approval(self._store, approval)
        return check_id(approval, "an approval", "actum inbox")

    def _raise_refused(self, answer: str, state: str | None, approval_id: UUID, what: str) -> None:
        name = short(approval_id)
        match answer:
            case "not_found":
                raise NotFound(f"there is no approval {name}: `actum inbox` shows those that are open")
            case "not_pending" | "not_approved":
                raise NotPossible(f"approval {name} is {state or 'decided'}: it is too late to {what}")
            case "expired":
                raise NotPossible(f"approval {name} has expired: the workflow has to ask again")
            case "already_voted":
                raise NotPossible(f"{self._client.actor} has voted on {name} already and cannot {what}")
            case "not_entitled":
                raise NotEntitled(f"{self._client.actor} has no say in {name} and cannot {what}")


def raise_undecided(decided: DecidedRow, approval_id: UUID, actor: str) -> None:
    """Raise the refusal that an answer stands for; return for those that are none."""
    name = short(approval_id)
    match decided.answer:
        case "decided" | "repeated" | "voted":
            return
        case "not_found":
            raise NotFound(f"there is no approval {name}: `actum inbox` shows those that are open")
        case "not_pending":
            by = f" by {decided.ruled_by}" if decided.ruled_by else ""
            raise NotPossible(f"approval {name} is {decided.state}{by} already: the first decision stands")
        case "expired":
            raise NotPossible(f"approval {name} expired at {decided.detail}: the workflow has to ask again")
        case "stale_card":
            raise NotPossible(
                f"approval {name} is not what you read: look at it again with `actum inbox`, then decide"
            )
        case "already_voted":
            raise NotPossible(
                f"{actor}, or who they stand in for, has voted on {name} already: one vote a person"
            )
        case "edits_differ":
            raise NotPossible(
                f"others voted on {name} with other arguments, which `actum inbox {name}` shows with the line to type: "
                "approve the same, or reject it and have it asked again"
            )
        case "self_approval":
            raise NotEntitled(
                f"{actor} asked for this or wrote it, or acts for who did, and cannot approve it: "
                f"somebody else has to decide {name}"
            )
        case "not_entitled":
            whom = decided.detail or "anybody else who has an account"
            raise NotEntitled(f"{actor} is not among the approvers of {name}: ask {whom}")


def _require_text(text: str, sentence: str) -> None:
    if not check_text(text, "what is said with it").strip():
        raise InvalidInput(sentence, path="rationale")
