"""Runs a workflow that was there when workers crashed in a process of its own, so that it takes nobody along.

Crashes of a busy worker count for every workflow it was executing; from the second on, one is run alone, and only
crashes alone lead to `blocked`. The process is a worker like any other, with a lease of its own, that claims exactly
this workflow and ends when it has let it go. If this process dies meanwhile, that one goes on.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

from actum.authoring.contract import Contract
from actum.model.ids import short
from actum.settings import Settings

if TYPE_CHECKING:
    from actum.engine.worker import Worker

logger = logging.getLogger("actum.isolator")


def reference(contract: Contract[..., Any]) -> tuple[str, str] | None:
    """Return the module and name under which another process finds this contract, None when it cannot."""
    module = sys.modules.get(contract.__module__)
    if module is None or (contract.__module__ == "__main__" and not getattr(module, "__file__", None)):
        return None
    for name, value in vars(module).items():
        if value is contract:
            return contract.__module__, name
    return None


class Isolator:
    """One pass runs one crashed workflow in a process of its own."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._places = {
            name: place
            for name, contract in worker.contracts.items()
            if (place := reference(contract)) is not None
        }

    @property
    def contracts(self) -> list[str]:
        """The contracts that another process can find; the others are run here whatever happened."""
        return list(self._places)

    async def isolate_once(self) -> int:
        """Return 1 if a process was started and has ended, else 0."""
        worker = self._worker
        if not self._places or worker.only is not None or not worker.has_lease():
            return 0
        found = await worker.store.workflows.find_crashed(
            queues=worker.queues, shapes=worker.shapes, alone=self.contracts
        )
        if found is None:
            return 0
        workflow_id, contract = found
        logger.warning("%s was running in two crashes or more: it is run alone", short(workflow_id))
        pool = worker.store.pool
        settings = Settings(
            database_url=pool.dsn,
            schema=pool.schema,
            lease=worker.settings.lease,
            hints=worker.settings.hints,
            pooler=pool.pooler,
        )
        module, name = self._places[contract]
        process = multiprocessing.get_context("spawn").Process(
            target=run_alone,
            args=(module, name, workflow_id, settings),
            name=f"actum alone {short(workflow_id)}",
        )
        process.start()
        while process.is_alive():  # noqa: ASYNC110  # a thread that waited would hold this process back when it stops
            await asyncio.sleep(0.1)
        return 1


def run_alone(module: str, name: str, workflow_id: UUID, settings: Settings) -> None:
    """Be the process: serve one contract, claim one workflow, end when it is let go."""
    from importlib import import_module

    place = sys.modules["__mp_main__"] if module == "__main__" else import_module(module)
    asyncio.run(_serve(getattr(place, name), workflow_id, settings))


async def _serve(contract: Contract[..., Any], workflow_id: UUID, settings: Settings) -> None:
    from actum.engine.worker import Worker

    async with Worker([contract], settings=settings, concurrency=1, only=workflow_id, grace=5.0) as worker:
        await worker.wait_until_served()
