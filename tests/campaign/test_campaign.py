"""Random workflows against a service that lies, while workers, the service and the database are killed.

`ACTUM_TEST_SEED` fixes the plans, the lies, the decisions and the kills; only the timing is the machine's. The number
of workflows is `ACTUM_TEST_CAMPAIGN`, else a hundred for each of `RUNS`, as `make crash` sets it, else 300.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "crash")]

from campaign_contracts import draw_plan, whole  # noqa: E402
from campaign_person import Person, attending  # noqa: E402
from campaign_verdict import Verdict  # noqa: E402
from campaign_world import KILLS, World, opened_world  # noqa: E402
from crash_processes import Server  # noqa: E402

from actum import Client  # noqa: E402
from actum.errors import ActumError  # noqa: E402
from actum.settings import Settings  # noqa: E402

SEED = os.environ.get("ACTUM_TEST_SEED") or str(random.SystemRandom().randrange(10**6))
RUNS = os.environ.get("RUNS")
COUNT = int(os.environ.get("ACTUM_TEST_CAMPAIGN") or (int(RUNS) * 100 if RUNS else 300))
IN_FLIGHT = 40
"""Workflows that are under way at a time."""
PATIENCE = 30 + COUNT * 0.2
"""Seconds after which whatever has not ended is taken to be stuck."""

pytestmark = [pytest.mark.crash, pytest.mark.timeout(int(PATIENCE) + 120)]


async def test_whatever_lies_and_dies_no_operation_happens_twice_and_no_workflow_is_stuck(
    tmp_path: Path,
) -> None:
    print(f"ACTUM_TEST_SEED={SEED} ACTUM_TEST_CAMPAIGN={COUNT}")
    server = await asyncio.to_thread(Server)
    began = time.monotonic()
    try:
        dsn = await server.databases.create()
        settings = Settings(database_url=dsn)
        async with (
            Client.open(actor="user:requester", settings=settings) as requester,
            Client.open(actor="user:reviewer", settings=settings) as reviewer,
            opened_world(server, dsn, tmp_path, SEED) as world,
        ):
            person = Person(reviewer, world.service, SEED)
            async with attending(person):
                await run(world, requester)
            verdict = Verdict(requester.store, world.service)
            found = await verdict.reach()
            print(f"{time.monotonic() - began:.0f} s; killed {dict(world.kills)}; person {dict(person.did)}")
            print(f"ended {dict(verdict.ends)}; rollbacks {dict(verdict.rollbacks)}")
            assert not found, "\n".join([f"ACTUM_TEST_SEED={SEED}", *found])
            assert COUNT == verdict.ends.total()
            assert COUNT < 100 or set(KILLS) == set(world.kills), (
                "not everything was killed: this proves less than it says"
            )
    finally:
        await asyncio.to_thread(server.close)


async def run(world: World, client: Client) -> None:
    """Start everything, kill at random until all have ended, then let the workers go."""
    killing = asyncio.create_task(world.work())
    starting = asyncio.create_task(start_all(world, client))
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait((killing, starting), return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        pass  # the verdict names what has not ended
    finally:
        for task in (killing, starting):
            if task.done():
                task.result()
            task.cancel()
        with suppress(asyncio.CancelledError):
            await killing
    await world.calm_down()


async def start_all(world: World, client: Client) -> None:
    """Start workflows whenever few are under way; return once all have ended."""
    started = 0
    while True:
        with suppress(ActumError, TimeoutError):  # the database is away: the same keys are started again
            counts = await client.store.workflows.count_by_status()
            busy = sum(counts.values()) - sum(counts.get(one, 0) for one in ENDED)
            if started < COUNT:
                started += await start_some(client, range(started, min(COUNT, started + IN_FLIGHT - busy)))
            elif not busy:
                return
            world.is_calm = started >= COUNT
        await asyncio.sleep(0.1)


ENDED = ("completed", "failed", "cancelled", "rolled_back")


async def start_some(client: Client, numbers: Sequence[int]) -> int:
    """Start the workflows of these numbers; a second call with the same ones changes nothing."""
    if numbers:
        calls = [whole(f"w{number}", draw_plan(SEED, number)) for number in numbers]
        await client.start_many(calls, keys=[f"w{number}" for number in numbers])
    return len(numbers)
