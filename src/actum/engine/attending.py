"""Attends to approvals while people do: ends what has expired, closes batches that are complete, has people told.

One pass does what is due, in short transactions that any worker may do at the same time. What wakes it: a poll. If
the process dies, another worker's pass does it; a decision that comes too late is refused by the decision itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import monotonic

from actum.engine.sifting import sift_once
from actum.machine.amounts import read_amounts
from actum.machine.batches import Close, OpenBatch, consider_closing
from actum.store.batches import BatchRow
from actum.store.notifications import TOLD_WITHIN
from actum.store.store import Store

ALONE_AFTER = timedelta(seconds=3)
"""How long an approval may look for a grant or a batch, and a question for somebody quick, before people are told."""
RECENT, LOOK_BACK_EVERY = timedelta(minutes=10), 60.0
"""What most passes look through for news, and seconds between two that look through everything that may be told."""


async def _nothing_left() -> int:
    return 0


class Attendant:
    """The passes over approvals and batches; `place_left` places what dead workers asked for and did not."""

    def __init__(self, store: Store, place_left: Callable[[], Awaitable[int]] = _nothing_left) -> None:
        self._store = store
        self._place_left = place_left
        self._looked_back: float | None = None

    async def attend_once(self) -> int:
        """End or escalate what has expired, place what was left, close batches that are due and have people told."""
        expired = await self._store.approvals.expire()
        left = await self._place_left()
        closed = await self.close_batches_once() + await self._store.batches.end()
        return len(expired) + left + closed + await self.tell_once()

    async def tell_once(self) -> int:
        """Keep in the outbox what waits for people and is not there yet, reminders too; return how many."""
        no_older = self._look_back()
        reminded = await self._store.approvals.remind()
        alone = await self._store.notifications.tell_approvals(ALONE_AFTER, no_older)
        batches = await self._store.notifications.tell_batches(no_older)
        questions = await self._store.notifications.tell_questions(ALONE_AFTER, no_older)
        return len(reminded) + len(alone) + len(batches) + len(questions)

    def _look_back(self) -> timedelta:
        """Return how far this pass looks back: a long inbox is not compared with the whole outbox at every pass."""
        now = monotonic()
        if self._looked_back is not None and now - self._looked_back < LOOK_BACK_EVERY:
            return RECENT
        self._looked_back = now
        return TOLD_WITHIN

    async def close_batches_once(self) -> int:
        """Close every batch whose window is over, which is full, or for which everybody waits; sift what is closed.

        A batch may be closed before by whoever joined or looked at it: that one is sifted as well. Returns how many
        this call closed.
        """
        now = await self._store.read_clock()
        due = []
        for row in await self._store.batches.list():
            if row.closed_at is None and row.state == "open":
                match consider_closing(_as_open(row), now):
                    case Close(why):
                        due.append((row.id, why.value))
                    case _:
                        pass
        closed = len(await self._store.batches.close(due)) if due else 0
        await sift_once(self._store)
        return closed


def _as_open(row: BatchRow) -> OpenBatch:
    return OpenBatch(
        closes_at=row.closes_at,
        count=row.count,
        max_items=row.max_items,
        sums=read_amounts(row.sums),
        max_sums=read_amounts(row.max_sums),
        all_parked=row.all_parked,
    )
