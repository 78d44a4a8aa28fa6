"""One run of the workflow: killed once or never, resumed, and what is known about it afterwards."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import orjson

from actum.authoring.call import Call
from actum.client.client import Client
from actum.client.handle import Handle
from actum.errors import NotPossible
from actum.model.events import EventKind
from actum.model.workflow import Status
from actum.store.store import Store
from actum.testing.auditor import audit, every_workflow
from actum.testing.crashing.attending import Attendant, Stuck
from actum.testing.crashing.life import CLOCK, LOG, WORLD, Order
from actum.testing.crashing.notes import Boundary, Moment, Note, read_boundary, read_notes, read_sent
from actum.testing.crashing.offset import SharedClock
from actum.testing.crashing.processes import Life, Nursery
from actum.testing.crashing.world import World
from actum.testing.server import TestServer

OVER = {
    EventKind.STEP_COMPLETED,
    EventKind.STEP_FAILED,
    EventKind.STEP_ABANDONED,
    EventKind.EFFECT_SUCCEEDED,
    EventKind.EFFECT_SHARED,
}
"""After one of these an address is never executed again."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run left behind.

    `status` is the workflow's last one, and `outcome` its result or failure as JSON values. `stuck`, `cause` and
    `data` say why it did not end. `over` are the (workflow, address) pairs that were durable when it was killed.
    """

    boundary: Boundary | None
    status: str
    outcome: Any
    world: Any
    acted: list[tuple[str, str]] | None
    notes: list[Note]
    over: frozenset[tuple[str, str]] = frozenset()
    sent: tuple[Moment, ...] = ()
    audit: tuple[str, ...] = ()
    stuck: str | None = None
    cause: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


Target = int | Moment
"""Where a process is killed: at a flush by its number, or at the one that carries a moment."""


class Trials:
    """Makes runs, each with a database, a folder and an outside of its own."""

    def __init__(
        self,
        call: Call[Any],
        world: World,
        server: TestServer,
        nursery: Nursery,
        folder: Path,
        patience: float,
    ) -> None:
        self._call = call
        self._world = world
        self._server = server
        self._nursery = nursery
        self._folder = folder
        self._patience = patience
        self._count = 0
        self.is_alone = True
        """Whether the world's folder is all that a run changes, so that several can be made at a time."""

    async def run(self, target: Target = 0, when: Literal["before", "after"] = "before") -> Seen:
        """Run once, killed at a flush (never, for 0). Raises NotPossible when a process breaks."""
        self._count += 1
        folder = self._folder / f"run-{self._count}"
        (folder / WORLD).mkdir(parents=True)
        self.is_alone = await self._world.reset(folder / WORLD) and self.is_alone
        dsn = await self._server.create()
        try:
            order = Order(dsn, str(folder), 1)
            if isinstance(target, Moment):
                order = replace(order, when=when, moment=asdict(target))
            else:
                order = replace(order, when=when, number=target)
            return await Trial(self._call, self._world, self._nursery, folder, dsn).run(order, self._patience)
        finally:
            await self._server.drop(dsn)


