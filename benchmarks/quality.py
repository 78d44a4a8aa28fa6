"""Quality: a golden history of a million events, added up by the refresh, read by every family, and refreshed once more.

Says milliseconds a thousand events of the first refresh (all events in one transaction) and of later ones (some
ten thousand each, of one hour's workflows), as the clock and as the server's processor time; milliseconds of every
family's query, of `/metrics`, of a look at all promises, and of the slowest list of ids, which is read from the events
themselves. Sizes: BENCH_EVENTS, BENCH_ROUNDS, BENCH_PLAIN (scenes that go well for 40 in which something may not).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "quality"))

import asyncpg
from golden import CONTRACTS, START, WEEKS, Author, Life, make_weeks, write

from actum.client.metrics import write_metrics
from actum.client.quality import read_ids, read_report
from actum.model.quality import MEASURES, Family
from actum.store.quality import Span
from actum.store.store import Store
from arena import announce, number, open_arena, percentile, say

EVENTS = number("EVENTS", 1_000_000)
ROUNDS = number("ROUNDS", 7)
PLAIN = number("PLAIN", 600)
LATER, PIECES = 1_000, 7
"""Workflows of each later refresh, and how many of those there are."""
END = START + timedelta(weeks=WEEKS)


async def fill(store: Store, lives: list[Life]) -> int:
    """Write lives without triggers; return how many events they have."""
    connection = await asyncpg.connect(store.pool.dsn)  # of its own: the setting makes a connection plan anew
    try:
        await connection.execute("set session_replication_role = replica")
        async with connection.transaction():
            await write(connection, lives)
    finally:
        await connection.close()
    return sum(len(life.events) for life in lives)


async def timed(work: Callable[[], Awaitable[Any]]) -> float:
    """Return the milliseconds of one piece of work."""
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1000


async def server_cpu(store: Store) -> float:
    """Return the milliseconds of processor time that the server has used for the store's one connection (Linux)."""
    async with store.pool.connection() as connection:
        pid = await connection.fetchval("select pg_backend_pid()")
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def refreshes(store: Store, result: dict[str, str | float]) -> None:
    """Fill the database, and time the first refresh and later ones."""
    author, lives, events = Author(7, PLAIN), [], 0
    for life in author.lives(EVENTS // 10):
        lives.append(life)
        events += len(life.events)
        if events >= EVENTS:
            break
    say(f"  {len(lives)} workflows, {events} events")
    async with store.pool.connection() as connection:
        await make_weeks(connection)
    await fill(store, lives)
    async with store.pool.connection() as connection:
        await connection.execute("vacuum analyze")  # as autovacuum would
    result["events"], result["workflows"] = events, len(lives)
    used = await server_cpu(store)
    result["first_refresh_ms_per_1000"] = await timed(store.rollups.refresh) / events * 1000
    result["first_refresh_cpu_ms_per_1000"] = (await server_cpu(store) - used) / events * 1000
    async with store.pool.connection() as connection:
        await connection.execute("vacuum analyze actum.rollups, actum.rollup_totals, actum.rollup_outcomes")
    await store.rollups.refresh()  # plans anew, as after each vacuum
    spent, cpu = [], []
    for piece in range(PIECES):
        author = Author(100 + piece, PLAIN)
        count = await fill(store, [author.life(END + timedelta(seconds=one)) for one in range(LATER)])
        used = await server_cpu(store)
        spent.append(await timed(store.rollups.refresh) / count * 1000)
        cpu.append((await server_cpu(store) - used) / count * 1000)
    result["refresh_ms_per_1000"], result["refresh_cpu_ms_per_1000"] = (
        percentile(spent, 0.5),
        percentile(cpu, 0.5),
    )
    say(
        f"  refresh: first {result['first_refresh_ms_per_1000']:.2f}, later {percentile(spent, 0.5):.2f} ms / 1,000;"
        f" CPU {result['first_refresh_cpu_ms_per_1000']:.2f} and {percentile(cpu, 0.5):.2f}"
    )


async def reads(store: Store, result: dict[str, str | float]) -> None:
    """Time every family's query, the metrics and the lists of ids."""
    for family in (one for one in Family if one not in (Family.PEOPLE, Family.LATENCY)):
        spent = [
            await timed(lambda family=family: read_report(store, [family], since=START, until=END))
            for _ in range(ROUNDS)
        ]
        result[f"{family.value}_ms"] = percentile(spent, 0.5)
        say(f"  {family.value}: {percentile(spent, 0.5):.1f} ms")
    result["metrics_ms"] = percentile([await timed(lambda: write_metrics(store)) for _ in range(ROUNDS)], 0.5)
    await promises(store, result)
    span = Span.of(END - timedelta(days=7), END)
    lists = {
        one.name: await timed(lambda one=one: read_ids(store, one.name, span, count=20)) for one in MEASURES
    }
    slowest = max(lists, key=lambda name: lists[name])
    result["slowest_ids_of_a_week"], result["slowest_ids_ms"] = slowest, lists[slowest]
    say(f"  metrics {result['metrics_ms']:.1f} ms; slowest ids of a week: {slowest}, {lists[slowest]:.0f} ms")


async def promises(store: Store, result: dict[str, str | float]) -> None:
    """Time a look at what the promises of all contracts stand on."""
    targets = dict.fromkeys(CONTRACTS, timedelta(hours=1))
    looks = [await timed(lambda: store.incidents.count_outcomes(targets)) for _ in range(ROUNDS)]
    used = await server_cpu(store)
    for _ in range(ROUNDS * 10):
        await store.incidents.count_outcomes(targets)
    result["promises_ms"] = percentile(looks, 0.5)
    result["promises_cpu_ms"] = (await server_cpu(store) - used) / (ROUNDS * 10)
    say(f"  promises {result['promises_ms']:.1f} ms, CPU {result['promises_cpu_ms']:.1f} ms")


async def main() -> None:
    """Run and announce."""
    result: dict[str, str | float] = {"workload": "quality"}
    async with open_arena() as arena:
        store = await Store.open(arena.actum_url, size=1, now=lambda: END)
        try:
            await refreshes(store, result)
            await reads(store, result)
        finally:
            await store.close()
    announce(result)


if __name__ == "__main__":
    asyncio.run(main())
