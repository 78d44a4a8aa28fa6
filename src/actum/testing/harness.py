"""What a test holds: a database of its own, clients, workers, and a clock to move."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from uuid import UUID

from actum.authoring.call import Call
from actum.authoring.contract import Contract
from actum.authoring.step import Step
from actum.client.client import Client
from actum.client.handle import Handle
from actum.engine.worker import Worker
from actum.errors import NotPossible
from actum.machine.policy import Policy, parse_policy
from actum.model.events import Event
from actum.model.ids import short
from actum.settings import DEFAULT_CONCURRENCY, Settings
from actum.store.rows import ApprovalRow, DecidedRow, QuestionRow
from actum.store.store import Store
from actum.testing.auditor import audit, every_workflow
from actum.testing.clock import Clock
from actum.testing.replacing import replace_function

R = TypeVar("R")

LONG_LEASE = 10 * 365 * 86_400.0
"""Seconds: moving the clock must not look like the death of a worker."""

LOOK_EVERY = 0.01


class Harness:
    """The fixture `actum`. Workers started here are stopped, and the database is audited, when the test ends."""

    def __init__(self, store: Store, clock: Clock, client: Client, reviewer: Client) -> None:
        self.store = store
        self.dsn = store.pool.dsn
        self.clock = clock
        self.client = client
        """Acts as `user:author`."""
        self.reviewer = reviewer
        """Acts as `user:reviewer`."""
        self.settings = Settings.read({})
        self.audits = True
        """Set to False by a test that breaks the database on purpose."""
        self._workers: list[Worker] = []
        self._put_back: list[Callable[[], None]] = []
        self._delivered: set[int] = set()
        self._closers: list[Callable[[], Awaitable[None]]] = []
        clock.hear(self._clock_moved)

    @classmethod
    async def open(cls, dsn: str) -> Harness:
        """Return a harness on a migrated database."""
        store = await Store.open(dsn, size=8)
        try:
            harness = await cls.over(store)
        except BaseException:
            await store.close()
            raise
        harness._closers.insert(0, store.close)
        return harness

    @classmethod
    async def over(cls, store: Store) -> Harness:
        """Return a harness on an open store, which it leaves open and whose time it moves."""
        clock = Clock()
        store.pool.now = clock.now
        client = await Client.over(store, actor="user:author")
        reviewer = await Client.over(store, actor="user:reviewer")
        harness = cls(store, clock, client, reviewer)
        harness._closers += [client.close, reviewer.close]
        return harness

    async def close(self) -> list[str]:
        """Stop every worker, audit the database unless told not to, and return what the audit found."""
        async with AsyncExitStack() as exits:
            for closer in self._closers:
                exits.push_async_callback(closer)
            for worker in reversed(self._workers):
                await worker.stop(grace=0)
            for put_back in reversed(self._put_back):
                put_back()
            return await audit(self.store) if self.audits else []

    # working

    async def worker(
        self,
        contracts: Sequence[Contract[..., Any]],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        lease: float = LONG_LEASE,
        **options: Any,
    ) -> Worker:
        """Start a worker of `contracts`; `lease` is in seconds, and the other options are those of `Worker`."""
        worker = Worker(
            contracts,
            concurrency=concurrency,
            lease=lease,
            store=self.store,
            settings=self.settings,
            **options,
        )
        await worker.start()
        self._workers.append(worker)
        return worker

    def replace(self, step: Step[..., Any], fake: Callable[..., Any]) -> None:
        """Have a step or effect run `fake`, which takes the same parameters, until the test ends.

        Name, key, approval, retries and hooks stay the step's own. Raises InvalidInput as `replace_function` does.
        """
        self._put_back.append(replace_function(step, fake))

    async def start(self, call: Call[R], **options: Any) -> Handle[R]:
        """Start a workflow as `user:author`; the options are those of `Client.start`."""
        await self.store.make_weeks()
        return await self.client.start(call, **options)

    async def run_until_idle(self, timeout: float = 10) -> None:
        """Return once no workflow is held by a worker or ready at the current instant.

        What one workflow leaves for another is delivered before that. Raises TimeoutError after `timeout` seconds,
        naming what is still busy.
        """
        # The last look: a worker's own wake-up may come between the first one and the look for sleepers.
        deadline = time.monotonic() + timeout
        while (
            busy := await self._list_busy()
            or await self._wake_sleepers()
            or await self._place_asked()
            or await self._list_busy()
        ):
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {timeout} s still {'; '.join(busy)}")
            await asyncio.sleep(LOOK_EVERY)

    async def _list_busy(self) -> list[str]:
        now = await self.store.read_clock()
        return [
            f"{'held' if row.instance else 'ready'}: {row.contract} {short(row.id)} ({row.status})"
            async for row in every_workflow(self.store)
            if row.finished_at is None and (row.instance is not None or row.run_at <= now)
        ]

    async def _place_asked(self) -> list[str]:
        """Have approvals placed now, under their grant or in their batch: a worker does it once it has parked."""
        count = await self._workers[-1].placing.place_left_once(older=None) if self._workers else 0
        return [f"{count} approvals are being placed"] if count else []

    async def _wake_sleepers(self) -> list[str]:
        """Do the Waker's work without its pause, once for each message: some stay unread, as in a blocked workflow."""
        asleep = await self.store.messages.sweep() if self._workers else []
        unread = {message.id for message in await self.store.messages.read_open(asleep)} - self._delivered
        self._delivered |= unread
        if unread:
            await self.store.workflows.wake(sorted(asleep))
            self.client.hints.send("ready")
        return [f"a message for {short(one)} waits to be read" for one in asleep if unread]

    # deciding

    async def activate(self, policy: str, reason: str = "the test says so") -> Policy:
        """Have effects ruled by a policy, given as the text of its file; every worker started here rules by it at once.

        Raises PolicyError for a text that is no policy, and what `activate` of the client's policies raises.
        """
        parsed = parse_policy(policy)
        await self.reviewer.policies.activate(parsed, reason=reason)
        for worker in self._workers:
            await worker.policing.refresh_once()
        return parsed

    async def approve(
        self, what: Handle[Any] | UUID, rationale: str = "it is right", *, by: str = "user:reviewer"
    ) -> list[DecidedRow]:
        """Approve an approval, or all that a workflow asks for once it waits; return the answers.

        Raises NotPossible when the workflow asks for nothing, and what `Client.approve` raises.
        """
        client = await self.acting(by)
        return [await client.approve(one, rationale) for one in await self._pending(what)]

    async def reject(
        self, what: Handle[Any] | UUID, rationale: str = "it is wrong", *, by: str = "user:reviewer"
    ) -> list[DecidedRow]:
        """Reject as `approve` approves."""
        client = await self.acting(by)
        return [await client.reject(one, rationale) for one in await self._pending(what)]

    async def acting(self, actor: str) -> Client:
        """Return a client of this database that acts as `actor`."""
        for client in (self.client, self.reviewer):
            if client.actor == actor:
                return client
        client = await Client.over(self.store, actor=actor)
        self._closers.append(client.close)
        return client

    async def _pending(self, what: Handle[Any] | UUID) -> list[UUID]:
        if isinstance(what, UUID):
            return [what]
        await self.run_until_idle()
        pending = [
            one.id for one in await self.store.approvals.list_of([what.workflow_id]) if one.state == "pending"
        ]
        if not pending:
            raise NotPossible(f"workflow {what.short_id} asks for no approval: it is {await what.status()}")
        return pending

    async def inbox(self) -> tuple[Sequence[ApprovalRow], Sequence[QuestionRow]]:
        """Return the approvals and questions that wait for a person."""
        return await self.client.inbox()

    # looking

    async def events(self, handle: Handle[Any]) -> list[Event]:
        """Return a workflow's events, in order."""
        return await self.store.records.read_events(handle.workflow_id)

    async def kinds(self, handle: Handle[Any]) -> list[str]:
        """Return the kinds of a workflow's events, in order."""
        return [event.kind.value for event in await self.events(handle)]

    def _clock_moved(self) -> None:
        for worker in self._workers:
            for runner in worker.held:
                runner.consider()
        self.client.hints.send("ready")
