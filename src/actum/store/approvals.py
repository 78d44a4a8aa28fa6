"""Statements over `approvals`, `decisions` and `questions`: what people are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from actum.store.pool import Pool, Row
from actum.store.rows import ApprovalRow, DecidedRow, DecisionRow, InquiryRow, QuestionRow, VoteRow


@dataclass(frozen=True, slots=True)
class Ruled:
    """One of many decisions: `approved` or `rejected`, why, and the hash of the card that was read."""

    approval_id: UUID
    ruling: str
    rationale: str
    seen_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class UnplacedRow:
    """An open approval that is not where it belongs yet; `preview` and `placement` (what is to be done) are JSON text."""

    id: UUID
    kind: str
    contract: str
    team: str | None
    rule: str
    policy_hash: bytes | None
    preview: str | None
    placement: str


class Approvals:
    """The approvals of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list_pending(self, count: int = 100) -> list[ApprovalRow]:
        """Return approvals that wait for a person, oldest first."""
        rows = await self._pool.fetch(
            self._pool.statement("approvals", "list_pending"), count=count, now=self._pool.now()
        )
        return [ApprovalRow(**row) for row in rows]

    async def list_of(self, ids: Sequence[UUID]) -> list[ApprovalRow]:
        """Return every approval of these workflows, in the order asked."""
        rows = await self._pool.fetch(self._pool.statement("approvals", "list_of"), ids=list(ids))
        return [ApprovalRow(**row) for row in rows]

    async def get(self, approval_id: UUID) -> ApprovalRow | None:
        """Return one approval, decided or not, or None."""
        rows = await self._pool.fetch(self._pool.statement("approvals", "get"), id=approval_id)
        return ApprovalRow(**rows[0]) if rows else None

    async def find(self, suffix: str) -> list[UUID]:
        """Return up to ten approval ids that end in the hexadecimal digits `suffix`."""
        rows = await self._pool.fetch(self._pool.statement("approvals", "find"), suffix=suffix)
        return [row["id"] for row in rows]

    async def decide(
        self,
        approval_id: UUID,
        *,
        ruling: str,
        actor: str,
        rationale: str,
        seen_hash: bytes | None,
        edit: bytes | None = None,
        seen: str | None = None,
        seen_ms: int | None = None,
    ) -> DecidedRow:
        """Vote once, and decide if that is enough; a second vote changes nothing and says how the first one went.

        `edit` are arguments to be approved instead of those asked for; `seen` says what was looked at and `seen_ms`
        for how many milliseconds.
        """
        rows = await self._pool.fetch(
            self._pool.statement("approvals", "decide"),
            id=approval_id,
            ruling=ruling,
            actor=actor,
            rationale=rationale,
            seen_hash=seen_hash,
            edit=edit,
            seen=seen,
            seen_ms=seen_ms,
            now=self._pool.now(),
        )
        return DecidedRow(**rows[0])

    async def decide_many(
        self, verdicts: Sequence[Ruled], *, actor: str, seen: str | None = None, seen_ms: int | None = None
    ) -> list[tuple[UUID, DecidedRow]]:
        """Decide many in one call, each as if alone; answers in the order given. Durable together."""
        rows = await self._pool.fetch(
            self._pool.statement("approvals", "decide_many"),
            ids=[one.approval_id for one in verdicts],
            rulings=[one.ruling for one in verdicts],
            rationales=[one.rationale for one in verdicts],
            seen_hashes=[one.seen_hash for one in verdicts],
            actor=actor,
            seen=seen,
            seen_ms=seen_ms,
            now=self._pool.now(),
        )
        answers = [dict(row) for row in rows]
        return [(answer.pop("approval_id"), DecidedRow(**answer)) for answer in answers]

    async def revoke(self, approval_id: UUID, *, actor: str, reason: str) -> Row:
        """Take an approval back before its use; returns `answer`, `state` and `workflow_id`."""
        rows = await self._pool.fetch(
            self._pool.statement("approvals", "revoke"),
            id=approval_id,
            actor=actor,
            reason=reason,
            now=self._pool.now(),
        )
        return rows[0]

    async def hand_over(self, approval_id: UUID, *, actor: str, person: str, reason: str) -> Row:
        """Have `person` decide in the actor's place; returns `answer`, `state` and `workflow_id`."""
        rows = await self._pool.fetch(
            self._pool.statement("approvals", "hand_over"),
            id=approval_id,
            actor=actor,
            person=person,
            reason=reason,
            now=self._pool.now(),
        )
        return rows[0]

    async def inquire(self, approval_id: UUID, *, actor: str, question: str) -> Row:
        """Ask about an open approval; returns `answer` and `inquiry_id`."""
        rows = await self._pool.fetch(
            self._pool.statement("approvals", "inquire"),
            id=approval_id,
            actor=actor,
            question=question,
            now=self._pool.now(),
        )
        return rows[0]

    async def answer_inquiry(self, inquiry: int, *, actor: str, answer: str) -> Row:
        """Answer what was asked; returns `answer` (answered, repeated, not_found) and `approval_id`."""
        rows = await self._pool.fetch(
            self._pool.statement("approvals", "answer_inquiry"),
            inquiry=inquiry,
            actor=actor,
            answer=answer,
            now=self._pool.now(),
        )
        return rows[0]

    async def list_inquiries(self, ids: Sequence[UUID]) -> list[InquiryRow]:
        """Return what was asked about these approvals, in order."""
        rows = await self._pool.fetch(self._pool.statement("approvals", "list_inquiries"), ids=list(ids))
        return [InquiryRow(**row) for row in rows]

    async def list_votes(self, ids: Sequence[UUID]) -> list[VoteRow]:
        """Return the votes on these approvals, in order."""
        rows = await self._pool.fetch(self._pool.statement("approvals", "list_votes"), ids=list(ids))
        return [VoteRow(**row) for row in rows]

    async def expire(self, limit: int = 100) -> list[tuple[UUID, UUID, str]]:
        """End or escalate what has expired; return (approval, workflow, `expired` or `escalated`)."""
        rows = await self._pool.fetch(
            self._pool.statement("approvals", "expire"), limit=limit, now=self._pool.now()
        )
        return [(row["approval_id"], row["workflow_id"], row["outcome"]) for row in rows]

    async def remind(self) -> list[tuple[UUID, UUID, datetime]]:
        """Keep a reminder in the outbox for those whose time it is, once before each end of their time.

        Returns (approval, workflow, expiry) of each.
        """
        rows = await self._pool.fetch(self._pool.statement("approvals", "remind"), now=self._pool.now())
        return [(row["id"], row["workflow_id"], row["expires_at"]) for row in rows]

    async def list_unplaced(self, older: timedelta | None, count: int = 100) -> list[UnplacedRow]:
        """Return open approvals that were asked for at least `older` ago (None: ever) and are not placed, oldest first."""
        rows = await self._pool.fetch(
            self._pool.statement("approvals", "list_unplaced"), older=older, count=count, now=self._pool.now()
        )
        return [UnplacedRow(**row) for row in rows]

    async def place_alone(self, approval_id: UUID) -> None:
        """Note that an approval stands alone: no grant covers it, and it is in no batch. Twice changes nothing."""
        await self._pool.fetch(
            self._pool.statement("approvals", "place_alone"), id=approval_id, now=self._pool.now()
        )

    async def list_decisions(self, workflow_id: UUID) -> list[DecisionRow]:
        """Return the decisions taken for a workflow, in the order of their chain."""
        rows = await self._pool.fetch(self._pool.statement("approvals", "list_decisions"), id=workflow_id)
        return [DecisionRow(**row) for row in rows]

    async def list_decision_heads(
        self, workflow_id: UUID | None = None, *, after: UUID | None = None, count: int = 1000
    ) -> list[tuple[UUID, int, bytes]]:
        """Return (workflow, number of decisions, head of their chain), by workflow, a page at a time."""
        rows = await self._pool.fetch(
            self._pool.statement("approvals", "list_decision_heads"), id=workflow_id, after=after, count=count
        )
        return [(row["workflow_id"], row["count"], row["head"]) for row in rows]


class Questions:
    """The questions of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list_open(self, count: int = 100) -> list[QuestionRow]:
        """Return questions nobody has answered, oldest first."""
        rows = await self._pool.fetch(self._pool.statement("questions", "list_open"), count=count)
        return [QuestionRow(**row) for row in rows]

    async def list_of(self, workflow_id: UUID) -> list[QuestionRow]:
        """Return a workflow's questions, answered ones included."""
        rows = await self._pool.fetch(self._pool.statement("questions", "list_of"), id=workflow_id)
        return [QuestionRow(**row) for row in rows]

    async def answer(self, workflow_id: UUID, address: str, *, body: bytes, actor: str) -> bool:
        """Answer an open question; False when it is not open any more. The first answer stands."""
        rows = await self._pool.fetch(
            self._pool.statement("questions", "answer"),
            workflow_id=workflow_id,
            address=address,
            body=body,
            actor=actor,
            now=self._pool.now(),
        )
        return bool(rows)
