"""The demo's stage: two identities, a worker that is killed and replaced, and a reviewer who answers what is asked."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from actum import Call, Client
from actum.client import Handle
from actum.client.reviews import read_review
from actum.errors import NotPossible
from actum.model.ids import short
from actum.store.approvals import Ruled
from actum.store.batches import BatchRow
from actum.store.rows import ApprovalRow

from .demo_worker import LOG

R = TypeVar("R")

PATIENCE = 180.0
UNPLACED = timedelta(seconds=5)
"""After this an approval that may share a card is decided alone: whoever had to place it is gone."""
READ_ALONE = "read it: the checks passed, and the diff is what was asked for"
READ_TOGETHER = "read each: only the formatting changes, and the checks passed"


@dataclass
class Stage:
    """What a demo watches, and what it has done so far; `started` are its workflows."""

    client: Client
    reviewer: Client
    folder: Path
    worker: subprocess.Popen[bytes] | None = None
    kills: int = 0
    started: list[UUID] = field(default_factory=list)
    first: int = 0
    """The first of the workers' notes that belongs to the workflow that runs."""
    is_killing: bool = False
    slow: str | None = None
    """The repository whose first reading is not to come back in time."""
    cuts: str | None = None
    """The repository whose first patch is to come cut off."""
    together: int = 1
    """How many changes a shared card has to hold before the reviewer decides it."""

    @property
    def log(self) -> Path:
        """Where workers note the steps they begin."""
        return self.folder / LOG

    def begun(self) -> list[dict[str, Any]]:
        """Return what the workers noted of the last workflow, in order."""
        return self._read_notes()[self.first :]

    def start_worker(self) -> None:
        """Start a worker process; the second and later ones die after the commit, unless one did already."""
        command = [sys.executable, "-m", "change_repository.demo_worker", str(self.folder)]
        command += ["--dies"] if self.kills else []
        command += ["--slow", self.slow] if self.slow else []
        command += ["--cuts", self.cuts] if self.cuts else []
        self.worker = subprocess.Popen(command)
        say(f"worker {self.worker.pid} started")

    async def run(self, call: Call[R], *, kills: int = 0) -> R:
        """Drive one workflow to its end, answering on the way; raises WorkflowFailed as its result does.

        With `kills`, the worker is killed once while it proposes, and the next one dies after its commit.
        """
        self.first, self.is_killing = len(self._read_notes()), bool(kills)
        handle = await self.client.start(call, requester="user:author")
        self.started.append(handle.workflow_id)
        say(f"workflow {handle.short_id} started: {call.name}")
        if self.worker is None:
            self.start_worker()
        ending = asyncio.ensure_future(handle.result(PATIENCE))
        try:
            while not ending.done():
                self._kill()
                await self._answer(handle)
                await asyncio.wait({ending}, timeout=0.02)
            return ending.result()
        finally:
            ending.cancel()

    def stop(self) -> None:
        """End the worker."""
        if self.worker is not None:
            self.worker.terminate()
            self.worker.wait(timeout=30)

    def _read_notes(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def _kill(self) -> None:
        """Kill the worker during the proposal, once, and replace a dead one."""
        worker = self.worker
        if worker is None:
            return
        if self.is_killing and self.kills == 0:
            if any(note["step"] == "propose_change" for note in self.begun()):
                worker.send_signal(signal.SIGKILL)
                worker.wait()
                self.kills += 1
                say(f"worker {worker.pid} was killed during propose_change (SIGKILL)")
                self.start_worker()
        elif worker.poll() is not None:
            if worker.returncode >= 0:
                raise NotPossible(f"the worker ended with code {worker.returncode}: mend what it said above")
            self.kills += 1
            say(f"worker {worker.pid} died between the commit and its record (signal {-worker.returncode})")
            self.start_worker()

    async def _answer(self, handle: Handle[Any]) -> None:
        """Decide what the workflow asks: a card for what stands alone, one card for all that share it."""
        waiting, _ = await self.reviewer.inbox()
        asked = [one for one in waiting if one.workflow_id == handle.workflow_id]
        if not asked:
            return
        now = await self.client.store.read_clock()
        alone = [
            one for one in asked if one.tier == 2 or (not one.batch_id and now - one.asked_at > UNPLACED)
        ]
        for one in alone:
            await self._decide_alone(one)
        shared = [one for one in asked if one not in alone]
        if all(one.batch_id for one in shared):
            await self._decide_together(shared)

    async def judge(self, workflow_id: UUID, why: str) -> None:
        """Have the reviewer call an output usable."""
        await self.reviewer.verdicts.give(workflow_id, "usable", why)
        say(f"called usable by {self.reviewer.actor}: {why}")

    async def _decide_alone(self, asked: ApprovalRow) -> None:
        say("one card for one change, as `actum inbox` shows it:")
        await show("inbox", short(asked.id))
        await self.reviewer.approvals.approve(asked.id, READ_ALONE, seen_hash=asked.card_hash)
        say(f"approved by {self.reviewer.actor}: {READ_ALONE}")

    async def _decide_together(self, shared: Sequence[ApprovalRow]) -> None:
        """Decide each batch that holds all it is to hold, and whose workflows wait for it; leave others for later."""
        mine = {one.batch_id for one in shared}
        for batch in await self.reviewer.store.batches.list():
            if batch.id in mine and ((batch.all_parked and batch.count >= self.together) or batch.closed_at):
                await self.decide_batch(batch)

    async def decide_batch(self, batch: BatchRow) -> None:
        """Show a batch on one card, and approve what is open of it."""
        many = f"{batch.count} changes" if batch.count > 1 else "one change that others might join"
        say(f"one card for {many}, as `actum review` shows it:")
        await show("review", short(batch.id))
        found = await read_review(self.reviewer.store, batch)
        verdicts = [
            Ruled(card.approval.id, "approved", READ_TOGETHER, card.approval.card_hash)
            for card in found.open_cards
        ]
        await self.reviewer.approvals.decide_many(verdicts)
        say(f"{len(verdicts)} approved by {self.reviewer.actor}: {READ_TOGETHER}")


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"· {text}", flush=True)


async def show(*arguments: str) -> None:
    """Print what `actum` prints, its lines set in; a person would type the same."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "actum.cli", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    print()
    for line in (done.stdout + done.stderr).splitlines():
        print(f"  {line}")
    print(flush=True)
