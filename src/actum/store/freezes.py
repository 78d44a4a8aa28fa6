"""Statements over `freezes`, the kill switch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from actum.store.pool import Pool


@dataclass(slots=True)
class FreezeRow:
    """One freeze; it holds while `ended_at` is None."""

    id: UUID
    scope: str
    subject: str | None
    mode: str
    actor: str
    reason: str
    created_at: datetime
    ended_at: datetime | None
    ended_by: str | None


@dataclass(slots=True)
class InFlightRow:
    """An effect that has begun and not ended; `undoing` when its undo has."""

    kind: str
    key: str
    workflow_id: UUID
    contract: str
    address: str
    state: str
    attempt: int
    started_at: datetime


class Freezes:
    """The freezes of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def freeze(
        self, freeze_id: UUID, *, scope: str, subject: str | None, mode: str, actor: str, reason: str
    ) -> None:
        """Throw the switch; it holds for every intent whose statement begins after this returns."""
        await self._pool.fetch(
            self._pool.statement("freezes", "freeze"),
            id=freeze_id,
            scope=scope,
            subject=subject,
            mode=mode,
            actor=actor,
            reason=reason,
            now=self._pool.now(),
        )

    async def unfreeze(self, freeze_id: UUID, *, actor: str) -> bool:
        """End a freeze; False when there is none. Twice changes nothing."""
        rows = await self._pool.fetch(
            self._pool.statement("freezes", "unfreeze"), id=freeze_id, actor=actor, now=self._pool.now()
        )
        return bool(rows)

    async def list(self, *, only_active: bool = True) -> Sequence[FreezeRow]:
        """Return freezes, newest first."""
        rows = await self._pool.fetch(self._pool.statement("freezes", "list"), only_active=only_active)
        return [FreezeRow(**row) for row in rows]

    async def find(self, suffix: str) -> Sequence[UUID]:
        """Return up to ten freezes that hold and end in these hexadecimal digits."""
        rows = await self._pool.fetch(self._pool.statement("freezes", "find"), suffix=suffix)
        return [row["id"] for row in rows]

    async def list_in_flight(self, scope: str, subject: str | None) -> Sequence[InFlightRow]:
        """Return the effects of a scope that a freeze no longer reaches; of an environment, all there are."""
        rows = await self._pool.fetch(
            self._pool.statement("freezes", "list_in_flight"), scope=scope, subject=subject
        )
        return [InFlightRow(**row) for row in rows]

    async def list_known(self, scope: str) -> Sequence[str]:
        """Return the kinds or contracts that are registered, by name; nothing for another scope."""
        rows = await self._pool.fetch(self._pool.statement("freezes", "list_known"), scope=scope)
        return [row["name"] for row in rows]
