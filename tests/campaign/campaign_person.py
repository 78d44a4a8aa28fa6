"""The person of the campaign: decides whatever is asked, and settles doubts by looking at what the service wrote down."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from campaign_contracts import SETTLE_AFTER, TIMEOUTS
from campaign_world import OutsideService

from actum import Client
from actum.client.handle import Handle
from actum.errors import ActumError
from actum.machine.keys import outside_key
from actum.store.rows import ApprovalRow, EffectRow, WorkflowRow

MARGIN = 0.3
"""Seconds that the person waits on top, before taking what the log does not say for what did not happen."""
REJECTED = 0.05
ROLLED_BACK, CANCELLED = 0.04, 0.02
"""How many of the workflows that are waiting the person rolls back, and cancels, without being asked."""
PAUSE = 0.05


def outside_name(effect: EffectRow) -> str:
    """Return the key under which the service knows one entry of the ledger."""
    key = outside_key(effect.key, effect.generation)
    return f"{key}/undo" if effect.kind.endswith(".undo") else key


class Person:
    """Attends to every workflow of a database, whatever else goes wrong meanwhile."""

    def __init__(self, client: Client, service: OutsideService, seed: str) -> None:
        self.client = client
        self.did: Counter[str] = Counter()
        self._service = service
        self._seed = seed
        self._settled: set[tuple[Any, ...]] = set()
        self._resumed: dict[UUID, int] = {}
        self._met: set[UUID] = set()

    async def attend(self) -> None:
        """Do what is asked until cancelled."""
        while True:
            with suppress(ActumError, TimeoutError):  # somebody was quicker, or the database is away
                await self._decide_all()
                await self._unblock_all()
                await self._change_mind()
            await asyncio.sleep(PAUSE)

    async def _decide_all(self) -> None:
        pending = await self.client.store.approvals.list_pending(200)
        for start in range(0, len(pending), 4):
            await asyncio.gather(*map(self._decide, pending[start : start + 4]))

    async def _decide(self, approval: ApprovalRow) -> None:
        chance = random.Random(f"{self._seed}/decision/{approval.key}")
        with suppress(ActumError):
            if chance.random() < REJECTED:
                await self.client.reject(approval.id, "not this one")
                self.did["rejected"] += 1
            else:
                await self.client.approve(approval.id, "looks right")
                self.did["approved"] += 1

    async def _unblock_all(self) -> None:
        for row in await self.client.list(status="blocked", count=500):
            match row.cause:
                case "in_doubt":
                    await self._settle(row)
                case "undo_failed" | "crash_loop" if self._resumed.get(row.id) != row.next_seq:
                    self._resumed[row.id] = row.next_seq
                    await self.client.handle(row.id).resume("try again")
                    self.did[f"resumed from {row.cause}"] += 1

    async def _change_mind(self) -> None:
        for row in await self.client.list(contract="whole", status="waiting", count=200):
            if row.id in self._met:
                continue
            chance = random.Random(f"{self._seed}/mind/{row.key}").random()
            handle: Handle[object] = self.client.handle(row.id)
            if chance < ROLLED_BACK:
                await handle.roll_back("it is not wanted any more")
                self.did["rolled back"] += 1
            elif chance < ROLLED_BACK + CANCELLED:
                await handle.cancel("it is not wanted any more")
                self.did["cancelled"] += 1
            self._met.add(row.id)

    async def _settle(self, row: WorkflowRow) -> None:
        """Say what the log says, about each attempt once, and not before the attempt can do no more."""
        for effect in await self.client.store.effects.list_of(row.id):
            name = row.id, effect.kind, effect.key, effect.generation, effect.attempt
            limit = TIMEOUTS[effect.kind.split(".")[0]] + SETTLE_AFTER + MARGIN
            is_mine = effect.state == "in_doubt" and effect.workflow_id == row.id
            if not is_mine or name in self._settled or time.time() < effect.started_at.timestamp() + limit:
                continue
            key = outside_name(effect)
            has_happened = self._service.done()[key] > 0
            word = "happened" if has_happened else "did_not_happen"
            result = None if effect.kind.endswith(".undo") else f"{effect.kind} {key}"
            handle: Handle[object] = self.client.handle(row.id)
            await handle.settle(effect.address, word, result=result, reason="it is what the log says")
            self._settled.add(name)
            self.did[word] += 1


@asynccontextmanager
async def attending(person: Person) -> AsyncIterator[None]:
    """Have a person attend while the block runs; what goes wrong with the person goes wrong with the test."""
    task = asyncio.create_task(person.attend())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
