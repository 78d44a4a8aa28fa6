"""A start is durable, happens once under its key, and belongs to the caller's transaction where one is given."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from holding import claim, count_rows, errand

from actum.client.client import Client
from actum.errors import KeyConflict
from actum.store.store import Store
from actum.testing.harness import Harness

TABLES = ("workflows", "start_keys", "events", "snapshots")


async def counts(actum: Harness) -> list[int]:
    return [await count_rows(actum, table) for table in TABLES]


async def test_twenty_racing_starts_of_one_key_are_one_workflow(actum: Harness) -> None:
    stores = [await Store.open(actum.dsn, size=1) for _ in range(4)]
    try:
        clients = [await Client.over(store, actor="user:author") for store in stores]
        handles = await asyncio.gather(
            *(clients[number % 4].start(errand("here"), key="4711") for number in range(20))
        )
        for client in clients:
            await client.close()
    finally:
        for store in stores:
            await store.close()
    assert 1 == len({handle.workflow_id for handle in handles})
    assert [1, 1, 1, 1] == await counts(actum)


async def test_one_key_for_other_input_is_refused_and_starts_nothing(actum: Harness) -> None:
    await actum.start(errand("here"), key="4711")
    with pytest.raises(KeyConflict, match="already stands for other input"):
        await actum.start(errand("there"), key="4711")
    assert [1, 1, 1, 1] == await counts(actum)


async def test_a_key_stands_for_its_workflow_after_the_end(actum: Harness) -> None:
    first = await actum.start(errand("here"), key="4711")
    (held,) = await claim(actum.store)
    await held.complete()
    assert first.workflow_id == (await actum.start(errand("here"), key="4711")).workflow_id


async def test_one_statement_starts_many_and_a_key_twice_in_it_once(actum: Harness) -> None:
    handles = await actum.client.start_many([errand("here")] * 3, keys=["a", "b", "a"])
    assert handles[0].workflow_id == handles[2].workflow_id
    assert [2, 2, 2, 2] == await counts(actum)


async def test_a_start_in_a_transaction_exists_when_that_commits(actum: Harness) -> None:
    connection = await asyncpg.connect(actum.dsn)
    try:
        async with connection.transaction():
            handle = await actum.start(errand("here"), key="4711", connection=connection)
            assert [] == await claim(actum.store)
        (held,) = await claim(actum.store)
        assert handle.workflow_id == held.id
    finally:
        await connection.close()


async def test_a_start_in_a_transaction_that_rolls_back_never_was(actum: Harness) -> None:
    connection = await asyncpg.connect(actum.dsn)
    transaction = connection.transaction()
    try:
        await transaction.start()
        await actum.start(errand("here"), key="4711", connection=connection)
        await transaction.rollback()
        assert [0, 0, 0, 0] == await counts(actum)
        await actum.start(errand("there"), key="4711")
        assert [1, 1, 1, 1] == await counts(actum)
    finally:
        await connection.close()


async def test_weeks_are_made_ahead_once_and_hold_what_is_born_in_them(actum: Harness) -> None:
    assert 0 == await actum.store.make_weeks()
    actum.clock.advance("10w")
    made = await asyncio.gather(*(actum.store.make_weeks() for _ in range(6)))
    assert 6 <= sum(made)
    await actum.start(errand("later"))
    async with actum.store.pool.connection() as connection:
        (name,) = await connection.fetchrow(
            "select relname from pg_class where oid = (select tableoid from actum.events)"
        )
    week = actum.clock.read().isocalendar()
    assert f"events_{week.year}w{week.week:02}" == name


async def test_the_weeks_of_a_year_meet_without_gap_or_overlap(actum: Harness) -> None:
    async with actum.store.pool.connection() as connection:
        monday = datetime(2026, 12, 7, tzinfo=UTC)
        for weeks in range(0, 12, 4):
            await connection.execute("select actum.make_weeks($1, 4)", monday + timedelta(weeks=weeks))
        rows = await connection.fetch(
            "select c.relname, pg_get_expr(c.relpartbound, c.oid) as bound from pg_class c"
            " join pg_inherits i on i.inhrelid = c.oid where i.inhparent = 'actum.snapshots'::regclass"
        )
    bounds = sorted(
        tuple(row["bound"].split("'")[1::2]) for row in rows if row["relname"] >= "snapshots_2026w49"
    )
    assert 13 <= len(bounds)
    assert [end for _, end in bounds[:-1]] == [start for start, _ in bounds[1:]]
    assert {"snapshots_2026w53", "snapshots_2027w01"} <= {row["relname"] for row in rows}


async def test_after_weeks_without_a_worker_a_start_makes_its_week(actum: Harness) -> None:
    actum.clock.advance("30w")
    await actum.client.start(errand("late"))
    assert [1, 0, 1, 1] == await counts(actum)
    await actum.client.start(errand("later"), key="4711")
    assert [2, 1, 2, 2] == await counts(actum)


async def test_starts_that_make_one_week_at_once_all_succeed(actum: Harness) -> None:
    actum.clock.advance("30w")
    await asyncio.gather(*(actum.client.start(errand(str(number))) for number in range(8)))
    assert [8, 0, 8, 8] == await counts(actum)
