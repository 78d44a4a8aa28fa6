"""Statements over `grants` and `reservations`: standing approvals, and the uses of what is limited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actum.machine.amounts import Amount, write_amounts
from actum.store.pool import Pool, Row


@dataclass(slots=True)
class GrantRow:
    """One standing approval; `matcher` and `max_sums` are JSON text, `uses` what was taken of `max_uses`."""

    id: UUID
    matcher: str
    max_uses: int
    max_sums: str
    until: datetime
    given_at: datetime
    given_by: str
    reason: str
    revoked_at: datetime | None
    revoked_by: str | None
    uses: int


@dataclass(slots=True)
class ReservationRow:
    """One use of a limit; `amounts` is JSON text."""

    limit_id: UUID
    workflow_id: UUID
    address: str
    attempt: int
    approval_id: UUID | None
    amounts: str
    state: str
    taken_at: datetime
    ended_at: datetime | None


class Grants:
    """The grants and reservations of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def give(
        self,
        grant_id: UUID,
        *,
        matcher: Mapping[str, Any],
        max_uses: int,
        max_sums: Mapping[str, Amount],
        until: datetime,
        by: str,
        reason: str,
    ) -> None:
        """Give a standing approval."""
        await self._pool.fetch(
            self._pool.statement("grants", "give"),
            id=grant_id,
            matcher=orjson.dumps(dict(matcher)).decode(),
            max_uses=max_uses,
            max_sums=write_amounts(max_sums),
            until=until,
            by=by,
            reason=reason,
            now=self._pool.now(),
        )

    async def revoke(self, grant_id: UUID, *, by: str) -> bool:
        """End a grant; False when there is none. Twice changes nothing."""
        rows = await self._pool.fetch(
            self._pool.statement("grants", "revoke"), id=grant_id, by=by, now=self._pool.now()
        )
        return bool(rows)

    async def list(self, *, only_active: bool = True) -> list[GrantRow]:
        """Return grants with what was used of them, newest first."""
        rows = await self._pool.fetch(
            self._pool.statement("grants", "list"), only_active=only_active, now=self._pool.now()
        )
        return [GrantRow(**row) for row in rows]

    async def find(self, suffix: str) -> Sequence[UUID]:
        """Return up to ten grants that end in these hexadecimal digits."""
        rows = await self._pool.fetch(self._pool.statement("grants", "find"), suffix=suffix)
        return [row["id"] for row in rows]

    async def use(
        self, grant_id: UUID, approval_id: UUID, *, attempt: int = 1, amounts: Mapping[str, Amount]
    ) -> str:
        """Approve an open approval by a grant: granted, repeated, spent, ended, not_covered, frozen, not_found …

        Taken and approved in one transaction, exact however many race; a retry finds its own use (`repeated`).
        """
        rows = await self._pool.fetch(
            self._pool.statement("grants", "use"),
            grant_id=grant_id,
            approval_id=approval_id,
            attempt=attempt,
            amounts=write_amounts(amounts),
            now=self._pool.now(),
        )
        answer: str = rows[0]["answer"]
        return answer

    async def reserve(
        self,
        limit_id: UUID,
        workflow_id: UUID,
        address: str,
        attempt: int,
        *,
        amounts: Mapping[str, Amount],
        max_uses: int | None,
        max_sums: Mapping[str, Amount],
    ) -> str:
        """Take one use of any limit before an intent: reserved, repeated or spent."""
        rows = await self._pool.fetch(
            self._pool.statement("grants", "reserve"),
            limit_id=limit_id,
            workflow_id=workflow_id,
            address=address,
            attempt=attempt,
            amounts=write_amounts(amounts),
            max_uses=max_uses,
            max_sums=write_amounts(max_sums),
            now=self._pool.now(),
        )
        answer: str = rows[0]["answer"]
        return answer

    async def list_reservations(self, limit_id: UUID) -> Sequence[ReservationRow]:
        """Return the uses of one limit, oldest first."""
        rows = await self._pool.fetch(self._pool.statement("grants", "list_reservations"), limit_id=limit_id)
        return [ReservationRow(**row) for row in rows]

    async def list_asked(self, since: datetime, *, kind: str | None, contract: str | None) -> Sequence[Row]:
        """Return what was asked since then: `id`, `kind`, `contract`, `team`, `preview`, `state`, `asked_at`."""
        return await self._pool.fetch(
            self._pool.statement("grants", "list_asked"), since=since, kind=kind, contract=contract
        )
