"""Attends to approvals while people do: ends what has expired, closes batches that are complete, has people told.

One pass does what is due, in short transactions that any worker may do at the same time. What wakes it: a poll. If
the process dies, another worker's pass does it; a decision that comes too late is refused by the decision itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson

from actum.machine.batches import Close, OpenBatch, consider_closing
from actum.store.batches import BatchRow
from actum.store.store import Store

ALONE_AFTER = timedelta(seconds=3)
"""How long an approval may look for a grant or a batch before people are told of it by itself."""


class Attendant:
    """The passes over approvals and batches."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def attend_once(self) -> int:
        """End or escalate what has expired, close the batches that are due and have people told; return how many."""
        expired = await self._store.approvals.expire()
        closed = await self.close_batches_once()
        return len(expired) + closed + await self.tell_once()

    async def tell_once(self) -> int:
        """Keep in the outbox what waits for people and is not there yet, reminders too; return how many."""
        reminded = await self._store.approvals.remind()
        alone = await self._store.notifications.tell_approvals(ALONE_AFTER)
        batches = await self._store.notifications.tell_batches()
        return len(reminded) + len(alone) + len(batches)

    async def close_batches_once(self) -> int:
        """Close every batch whose window is over, which is full, or for which everybody waits."""
        now = await self._store.read_clock()
        due = []
        for row in await self._store.batches.list():
            if row.closed_at is None and row.state == "open":
                match consider_closing(_as_open(row), now):
                    case Close(why):
                        due.append((row.id, why.value))
                    case _:
                        pass
        return len(await self._store.batches.close(due)) if due else 0


def _as_open(row: BatchRow) -> OpenBatch:
    return OpenBatch(
        closes_at=row.closes_at,
        count=row.count,
        max_items=row.max_items,
        sums=_numbers(row.sums),
        max_sums=_numbers(row.max_sums),
        all_parked=row.all_parked,
    )


def _numbers(text: str) -> dict[str, float]:
    values: dict[str, Any] = orjson.loads(text)
    return {name: float(value) for name, value in values.items()}
