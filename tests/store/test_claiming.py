"""A workflow has one holder: whoever claims at the same moment, and whatever state it is in."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
from holding import claim, errand, hold

from actum.store.store import Store
from actum.testing.harness import Harness


async def test_eight_connections_that_claim_at_once_never_take_one_workflow_twice(actum: Harness) -> None:
    calls = [errand(str(number)) for number in range(200)]
    started = {handle.workflow_id for handle in await actum.client.start_many(calls)}
    claimers = [await Store.open(actum.dsn, size=1) for _ in range(8)]
    try:
        taken: list[list[object]] = [[] for _ in claimers]

        async def drain(number: int) -> None:
            while found := await claim(claimers[number], slots=7):
                taken[number] += [held.id for held in found]

        await asyncio.gather(*(drain(number) for number in range(8)))
    finally:
        for store in claimers:
            await store.close()
    everything = [one for part in taken for one in part]
    assert 200 == len(everything)
    assert started == set(everything)


async def test_a_claim_raises_the_epoch_and_keeps_the_first_python(actum: Harness) -> None:
    first = await hold(actum)
    await actum.store.workflows.release(instance=first.instance, ids=[first.id])
    (second,) = await claim(actum.store)
    assert first.row.epoch < second.row.epoch
    assert "3.x" == second.row.python


async def test_a_claim_takes_what_has_been_ready_longest(actum: Harness) -> None:
    handles = [await actum.start(errand(str(number))) for number in range(3)]
    assert [handles[0].workflow_id, handles[1].workflow_id] == sorted(
        h.id for h in await claim(actum.store, slots=2)
    )


async def test_held_ended_sleeping_and_foreign_workflows_are_not_claimed(actum: Harness) -> None:
    held = await hold(actum)
    assert [] == await claim(actum.store, slots=5)
    await held.complete()
    assert [] == await claim(actum.store, slots=5)
    await actum.start(errand("sleeping"))
    async with actum.store.pool.connection() as connection:
        await connection.execute("update actum.workflows set run_at = now() + interval '1 hour'")
    assert [] == await claim(actum.store, slots=5)
    actum.clock.advance("61m")
    rows = await actum.store.workflows.claim(
        instance=uuid4(), python="3", queues=["default"], shapes=[b"another shape"], slots=5
    )
    assert [] == rows
    assert 1 == len(await claim(actum.store, slots=5))


async def test_a_freeze_of_starts_holds_new_workflows_and_lets_begun_ones_go_on(actum: Harness) -> None:
    begun = await hold(actum)
    await begun.ask()
    await actum.store.workflows.release(instance=begun.instance, ids=[begun.id])
    await actum.start(errand("new"))
    async with actum.store.pool.connection() as connection:
        await connection.execute(
            "insert into actum.freezes (id, scope, mode, actor, reason) values ($1, 'everything', 'hold_starts', 'x', 'x')",
            uuid4(),
        )
    assert [begun.id] == [held.id for held in await claim(actum.store, slots=5)]


async def test_only_the_holder_releases(actum: Harness) -> None:
    held = await hold(actum)
    assert [] == await actum.store.workflows.release(instance=uuid4(), ids=[held.id])
    assert {held.id: 0} == await actum.store.workflows.list_owned(held.instance)


async def test_a_rescue_counts_the_crash_and_fences_the_dead(actum: Harness) -> None:
    held = await hold(actum)
    assert [held.id] == await actum.store.workflows.rescue(instances=[held.instance], slots=10)
    assert "fenced" == await held.complete()
    (after,) = await claim(actum.store)
    assert 1 == after.row.crash_count


async def test_two_rescuers_at_once_count_one_crash(actum: Harness) -> None:
    held = await hold(actum)
    rescued = await asyncio.gather(
        *(actum.store.workflows.rescue(instances=[held.instance], slots=10) for _ in range(6))
    )
    assert [held.id] == [one for part in rescued for one in part]
    row = await actum.store.workflows.get(held.id)
    assert row is not None
    assert 1 == row.crash_count


async def test_a_claim_skips_what_another_transaction_has_locked(actum: Harness) -> None:
    first = await actum.start(errand("locked"))
    second = await actum.start(errand("free"))
    connection = await asyncpg.connect(actum.dsn)
    try:
        async with connection.transaction():
            await connection.execute(
                "select 1 from actum.workflows where id = $1 for update", first.workflow_id
            )
            assert [second.workflow_id] == [held.id for held in await claim(actum.store, slots=5)]
        assert [first.workflow_id] == [held.id for held in await claim(actum.store, slots=5)]
    finally:
        await connection.close()
