"""Takes ready workflows for the worker's free slots, reads their records, and makes their runners.

The claim is one statement. Records are read by a second one after the claim has committed: read together they could
be older than the row. If the process dies between the two, the lease runs out and somebody else takes over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from actum.engine.history import find_gap
from actum.engine.runner import Runner
from actum.errors import DatabaseUnavailable
from actum.model.ids import short
from actum.model.workflow import Cause
from actum.store.rows import MessageRow, RecordRow, WorkflowRow

if TYPE_CHECKING:
    from actum.engine.worker import Worker

logger = logging.getLogger("actum.claimer")

MOST = 200
"""Workflows taken by one statement: enough to fill a flush, few enough to begin the first soon."""


class Claimer:
    """One pass fills the worker's free slots."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def claim_once(self) -> int:
        """Return how many workflows were taken; after a lost reply, look at once what the claim may have left us."""
        try:
            return await self._claim()
        except DatabaseUnavailable:
            self._worker.compare_soon()
            raise

    async def _claim(self) -> int:
        worker = self._worker
        slots = min(worker.free_slots, MOST)
        if slots <= 0 or not worker.has_lease():
            return 0
        async with worker.owning:
            slots = min(worker.free_slots, slots)
            if slots <= 0:  # it began to stop meanwhile
                return 0
            rows = await worker.store.workflows.claim(
                instance=worker.instance,
                python=worker.python,
                queues=worker.queues,
                shapes=worker.shapes,
                slots=slots,
                alone=worker.isolator.contracts,
                only=worker.only,
            )
            for row in rows:
                worker.expect(row.id)
        if not rows:
            return 0
        try:
            await self._begin(rows)
        finally:
            worker.expect_no_more(row.id for row in rows)
        return len(rows)

    async def _begin(self, rows: Sequence[WorkflowRow]) -> None:
        store = self._worker.store
        ids = [row.id for row in rows]
        mailed = [row.id for row in rows if row.wake > 0]
        records, messages = await asyncio.gather(
            store.records.read(ids), store.messages.read_open(mailed) if mailed else _none()
        )
        by_record = _grouped(records)
        by_message = _grouped(messages)
        for row in rows:
            if not self._worker.has_lease():
                return
            found = by_record.get(row.id, [])
            gap = find_gap(found, row.next_seq, row.chain_head) if found else "no record was found"
            if gap is not None:
                found = await store.records.read([row.id])
                gap = find_gap(found, row.next_seq, row.chain_head) if found else gap
            self._begin_one(row, found, by_message.get(row.id, []), gap)

    def _begin_one(
        self, row: WorkflowRow, records: Sequence[RecordRow], messages: Sequence[MessageRow], gap: str | None
    ) -> None:
        worker = self._worker
        runner = Runner(worker, worker.contract_of(row), row)
        worker.hold(runner)
        if gap is not None:
            logger.error("the log of %s is broken: %s", short(row.id), gap)
            runner.block(Cause.REFUSED, f"its log is broken: {gap}; see `actum audit verify`")
            return
        try:
            runner.begin(records, messages)
        except Exception as error:
            logger.exception("%s could not be begun", short(row.id))
            runner.block(Cause.REFUSED, f"it could not be begun: {error!r}")


async def _none() -> list[MessageRow]:
    return []


def _grouped(rows: Sequence[MessageRow] | Sequence[RecordRow]) -> dict[UUID, list]:  # type: ignore[type-arg]  # of either
    groups: dict[UUID, list] = {}  # type: ignore[type-arg]  # of either
    for row in rows:
        groups.setdefault(row.workflow_id, []).append(row)
    return groups
