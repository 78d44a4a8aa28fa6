"""Latency: one workflow of one step, from a client process through a worker process back to the client.

Says how long a call takes that waits for its result, one after the other: Actum as it comes, Actum with hints off
(everything found by polling), DBOS as it comes (it polls each second), DBOS with polling made as fast as Actum's, and
DBOS called within the process that runs it. Sizes: BENCH_CALLS, BENCH_POLLED_CALLS, BENCH_DBOS_CALLS.
"""

from __future__ import annotations

import asyncio
import os
import time

import actum
from arena import Arena, announce, number, open_arena, percentile, say
from ours import one_step

CALLS = number("CALLS", 200)
POLLED_CALLS = number("POLLED_CALLS", 100)
DBOS_CALLS = number("DBOS_CALLS", 10)
FAST = "0.02"
"""Seconds between two looks of a busy Actum, given to DBOS too."""


async def call_actum(arena: Arena, hints: str, calls: int) -> list[float]:
    """Return the milliseconds of each call."""
    os.environ["ACTUM_HINTS"] = hints
    worker = arena.process("ours", "work", "one_step", ACTUM_HINTS=hints)
    worker.heard()
    spent = []
    async with actum.Client.open(actor="service:bench") as client:
        for one in range(calls + 5):
            began = time.perf_counter()
            handle = await client.start(one_step(one))
            assert await handle.result(30) == one * 1000
            spent.append((time.perf_counter() - began) * 1000)
    worker.stop()
    return spent[5:]  # connections are opened by the first


def call_dbos(arena: Arena, poll: str, calls: int) -> list[float]:
    """Return the milliseconds of each call."""
    worker = arena.process("theirs", "work", "--poll", poll)
    worker.heard()
    found: list[float] = arena.process("theirs", "call", str(calls), "--poll", poll).heard()["spent"]
    worker.stop()
    return found[1:]


async def main() -> None:
    """Run all and announce."""
    result: dict[str, str | float] = {"workload": "latency"}

    def note(name: str, spent: list[float]) -> None:
        result[f"{name}_p50_ms"] = percentile(spent, 0.5)
        result[f"{name}_p95_ms"] = percentile(spent, 0.95)
        say(f"  {name}: p50 {percentile(spent, 0.5):.1f} ms, p95 {percentile(spent, 0.95):.1f} ms")

    async with open_arena() as arena:
        os.environ["ACTUM_DATABASE_URL"] = arena.actum_url
        arena.process("theirs", "prepare").heard()
        note("actum", await call_actum(arena, "on", CALLS))
        note("actum_poll", await call_actum(arena, "off", POLLED_CALLS))
        note("dbos", await asyncio.to_thread(call_dbos, arena, "1", DBOS_CALLS + 1))
        note("dbos_fast_poll", await asyncio.to_thread(call_dbos, arena, FAST, POLLED_CALLS + 1))
        inside = arena.process("theirs", "call-inside", str(POLLED_CALLS + 5))
        note("dbos_in_process", inside.heard()["spent"][5:])
    announce(result)


if __name__ == "__main__":
    asyncio.run(main())
