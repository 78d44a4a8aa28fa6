"""Statements over `messages`: what outsiders leave for a workflow."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from actum.store.pool import Pool
from actum.store.rows import MessageRow


class Messages:
    """The messages of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def send(
        self,
        *,
        workflow_id: UUID,
        kind: str,
        actor: str,
        name: str | None = None,
        address: str | None = None,
        outcome: str | None = None,
        body: bytes | None = None,
        reason: str | None = None,
    ) -> int | None:
        """Leave a message and wake its workflow; None when there is no such workflow or it has ended."""
        rows = await self._pool.fetch(
            self._pool.statement("messages", "send"),
            workflow_id=workflow_id,
            kind=kind,
            name=name,
            address=address,
            outcome=outcome,
            body=body,
            actor=actor,
            reason=reason,
            now=self._pool.now(),
        )
        return int(rows[0]["id"]) if rows else None

    async def read_open(self, ids: Sequence[UUID]) -> list[MessageRow]:
        """Return what was left for these workflows and not yet received, in the order it was sent."""
        rows = await self._pool.fetch(self._pool.statement("messages", "read_open"), ids=list(ids))
        return [MessageRow(**row) for row in rows]

    async def sweep(self) -> list[UUID]:
        """Return workflows that sleep although a message waits for them."""
        rows = await self._pool.fetch(self._pool.statement("messages", "sweep"), now=self._pool.now())
        return [row["workflow_id"] for row in rows]
