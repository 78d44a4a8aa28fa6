"""Statements over `batches`: tier-1 approvals that are decided on one card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from actum.machine.amounts import Amount, write_amounts
from actum.store.pool import Pool, Row


@dataclass(slots=True)
class BatchRow:
    """One batch that is not decided; `max_sums` and `sums` are JSON text, `items` is None until it was shown."""

    id: UUID
    rule: str
    policy_hash: bytes | None
    key: str
    state: str
    opened_at: datetime
    closes_at: datetime
    closed_at: datetime | None
    close_reason: str | None
    shown_at: datetime | None
    max_items: int
    max_sums: str
    count: int
    sums: str
    items: list[UUID] | None
    all_parked: bool


class Batches:
    """The batches of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def join(
        self,
        approval_id: UUID,
        *,
        batch_id: UUID,
        rule: str,
        policy_hash: bytes | None,
        key: str,
        window: timedelta,
        max_items: int,
        max_sums: Mapping[str, Amount],
        amounts: Mapping[str, Amount],
    ) -> UUID | None:
        """Put an approval into the open batch of its rule and key, or open one as `batch_id`; return which.

        None when it has to stand alone: it is of tier 2, not open, or its amounts do not fit any batch of the rule. Sums
        are exact. Raises ValueError for an amount that is no number.
        """
        rows = await self._pool.fetch(
            self._pool.statement("batches", "join"),
            approval_id=approval_id,
            batch_id=batch_id,
            rule=rule,
            policy_hash=policy_hash,
            key=key,
            window=window,
            max_items=max_items,
            max_sums=write_amounts(max_sums),
            amounts=write_amounts(amounts),
            now=self._pool.now(),
        )
        joined: UUID | None = rows[0]["batch_id"]
        return joined

    async def close(self, closings: Sequence[tuple[UUID, str]]) -> list[UUID]:
        """Close batches, each with its reason: nothing joins them any more. Returns those that were open."""
        rows = await self._pool.fetch(
            self._pool.statement("batches", "close"),
            ids=[one[0] for one in closings],
            reasons=[one[1] for one in closings],
            now=self._pool.now(),
        )
        return [row["id"] for row in rows]

    async def list(self) -> Sequence[BatchRow]:
        """Return the batches that are not decided, oldest first."""
        rows = await self._pool.fetch(self._pool.statement("batches", "list"), now=self._pool.now())
        return [BatchRow(**row) for row in rows]

    async def end(self) -> int:
        """End the batches of which nothing is open any more; return how many."""
        return len(await self._pool.fetch(self._pool.statement("batches", "end"), now=self._pool.now()))

    async def list_unsifted(self, batch_id: UUID | None = None) -> Sequence[Row]:
        """Return the open items of closed batches that were not sifted, of all or of one.

        Each has `batch_id`, `id`, `preview` as JSON text, and `is_first` of its kind.
        """
        return await self._pool.fetch(self._pool.statement("batches", "list_unsifted"), id=batch_id)

    async def show(self, batch_id: UUID) -> Sequence[UUID]:
        """Fix the items of a batch and return them in the order asked; empty when there is no such batch.

        It is closed at once. Until it is sifted it is not fixed, and nothing is returned.
        """
        rows = await self._pool.fetch(
            self._pool.statement("batches", "show"), id=batch_id, now=self._pool.now()
        )
        return [row["approval_id"] for row in rows]

    async def sift(self, batch_id: UUID, outliers: Mapping[UUID, str]) -> bool:
        """Take outliers, each with its reason, out of a closed batch nobody has seen, to tier 2; at most once a batch.

        False, and nothing changed, where it was sifted before, is open to joins, was shown, or does not exist.
        """
        rows = await self._pool.fetch(
            self._pool.statement("batches", "sift"),
            id=batch_id,
            outliers=list(outliers),
            reasons=list(outliers.values()),
            now=self._pool.now(),
        )
        return bool(rows[0]["sifted"])
