"""The connection is cut between a flush and its reply, at each flush and both ways: the outcome is known, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MakePlace
from crash_contracts import CONTRACTS
from crash_proxy import Cut, Proxy
from crash_trial import Person, Place
from test_sweep import expected

from actum import Worker
from actum.settings import Settings
from actum.store.records import Records

append = Records.append


def cut_at(proxy: Proxy, number: int, what: Cut, seen: list[int]) -> Callable[..., Any]:
    """Return an `append` whose call `number` loses its request or its reply."""

    async def cutting(self: Records, connection: Any, instance: Any, flush: Any) -> Any:
        seen.append(len(flush.heads))
        if len(seen) == number:
            proxy.cut(connection._transport.get_extra_info("sockname")[1], what)
        return await append(self, connection, instance, flush)

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
    make_place: MakePlace, monkeypatch: pytest.MonkeyPatch, what: Cut
) -> None:
    place = await make_place()
    async with Proxy(place.dsn) as proxy:
        for number in range(1, 100):
            seen: list[int] = []
            monkeypatch.setattr(Records, "append", cut_at(proxy, number, what, seen))
            name = f"{what}-{number}"
            assert expected("everything", name) == await run_once(place, proxy, "everything", name)
            check_runs(place, name)
            if len(seen) < number:
                break
        assert proxy.cuts == number - 1 >= 16
    await place.audit()


def check_runs(place: Place, name: str) -> None:
    """Check that no step ran twice: nobody died, so nothing needs to."""
    runs = [
        (line["step"], line["attempt"])
        for line in place.lines("steps")
        if line["name"] == name and line["what"] == "begin"
    ]
    assert sorted(set(runs)) == sorted(runs)
