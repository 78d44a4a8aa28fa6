"""Runs a workflow that was there when workers crashed in a process of its own, so that it takes nobody along.

Crashes of a busy worker count for every workflow it was executing; from the second on, one is run alone, and only
crashes alone lead to `blocked`. The process is a worker like any other, with a lease and a hold on the database of its
own, that claims exactly this workflow and ends when it has let it go. A worker that drains has it drain too, and waits
for it. If the worker dies meanwhile, it goes on.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any
from uuid import UUID

from actum.authoring.contract import Contract
from actum.engine.process import default_name
from actum.engine.single import NOT_FOUND, run_single
from actum.model.ids import short
from actum.settings import Settings
from actum.store.store import Store

if TYPE_CHECKING:
    from actum.engine.worker import Worker

logger = logging.getLogger("actum.isolator")

NOT_HANDED_OVER = frozenset({"token"})
"""Settings that the process does not get: what clients sign in with."""
LOOK_EVERY = 0.1
"""Seconds between two looks whether the process has ended: a thread that waited would hold this one back at its end."""
TO_LEAVE = 15.0
"""Seconds beyond the grace that a process has to give up its workflow and go, before it is killed."""


@dataclass(frozen=True, slots=True)
class Errand:
    """All that the process of one workflow is told: what it runs, and what its worker rules, times and records by."""

    module: str
    contract: str
    workflow_id: UUID
    settings: Settings
    queues: tuple[str, ...]
    name: str | None
    grace: float


def reference(contract: Contract[..., Any]) -> tuple[str, str] | None:
    """Return the module and name under which another process finds this contract, None when it cannot."""
    module = sys.modules.get(contract.__module__)
    if module is None or (contract.__module__ == "__main__" and not getattr(module, "__file__", None)):
        return None
    for name, value in vars(module).items():
        if value is contract:
            return contract.__module__, name
    return None


def hand_over(settings: Settings, store: Store, lease: float) -> Settings:
    """Return the settings of another process on the database of `store`: these ones but for `NOT_HANDED_OVER`.

    An embedded server is handed over by its folder, so that the process holds it as every user of it does.
    """
    pool = store.pool
    return replace(
        settings,
        database_url=None if store.home is not None else pool.dsn,
        home=store.home or settings.home,
        schema=pool.schema,
        pooler=pool.pooler,
        lease=lease,
        token=None,
    )


class Isolator:
    """One pass runs one crashed workflow in a process of its own."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._places = {
            name: place
            for name, contract in worker.contracts.items()
            if (place := reference(contract)) is not None
        }
        self._process: BaseProcess | None = None
        self._line: Connection | None = None
        self._end_by: float | None = None

    @property
    def contracts(self) -> list[str]:
        """The contracts that another process can find; the others are run here whatever happened."""
        return list(self._places)

    @property
    def count(self) -> int:
        """How many workflows are run alone now: one or none."""
        return int(self._process is not None and self._process.is_alive())

    async def isolate_once(self) -> int:
        """Return 1 if a process was started and has ended, else 0; one that does not find its contract is not tried again."""
        worker = self._worker
        if not self._places or worker.only is not None or not worker.has_lease():
            return 0
        found = await worker.store.workflows.find_crashed(
            queues=worker.queues, shapes=worker.shapes, alone=self.contracts
        )
        if found is None or self._end_by is not None:
            return 0
        workflow_id, contract = found
        logger.warning("%s was running in two crashes or more: it is run alone", short(workflow_id))
        self._begin(self._errand(workflow_id, contract))
        await self.ended()
        if self._process is not None and self._process.exitcode == NOT_FOUND:
            del self._places[contract]
        return 1

    def drain(self, grace: float) -> None:
        """Begin no process any more, and have the one that there is drain within `grace` seconds."""
        self._end_by = time.monotonic() + grace + TO_LEAVE
        if self._line is not None:
            with suppress(OSError):  # it has ended meanwhile
                self._line.send(grace)

    async def ended(self) -> None:
        """Return once no process is left; one that does not end within what `drain` allows is killed."""
        while self.count:
            if self._end_by is not None and time.monotonic() > self._end_by:
                logger.error("the workflow run alone does not end: its process is killed")
                self.kill()
            await asyncio.sleep(LOOK_EVERY)

    def kill(self) -> None:
        """End the process at once; what it ran is taken over as after any crash."""
        if self._process is not None:
            self._process.kill()

    def _errand(self, workflow_id: UUID, contract: str) -> Errand:
        worker = self._worker
        module, name = self._places[contract]
        return Errand(
            module=module,
            contract=name,
            workflow_id=workflow_id,
            settings=hand_over(worker.settings, worker.store, worker.lease),
            queues=tuple(worker.queues),
            name=None if worker.name == default_name() else f"{worker.name}-alone",
            grace=worker.grace,
        )

    def _begin(self, errand: Errand) -> None:
        context = multiprocessing.get_context("spawn")
        listening, self._line = context.Pipe(duplex=False)
        self._process = context.Process(
            target=run_single, args=(errand, listening), name=f"actum alone {short(errand.workflow_id)}"
        )
        with listening, _interrupts_put_off():
            self._process.start()


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Have what is started here hear of a Ctrl-C once it can drain: until then it would die of it, with a trace."""
    resource_tracker.ensure_running()  # started in the middle, it would let interrupts in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
