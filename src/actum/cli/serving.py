"""`actum worker`: serves contracts until told to stop, and stops in order.

The first SIGTERM or SIGINT drains: nothing new is taken, what executes may finish within the grace, a workflow that
is run alone too. The second one leaves at once; what was executing is then taken over by others, as after any crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NoReturn

import click

from actum.authoring.names import check_name
from actum.cli.exits import Exit
from actum.cli.metrics import serve_beside
from actum.cli.modules import AnyContract, find_contracts, require_runbook
from actum.cli.printing import complain
from actum.engine.worker import Worker
from actum.settings import DEFAULT_CONCURRENCY

logger = logging.getLogger("actum.worker")


@click.command()
@click.argument("places", metavar="MODULE[:NAME,NAME]...", nargs=-1, required=True)
@click.option(
    "--queue",
    "queues",
    multiple=True,
    metavar="NAME",
    help="Serve this queue; may be given again. Else all of the contracts' queues.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 100_000),
    default=DEFAULT_CONCURRENCY,
    show_default=True,
    metavar="COUNT",
    help="How many workflows are held at once; those that wait hold no slot.",
)
@click.option(
    "--lease",
    type=click.FloatRange(0.1, 3600),
    metavar="SECONDS",
    help="How long others wait before they take over; ACTUM_LEASE unless given.",
)
@click.option(
    "--grace",
    type=click.FloatRange(0, 86_400),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long steps may go on after the first signal.",
)
@click.option(
    "--name",
    metavar="NAME",
    help="What the worker is called in logs and events; host and process unless given.",
)
@click.option(
    "--metrics-port",
    "metrics",
    metavar="[HOST:]PORT",
    help="Serve /metrics there, to this machine unless a host is given.",
)
def worker(
    places: tuple[str, ...],
    queues: tuple[str, ...],
    concurrency: int,
    lease: float | None,
    grace: float,
    name: str | None,
    metrics: str | None,
) -> None:
    """Serve the contracts of modules, or those named, until SIGTERM or SIGINT.

    Every contract needs an owner with team, escalation and runbook, and the runbook must be a file seen from here.
    The first signal drains for --grace seconds; the second leaves at once, with exit code 1.
    """
    for queue in queues:
        check_name("a queue", queue)
    beside = None if metrics is None else serve_beside(metrics)
    contracts = collect(places)
    for contract in contracts:
        require_runbook(contract)
    worker = Worker(
        contracts,
        name=name,
        concurrency=concurrency,
        queues=queues or None,
        lease=lease,
        grace=grace,
        require_owner=True,
    )
    for contract in worker.contracts.values():
        require_runbook(contract)
    configure_logging()
    run_on_fastest_loop(serve(worker, beside))
    leave(worker)


def collect(places: Sequence[str]) -> list[AnyContract]:
    """Return the contracts of all places, each once."""
    found = [contract for place in places for contract in find_contracts(place)]
    return list({id(one): one for one in found}.values())


def configure_logging() -> None:
    """Log one line per fact to stderr: the worker's starts and stops, and every warning."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logger.setLevel(logging.INFO)


async def serve(worker: Worker, beside: Callable[[Worker], Coroutine[Any, Any, None]] | None = None) -> None:
    """Run a worker until a signal, or until it loses its lease for good; `worker.failure` then says why.

    `beside` is a coroutine to run while it serves; it ends with the worker. A signal while the worker still starts
    ends the process as if there were no worker: nothing is held then.
    """
    await worker.start()
    stopping: list[asyncio.Task[None]] = []
    loop = asyncio.get_running_loop()
    companion = loop.create_task(beside(worker), name="actum companion") if beside else None

    def stop() -> None:
        if stopping:
            complain(f"{worker.name} leaves at once: what it held is taken over by others")
            worker.isolator.kill()
            os._exit(Exit.FAILED)
        logger.info(
            "%s stops: %d workflow(s) held, %g s of grace", worker.name, worker.held_count, worker.grace
        )
        if companion is not None:
            companion.cancel()
        stopping.append(loop.create_task(worker.stop(), name="actum stop"))

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await worker.ended()
    if companion is not None:
        companion.cancel()
        await asyncio.gather(companion, return_exceptions=True)
    await worker.stop()
    if worker.failure is None:
        logger.info("%s stopped", worker.name)
    else:
        complain(f"actum: {worker.name} stopped: {worker.failure}; start it again once that is mended")


def calm_collector() -> None:
    """Have the cyclic collector look less often: a worker makes much that dies young, and little of it in cycles.

    Seen: 17 microseconds of collecting a step by default, 3 with what was loaded at start left out and the first
    generation looked at every 20,000 objects instead of 700.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def run_on_fastest_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where it can be imported, else on asyncio's own loop, with a calm collector."""
    calm_collector()
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


def leave(worker: Worker) -> NoReturn:
    """End the process of a stopped worker now: a plain step that still runs in a thread would hold it back."""
    logging.shutdown()
    with contextlib.suppress(OSError, ValueError):  # nobody reads any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(Exit.FINE if worker.failure is None else Exit.FAILED)
