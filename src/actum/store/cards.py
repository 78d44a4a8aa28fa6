"""Statements that read what stands on a card beside its approval; they write nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from actum.store.batches import BatchRow
from actum.store.pool import Pool


@dataclass(slots=True)
class BesideRow:
    """What stands beside an approval; `step` (as registered) and `requested` (the event's data) are JSON text."""

    id: UUID
    remind_at: datetime | None
    reminded_at: datetime | None
    policy_hash: bytes | None
    workflow_status: str | None
    step: str | None
    requested: str | None


@dataclass(slots=True)
class AlikeRow:
    """An earlier approval of the same kind as `approval_id`; `facts` and `target` are JSON text."""

    approval_id: UUID
    id: UUID
    contract: str
    requester: str | None
    facts: str | None
    target: str | None


class Cards:
    """What one database knows for cards. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list_beside(self, ids: Sequence[UUID]) -> dict[UUID, BesideRow]:
        """Return what stands beside these approvals, by their ids."""
        rows = await self._pool.fetch(self._pool.statement("cards", "list_beside"), ids=list(ids))
        return {row["id"]: BesideRow(**row) for row in rows}

    async def list_alike(self, ids: Sequence[UUID], count: int) -> list[AlikeRow]:
        """Return for each approval up to `count` of its kind that were asked before, those of its batch left out."""
        rows = await self._pool.fetch(self._pool.statement("cards", "list_alike"), ids=list(ids), count=count)
        return [AlikeRow(**row) for row in rows]

    async def find_batches(self, suffix: str) -> list[BatchRow]:
        """Return up to ten batches whose id ends in the hexadecimal digits `suffix`, decided or not."""
        rows = await self._pool.fetch(self._pool.statement("cards", "find_batches"), suffix=suffix)
        return [BatchRow(**row) for row in rows]