class Trial:
    """One run being made."""

    def __init__(self, call: Call[Any], world: World, nursery: Nursery, folder: Path, dsn: str) -> None:
        self._call = call
        self._world = world
        self._nursery = nursery
        self._folder = folder
        self._dsn = dsn
        self._over: frozenset[tuple[str, str]] = frozenset()

    async def run(self, order: Order, patience: float) -> Seen:
        """Have a process work until it is killed, and another one until the workflow has ended."""
        async with self._opened() as (store, clock, requester, reviewer):
            handle: Handle[Any] = await requester.start(self._call)
            attendant = Attendant(handle, requester, reviewer, clock, self._world, self._folder)
            stuck: Stuck | None = None
            life = await self._nursery.bear(order)
            try:
                row = await attendant.attend(patience, lambda: not life.ended.done())
                if row.finished_at is None:
                    await self._require_kill(life)
                    self._over = await _durable(store)
                    life = await self._nursery.bear(replace(order, life=2, number=0, moment=None))
                    await attendant.attend(patience, lambda: not life.ended.done())
                    self._require_end((await handle.row()).finished_at is not None, life)
            except Stuck as error:
                stuck = error
            finally:
                await life.end()
            return await self._look(handle, store, stuck)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[tuple[Store, SharedClock, Client, Client]]:
        async with AsyncExitStack() as stack:
            clock = SharedClock(self._folder / CLOCK)
            stack.callback(clock.close)
            store = await Store.open(self._dsn, size=3, now=clock.now)
            stack.push_async_callback(store.close)
            clients = []
            for actor in ("user:author", "user:reviewer"):
                clients.append(await Client.over(store, actor=actor))
                stack.push_async_callback(clients[-1].close)
            await store.make_weeks()
            yield store, clock, clients[0], clients[1]

    async def _require_kill(self, life: Life) -> None:
        status = await life.ended
        if status != -signal.SIGKILL:
            raise NotPossible(
                f"a process that worked on {self._call.name} ended by itself ({_ending(status)}): mend what ends it; "
                f"it said:\n{self._logged()}"
            )

    def _require_end(self, has_ended: bool, life: Life) -> None:
        if not has_ended and life.ended.done():
            raise NotPossible(
                f"the process that resumed {self._call.name} ended by itself ({_ending(life.ended.result())}): mend "
                f"what ends it; it said:\n{self._logged()}"
            )

    def _logged(self) -> str:
        log = self._folder / LOG
        return log.read_text("utf-8", "replace")[-2000:] if log.exists() else "(it said nothing)"

    async def _look(self, handle: Handle[Any], store: Store, stuck: Stuck | None) -> Seen:
        row = await handle.row()
        outcome = None
        if row.finished_at is not None:
            snapshot = await store.records.read_snapshot(row.id, row.next_seq - 1)
            outcome = orjson.loads(snapshot.body) if snapshot is not None and snapshot.body else None
        return Seen(
            boundary=read_boundary(self._folder),
            status=row.status,
            outcome=_comparable(row.id, row.status, outcome),
            world=await self._world.observe(self._folder / WORLD),
            acted=await self._world.acted(self._folder / WORLD),
            notes=read_notes(self._folder),
            over=self._over,
            sent=read_sent(self._folder),
            audit=() if stuck is not None else tuple(await audit(store)),
            stuck=None if stuck is None else str(stuck),
            cause=None if stuck is None else stuck.cause,
            data=orjson.loads(stuck.data) if stuck is not None and stuck.data else {},
        )


def _ending(status: int) -> str:
    return f"by signal {-status}" if status < 0 else f"with exit code {status}"


async def _durable(store: Store) -> frozenset[tuple[str, str]]:
    """Return every place that is over for good."""
    return frozenset(
        [
            (str(row.id), event.address)
            async for row in every_workflow(store)
            for event in await store.records.read_events(row.id)
            if event.address and (event.kind in OVER or _is_settled(event.kind, event.outcome))
        ]
    )


def _is_settled(kind: EventKind, outcome: str | None) -> bool:
    return kind is EventKind.EFFECT_SETTLED and outcome in ("happened", "abandoned")


def _comparable(workflow_id: UUID, status: str, outcome: Any) -> Any:
    """Return what must be the same in every run: the result, or, of a rollback, what became of each entry."""
    if status == Status.COMPLETED:
        return _without(str(workflow_id), outcome)
    entries = outcome.get("entries", ()) if isinstance(outcome, dict) else ()
    return {entry["step"]: entry["outcome"] for entry in entries}


def _without(name: str, value: Any) -> Any:
    """Return JSON values with the workflow's own id, which differs from run to run, taken out."""
    if isinstance(value, dict):
        return {key: _without(name, one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without(name, one) for one in value]
    return value.replace(name, "(this workflow)") if isinstance(value, str) else value
