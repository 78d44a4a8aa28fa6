"""The database goes away under a busy fleet, longer than a lease, and comes back: nobody is rescued from under itself."""

from __future__ import annotations

import asyncio
import signal

import pytest
from crash_contracts import CONTRACTS
from crash_processes import Nursery, Server
from crash_proxy import Proxy
from crash_trial import Place, all_ended
from patience import until

from actum import Worker
from actum.model.events import EventKind
from actum.settings import Settings

COUNT = 200
STAGES = 8


@pytest.mark.parametrize("end", [signal.SIGQUIT, signal.SIGKILL], ids=["stopped immediately", "killed"])
async def test_an_outage_longer_than_the_lease_costs_nothing_but_time(
    place: Place, nursery: Nursery, server: Server, end: signal.Signals
) -> None:
    fleet = [
        await nursery.bear(place.order(name, ["stages"], lease=1.0, concurrency=40))
        for name in ("one", "two")
    ]
    await until(lambda: live(place, 2), "both workers live")
    handles = await place.requester.start_many(
        [CONTRACTS["stages"](f"w{number}", STAGES) for number in range(COUNT)]
    )
    await until(lambda: len(place.lines("steps")) > COUNT * STAGES // 4, "an eighth of the work is done")
    server.stop_at_once(end)
    try:
        out = {"one", "two"}
        await until(lambda: {line["worker"] for line in place.lines("leases")} == out, "leases ran out")
    finally:
        await asyncio.to_thread(server.open_again)
    assert not any(life.ended.done() for life in fleet)
    await all_ended(place.store, COUNT)
    for handle in handles:
        assert STAGES == await handle.result(20)
    for life in fleet:
        life.signal(signal.SIGTERM)
        assert 0 == await life.status()
    rescued = [
        row.id
        for row in await place.store.workflows.list(count=COUNT)
        if row.crash_count
        or any(e.kind is EventKind.WORKFLOW_RESCUED for e in await place.store.records.read_events(row.id))
    ]
    assert not rescued
    again = len([line for line in place.lines("steps") if line["what"] == "begin"]) - COUNT * STAGES
    assert 0 <= again <= 80, "more ran again than was in flight"
    assert {life.pid for life in fleet} == {line["pid"] for line in place.lines("steps")}
    await place.audit()


async def test_who_was_cut_off_judges_nobody_until_it_has_beaten_for_a_lease(
    place: Place, nursery: Nursery
) -> None:
    handles = [await place.requester.start(CONTRACTS["two_gates"](f"w{number}")) for number in range(5)]
    other = await nursery.bear(place.order("other", ["two_gates"], lease=3.0))
    await until(lambda: len(place.lines("steps")) == 5, "the other holds all")
    with Proxy(place.dsn) as proxy:
        settings = Settings(database_url=proxy.dsn)
        async with Worker(
            [CONTRACTS["stages"]], name="judge", lease=3.0, settings=settings, grace=0.0
        ) as judge:
            proxy.block()
            other.signal(signal.SIGSTOP)
            await until(lambda: not judge.has_lease(), "the judge's lease ran out")
            await until(lambda: live(place, 0), "the other's lease ran out")
            proxy.unblock()
            await until(judge.has_lease, "the judge is back")
            assert 0 == await judge.rescuer.rescue_once()
            other.signal(signal.SIGCONT)
            await until(lambda: live(place, 2), "the other is back")
            for gate in ("gate-1", "gate-2"):
                (place.folder / gate).touch()
            for number, handle in enumerate(handles):
                assert f"gated 1 of w{number}, gated 2 of w{number}" == await handle.result(20)
                assert 0 == (await handle.row()).crash_count
    other.signal(signal.SIGTERM)
    assert 0 == await other.status()
    await place.audit()


async def live(place: Place, count: int) -> bool:
    return len(await place.store.workers.list_live()) == count
