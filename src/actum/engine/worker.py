"""A worker: one process's (or one event loop's) right to run workflows of some contracts.

It builds the loops, supervises them and stops in order. What wakes it: hints, and polling where hints are lost. If it
dies, its lease runs out (at once, where the process is provably gone from this machine) and others go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import sys
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

from actum.authoring.contract import Contract
from actum.engine import process
from actum.engine.admission import require_ownership, with_children
from actum.engine.alarm import Alarm
from actum.engine.alone import Isolator
from actum.engine.attending import Attendant
from actum.engine.claimer import Claimer
from actum.engine.clock import DatabaseClock, monotonic_us
from actum.engine.databases import Databases
from actum.engine.enlisting import enlist
from actum.engine.heartbeat import STUCK_AFTER, Heartbeat
from actum.engine.loop import Loop
from actum.engine.notifier import Notifier, channels_of
from actum.engine.placing import Placing
from actum.engine.policing import Policing
from actum.engine.pruner import Pruner
from actum.engine.recorder import Recorder
from actum.engine.replaying import filter_replays
from actum.engine.rescuer import Rescuer
from actum.engine.runner import Runner
from actum.engine.watching import Watcher
from actum.errors import DatabaseUnavailable, InvalidContract
from actum.model.ids import short
from actum.settings import DEFAULT_CONCURRENCY, Settings
from actum.store.hints import Hints
from actum.store.migrate import migrate, require_current
from actum.store.opening import Opened, open_store
from actum.store.rows import WorkflowRow
from actum.store.store import Store

logger = logging.getLogger("actum.worker")

POLL_BUSY, POLL_IDLE = 0.02, 1.0
THREADS = 32
LAST_WORDS = 2.0  # seconds for outcomes to become durable before a stopping worker gives everything back


class Worker:
    """Runs workflows of `contracts`: `async with Worker([change_repository]): …`, or `await worker.run()`.

    `concurrency` is how many workflows it holds at once; those that wait hold no slot. `lease` is in seconds; a
    shorter one is taken over sooner and beats more often. With `store` an open one is used and left open. Entering
    raises DatabaseUnavailable, DatabaseMismatch and InvalidContract, each a sentence; nothing is claimed then.
    """

    def __init__(
        self,
        contracts: Sequence[Contract[..., Any]],
        *,
        name: str | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        queues: Sequence[str] | None = None,
        lease: float | None = None,
        grace: float = 10.0,
        settings: Settings | None = None,
        store: Store | None = None,
        require_owner: bool = False,
        only: UUID | None = None,
    ) -> None:
        self.contracts = with_children(contracts)
        if require_owner:
            for contract in self.contracts.values():
                require_ownership(contract)
        if concurrency < 1:
            raise InvalidContract(f"concurrency={concurrency} runs nothing: hold at least one workflow")
        self.settings = settings or Settings.read()
        self._channels = channels_of(self.settings)
        self.instance: UUID = uuid4()
        self.name = name or process.default_name()
        self.actor = f"worker:{self.name}"
        self.python = f"{sys.version_info.major}.{sys.version_info.minor}"
        self.queues = list(queues or sorted({contract.queue for contract in self.contracts.values()}))
        self.shapes: list[bytes] = []
        self.documents: dict[str, bytes] = {}
        self.concurrency = concurrency
        self.only = only
        self.grace = grace
        self.random = random.Random()  # noqa: S311  # jitter, not secrets
        self.executor = ThreadPoolExecutor(THREADS, thread_name_prefix="actum step")
        self.lease = lease or self.settings.lease
        self._given_store = store
        self._opened: Opened | None = None
        self._runners: dict[UUID, Runner] = {}
        self._expected: set[UUID] = set()
        self.owning = asyncio.Lock()  # a claim and a look at what is owned must not overtake each other
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loops: list[Loop] = []
        self._is_stopping = False
        self._has_held = False
        self._emptied = asyncio.Event()
        self._ended = asyncio.Event()
        self.failure: str | None = None

    # life

    async def __aenter__(self) -> Worker:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def run(self) -> None:
        """Start, and work until `stop` is called (or the lease is lost for good)."""
        await self.start()
        try:
            await self.ended()
        finally:
            await self.stop()

    async def ended(self) -> None:
        """Return once a started worker has stopped, or must be because its lease is lost; `failure` then says why."""
        await self._ended.wait()

    async def start(self) -> None:
        """Open the database, register contracts and worker, and begin to claim."""
        if self._given_store is None:
            self.store, self._opened = await open_store(self.settings, size=6)
            await migrate(self.store.pool) if self._opened.is_embedded else await require_current(
                self.store.pool
            )
        else:
            self.store = self._given_store
        self.clock = DatabaseClock(self.store.pool.now)
        asked = monotonic_us()
        self.clock.learn(await self.store.read_clock(), asked, monotonic_us())
        await self.store.make_weeks()
        await enlist(self)
        filter_replays()
        self.hints = Hints(self.store, is_on=self.settings.hints)
        self.recorder = Recorder(self.store, self.instance, environment=self.settings.environment)
        self.policing = Policing(self.store, self.settings.environment)
        await self.policing.refresh_once()
        self.placing = Placing(self)
        self.databases = Databases(self.store)
        self.heartbeat = Heartbeat(
            self.store,
            self.instance,
            self.clock,
            lease=self.lease,
            on_lost=self._lost,
            stuck_after=STUCK_AFTER,
        )
        self.claimer = Claimer(self)
        self.rescuer = Rescuer(
            self.store, self.heartbeat, instance=self.instance, machine=process.machine(), lease=self.lease
        )
        self.isolator = Isolator(self)
        self.heartbeat.start()
        self._claiming = Loop("claimer", self.claimer.claim_once, busy=POLL_BUSY, idle=POLL_IDLE)
        self.alarm = Alarm(self.clock, self._claiming.nudge)
        self._ruling = Loop("policing", self.policing.refresh_once, busy=2.0, idle=2.0)
        self._comparing = Loop("comparer", self.compare_once, busy=1.0, idle=max(self.lease / 4, 1.0))
        self._loops = self._make_loops()
        self.hints.hear(self._heard)
        self.spawn(self.recorder.run(), "recorder")
        self.spawn(self.hints.listen(), "listener")
        for loop in self._loops:
            self.spawn(loop.run(), loop.name)
        logger.info("%s serves %s", self.name, ", ".join(sorted(self.contracts)))

    def _make_loops(self) -> list[Loop]:
        notifier = Notifier(self.store, self._channels, self.settings.console_url)
        attendant = Attendant(self.store, self.placing.place_left_once)
        return [
            self._claiming,
            Loop("rescuer", self.rescue_once, busy=min(self.lease / 8, 0.5), idle=min(self.lease / 4, 1.0)),
            Loop("isolator", self.isolator.isolate_once, busy=0.5, idle=2.0),
            Loop("waker", self.wake_once, busy=0.5, idle=5.0),
            self._comparing,
            self._ruling,
            Loop("attendant", attendant.attend_once, busy=0.5, idle=2.0),
            Loop("notifier", notifier.notify_once, busy=0.1, idle=2.0),
            Loop(
                "watcher", Watcher(self.store, self.actor, self.recorder).watch_in_turn, busy=1.0, idle=30.0
            ),
            Loop("pruner", Pruner(self.store).prune_once, busy=60.0, idle=3600.0),
            Loop("weeks", self.store.make_weeks, busy=3600.0, idle=3600.0),
        ]

    async def stop(self, grace: float | None = None) -> None:
        """Drain and stop: claim no more, let attempts finish for `grace` seconds, leave the rest, release the lease.

        A workflow of which nothing executes any more is given back at once, and one that is run alone is drained and
        waited for. Steps still executing after the grace are interrupted and run again elsewhere; effects are left to
        their way out of doubt. A second call returns at once.
        """
        if self._is_stopping:
            return
        self._is_stopping = True
        for loop in self._loops:
            if loop is not self._comparing:  # it gives back what is let go
                loop.stop()
        await self._drain(self.grace if grace is None else grace)
        self._comparing.stop()
        for runner in self.held:
            runner.let_go()
        await self.recorder.stop(LAST_WORDS)
        with contextlib.suppress(DatabaseUnavailable, TimeoutError):
            async with asyncio.timeout(5), self.owning:  # what a claim under way brings is given back too
                owned = await self.store.workflows.list_owned(self.instance)
                if owned:
                    await self.store.workflows.release(instance=self.instance, ids=sorted(owned))
                await self.store.workers.stop([self.instance], "stopped")
        await self.isolator.ended()
        await asyncio.to_thread(self.heartbeat.stop)  # it closes its own connections, which may take a while
        await self.hints.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.databases.close()
        self.executor.shutdown(wait=False, cancel_futures=True)
        if self._opened is not None:
            await self._opened.close()
        self._ended.set()

    async def wait_until_served(self, patience: float = 10.0) -> None:
        """Wait until a workflow was held and let go, or none came within `patience` seconds."""
        began = asyncio.get_running_loop().time()
        while not self._ended.is_set():
            is_late = asyncio.get_running_loop().time() - began > patience
            if not self._runners and not self._expected and (self._has_held or is_late):
                return
            await asyncio.sleep(0.05)

    async def _drain(self, grace: float) -> None:
        self.isolator.drain(grace)
        for runner in self.held:
            runner.drain()
        if self._runners and grace > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), grace)

    # what loops and runners use

    @property
    def free_slots(self) -> int:
        """How many more workflows may be held now."""
        if self._is_stopping or self.recorder.is_stopped_by_database:
            return 0
        return self.concurrency - len(self._runners) - len(self._expected)

    @property
    def held(self) -> tuple[Runner, ...]:
        """The workflows held now."""
        return tuple(self._runners.values())

    @property
    def held_count(self) -> int:
        """How many workflows this worker answers for now, the one that is run alone included."""
        return len(self._runners) + self.isolator.count

    def has_lease(self) -> bool:
        """Whether this worker's lease is unexpired by its own clock."""
        return self.heartbeat.has_lease()

    def contract_of(self, row: WorkflowRow) -> Contract[..., Any]:
        """Return the contract of a claimed row."""
        return self.contracts[row.contract]

    def expect(self, workflow_id: UUID) -> None:
        """Note that a workflow was claimed and its runner is being made."""
        self._expected.add(workflow_id)

    def expect_no_more(self, ids: Iterable[UUID]) -> None:
        """The runners are made, or never will be: the comparer releases those."""
        self._expected.difference_update(ids)

    def hold(self, runner: Runner) -> None:
        """Take a runner in."""
        self._has_held = True
        self._emptied.clear()
        self._expected.discard(runner.workflow_id)
        self._runners[runner.workflow_id] = runner
        if self._is_stopping:
            runner.drain()

    def drop(self, runner: Runner) -> None:
        """Forget a runner that has ended, was parked or lost its lease."""
        if self._runners.get(runner.workflow_id) is runner:
            was_full = self.free_slots <= 0
            del self._runners[runner.workflow_id]
            if was_full or not self._runners:
                self._claiming.nudge()
        if not self._runners:
            self._emptied.set()
        if self._is_stopping:
            self.compare_soon()

    def lose(self, runner: Runner) -> None:
        """Stop one workflow locally, because the lease may have passed to somebody else."""
        logger.warning("%s: the lease has run out: %s is let go", self.name, short(runner.workflow_id))
        runner.let_go()

    def compare_soon(self) -> None:
        """Look what the database says we hold: a reply was lost, or a workflow was let go unfinished."""
        self._comparing.nudge()

    def wake_soon(self, ids: Sequence[UUID]) -> None:
        """Make workflows ready that a durable message waits for; where that fails, the sweep does it."""

        async def wake() -> None:
            with contextlib.suppress(DatabaseUnavailable):
                await self.store.workflows.wake(sorted(ids))
                self.hint_ready()

        self.spawn(wake(), "wake others")

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Run a named task whose failure is noticed."""
        task = asyncio.get_running_loop().create_task(work, name=f"{self.name}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def hint_ready(self) -> None:
        """Tell claimers, here and elsewhere, that something may be ready."""
        self.hints.send("ready")

    def _heard(self, hint: str) -> None:
        if hint == "ready":
            self._claiming.nudge()
        elif hint == "policy":
            self._ruling.nudge()
        elif hint.startswith("wake:"):
            runner = self._runners.get(UUID(hint[5:]))
            if runner is None:
                self._claiming.nudge()
            else:
                runner.outsiders.read_anyway()

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or self._is_stopping:
            return
        error = task.exception()
        if error is not None:
            logger.critical("%s ended by %r: this worker stops", task.get_name(), error, exc_info=error)
            self.failure = f"{task.get_name()}: {error!r}"
            self._ended.set()

    def _lost(self) -> None:
        """Another worker declared this one dead: nothing it holds is its own any more."""
        if self._is_stopping:  # it ended its own row, and the heartbeat found it so
            return
        logger.error("%s was declared dead and has lost its lease: it stops", self.name)
        self.failure = "the lease was lost"
        for runner in self.held:
            runner.let_go()
        self._ended.set()

    # passes

    async def rescue_once(self) -> int:
        """Make ready what dead workers held, and have it claimed now rather than at the next poll."""
        rescued = await self.rescuer.rescue_once()
        if rescued:
            self._claiming.nudge()
            self.hint_ready()
        return rescued

    async def wake_once(self) -> int:
        """Wake workflows that sleep although a message waits: whoever left it died before the wake."""
        asleep = await self.store.messages.sweep()
        return len(await self.store.workflows.wake(sorted(asleep))) if asleep else 0

    async def compare_once(self) -> int:
        """Release what the database says we hold and we do not know, and look at the wake numbers of what we hold."""
        async with self.owning:
            known = set(self._runners) | self._expected
            owned = await self.store.workflows.list_owned(self.instance)
        now_known = set(self._runners) | self._expected
        stray = [one for one in owned if one not in known and one not in now_known]
        if stray:
            await self.store.workflows.release(instance=self.instance, ids=sorted(stray))
            self.hint_ready()
        for workflow_id, wake in owned.items():
            runner = self._runners.get(workflow_id)
            if runner is not None:
                runner.outsiders.saw_wake(wake)
        return len(stray)
