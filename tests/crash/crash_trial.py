"""One workflow's way through its killed processes, and what is checked after each of them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from crash_contracts import CONTRACTS, go_on, read_lines
from crash_driver import Order
from crash_processes import Nursery
from patience import until

from actum import Client
from actum.client.handle import Handle
from actum.errors import ActumError
from actum.model.events import Event, EventKind
from actum.settings import Settings
from actum.store.store import Store
from actum.testing.auditor import audit

K = EventKind
OVER = {K.STEP_COMPLETED, K.STEP_FAILED, K.STEP_ABANDONED}
"""After one of these a step is never executed again."""
STANDS_ON = {
    "propose_change": {"collect_context"},
    "run_checks": {"propose_change"},
    "summarize_result": {"run_checks"},
    "first": {"left", "right"},
    "slow": {"first", "second"},
    "child_step": {"slow"},
    "flaky": {"left", "slow", "child_step"},
    "winner": {"meanwhile"},
}
"""A step, and steps whose outcomes it stands on: it may begin only when those are durable."""


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[tuple[Client, Client]]:
    """Open the requester's and the reviewer's clients."""
    settings = Settings(database_url=dsn)
    async with (
        Client.open(actor="user:requester", settings=settings) as requester,
        Client.open(actor="user:reviewer", settings=settings) as reviewer,
    ):
        yield requester, reviewer


class MakePlace(Protocol):
    """Makes a place by name."""

    async def __call__(self, name: str = "place") -> Place: ...


class Place:
    """One database and one folder of files, used by one trial after the other."""

    def __init__(self, dsn: str, folder: Path, requester: Client, reviewer: Client) -> None:
        self.dsn = dsn
        self.folder = folder
        self.requester = requester
        self.reviewer = reviewer

    @property
    def store(self) -> Store:
        return self.requester.store

    def order(self, name: str, contracts: list[str], **values: Any) -> Order:
        return Order(self.dsn, str(self.folder), name, contracts, **values)

    def lines(self, file: str) -> list[dict[str, Any]]:
        return read_lines(self.folder / file)

    def logged(self) -> str:
        """Return everything that workers logged."""
        return "".join(log.read_text() for log in sorted(self.folder.glob("log-*")))

    async def audit(self) -> None:
        """Check every workflow of the database: rows are the sums of their events, chains hold, effects happened once."""
        assert [] == await audit(self.store)
        world = [line["key"] for line in self.lines("world")]
        assert sorted(set(world)) == sorted(world), "an effect happened twice"


class Person:
    """Decides, signals and settles for one workflow, as people would: whenever it asks."""

    def __init__(self, place: Place, handle: Handle[Any]) -> None:
        self.place = place
        self.handle = handle
        self.has_signalled = False

    async def attend(self) -> None:
        """Do what is asked until cancelled; the database may be away meanwhile."""
        while True:
            with suppress(ActumError):  # it has ended, or somebody was quicker; the next look shows
                await self._look()
            await asyncio.sleep(0.02)

    async def _look(self) -> None:
        workflow_id, reviewer = self.handle.workflow_id, self.place.reviewer
        for approval in await reviewer.store.approvals.list_pending(100):
            if approval.workflow_id == workflow_id or approval.contract == "regretted":
                await reviewer.approve(approval.id, "looks right")
        row = await self.handle.row()
        if row.current_step == go_on.name and not self.has_signalled:
            await self.handle.signal(go_on, "signalled")
            self.has_signalled = True
        if row.status == "blocked" and row.cause == "in_doubt":
            await self._settle(workflow_id)

    async def _settle(self, workflow_id: UUID) -> None:
        """Look at the world, and say what happened."""
        for effect in await self.place.store.effects.list_of(workflow_id):
            if effect.state != "in_doubt":
                continue
            done = [line for line in self.place.lines("world") if line["key"] == effect.key]
            if done:
                result = f"{effect.kind} of {done[0]['name']}"
                await self.handle.settle(effect.address, "happened", result=result, reason="I looked")
            else:
                await self.handle.settle(effect.address, "did_not_happen", reason="I looked")


class Trial:
    """One workflow under one kill."""

    def __init__(self, place: Place, nursery: Nursery, contract: str, name: str) -> None:
        self.place = place
        self.nursery = nursery
        self.contract = contract
        self.name = name
        self.kills = 0
        self._over: set[str] = set()
        self._read = len(place.lines("steps"))

    async def run(self, *, every_life: bool = False, serving: list[str] | None = None, **kill: Any) -> Any:
        """Start the workflow, have its process killed as `kill` says, start others until it ends; return its result.

        With `every_life` each process is killed so, else only the first. `serving` are the contracts it serves.
        """
        place = self.place
        handle: Handle[Any] = await place.requester.start(CONTRACTS[self.contract](self.name))
        attending = asyncio.create_task(Person(place, handle).attend())
        order = place.order(self.name, serving or [self.contract], until=[str(handle.workflow_id)], **kill)
        try:
            while True:
                life = await self.nursery.bear(order)
                try:
                    status = await life.status()
                except TimeoutError:
                    stuck = await handle.row(), [e.kind.value for e in await self.events(handle.workflow_id)]
                    raise AssertionError(f"{stuck} {place.logged()[-4000:]}") from None
                await self._check(handle.workflow_id)
                if status == 0:
                    await self._check_approvals(handle.workflow_id)
                    return await handle.result(5)
                assert status == -signal.SIGKILL, (self.name, status, place.logged()[-4000:])
                self.kills += 1
                assert self.kills < 100, "so many lives and no progress"
                if not every_life:
                    order = replace(order, at=None)
        finally:
            attending.cancel()

    async def _check(self, workflow_id: UUID) -> None:
        """Check that nothing ran that was over before; then note what is over now."""
        lines = [line for line in self.place.lines("steps")[self._read :] if line["name"] == self.name]
        self._read = len(self.place.lines("steps"))
        again = sorted({line["step"] for line in lines} & self._over)
        assert not again, f"{self.name}: {again} ran again although durable"
        self._over = {event.step or "" for event in await self.events(workflow_id) if event.kind in OVER}
        for line in lines:
            missing = STANDS_ON.get(line["step"], set()) - self._over
            assert not missing, f"{self.name}: {line['step']} began before {missing} was durable"

    async def _check_approvals(self, workflow_id: UUID) -> None:
        """Check that each effect was asked for once, decided once and used once, whatever was killed in between."""
        store = self.place.store
        approvals = await store.approvals.list_of([workflow_id])
        effects = [one for one in await store.effects.list_of(workflow_id) if one.approval_id is not None]
        asked = sorted((one.kind, one.state) for one in approvals)
        assert sorted((one.kind, "used") for one in effects) == asked, (self.name, asked)
        decisions = [one.ruling for one in await store.approvals.list_decisions(workflow_id)]
        assert ["approved"] * len(effects) == decisions, (self.name, decisions)

    async def events(self, workflow_id: UUID) -> list[Event]:
        """Return the events of the workflow and of its children."""
        store = self.place.store
        found = await store.records.read_events(workflow_id)
        for row in await store.workflows.list(parent=workflow_id):
            found += await store.records.read_events(row.id)
        return found

    def check_attempts(self) -> None:
        """Check that nothing ran more often than kills explain, and that a crash was no failed attempt."""
        runs: dict[tuple[str, int], int] = {}
        for line in self.place.lines("steps"):
            if line["name"] == self.name and line["what"] == "begin":
                key = line["step"], line["attempt"]
                runs[key] = runs.get(key, 0) + 1
        assert all(count <= 1 + self.kills for count in runs.values()), runs
        assert all(number == 1 or step == "flaky" for step, number in runs), runs
        assert all(number <= 2 for _, number in runs), runs


async def all_ended(store: Store, count: int, seconds: float = 60.0) -> None:
    """Wait until `count` workflows have completed."""

    async def ended() -> bool:
        try:
            return (await store.workflows.count_by_status()).get("completed", 0) >= count
        except ActumError:
            return False

    await until(ended, f"{count} workflows completed", seconds)
