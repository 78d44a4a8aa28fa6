"""The connection is cut between a flush and its reply, at each flush and both ways: the outcome is known, nothing twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from crash_contracts import CONTRACTS
from crash_proxy import Cut, Proxy
from crash_trial import Person, Place
from test_sweep import expected

from actum import Worker
from actum.settings import Settings
from actum.store.records import Records

append = Records.append


@dataclass
class Flushes:
    """What became of the flushes of one run: how many there were, and whether the one that was cut was written."""

    count: int = 0
    written: list[bool] = field(default_factory=list)


def cut_at(place: Place, proxy: Proxy, number: int, what: Cut, flushes: Flushes) -> Callable[..., Any]:
    """Return an `append` whose call `number` loses its request or its reply."""

    async def cutting(self: Records, connection: Any, instance: Any, flush: Any) -> Any:
        flushes.count += 1
        if flushes.count != number:
            return await append(self, connection, instance, flush)
        proxy.cut(connection._transport.get_extra_info("sockname")[1], what)
        try:
            return await append(self, connection, instance, flush)
        except BaseException:
            row = await place.store.workflows.get(flush.heads[0][0])
            flushes.written.append(row is not None and row.next_seq >= flush.heads[0][3])
            raise

    return cutting


async def run_once(place: Place, proxy: Proxy, contract: str, name: str) -> Any:
    """Run one workflow to its end, on a worker of this process behind the proxy."""
    handle = await place.requester.start(CONTRACTS[contract](name))
    attending = asyncio.create_task(Person(place, handle).attend())
    try:
        async with Worker(
            [CONTRACTS[contract]], name=name, settings=Settings(database_url=proxy.dsn), grace=0.0
        ):
            return await handle.result(30)
    finally:
        attending.cancel()


@pytest.mark.parametrize("what", ["request", "reply"])
async def test_cut_at_every_flush_the_outcome_is_known_and_nothing_happens_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch, what: Cut
) -> None:
    written: list[bool] = []
    with Proxy(place.dsn) as proxy:
        for number in range(1, 100):
            flushes = Flushes()
            monkeypatch.setattr(Records, "append", cut_at(place, proxy, number, what, flushes))
            name = f"{what}-{number}"
            assert expected("everything", name) == await run_once(place, proxy, "everything", name)
            check_runs(place, name)
            if flushes.count < number:
                break
            written += flushes.written
    assert len(written) == number - 1 >= 16
    if what == "request":
        assert not any(written)
    else:
        assert sum(written) > len(written) // 2, (
            "a lost reply to the preparing of a statement is a lost request"
        )
    await place.audit()


async def test_under_a_storm_of_cuts_everything_ends_and_nothing_runs_twice(place: Place) -> None:
    chance = random.Random(7)
    handles = await place.requester.start_many(
        [CONTRACTS["everything"](f"w{number}") for number in range(20)]
    )
    attending = [asyncio.create_task(Person(place, handle).attend()) for handle in handles]
    with Proxy(place.dsn) as proxy:
        settings = Settings(database_url=proxy.dsn)
        async with Worker([CONTRACTS["everything"]], name="storm", settings=settings, grace=0.0):
            ending = asyncio.gather(*(handle.result(60) for handle in handles))
            while not ending.done():
                proxy.cut_any(chance)
                await asyncio.wait({ending}, timeout=0.1)
            for number, result in enumerate(await ending):
                assert expected("everything", f"w{number}") == result
    assert proxy.cuts > 5
    for one in attending:
        one.cancel()
    for number in range(20):
        check_runs(place, f"w{number}")
    await place.audit()


def check_runs(place: Place, name: str) -> None:
    """Check that no step ran twice: nobody died, so nothing needs to."""
    runs = [
        (line["step"], line["attempt"])
        for line in place.lines("steps")
        if line["name"] == name and line["what"] == "begin"
    ]
    assert sorted(set(runs)) == sorted(runs)
