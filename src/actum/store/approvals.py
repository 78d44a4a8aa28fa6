"""Statements over `approvals`, `decisions` and `questions`: what people are asked."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from actum.store.pool import Pool
from actum.store.rows import ApprovalRow, DecidedRow, DecisionRow, QuestionRow


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
        self, approval_id: UUID, *, ruling: str, actor: str, rationale: str, seen_hash: bytes | None
    ) -> DecidedRow:
        """Decide once; a second decision changes nothing and says how the first one went."""
        rows = await self._pool.fetch(
            self._pool.statement("approvals", "decide"),
            id=approval_id,
            ruling=ruling,
            actor=actor,
            rationale=rationale,
            seen_hash=seen_hash,
            now=self._pool.now(),
        )
        return DecidedRow(**rows[0])

    async def list_decisions(self, workflow_id: UUID) -> list[DecisionRow]:
        """Return the decisions taken for a workflow, in order."""
        rows = await self._pool.fetch(self._pool.statement("approvals", "list_decisions"), id=workflow_id)
        return [DecisionRow(**row) for row in rows]


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
