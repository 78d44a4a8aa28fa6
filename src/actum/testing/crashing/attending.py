"""Whoever stands beside a workflow while it is killed: approves, answers, looks after doubts, and lets time pass."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from actum.client.client import Client
from actum.client.handle import Handle
from actum.errors import NotFound, NotPossible
from actum.model.events import EventKind
from actum.model.workflow import Cause, Status
from actum.store.rows import EffectRow, WorkflowRow
from actum.testing.auditor import every_workflow
from actum.testing.crashing.life import WORLD
from actum.testing.crashing.notes import Note, read_notes
from actum.testing.crashing.offset import SharedClock
from actum.testing.crashing.world import Question, World

LOOK_EVERY = 0.02
SURE_AFTER = 5
"""Looks in a row that find nothing to do before it is said that nothing can move the workflow."""
FAR = 9000
"""The year from which an instant means never."""


class Stuck(Exception):
    """Nothing but a person, or nobody, could move the workflow; the text says why."""

    def __init__(self, why: str, cause: str | None = None, data: str | None = None) -> None:
        super().__init__(why)
        self.cause = cause
        self.data = data


class Attendant:
    """Attends to one workflow and its children until it has ended."""

    def __init__(
        self,
        handle: Handle[Any],
        requester: Client,
        reviewer: Client,
        clock: SharedClock,
        world: World,
        folder: Path,
    ) -> None:
        self._handle = handle
        self._requester = requester
        self._reviewer = reviewer
        self._clock = clock
        self._world = world
        self._folder = folder
        self._delivered: set[int] = set()
        self._idle = 0

    async def attend(self, seconds: float, alive: Callable[[], bool]) -> WorkflowRow:
        """Return the row once the workflow has ended, or once the process at work is not alive any more.

        Raises Stuck when nothing can move it, and when it has not ended within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while True:
            row = await self._handle.row()
            if row.finished_at is not None or not alive():
                return row
            if time.monotonic() > deadline:
                raise Stuck(
                    f"it had not ended after {seconds:.0f} s: it was {row.status}, at {row.current_step or 'its body'}"
                )
            with suppress(
                NotPossible, NotFound
            ):  # somebody was quicker, or it has ended: the next look shows
                await self._look()
            await asyncio.sleep(LOOK_EVERY)

    async def _look(self) -> None:
        store = self._requester.store
        if await self._approve():
            self._idle = 0
            return
        rows = [row async for row in every_workflow(store) if row.finished_at is None]
        now = await store.read_clock()
        is_busy = any(row.instance is not None or row.run_at <= now for row in rows)
        if is_busy or await self._wake() or await self._answer(rows) or await self._settle(rows):
            self._idle = 0
            return
        self._idle += 1
        if self._idle < SURE_AFTER:
            return
        for row in rows:
            if row.status == Status.BLOCKED and row.cause != Cause.IN_DOUBT:
                raise await self._blocked(row)
        due = min((row.run_at for row in rows), default=now)
        if due.year >= FAR or not rows:
            raise Stuck(await self._why(rows), rows[0].cause if rows else None)
        self._clock.skip_to(due)
        await store.make_weeks()  # where the leap went beyond those there are
        self._requester.hints.send("ready")
        self._idle = 0

    async def _approve(self) -> bool:
        pending = await self._reviewer.store.approvals.list_pending(100)
        for approval in pending:
            await self._reviewer.approve(approval.id, "approved by crash_everywhere")
        return bool(pending)

    async def _wake(self) -> bool:
        """Wake those for whom a message waits whose sender died before the wake; once for each message."""
        store = self._requester.store
        asleep = await store.messages.sweep()
        unread = {message.id for message in await store.messages.read_open(asleep)} - self._delivered
        self._delivered |= unread
        if unread:
            await store.workflows.wake(sorted(asleep))
            self._requester.hints.send("ready")
        return bool(unread)

    # answering

    async def _answer(self, rows: list[WorkflowRow]) -> bool:
        for open_one in await self._reviewer.store.questions.list_open(100):
            asked = Question("question", open_one.contract, open_one.address, open_one.question)
            value = await self._world.answer(self._folder / WORLD, asked)
            if value is not None:
                await self._reviewer.answer(open_one.workflow_id, open_one.address, value)
                return True
        for row in rows:
            for name in await self._awaited_signals(row):
                asked = Question("signal", row.contract, name)
                value = await self._world.answer(self._folder / WORLD, asked)
                if value is not None:
                    await self._requester.send(row.id, "signal", name=name, body=json.dumps(value).encode())
                    return True
        return False

    async def _awaited_signals(self, row: WorkflowRow) -> list[str]:
        return [wait["step"] for wait in await self._waits(row) if wait.get("for") == "signal"]

    async def _waits(self, row: WorkflowRow) -> list[dict[str, Any]]:
        """Return what a parked workflow said it waits for."""
        for event in reversed(await self._requester.store.records.read_events(row.id)):
            if event.kind in (EventKind.WORKFLOW_PARKED, EventKind.WORKFLOW_BLOCKED):
                return list(json.loads(event.data or "{}").get("waits", ()))
        return []

    # doubt

    async def _settle(self, rows: list[WorkflowRow]) -> bool:
        """Say what became of effects that only a person can tell: what this person saw happen, happened."""
        for row in rows:
            if row.status != Status.BLOCKED or row.cause != Cause.IN_DOUBT:
                continue
            for effect in await self._requester.store.effects.list_of(row.id):
                if effect.workflow_id == row.id and effect.state == "in_doubt":
                    return await self._settle_one(row.id, effect)
        return False

    async def _settle_one(self, workflow_id: UUID, effect: EffectRow) -> bool:
        last = last_note(read_notes(self._folder), str(workflow_id), effect.address)
        if last is None or last.what == "returned":
            outcome = "did_not_happen" if last is None else "happened"
        else:
            acted = await self._world.acted(self._folder / WORLD)
            if acted is None or last.what == "raised":
                return False
            outcome = "happened" if any(effect.key == key for _, key in acted) else "did_not_happen"
        result = json.loads(last.value) if last is not None and last.value else None
        await self._requester.settle(
            workflow_id, effect.address, outcome, result=result, reason="crash_everywhere looked"
        )
        return True

    # why nothing moves

    async def _blocked(self, row: WorkflowRow) -> Stuck:
        for event in reversed(await self._requester.store.records.read_events(row.id)):
            if event.kind is EventKind.WORKFLOW_BLOCKED:
                why = json.loads(event.data or "{}").get("why") or f"it is blocked ({row.cause})"
                return Stuck(str(why), row.cause, event.data)
        return Stuck(f"it is blocked ({row.cause})", row.cause)

    async def _why(self, rows: list[WorkflowRow]) -> str:
        waits = [wait for row in rows for wait in await self._waits(row)]
        if not waits:
            return "nothing could move it any more"
        named = ", ".join(f"{wait['step']} (for {wait.get('for')})" for wait in waits)
        way = "" if self._world.has("answer") else f"; write answer(question) in {self._world.name}"
        return f"it waits for {named}, which nobody brings{way}"


def last_note(notes: list[Note], workflow: str, address: str) -> Note | None:
    """Return the newest note of what acts at an address, probes left aside."""
    found = [n for n in notes if (n.workflow, n.address) == (workflow, address) and n.role != "probe"]
    return found[-1] if found else None
