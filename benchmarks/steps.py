"""Steps: 3,000 workflows of ten steps that do nothing, a hundred in flight, one worker process.

Says steps a second, worker processor time and write-ahead log for each step: the raw limit, Actum and DBOS in turns,
on one server, the median of several rounds. Sizes: BENCH_WORKFLOWS, BENCH_DBOS_WORKFLOWS, BENCH_IN_FLIGHT,
BENCH_ROUNDS.
"""

from __future__ import annotations

import asyncio
import os

import actum
import raw
from arena import Arena, announce, median, number, open_arena, say
from ours import STEPS, ten_steps

WORKFLOWS = number("WORKFLOWS", 3_000)
DBOS_WORKFLOWS = number("DBOS_WORKFLOWS", 200)
IN_FLIGHT = number("IN_FLIGHT", 100)
ROUNDS = number("ROUNDS", 3)

FIRST_START = """
select min(started_at_epoch_ms) / 1000.0::float8 from dbos.workflow_status where started_at_epoch_ms >= $1
"""
"""When DBOS's worker took the first workflow: it looks for new queues only now and then, which is not counted."""

Figures = dict[str, list[float]]


async def run_actum(arena: Arena, figures: Figures) -> None:
    """Start all, then let one worker work them off."""
    async with actum.Client.open(actor="service:bench") as client:
        await client.start_many([ten_steps(one) for one in range(WORKFLOWS)])
    before = await arena.wal()
    worker = arena.process("ours", "work", "ten_steps", "--concurrency", str(IN_FLIGHT))
    began = worker.heard()
    await arena.emptied("actum")
    await note("actum", WORKFLOWS, arena, figures, began, worker.stop(), before)


async def run_dbos(arena: Arena, figures: Figures) -> None:
    """The same with DBOS's queue, whose polling is made fast enough not to count."""
    arena.process("theirs", "start", "ten_steps", str(DBOS_WORKFLOWS)).heard()
    before = await arena.wal()
    worker = arena.process("theirs", "work", "--concurrency", str(IN_FLIGHT), "--poll", "0.05")
    began = worker.heard()
    await arena.emptied("dbos")
    began["at"] = await arena.dbos.fetchval(FIRST_START, int(began["at"] * 1000))
    await note("dbos", DBOS_WORKFLOWS, arena, figures, began, worker.stop(), before)


async def note(
    who: str,
    workflows: int,
    arena: Arena,
    figures: Figures,
    began: dict[str, float],
    ended: dict[str, float],
    wal: int,
) -> None:
    """Add one round's figures."""
    steps = workflows * STEPS
    rate = steps / (await arena.last_end(who) - began["at"])
    cpu = (ended["cpu"] - began["cpu"]) * 1000 / steps
    bytes_each = (await arena.wal() - wal) / steps
    figures.setdefault(f"{who}_steps_per_s", []).append(rate)
    figures.setdefault(f"{who}_cpu_ms_per_step", []).append(cpu)
    figures.setdefault(f"{who}_wal_bytes_per_step", []).append(bytes_each)
    shared = f", {ended['rows'] / ended['flushes']:.0f} rows a flush" if ended.get("flushes") else ""
    say(f"  {who}: {rate:,.0f} steps/s, {cpu:.3f} ms CPU and {bytes_each:,.0f} B WAL a step{shared}")


async def main() -> None:
    """Run all rounds and announce the medians."""
    figures: Figures = {}
    async with open_arena() as arena:
        os.environ["ACTUM_DATABASE_URL"] = arena.actum_url
        arena.process("theirs", "prepare").heard()
        for one in range(ROUNDS):
            say(f"round {one + 1} of {ROUNDS}")
            rate = await raw.run(arena.actum, WORKFLOWS, STEPS, IN_FLIGHT)
            say(f"  raw: {rate:,.0f} steps/s")
            figures.setdefault("raw_steps_per_s", []).append(rate)
            await run_actum(arena, figures)
            await run_dbos(arena, figures)
    found = {name: median(values) for name, values in figures.items()}
    ratios = [
        ours / theirs
        for ours, theirs in zip(figures["actum_steps_per_s"], figures["dbos_steps_per_s"], strict=True)
    ]
    shares = [
        ours / limit
        for ours, limit in zip(figures["actum_steps_per_s"], figures["raw_steps_per_s"], strict=True)
    ]
    announce({"workload": "steps", **found, "ratio": median(ratios), "share_of_raw": median(shares)})


if __name__ == "__main__":
    asyncio.run(main())
