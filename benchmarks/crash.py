"""Crash: SIGKILL of the worker when 40 % of the workflows have ended, and the way back.

Each step leaves a mark in a file when it begins, so that what began twice can be counted. Recovery is the time from
SIGKILL until the last of the workflows that were under way has moved again (a mark, or its end): the process's start
is in it, the work left is not. Three times: Actum started again at once; Actum with another worker that believes to be
on another machine, and so waits for the lease; DBOS started again at once (without its paid service no other worker
takes over). Sizes: BENCH_CRASH_WORKFLOWS, BENCH_CRASH_IN_FLIGHT, BENCH_LEASE (seconds).
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from typing import Any

import actum
from arena import Arena, Contender, announce, number, open_arena, say
from ours import STEPS, laborious

WORKFLOWS = number("CRASH_WORKFLOWS", 100)
IN_FLIGHT = number("CRASH_IN_FLIGHT", 20)
LEASE = number("LEASE", 15)

HELD = """
select s.body
  from actum.workflows w
  join actum.snapshots s on s.workflow_id = w.id and s.seq = 1
 where w.instance = $1::text::uuid
"""
PENDING = (
    "select workflow_uuid from dbos.workflow_status where status = 'PENDING' and executor_id = 'bench-1'"
)

Mark = tuple[float, int, int]


def marks(arena: Arena, who: str) -> list[Mark]:
    """Return the steps that began: when, of which workflow, which."""
    path = arena.place / f"{who}.marks"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(float(at), int(one), int(step)) for at, one, step in map(str.split, lines)]


def worker_of(arena: Arena, who: str, *more: str) -> Contender:
    """Start a worker."""
    concurrency = ("--concurrency", str(IN_FLIGHT))
    if who == "dbos":
        return arena.process("theirs", "work", *concurrency, "--poll", "0.05")
    return arena.process("ours", "work", "laborious", *concurrency, *more, ACTUM_LEASE=str(LEASE))


async def start(arena: Arena, who: str) -> None:
    """Start all workflows, with no mark left from before."""
    (arena.place / f"{who}.marks").unlink(missing_ok=True)
    if who == "dbos":
        arena.process("theirs", "start", "laborious", str(WORKFLOWS)).heard()
        return
    async with actum.Client.open(actor="service:bench") as client:
        await client.start_many([laborious(one) for one in range(WORKFLOWS)])


async def crash(arena: Arena, who: str, rescuer: str) -> dict[str, float]:
    """Kill a worker half-way, let the rescuer (`same`, or `other`, which ran all the time) end the work."""
    await start(arena, who)
    victim = worker_of(arena, who)
    instance = victim.heard().get("instance")
    other: Contender | None = None
    if rescuer == "other":
        other = worker_of(arena, who, "--elsewhere")
        other.heard()
    await arena.emptied(who, int(WORKFLOWS * 0.6))
    before = marks(arena, who)
    killed_at = victim.kill()
    victims = await _under_way(arena, who, instance)
    if other is None:
        other = worker_of(arena, who)
        other.heard()
    await arena.emptied(who)
    other.stop()
    return _judge(arena, who, victims, before, killed_at)


async def _under_way(arena: Arena, who: str, instance: str | None) -> set[int]:
    """Return the numbers of the workflows that the dead worker held."""
    if who == "dbos":
        rows = await arena.dbos.fetch(PENDING)
        return {int(row[0].rpartition("-")[2]) for row in rows}
    rows = await arena.actum.fetch(HELD, instance)
    return {_number_in(row[0].decode()) for row in rows}


def _number_in(text: str) -> int:
    found = re.search(r"\d+", text)
    return int(found.group()) if found else -1


def _judge(arena: Arena, who: str, victims: set[int], before: list[Mark], killed_at: float) -> dict[str, Any]:
    after = [mark for mark in marks(arena, who) if mark[0] > killed_at]
    moved: dict[int, float] = {}
    for at, one, _ in after:
        moved.setdefault(one, at)
    begun = Counter((one, step) for _, one, step in marks(arena, who))
    assert len(begun) == WORKFLOWS * STEPS, f"{who}: {len(begun)} different steps began"
    waits = [moved[one] - killed_at for one in victims if one in moved]
    return {
        "recovery_s": max(waits),
        "steps_again": sum(count - 1 for count in begun.values()),
        "under_way": len(victims),
    }


async def main() -> None:
    """Run all three and announce."""
    result: dict[str, Any] = {"workload": "crash", "lease_s": LEASE}
    async with open_arena() as arena:
        os.environ["ACTUM_DATABASE_URL"] = arena.actum_url
        arena.process("theirs", "prepare").heard()
        for name, who, rescuer in (
            ("actum", "actum", "same"),
            ("actum_other", "actum", "other"),
            ("dbos", "dbos", "same"),
        ):
            found = await crash(arena, who, rescuer)
            result |= {f"{name}_{fact}": value for fact, value in found.items()}
            say(
                f"  {name}: {found['under_way']} workflows under way moved again within "
                f"{found['recovery_s']:.2f} s, {found['steps_again']} steps again"
            )
    announce(result)


if __name__ == "__main__":
    asyncio.run(main())
