"""Intents: the moment between the ledger's row and the attempt it permits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from patience import until

from actum import attempt, contract, effect
from actum.client.handle import Handle
from actum.errors import DatabaseUnavailable
from actum.store.records import Flush
from actum.store.rows import Answer, ReachedRow
from actum.testing.harness import Harness

KEYS: list[str] = []
GATES: dict[str, asyncio.Event] = {}


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    KEYS.clear()
    GATES.clear()
    yield
    for gate in GATES.values():
        gate.set()


@effect("order.place")
async def place(order: str) -> str:
    KEYS.append(attempt().key or "")
    if "placed" in GATES:
        await GATES["placed"].wait()
    return "placed"


@place.key
def _(order: str) -> str:
    return f"order/{order}"


@contract(on_failure="hold")
async def buy(order: str) -> str:
    return await place(order)


async def approve_first(actum: Harness) -> None:
    """Approve the oldest request as soon as there is one."""

    async def is_asked() -> bool:
        return bool((await actum.inbox())[0])

    await until(is_asked, "somebody asks for an approval")
    await actum.reviewer.approve((await actum.inbox())[0][0].id, "fine")


async def parked_again(handle: Handle[str], after: int) -> int:
    """Wait until the workflow was held once more and let go; return its epoch then."""

    async def is_parked() -> bool:
        row = await handle.row()
        return row.epoch > after and row.instance is None

    await until(is_parked, f"the workflow is parked after epoch {after}")
    return (await handle.row()).epoch


async def test_a_key_somebody_else_is_busy_with_is_looked_at_again_as_often_as_it_takes(
    actum: Harness,
) -> None:
    GATES["placed"] = asyncio.Event()
    await actum.worker([buy])
    first = await actum.start(buy("4711"))
    await approve_first(actum)

    async def is_placing() -> bool:
        return bool(KEYS)

    await until(is_placing, "the first one places its order")
    second = await actum.start(buy("4711"))
    await approve_first(actum)

    async def has_decided() -> bool:
        row = await second.row()
        return "approval.decided" in await actum.kinds(second) and row.instance is None

    await until(has_decided, "the second one waits for the key")
    epoch = (await second.row()).epoch
    for round_trip in ("3s", "6s", "12s"):
        actum.clock.advance(round_trip)
        epoch = await parked_again(second, epoch)
    GATES["placed"].set()
    assert await first.result(10) == "placed"
    actum.clock.advance("1m")
    assert await second.result(10) == "placed"
    assert KEYS == ["order/4711"]


async def test_workflows_that_share_a_result_in_one_flush_are_all_its_holders(actum: Harness) -> None:
    worker = await actum.worker([buy])
    first = await actum.start(buy("1"))
    await actum.approve(first)
    await first.result(10)
    others = await actum.client.start_many([buy("1") for _ in range(6)])
    await actum.run_until_idle()
    await worker.stop()
    for one in (await actum.inbox())[0]:
        await actum.reviewer.approve(one.id, "fine")
    await actum.worker([buy])
    assert ["placed"] * 6 == [await handle.result(10) for handle in others]
    (entry,) = await actum.store.effects.list_of(first.workflow_id)
    assert {first.workflow_id, *(handle.workflow_id for handle in others)} == set(entry.holders)
    assert KEYS == ["order/1"]


@pytest.mark.parametrize(
    "error",
    [DatabaseUnavailable("gone"), asyncpg.DeadlockDetectedError("lost"), asyncpg.QueryCanceledError("late")],
)
async def test_a_ledger_that_cannot_be_read_for_a_moment_is_read_again(
    actum: Harness, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    worker = await actum.worker([buy])
    first = await actum.start(buy("4711"))
    await actum.approve(first)
    await first.result(10)
    second = await actum.start(buy("4711"))
    await actum.run_until_idle()
    real, failures = actum.store.effects.reach, list[str]()

    async def reach(keys: list[tuple[str, str]]) -> dict[tuple[str, str], ReachedRow]:
        if not failures:
            failures.append("once")
            raise error
        return await real(keys)

    monkeypatch.setattr(actum.store.effects, "reach", reach)
    await actum.approve(second)
    assert await second.result(10) == "placed"
    assert (failures, worker.failure) == (["once"], None)


async def test_an_effect_permitted_while_its_worker_stops_is_carried_out_and_leaves_no_doubt(
    actum: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = await actum.worker([buy])
    handle = await actum.start(buy("4711"))
    await actum.run_until_idle()
    real = leaving.recorder._send
    is_durable, may_be_told = asyncio.Event(), asyncio.Event()

    async def send(flush: Flush) -> list[Answer]:
        answers = await real(flush)
        if flush.intents:
            is_durable.set()
            await may_be_told.wait()
        return answers

    monkeypatch.setattr(leaving.recorder, "_send", send)
    (approval,), _ = await actum.inbox()
    await actum.reviewer.approve(approval.id, "fine")
    await asyncio.wait_for(is_durable.wait(), 10)
    (held,) = leaving.held
    stopping = asyncio.create_task(leaving.stop(grace=10))

    async def is_draining() -> bool:
        return held.is_draining

    await until(is_draining, "the worker stops")
    may_be_told.set()
    await stopping
    assert KEYS == ["order/4711"]
    await actum.worker([buy])
    assert await handle.result(10) == "placed"
    assert "effect.doubted" not in await actum.kinds(handle)
