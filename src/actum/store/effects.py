"""Statements over `effects`, the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from actum.store.pool import Pool
from actum.store.rows import ChildRow, EffectRow, FactRow, ReachedRow, StandingRow


class Effects:
    """The ledger of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def reach(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], ReachedRow]:
        """Return the newest generation that stands under each (kind, key)."""
        rows = await self._pool.fetch(
            self._pool.statement("effects", "reach"), kinds=[k[0] for k in keys], keys=[k[1] for k in keys]
        )
        return {(row["kind"], row["key"]): ReachedRow(**row) for row in rows}

    async def list_of(self, workflow_id: UUID) -> list[EffectRow]:
        """Return the effects that a workflow started or holds."""
        rows = await self._pool.fetch(self._pool.statement("effects", "list_of"), id=workflow_id)
        return [EffectRow(**row) for row in rows]

    async def list_standing(self, ids: Sequence[UUID]) -> list[StandingRow]:
        """Return what these workflows did, may have done or share and nobody undid, oldest first."""
        rows = await self._pool.fetch(self._pool.statement("effects", "list_standing"), ids=list(ids))
        return [StandingRow(**row) for row in rows]

    async def list_facts(self, ids: Sequence[UUID], kinds: Iterable[str]) -> list[FactRow]:
        """Return the events of these kinds in which something began or ended, each workflow's in order."""
        rows = await self._pool.fetch(
            self._pool.statement("effects", "list_facts"), ids=list(ids), kinds=sorted(kinds)
        )
        return [FactRow(**row) for row in rows]

    async def list_children(self, ids: Sequence[UUID]) -> list[ChildRow]:
        """Return the children that these workflows started."""
        rows = await self._pool.fetch(self._pool.statement("effects", "list_children"), ids=list(ids))
        return [ChildRow(**row) for row in rows]

    async def list_forgettable(
        self, keys: Sequence[tuple[str, str]], older: timedelta
    ) -> Sequence[tuple[str, str]]:
        """Return those of some (kind, key), as the outside sees them, that nobody comes back to since `older` ago."""
        rows = await self._pool.fetch(
            self._pool.statement("effects", "list_forgettable"),
            kinds=[one[0] for one in keys],
            keys=[one[1] for one in keys],
            older=older,
            now=self._pool.now(),
        )
        return [(row["kind"], row["key"]) for row in rows]

    async def find_violations(self) -> list[tuple[UUID, str, str]]:
        """Return every broken promise about effects as (workflow, address, sentence)."""
        rows = await self._pool.fetch(self._pool.statement("effects", "find_violations"))
        return [(row["workflow_id"], row["address"], row["violation"]) for row in rows]
