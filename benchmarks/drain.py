"""Drain: 5,000 workflows of one step, started in one go and worked off by one worker process.

Says how many workflows a second are started and ended. Sizes: BENCH_DRAIN_WORKFLOWS, BENCH_DBOS_DRAIN_WORKFLOWS,
BENCH_IN_FLIGHT, BENCH_ROUNDS.
"""

from __future__ import annotations

import asyncio
import os
import time

import actum
from arena import Arena, announce, median, number, open_arena, say
from ours import one_step
from steps import FIRST_START, IN_FLIGHT, ROUNDS, Figures

WORKFLOWS = number("DRAIN_WORKFLOWS", 5_000)
DBOS_WORKFLOWS = number("DBOS_DRAIN_WORKFLOWS", 500)


async def run_actum(arena: Arena, figures: Figures) -> None:
    """Start all with `start_many`, then drain."""
    async with actum.Client.open(actor="service:bench") as client:
        await client.start(one_step(0))  # opens what is opened once
        calls = [one_step(one) for one in range(WORKFLOWS)]
        began = time.perf_counter()
        await client.start_many(calls)
        started = time.perf_counter() - began
    worker = arena.process("ours", "work", "one_step", "--concurrency", str(IN_FLIGHT))
    ready = worker.heard()["at"]
    await arena.emptied("actum")
    worker.stop()
    note("actum", figures, WORKFLOWS / started, WORKFLOWS / (await arena.last_end("actum") - ready))


async def run_dbos(arena: Arena, figures: Figures) -> None:
    """Start all one by one, as its client does, then drain."""
    seconds = arena.process("theirs", "start", "one_step", str(DBOS_WORKFLOWS)).heard()["seconds"]
    worker = arena.process("theirs", "work", "--concurrency", str(IN_FLIGHT), "--poll", "0.02")
    ready = worker.heard()["at"]
    await arena.emptied("dbos")
    worker.stop()
    first = await arena.dbos.fetchval(FIRST_START, int(ready * 1000))
    note("dbos", figures, DBOS_WORKFLOWS / seconds, DBOS_WORKFLOWS / (await arena.last_end("dbos") - first))


def note(who: str, figures: Figures, starts: float, ends: float) -> None:
    """Add one round's figures."""
    figures.setdefault(f"{who}_starts_per_s", []).append(starts)
    figures.setdefault(f"{who}_drained_per_s", []).append(ends)
    say(f"  {who}: {starts:,.0f} started and {ends:,.0f} ended a second")


async def main() -> None:
    """Run all rounds and announce the medians."""
    figures: Figures = {}
    async with open_arena() as arena:
        os.environ["ACTUM_DATABASE_URL"] = arena.actum_url
        arena.process("theirs", "prepare").heard()
        for one in range(ROUNDS):
            say(f"round {one + 1} of {ROUNDS}")
            await run_actum(arena, figures)
            await run_dbos(arena, figures)
    ratios = [
        ours / theirs
        for ours, theirs in zip(figures["actum_drained_per_s"], figures["dbos_drained_per_s"], strict=True)
    ]
    found = {name: median(values) for name, values in figures.items()}
    announce({"workload": "drain", **found, "ratio": median(ratios)})


if __name__ == "__main__":
    asyncio.run(main())
