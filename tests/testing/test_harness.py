"""What tests hold in their hands: a clock to move, workers that end, decisions, and the moment when all is quiet."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

import actum as a
from actum.errors import InvalidContract, InvalidInput, NotEntitled, NotPossible
from actum.testing.clock import Clock
from actum.testing.harness import Harness


@a.effect("door.open")
async def open_door(door: str) -> str:
    return f"opened {door}"


@a.contract(on_failure="hold")
async def visit(door: str) -> str:
    return await open_door(door)


@a.contract
async def nap(hours: int) -> str:
    await asyncio.sleep(hours * 3600)
    return a.now().isoformat()


async def test_the_clock_is_the_databases_own_until_it_is_moved(actum: Harness) -> None:
    assert actum.clock.now() is None
    before = await actum.store.read_clock()
    actum.clock.advance("2h")
    assert timedelta(hours=2) <= await actum.store.read_clock() - before < timedelta(hours=2, minutes=1)


async def test_a_timer_fires_when_the_clock_is_moved(actum: Harness) -> None:
    await actum.worker([nap])
    handle = await actum.start(nap(48))
    await actum.run_until_idle()
    assert "waiting" == await handle.status()
    actum.clock.advance("47h")
    await actum.run_until_idle()
    assert "waiting" == await handle.status()
    actum.clock.advance("61m")
    assert datetime.fromisoformat(await handle.result(10)) >= datetime.now(UTC) + timedelta(hours=47)


async def test_moving_the_clock_for_years_leaves_workers_their_lease(actum: Harness) -> None:
    worker = await actum.worker([nap])
    actum.clock.advance("100w")
    handle = await actum.start(nap(1))
    await actum.run_until_idle()
    actum.clock.advance("61m")
    await handle.result(10)
    assert worker.failure is None


@pytest.mark.parametrize("length", ["", "1", "-1h", "an hour", timedelta(0), timedelta(seconds=-1)])
def test_a_clock_goes_forward_by_a_length_of_time(length: str | timedelta) -> None:
    with pytest.raises(InvalidContract, match="duration"):
        Clock().advance(length)


def test_a_clock_goes_to_an_instant_ahead_with_a_zone() -> None:
    clock = Clock()
    ahead = datetime(2100, 1, 1, tzinfo=UTC)
    assert ahead <= clock.advance_to(ahead) < ahead + timedelta(minutes=1)
    for instant in (datetime(2099, 1, 1, tzinfo=UTC), datetime(2101, 1, 1)):  # no zone on purpose
        with pytest.raises(InvalidInput, match="time goes forward only"):
            clock.advance_to(instant)


async def test_idle_names_what_is_still_busy(actum: Harness) -> None:
    handle = await actum.start(nap(1))
    with pytest.raises(TimeoutError, match=f"ready: .*nap {handle.short_id} \\(pending\\)"):
        await actum.run_until_idle(0.05)


async def test_approving_a_workflow_decides_what_it_asks_for(actum: Harness) -> None:
    await actum.worker([visit])
    handle = await actum.start(visit("front"))
    (decided,) = await actum.approve(handle)
    assert ("decided", "user:reviewer") == (decided.answer, decided.ruled_by)
    assert "opened front" == await handle.result(10)
    with pytest.raises(NotPossible, match="asks for no approval: it is completed"):
        await actum.approve(handle)


async def test_anybody_named_decides_but_not_the_author(actum: Harness) -> None:
    await actum.worker([visit])
    handle = await actum.start(visit("front"))
    with pytest.raises(NotEntitled):
        await actum.approve(handle, by="user:author")
    ((approval,), _) = await actum.inbox()
    (decided,) = await actum.reject(approval.id, "not now", by="user:third")
    assert "user:third" == decided.ruled_by


async def test_a_replaced_effect_keeps_its_approval_and_its_place_in_the_ledger(actum: Harness) -> None:
    def fake(door: str) -> str:
        return f"as if {door} were open"

    actum.replace(open_door, fake)
    await actum.worker([visit])
    handle = await actum.start(visit("front"))
    await actum.approve(handle)
    assert "as if front were open" == await handle.result(10)
    (effect,) = await actum.store.effects.list_of(handle.workflow_id)
    assert "succeeded" == effect.state


async def test_when_the_test_ends_the_effect_is_its_own_again(actum_dsn: str) -> None:
    own = open_door.function
    harness = await Harness.open(actum_dsn)
    harness.replace(open_door, lambda door: "")
    harness.replace(open_door, lambda door: "x")
    assert open_door.function is not own
    await harness.close()
    assert (own, True) == (open_door.function, open_door.is_async)


async def test_a_replacement_takes_the_same_parameters(actum: Harness) -> None:
    with pytest.raises(InvalidInput, match=r"takes \(window\): give it the step's own parameters, \(door\)"):
        actum.replace(open_door, lambda window: "")
    with pytest.raises(InvalidInput, match="cannot be replaced: name a step or an effect"):
        actum.replace(visit, lambda door: "")  # type: ignore[arg-type]  # a contract


async def test_each_test_has_a_database_of_its_own(actum: Harness) -> None:
    assert [] == await actum.client.list()
    await actum.start(nap(1))


async def test_and_so_has_the_next(actum: Harness) -> None:
    assert [] == await actum.client.list()
    await actum.start(nap(1))
