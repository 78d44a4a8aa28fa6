"""Facts added up by the hour, each exactly once, however late its transaction commits.

A refresh is four statements in one transaction, kept apart by the lock on the one row that says how far it came. If
it dies half-way nothing was added; the next one begins where the last committed one ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import asyncpg

from actum.errors import DatabaseMismatch
from actum.store.pool import Pool

SPREAD: Final = ("human_times", "machine_times", "step_times")
"""The facts whose times are also counted by how long they are."""
BOUNDS: Final = tuple(
    round(seconds * 1_000_000)
    for seconds in (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 14_400, 86_400, 604_800)
)
"""Up to how many microseconds each bucket of them goes; the last bucket has no end. What is kept is kept by these."""


@dataclass(slots=True)
class TotalRow:
    """What was added up under one set of labels since the first event; '', tier -1 and bucket -1 where there is none.

    `bucket` is the place in `BOUNDS` of the first bound that the times do not pass, `first_at` the time of the first fact.
    """

    measure: str
    contract: str
    step: str
    outcome: str
    reason: str
    tier: int
    kind: str
    model: str
    bucket: int
    count: int
    us: int
    money: Decimal
    first_at: datetime


@dataclass(slots=True)
class LagRow:
    """How many facts are not added up yet, and how many seconds ago the oldest of them happened."""

    facts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Place:
    """How far the rollup is: nothing is added from transaction `first` on; `oldest` is open, `last` has not begun."""

    first: str
    oldest: str
    last: str


async def read_place(pool: Pool, connection: Any) -> Place:
    """Return the rollup's place, on a caller's connection.

    Raises DatabaseMismatch where it lies in the future: a dump was restored into a server that counts its
    transactions anew.
    """
    rows = await connection.fetch(pool.statement("rollups", "place").text)
    place = Place(*rows[0])
    if int(place.first) > int(place.last):
        raise DatabaseMismatch(
            f"the rollup stands at transaction {place.first}, and this server has come to {place.last}: a dump was "
            f"restored, so run `select {pool.schema}.restart_rollup()` once, as the owner of the schema"
        )
    return place


class Rollups:
    """The rollup of one database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def refresh(self) -> int:
        """Add what was recorded since the last refresh; return how many hourly rows changed.

        Several at once wait for each other and add nothing twice. What transactions that are still open recorded, and
        all that came after the oldest of them, is added by a later refresh. An account that may only read, and whoever is
        connected to a standby, adds nothing.
        Raises DatabaseMismatch after a dump was restored.
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
            try:
                await connection.execute(hold.text)
            except (
                asyncpg.ReadOnlySQLTransactionError
            ):  # a standby: elsewhere this means that the primary was lost
                return 0
            place = await read_place(self._pool, connection)
            if int(place.first) >= int(place.oldest):
                return 0
            await connection.execute(self._pool.statement("rollups", "summarize").text)
            asked: dict[str, object] = {"spread": SPREAD, "bounds": BOUNDS}
            asked |= {"since": place.first, "until": place.oldest}
            rows = await connection.fetch(add.text, *add.order(asked))
            values: dict[str, object] = {"until": place.oldest, "now": self._pool.now()}
            await connection.execute(advance.text, *advance.order(values))
        return int(rows[0]["changed"])

    async def totals(self) -> list[TotalRow]:
        """Return everything that was added up, over all hours and teams."""
        return [TotalRow(**row) for row in await self._pool.fetch(self._pool.statement("rollups", "totals"))]

    async def lag(self) -> LagRow:
        """Return how far behind the rollup is."""
        lag = self._pool.statement("rollups", "lag")
        async with self._pool.connection() as connection:
            place = await read_place(self._pool, connection)
            values: dict[str, object] = {"now": self._pool.now(), "first": place.first, "last": place.last}
            rows = await connection.fetch(lag.text, *lag.order(values))
        return LagRow(**rows[0])
