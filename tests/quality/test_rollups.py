"""The rollup is exact whoever commits when: an older transaction that commits late is counted, and nothing is twice."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import asyncpg
import golden
import pytest
from test_golden import FACTS, ROLLUPS, summed

from actum.errors import DatabaseMismatch
from actum.store.quality import Span
from actum.store.store import Store


async def add_some(connection: Any, lives: list[golden.Life]) -> None:
    await connection.execute("set local session_replication_role = replica")
    await golden.write(connection, lives)


@pytest.mark.parametrize("seed", range(4))
async def test_facts_of_transactions_that_commit_late_are_added_once(store: Store, seed: int) -> None:
    """Several connections begin, write, and commit or give up in a random order, with refreshes anywhere between."""
    chance = random.Random(seed)
    written = list(golden.Author(seed).lives(82, weeks=2))
    lives = iter(written)
    async with AsyncExitStack() as exits:
        look = await connect(exits, store)
        await golden.make_weeks(look, written)
        writers = [await connect(exits, store) for _ in range(4)]
        open_ones: dict[int, Any] = {}
        late = writers[0].transaction()  # the oldest of all, and the last to commit
        await late.start()
        await add_some(writers[0], [next(lives)])
        for number in [chance.randrange(1, 4) for _ in range(40)]:
            if number in open_ones:
                transaction = open_ones.pop(number)
                await (transaction.rollback() if chance.random() < 0.2 else transaction.commit())
            else:
                open_ones[number] = writers[number].transaction()
                await open_ones[number].start()
                await add_some(writers[number], [next(lives), next(lives)])
            if chance.random() < 0.5:
                await asyncio.gather(store.rollups.refresh(), store.rollups.refresh())
        held_back = await store.rollups.lag()
        assert {} == await summed(look, ROLLUPS)  # everything is younger than what is still open
        assert held_back.facts > 0
        await late.commit()
        for transaction in open_ones.values():
            await transaction.commit()
        await asyncio.gather(*(store.rollups.refresh() for _ in range(3)))
        await golden.catch_up(store)
        assert await summed(look, FACTS) == await summed(look, ROLLUPS)
        assert 0 == (await store.rollups.lag()).facts


async def connect(exits: AsyncExitStack, store: Store) -> Any:
    connection = await asyncpg.connect(store.pool.dsn)
    exits.push_async_callback(connection.close)
    return connection


@pytest.mark.parametrize("blocks", ["free", "in use", "another's"])
async def test_a_refresh_has_new_blocks_found_and_leaves_what_it_cannot_have(
    store: Store, blocks: str
) -> None:
    author = golden.Author(3)
    lives = [author.life(golden.START + timedelta(seconds=number)) for number in range(300)]
    async with AsyncExitStack() as exits:
        look, other = await connect(exits, store), await connect(exits, store)
        await golden.make_weeks(look, lives)
        await look.execute("select actum.summarize_events()")
        async with other.transaction():
            await add_some(other, lives)
        async with other.transaction():
            if blocks == "in use":  # as a vacuum has them
                await other.execute("lock table actum.events in share update exclusive mode")
            if blocks == "another's":
                await look.execute("alter function actum.summarize_events() owner to actum_worker")
            await golden.catch_up(store)
        unknown = await look.fetchval(
            "select sum(brin_summarize_new_values(i.inhrelid)) from pg_inherits i"
            " where i.inhparent = 'actum.events_blocks'::regclass"
        )
        assert (blocks == "free") == (unknown == 0)
        assert await summed(look, FACTS) == await summed(look, ROLLUPS) != {}


async def test_verdicts_given_at_once_are_numbered_and_counted_once(store: Store) -> None:
    (life,) = [one for one in golden.Author(1).lives(40) if one.status == "completed"][:1]
    life.verdicts.clear()
    async with store.pool.connection() as connection:
        await connection.execute("set session_replication_role = replica")
        await golden.make_weeks(connection, [life])
        await golden.write(connection, [life])
        await connection.execute("set session_replication_role = default")
    words = [("usable", "judge"), ("unusable", "person"), ("usable", "downstream"), ("unusable", "judge")] * 3
    answers = await asyncio.gather(
        *(
            store.verdicts.give(life.workflow_id, verdict=word, by=by, actor=f"user:{number}", why="so it is")
            for number, (word, by) in enumerate(words)
        ),
        *(store.rollups.refresh() for _ in range(4)),
    )
    assert [("given", "completed")] * 12 == list(answers[:12])
    await golden.catch_up(store)
    rows = await store.verdicts.list_of(life.workflow_id)
    assert list(range(1, 13)) == [row.number for row in rows]
    last = [row for row in rows if row.by != "judge"][-1]
    async with store.pool.connection() as connection:
        added = await summed(connection, ROLLUPS)
    counts = {key[1][3:5]: sums[0] for key, sums in added.items() if key[1][0] == "verdicts" and sums[0]}
    assert {(last.verdict, last.by): 1} == counts


@pytest.mark.parametrize("option", ["role=actum_reader", "options=-c%20default_transaction_read_only%3Don"])
async def test_whoever_may_only_read_counts_without_adding(store: Store, option: str) -> None:
    lives = list(golden.Author(2).lives(30, weeks=2))
    async with store.pool.connection() as connection:
        await connection.execute("set session_replication_role = replica")
        await golden.make_weeks(connection, lives)
        await golden.write(connection, lives)
        await connection.execute("set session_replication_role = default")
        facts = await summed(connection, FACTS)
    dsn = store.pool.dsn
    reader = await Store.open(f"{dsn}{'&' if '?' in dsn else '?'}{option}")
    try:
        assert 0 == await reader.rollups.refresh()
        span = Span.of(golden.START, golden.START + timedelta(days=400))
        rows = await reader.quality.tally(span, ["endings"])
    finally:
        await reader.close()
    ended = sum(count for (_, labels), (count, *_) in facts.items() if labels[0] == "endings")
    assert 30 == ended == sum(row.count for row in rows)


async def test_a_restored_dump_is_noticed_and_counted_anew(store: Store) -> None:
    """The events of a dump carry the numbers of a server that was further on."""
    lives = list(golden.Author(3).lives(40, weeks=2))
    async with store.pool.connection() as connection:
        await connection.execute("set session_replication_role = replica")
        await golden.make_weeks(connection, lives)
        await golden.write(connection, lives)
        await golden.catch_up(store)
        await connection.execute("update actum.events set xid = '900000000000'")
        await connection.execute("update actum.verdicts set xid = '900000000000'")
        await connection.execute("update actum.rollup_state set watermark = '900000000001'")
        before = await summed(connection, ROLLUPS)
        span = Span.of(golden.START, golden.START + timedelta(days=400))
        for look in (store.rollups.refresh(), store.rollups.lag(), store.quality.tally(span, ["endings"])):
            with pytest.raises(
                DatabaseMismatch, match=r"a dump was restored, so run `select actum.restart_rollup"
            ):
                await look
        assert before == await summed(connection, ROLLUPS)
        await connection.execute("select actum.restart_rollup()")
        await connection.execute("set session_replication_role = default")
        await golden.catch_up(store)
        assert before == await summed(connection, FACTS) == await summed(connection, ROLLUPS)
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute("delete from actum.verdicts")
