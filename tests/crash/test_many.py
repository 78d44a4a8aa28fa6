"""Many workflows at once: cycling through park and wake on many workers, and thousands parked on approvals."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
from crash_contracts import CONTRACTS, nudge
from crash_processes import Life, Nursery
from crash_trial import Place, all_ended
from patience import until

CYCLE_SECONDS = float(os.environ.get("ACTUM_TEST_CYCLE_SECONDS", "10"))
PARKED = int(os.environ.get("ACTUM_TEST_PARKED", "2000"))
WORKERS, WORKFLOWS = 8, 200
GROWTH = 20_000
"""Kibibytes that a worker may grow by while thousands of workflows are parked."""


async def test_workflows_cycling_on_many_workers_lose_no_wake_up_and_no_history(
    place: Place, nursery: Nursery
) -> None:
    handles = await place.requester.start_many([CONTRACTS["cycles"](f"w{n}") for n in range(WORKFLOWS)])
    fleet = [
        await nursery.bear(place.order(f"worker-{number}", ["cycles"], concurrency=10))
        for number in range(WORKERS)
    ]
    sent = await nudge_for(handles, CYCLE_SECONDS)
    for handle in handles:
        await handle.signal(nudge, -1)
    await all_ended(place.store, WORKFLOWS)
    assert [sent[number] for number in range(WORKFLOWS)] == [await handle.result(5) for handle in handles]
    for life in fleet:
        life.signal(signal.SIGTERM)
    assert [0] * WORKERS == [await life.status() for life in fleet]
    assert "is broken" not in place.logged()
    assert not place.lines("swept"), "a wake-up was lost, and only the Waker's sweep found it"
    assert 0 == await deadlocks(place)
    holders = {
        event.actor for h in handles[:20] for event in await place.store.records.read_events(h.workflow_id)
    }
    assert len(holders) > WORKERS // 2, "they stayed on few workers: no cycling"
    await place.audit()


async def nudge_for(handles: Sequence[Any], seconds: float) -> Counter[int]:
    """Nudge workflows at random, from four senders at a time; return how often each was nudged."""
    sent: Counter[int] = Counter()
    deadline = time.monotonic() + seconds

    async def send(seed: int) -> None:
        chance = random.Random(seed)
        while time.monotonic() < deadline:
            number = chance.randrange(len(handles))
            await handles[number].signal(nudge, 1)
            sent[number] += 1

    await asyncio.gather(*map(send, range(4)))
    return sent


async def deadlocks(place: Place) -> int:
    connection = await asyncpg.connect(place.dsn)
    try:
        found: int = await connection.fetchval(
            "select deadlocks from pg_stat_database where datname = current_database()"
        )
        return found
    finally:
        await connection.close()


async def test_thousands_parked_on_approvals_cost_a_worker_with_one_slot_nothing(
    place: Place, nursery: Nursery
) -> None:
    calls = [CONTRACTS["approved_mail"](f"w{number}") for number in range(PARKED)]
    for start in range(0, PARKED, 1000):
        await place.requester.start_many(calls[start : start + 1000])
    life = await nursery.bear(place.order("single", ["approved_mail", "stages"], concurrency=1))
    patience = 30 + PARKED * 0.05
    await until(lambda: waiting(place, min(PARKED // 2, 1000)), "the first thousand are parked", patience)
    first = resident(life)
    await until(lambda: waiting(place, PARKED), "all are parked", patience)
    assert resident(life) - first < GROWTH
    began = time.monotonic()
    handle = await place.requester.start(CONTRACTS["stages"]("unrelated", 3))
    assert 3 == await handle.result(20)
    assert time.monotonic() - began < 5
    assert await waiting(place, PARKED)
    life.signal(signal.SIGTERM)
    assert 0 == await life.status()


async def waiting(place: Place, count: int) -> bool:
    return (await place.store.workflows.count_by_status()).get("waiting", 0) >= count


def resident(life: Life) -> int:
    """Return the memory that a process has of its own now, in kibibytes."""
    lines = Path(f"/proc/{life.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1])
