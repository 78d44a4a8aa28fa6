"""The database goes away under a busy fleet, longer than a lease, and comes back: nobody is rescued from under itself."""

from __future__ import annotations

import asyncio
import signal

import pytest
from crash_contracts import CONTRACTS
from crash_processes import Nursery, Server, until
from crash_trial import Place, all_ended

from actum.model.events import EventKind

COUNT = 200
STAGES = 8


@pytest.mark.parametrize("end", [signal.SIGQUIT, signal.SIGKILL], ids=["stopped immediately", "killed"])
async def test_an_outage_longer_than_the_lease_costs_nothing_but_time(
    place: Place, nursery: Nursery, server: Server, end: signal.Signals
) -> None:
    handles = await place.requester.start_many(
        [CONTRACTS["stages"](f"w{number}", STAGES) for number in range(COUNT)]
    )
    fleet = [
        await nursery.bear(place.order(name, ["stages"], lease=1.0, concurrency=40))
        for name in ("one", "two")
    ]
    await until(lambda: len(place.lines("steps")) > COUNT * STAGES // 2, "a quarter of the work is done")
    server.stop_at_once(end)
    await until(
        lambda: {line["worker"] for line in place.lines("leases")} == {"one", "two"}, "leases ran out"
    )
    assert not all(life.ended.done() for life in fleet)
    await asyncio.to_thread(server.open_again)
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
    assert again <= 80, "more ran again than was in flight"
    await place.audit()
