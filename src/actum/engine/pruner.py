"""Deletes by age what nobody needs any more: uses of budgets, budgets, and resolved incidents.

One pass deletes a bounded number of rows; what wakes it is an hour, and at once where there was more. Any number of
workers may do it. If the process dies half-way, the next pass of any worker goes on. What belongs to a workflow that
has not ended is never deleted, whatever its age: the database holds that, and that nothing goes before thirty days.
"""

from __future__ import annotations

from datetime import timedelta

from actum.store.store import Store

USES_KEPT = timedelta(days=90)
"""How long uses of budgets are kept after their workflow has ended: a bill comes monthly, and is asked about later."""
INCIDENTS_KEPT = timedelta(days=400)
"""How long a resolved incident is kept: a year can be compared with the one before."""
PAGE = 5_000
"""Rows of each kind that one pass deletes at most, so that it holds nobody up."""


class Pruner:
    """The passes over one database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def prune_once(self) -> int:
        """Delete what is too old; return how many rows."""
        uses = await self._store.budgets.prune(USES_KEPT, PAGE)
        return uses + await self._store.incidents.prune(INCIDENTS_KEPT, PAGE)
