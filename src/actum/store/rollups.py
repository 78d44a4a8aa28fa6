"""Facts added up by the hour, each exactly once, however late its transaction commits.

A refresh is three statements in one transaction, kept apart by the lock on the one row that says how far it came. If
it dies half-way nothing was added; the next one begins where the last committed one ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from actum.store.pool import Pool


@dataclass(slots=True)
class TotalRow:
    """What was added up under one set of labels since the first event; '' and tier -1 where there is none."""

    measure: str
    contract: str
    step: str
    outcome: str
    reason: str
    tier: int
    count: int
    us: int


@dataclass(slots=True)
class LagRow:
    """How many facts are not added up yet, and how many seconds ago the oldest of them happened."""

    facts: int
    seconds: float


async def read_place(pool: Pool, connection: Any) -> tuple[str, str]:
    """Return from which transaction on nothing is added yet, and the first that has not begun, on a caller's connection."""
    ((first, last),) = await connection.fetch(pool.statement("rollups", "place").text)
    return first, last


class Rollups:
    """The rollup of one database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def refresh(self) -> int:
        """Add what was recorded since the last refresh; return how many hourly rows changed.

        Several at once wait for each other and add nothing twice. What transactions that are still open recorded, and
        all that came after the oldest of them, is added by a later refresh. An account that may only read adds nothing.
        """
        try:
            return await self._refresh()
        except asyncpg.InsufficientPrivilegeError:
            return 0

    async def _refresh(self) -> int:
        hold = self._pool.statement("rollups", "hold")
        add = self._pool.statement("rollups", "add")
        advance = self._pool.statement("rollups", "advance")
        async with self._pool.connection() as connection, connection.transaction():
            ((since, until),) = await connection.fetch(hold.text)
            if since == until:
                return 0
            rows = await connection.fetch(add.text, *add.order({"since": since, "until": until}))
            values: dict[str, object] = {"until": until, "now": self._pool.now()}
            await connection.execute(advance.text, *advance.order(values))
        return int(rows[0]["changed"])

    async def totals(self) -> list[TotalRow]:
        """Return everything that was added up, over all hours."""
        return [TotalRow(**row) for row in await self._pool.fetch(self._pool.statement("rollups", "totals"))]

    async def lag(self) -> LagRow:
        """Return how far behind the rollup is."""
        lag = self._pool.statement("rollups", "lag")
        async with self._pool.connection() as connection:
            first, last = await read_place(self._pool, connection)
            values: dict[str, object] = {"now": self._pool.now(), "first": first, "last": last}
            rows = await connection.fetch(lag.text, *lag.order(values))
        return LagRow(**rows[0])
