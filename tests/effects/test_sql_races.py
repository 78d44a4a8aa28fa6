"""Statements and their undos, many at once over a few rows: each one is exact, or nothing of it is there."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import asyncpg
from pydantic import BaseModel

from actum.effects.changing import Unfit, carry_out, take_back
from actum.effects.statement import Verb, read_statement
from actum.errors import NotDone
from actum.testing.server import TestServer

ROUNDS, HANDS, ROWS = 20, 3, 10
GROW = "update marks set n = n + 1, log = log || '.' where id = any(:ids) and n % 5 <> 4"
STATEMENTS = [
    read_statement("k.k", text)
    for text in (
        GROW,
        GROW,
        "delete from marks where id = any(:ids)",
        "insert into marks select n from unnest(:ids::int[]) as n on conflict do nothing",
    )
]
IN_THE_WAY = (asyncpg.TransactionRollbackError, asyncpg.UniqueViolationError)


class Ids(BaseModel):
    ids: list[int]


async def images(connection: Any, ids: list[int]) -> set[str]:
    rows = await connection.fetch("select to_jsonb(m.*)::text as row from marks m where id = any($1)", ids)
    return {row["row"] for row in rows}


async def work(dsn: str, chance: random.Random, seen: Counter[str]) -> None:
    connection = await asyncpg.connect(dsn)
    for _ in range(ROUNDS):
        statement, ids = chance.choice(STATEMENTS), sorted(chance.sample(range(1, ROWS + 1), 3))
        try:
            async with connection.transaction():
                changed = await carry_out(connection, statement, Ids(ids=ids), 100)
                assert set(changed.after) <= await images(connection, ids)
            seen["changed"] += 1
            async with connection.transaction():
                await take_back(connection, statement, changed)
                found = await images(connection, ids)
                assert set(changed.before) <= found
                assert changed.verb is not Verb.INSERT or not set(changed.after) & found
            seen["undone"] += 1
        except Unfit:
            seen["refused"] += 1
        except (NotDone, *IN_THE_WAY):
            seen["tried in vain"] += 1
    await connection.close()


async def test_a_change_and_its_undo_are_exact_whoever_else_is_at_the_rows(actum_server: TestServer) -> None:
    dsn, seen = await actum_server.create_empty(), Counter[str]()
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        f"create table marks (id int primary key, n int default 0, log text default '');"
        f"insert into marks select generate_series(1, {ROWS})"
    )
    await asyncio.gather(*(work(dsn, random.Random(number), seen) for number in range(HANDS)))
    odd = await connection.fetch("select id from marks where n <> length(log)")
    await connection.close()
    await actum_server.drop(dsn)
    assert [] == odd
    assert min(seen["changed"], seen["undone"]) > ROUNDS / 2, seen
