"""The process that is killed: a worker with the real engine, and a hook that ends it at one exact boundary.

Run as a program it is a nursery: it has imported everything, and forks one such process for each order it reads, so
that a hundred kills do not cost a hundred imports. It answers with pids, and later with how each of them ended.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).parent))

from crash_contracts import BILLS, CONTRACTS, FOLDER, append, place

from actum import Client, Worker
from actum.settings import Settings
from actum.store.messages import Messages
from actum.store.records import FIELDS, Records
from actum.store.transactions import Transaction
from actum.store.workers import Workers
from actum.store.workflows import Workflows

LOST_LEASE = 3
"""The exit status of a worker that was declared dead."""


@dataclass
class Order:
    """What one process does: serve `contracts`, until the workflows in `until` have ended or SIGTERM comes."""

    dsn: str
    folder: str
    name: str
    contracts: list[str]
    until: list[str] | None = None
    lease: float = 5.0
    concurrency: int = 50
    at: str | None = None
    """The boundary at which the process kills itself: `flush`, `park`, `claim`, `rescue`, `declare` or `commit`."""
    number: int = 0
    when: str = "before"


# kills


def arm(order: Order) -> None:
    """Have this process kill itself before, or after the reply of, the boundary `number` of its kind."""
    if order.at is None:
        return
    boundaries: dict[str, tuple[type, str, Callable[[Any, Any], bool]]] = {
        "flush": (Records, "append", lambda given, found: True),
        "park": (Records, "append", lambda given, found: _parks(given)),
        "claim": (Workflows, "claim", lambda given, found: bool(found)),
        "rescue": (Workflows, "rescue", lambda given, found: True),
        "declare": (Workers, "stop", lambda given, found: True),
        "commit": (Transaction, "commit", lambda given, found: True),
    }
    count = 0
    owner, method, counts = boundaries[order.at]
    carry_out = getattr(owner, method)

    async def bounded(self: object, *args: Any, **values: Any) -> Any:
        nonlocal count
        if order.at == "claim":
            found = await carry_out(self, *args, **values)
            count += bool(found)
            die_at(count, "after")
            return found
        if counts(args, None):
            count += 1
            die_at(count, "before")
        found = await carry_out(self, *args, **values)
        if counts(args, None):
            die_at(count, "after")
        return found

    def die_at(reached: int, moment: str) -> None:
        if reached == order.number and order.when == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, method, bounded)


def confess() -> None:
    """Write down every workflow that the Waker finds asleep although a message waits: a lost wake-up.

    Two looks must agree: a message that came between a statement's instant and its snapshot is found by one.
    """
    sweep = Messages.sweep

    async def confessing(self: Messages) -> Any:
        found = await sweep(self)
        lost = set(found) & set(await sweep(self)) if found else set()
        if lost:
            append(place("swept"), {"workflows": [str(one) for one in lost]})
        return found

    Messages.sweep = confessing  # type: ignore[method-assign]


def _parks(given: Any) -> bool:
    return any(head[FIELDS["heads"].index("seen_wake")] is not None for head in given[2].heads)


# work


async def work(order: Order) -> int:
    """Serve until everything has ended, the lease is lost, or SIGTERM comes."""
    settings = Settings(database_url=order.dsn, lease=order.lease)
    contracts = [CONTRACTS[name] for name in order.contracts]
    worker = Worker(contracts, name=order.name, concurrency=order.concurrency, grace=0.0, settings=settings)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with Client.open(actor="service:driver", settings=settings) as client, worker:
        waits = {
            asyncio.ensure_future(_enough(client, order, stopped)),
            asyncio.ensure_future(_watch(worker, order.name)),
        }
        done, rest = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in rest:
            one.cancel()
        for one in done:
            one.result()
    return LOST_LEASE if worker.failure else 0


async def _enough(client: Client, order: Order, stopped: asyncio.Event) -> None:
    if order.until is None:
        await stopped.wait()
        return
    for workflow_id in order.until:
        await client.endings.wait(UUID(workflow_id))


async def _watch(worker: Worker, name: str) -> None:
    """Say when the worker's lease has run out by its own clock; return when the worker has given up."""
    had = True
    while worker.failure is None:
        has = worker.has_lease()
        if had and not has:
            append(place("leases"), {"worker": name, "lease": "out"})
        had = has
        await asyncio.sleep(0.02)


def live(order: Order) -> int:
    """Be the process that an order asks for; return its exit status."""
    os.environ[FOLDER] = order.folder
    if place(BILLS).exists():
        os.environ[BILLS] = place(BILLS).read_text()
    log = os.open(place(f"log-{order.name}"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(process)d %(name)s %(message)s"
    )
    arm(order)
    confess()
    try:
        return asyncio.run(work(order))
    except BaseException:
        traceback.print_exc()
        return 1


# nursery


def say(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Fork a process for each order, and say how each ended."""
    rest = b""
    while True:
        ready, _, _ = select.select([0], [], [], 0.01)
        while (ended := _reap()) is not None:
            say(pid=ended[0], status=ended[1])
        if not ready:
            continue
        read = os.read(0, 65536)
        if not read:
            return
        *lines, rest = (rest + read).split(b"\n")
        for line in lines:
            pid = os.fork()
            if pid == 0:
                os.close(0)
                os._exit(live(Order(**json.loads(line))))
            say(born=pid)


def _reap() -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, os.waitstatus_to_exitcode(status)) if pid else None


if __name__ == "__main__":
    main()
