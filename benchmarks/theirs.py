"""DBOS's side: the same workflows, and the processes that start them and work on them.

`python theirs.py work [--concurrency N] [--poll SECONDS]` is a worker with one queue; `start WORKFLOW COUNT` enqueues
from a process of its own; `call COUNT [--poll SECONDS]` measures single calls, start to result; `call-inside COUNT`
does so within one process. Polling intervals are DBOS's own (1 s) unless given.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
import uuid

from dbos import DBOS, DBOSClient

from arena import own_cpu, tell
from ours import PAD, STEPS, leave_mark

URL = os.environ.get("BENCH_DBOS_URL", "")
QUEUE = "bench"


@DBOS.step()
async def compute(number: int, step: int) -> dict[str, int | str]:
    """Do no work."""
    return {"workflow": number, "step": step, "value": number * 1000 + step, "pad": PAD}


@DBOS.workflow()
async def ten_steps(number: int) -> int:
    """Ten steps, one after the other."""
    total = 0
    for step in range(STEPS):
        found = await compute(number, step)
        total += int(found["value"])
    return total


@DBOS.workflow()
async def one_step(number: int) -> int:
    """One step."""
    found = await compute(number, 0)
    return int(found["value"])


@DBOS.step()
async def labour(number: int, step: int) -> int:
    """Leave a mark, then work for 50 ms."""
    leave_mark("dbos", number, step)
    await asyncio.sleep(0.05)
    return step


@DBOS.workflow()
async def laborious(number: int) -> int:
    """Ten steps that take a while."""
    return sum([await labour(number, step) for step in range(STEPS)])


def launch() -> None:
    """Start DBOS in this process."""
    DBOS(
        config={
            "name": "bench",
            "system_database_url": URL,
            "application_version": "1",
            "executor_id": "bench-1",
            "log_level": "WARNING",
        }
    )
    DBOS.launch()


def work(concurrency: int, poll: float) -> None:
    """Work until a line comes in."""
    launch()
    at, cpu = time.time(), own_cpu()
    DBOS.register_queue(
        QUEUE, worker_concurrency=concurrency, polling_interval_sec=poll, on_conflict="always_update"
    )
    tell(at=at, cpu=cpu)
    sys.stdin.readline()
    tell(at=time.time(), cpu=own_cpu())
    os._exit(0)


def prepare() -> None:
    """Make DBOS's tables before anything is measured; the queue is made by the worker, with its limit."""
    launch()
    tell(at=time.time())
    os._exit(0)


def start(workflow: str, count: int) -> None:
    """Enqueue `count` workflows, one call each: DBOS's client has no other way."""
    client = DBOSClient(system_database_url=URL, application_name="bench")
    began = time.perf_counter()
    for number in range(count):
        client.enqueue(
            {
                "workflow_name": workflow,
                "queue_name": QUEUE,
                "app_version": "1",
                "workflow_id": f"{uuid.uuid4()}-{number}",
            },
            number,
        )
    tell(seconds=time.perf_counter() - began)
    client.destroy()


def call(count: int, poll: float) -> None:
    """Start single workflows from here, and wait for each result."""
    client = DBOSClient(system_database_url=URL, application_name="bench")
    spent = []
    for number in range(count):
        began = time.perf_counter()
        handle = client.enqueue(
            {"workflow_name": "one_step", "queue_name": QUEUE, "app_version": "1"}, number
        )
        assert handle.get_result(polling_interval_sec=poll) == number * 1000
        spent.append((time.perf_counter() - began) * 1000)
    tell(spent=spent)
    client.destroy()


async def call_inside(count: int) -> None:
    """Start single workflows in the process that runs them."""
    launch()
    spent = []
    for number in range(count):
        began = time.perf_counter()
        assert await one_step(number) == number * 1000
        spent.append((time.perf_counter() - began) * 1000)
    tell(spent=spent)
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["prepare", "work", "start", "call", "call-inside"])
    parser.add_argument("rest", nargs="*")
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--poll", type=float, default=1.0)
    chosen = parser.parse_args()
    match chosen.verb:
        case "prepare":
            prepare()
        case "work":
            work(chosen.concurrency, chosen.poll)
        case "start":
            start(chosen.rest[0], int(chosen.rest[1]))
        case "call":
            call(int(chosen.rest[0]), chosen.poll)
        case _:
            asyncio.run(call_inside(int(chosen.rest[0])))
