"""Makes a worker known: its contracts first, then its own row, with the lease that others go by.

What its contracts did not fit when it was last tried is woken last: this may be the code that does, new or old. If the process dies between, a registered contract
harms nobody, and a row without a heartbeat is closed like any dead worker's.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

from actum.authoring.registration import register
from actum.engine import process
from actum.version import VERSION

if TYPE_CHECKING:
    from actum.engine.worker import Worker


async def enlist(worker: Worker) -> None:
    """Register a worker and its contracts, and note on it which shapes it may claim."""
    shapes: dict[bytes, None] = {}
    for contract in worker.contracts.values():
        registration = register(contract)
        worker.documents[contract.name] = registration.document_hash
        found, _ = await worker.store.contracts.register(registration)
        shapes.update(dict.fromkeys(found))
    worker.shapes = list(shapes)
    await worker.store.workers.register(
        instance=worker.instance,
        name=worker.name,
        machine=process.machine(),
        pid=os.getpid(),
        pid_started=process.started(os.getpid()) or "",
        python=worker.python,
        version=VERSION,
        contracts=sorted(worker.contracts),
        queues=worker.queues,
        shapes=worker.shapes,
        concurrency=worker.concurrency,
        lease=timedelta(seconds=worker.lease),
    )
    for name in worker.contracts:
        await worker.store.workflows.wake_mismatched(name)
