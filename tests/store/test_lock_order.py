"""Rows are locked in one order: workflow (ids ascending), approval, effect. Watched while statements wait for locks.

Each statement is made to wait at one kind of row, and what it holds by then is asked of the server. Whoever takes locks
in one order cannot wait in a circle.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from holding import Held, K, claim, errand, hold
from patience import until_blocked

from actum.engine.log import Ended
from actum.engine.recorder import Recorder
from actum.model.ids import new_id
from actum.store.approvals import Ruled
from actum.testing.harness import Harness

ROWS = {
    "workflow": "select 1 from actum.workflows where id = $1 for update",
    "approval": "select 1 from actum.approvals where workflow_id = $1 for update",
    "effect": "select 1 from actum.effects where workflow_id = $1 for update",
}


@asynccontextmanager
async def locked(actum: Harness, what: str, workflow_id: UUID) -> AsyncIterator[Any]:
    """Hold the lock on one row while the block runs; gives the connection that holds it."""
    connection = await asyncpg.connect(actum.dsn)
    try:
        async with connection.transaction():
            assert await connection.fetch(ROWS[what], workflow_id)
            yield connection
    finally:
        await connection.close()


async def is_free(actum: Harness, what: str, workflow_id: UUID) -> bool:
    """Whether nobody holds a lock on the row."""
    connection = await asyncpg.connect(actum.dsn)
    try:
        async with connection.transaction():
            return bool(await connection.fetch(f"{ROWS[what]} nowait", workflow_id))
    except asyncpg.LockNotAvailableError:
        return False
    finally:
        await connection.close()


async def begin(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(work)


async def prepared(actum: Harness) -> tuple[Held, UUID]:
    """One held workflow with an approved action, and a failed effect that can start again."""
    held = await hold(actum)
    assert "written" == await held.intend()
    failed = await held.record(
        K.EFFECT_FAILED, step="open", address="1", attempt=1, ended=Ended("open", "door", 1, "failed")
    )
    assert "written" == await held.write(failed)
    approval_id = await held.ask()
    return held, approval_id


Deed = Callable[[Harness, Held, UUID], Awaitable[Any]]


async def intend_again(actum: Harness, held: Held, approval_id: UUID) -> Any:
    return await held.intend(mode="again", attempt=2, tier=2, approval_id=approval_id)


async def decide(actum: Harness, held: Held, approval_id: UUID) -> Any:
    return await actum.store.approvals.decide(
        approval_id, ruling="approved", actor="user:reviewer", rationale="yes", seen_hash=None
    )


async def decide_many(actum: Harness, held: Held, approval_id: UUID) -> Any:
    return await actum.reviewer.approvals.decide_many([Ruled(approval_id, "approved", "yes")])


async def hand_over(actum: Harness, held: Held, approval_id: UUID) -> Any:
    return await actum.reviewer.approvals.hand_over(approval_id, "user:other", "you know it")


async def inquire(actum: Harness, held: Held, approval_id: UUID) -> Any:
    return await actum.reviewer.approvals.inquire(approval_id, "which door?")


async def use_grant(actum: Harness, held: Held, approval_id: UUID) -> Any:
    grant_id = await actum.reviewer.grants.give({"kind": "open"}, uses=1, lasts="1h", reason="busy")
    return await actum.store.grants.use(grant_id, approval_id, amounts={})


async def send(actum: Harness, held: Held, approval_id: UUID) -> Any:
    return await actum.client.send(held.id, "signal", name="go")


async def rescue(actum: Harness, held: Held, approval_id: UUID) -> Any:
    return await actum.store.workflows.wake([held.id])


@pytest.mark.parametrize(
    "deed", [intend_again, decide, decide_many, hand_over, inquire, use_grant, send, rescue]
)
async def test_the_workflow_is_locked_before_anything_else(actum: Harness, deed: Deed) -> None:
    held, approval_id = await prepared(actum)
    async with locked(actum, "workflow", held.id) as holder:
        doing = await begin(deed(actum, held, approval_id))  # type: ignore[arg-type]  # a coroutine
        await until_blocked(holder)
        assert await is_free(actum, "approval", held.id)
        assert await is_free(actum, "effect", held.id)
    await doing


@pytest.mark.parametrize("deed", [intend_again, decide, decide_many, hand_over, inquire, use_grant])
async def test_the_approval_is_locked_after_the_workflow_and_before_the_effect(
    actum: Harness, deed: Deed
) -> None:
    held, approval_id = await prepared(actum)
    async with locked(actum, "approval", held.id) as holder:
        doing = await begin(deed(actum, held, approval_id))  # type: ignore[arg-type]  # a coroutine
        await until_blocked(holder)
        assert not await is_free(actum, "workflow", held.id)
        assert await is_free(actum, "effect", held.id)
    await doing


async def test_the_effect_is_locked_last(actum: Harness) -> None:
    held, approval_id = await prepared(actum)
    await decide(actum, held, approval_id)
    async with locked(actum, "effect", held.id) as holder:
        doing = await begin(intend_again(actum, held, approval_id))
        await until_blocked(holder)
        assert not await is_free(actum, "workflow", held.id)
        assert not await is_free(actum, "approval", held.id)
    assert "written" == await doing


async def held_pair(actum: Harness) -> tuple[Held, Held]:
    """Two workflows of one instance, the one with the smaller id first, in a table that has more than a page.

    A table of one page is read whole, in whatever order its rows lie.
    """
    await actum.client.start_many([errand(str(number)) for number in range(300)])
    async with actum.store.pool.connection() as connection:
        await connection.execute("analyze actum.workflows")
    one, two = sorted(await claim(actum.store, slots=2), key=lambda held: held.id)
    return one, two


async def flush_with_message(recorder: Recorder, helds: tuple[Held, ...]) -> None:
    for held in helds:
        record = await held.record(K.STEP_COMPLETED, step="look", snapshot="output", body=b"1")
        record.ended = Ended("open", "nothing", 1, "failed")
        held.log.pending.append(record)
        recorder.queue(held.log)
    await recorder.flush_once()
    await recorder._disconnect()


Many = Callable[[Harness, Held, Held], Awaitable[Any]]

MANY: dict[str, Many] = {
    "wake": lambda actum, one, two: actum.store.workflows.wake([two.id, one.id]),
    "release": lambda actum, one, two: actum.store.workflows.release(
        instance=one.instance, ids=[two.id, one.id]
    ),
    "append_with_intents": lambda actum, one, two: flush_with_message(one.recorder, (two, one)),
}


@pytest.mark.parametrize("name", MANY)
async def test_many_workflows_are_locked_by_ascending_id(actum: Harness, name: str) -> None:
    one, two = await held_pair(actum)
    async with locked(actum, "workflow", one.id) as holder:
        doing = await begin(MANY[name](actum, one, two))  # type: ignore[arg-type]  # a coroutine
        await until_blocked(holder)
        assert await is_free(actum, "workflow", two.id)
    await doing


async def remind(actum: Harness, batches: list[UUID]) -> int:
    return len(await actum.store.approvals.remind())


async def close(actum: Harness, batches: list[UUID]) -> int:
    return len(await actum.store.batches.close([(one, "window") for one in batches]))


async def end(actum: Harness, batches: list[UUID]) -> int:
    return await actum.store.batches.end()


@pytest.mark.parametrize(("table", "deed"), [("approvals", remind), ("batches", close), ("batches", end)])
async def test_what_attends_to_many_waits_for_none_and_leaves_what_is_locked_for_later(
    actum: Harness, table: str, deed: Callable[[Harness, list[UUID]], Awaitable[int]]
) -> None:
    held = await hold(actum)
    in_an_hour = await actum.store.read_clock() + timedelta(hours=1)
    approvals = [await held.ask(f"door {one}", tier=1, expires_at=in_an_hour) for one in range(2)]
    batches = [new_id() for _ in approvals]
    for approval_id, batch_id in zip(approvals, batches, strict=True):
        await actum.store.batches.join(
            approval_id, batch_id=batch_id, rule="small", policy_hash=None, key=str(batch_id),
            window=timedelta(hours=1), max_items=9, max_sums={}, amounts={},
        )  # fmt: skip
    actum.clock.advance("55m")
    if deed is end:
        await close(actum, batches)
        await actum.reviewer.approvals.decide_many([Ruled(one, "approved", "fine") for one in approvals])
    connection = await asyncpg.connect(actum.dsn)
    try:
        async with connection.transaction():
            await connection.execute(f"select 1 from actum.{table} limit 1 for update")  # noqa: S608  # our names
            assert 1 == await asyncio.wait_for(deed(actum, batches), 10)
    finally:
        await connection.close()
    assert 1 == await deed(actum, batches)
