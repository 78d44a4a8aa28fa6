"""A database is brought to this version once, whoever tries at the same time, and a strange one is left as it is."""

from __future__ import annotations

import asyncio
import re
from importlib import resources

import pytest
from catalog import execute, fetch, read_catalog

from actum.errors import DatabaseMismatch
from actum.store.migrate import Standing, migrate, migrations, read_standing, require_current
from actum.store.pool import Pool
from actum.store.records import FIELDS
from actum.testing.server import TestServer

EVERY = tuple(f"{one.number:04d}_{one.name}" for one in migrations())


async def migrate_once(dsn: str, schema: str = "actum") -> Standing:
    pool = await Pool.open(dsn, schema=schema, size=1)
    try:
        return await migrate(pool)
    finally:
        await pool.close()


async def applied(dsn: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await fetch(dsn, "select * from actum.migrations order by number")]


async def test_eight_that_migrate_at_once_apply_everything_once(empty_dsn: str) -> None:
    standings = await asyncio.gather(*(migrate_once(empty_dsn) for _ in range(8)))
    assert EVERY in {standing.pending for standing in standings}
    assert [one.number for one in migrations()] == [row[0] for row in await applied(empty_dsn)]


async def test_migrating_twice_changes_nothing(empty_dsn: str) -> None:
    await migrate_once(empty_dsn)
    before = await read_catalog(empty_dsn), await applied(empty_dsn)
    assert Standing(EVERY, ()) == await migrate_once(empty_dsn)
    assert before == (await read_catalog(empty_dsn), await applied(empty_dsn))


async def test_a_newer_database_is_refused_and_left_as_it_is(empty_dsn: str) -> None:
    await migrate_once(empty_dsn)
    await execute(
        empty_dsn, "insert into actum.migrations (number, name, checksum) values (9999, 'later', 'x')"
    )
    before = await read_catalog(empty_dsn), await applied(empty_dsn)
    with pytest.raises(
        DatabaseMismatch, match=r"migration 9999 \(later\).*it is newer, so deploy the newer code"
    ):
        await migrate_once(empty_dsn)
    assert before == (await read_catalog(empty_dsn), await applied(empty_dsn))


async def test_an_edited_database_is_refused_and_left_as_it_is(empty_dsn: str) -> None:
    await migrate_once(empty_dsn)
    await execute(empty_dsn, "update actum.migrations set checksum = 'edited' where number = 1")
    before = await read_catalog(empty_dsn), await applied(empty_dsn)
    with pytest.raises(DatabaseMismatch, match=r"migration 0001 .* was applied with other text"):
        await migrate_once(empty_dsn)
    assert before == (await read_catalog(empty_dsn), await applied(empty_dsn))


async def test_a_database_without_the_schema_is_told_the_command_and_left_empty(empty_dsn: str) -> None:
    pool = await Pool.open(empty_dsn, size=1)
    try:
        assert Standing((), EVERY) == await read_standing(pool)
        with pytest.raises(DatabaseMismatch, match="run `actum db migrate`"):
            await require_current(pool)
    finally:
        await pool.close()
    assert {} == await read_catalog(empty_dsn)


async def test_two_schemas_live_side_by_side_in_one_database(empty_dsn: str) -> None:
    await migrate_once(empty_dsn)
    before = await read_catalog(empty_dsn)
    await migrate_once(empty_dsn, "elsewhere")
    assert before == await read_catalog(empty_dsn)
    there = await read_catalog(empty_dsn, "elsewhere")
    assert len(before) == len(there)
    assert [] == [name for name, text in there.items() if re.search(r"\bactum\.", text or "")]


async def test_schema_sql_is_what_the_migrations_make(empty_dsn: str, actum_server: TestServer) -> None:
    other = await actum_server.create_empty()
    try:
        await migrate_once(empty_dsn)
        readable = resources.files("actum.store").joinpath("sql", "schema.sql").read_text("utf-8")
        await execute(other, readable)
        made, read = await read_catalog(empty_dsn), await read_catalog(other)
    finally:
        await actum_server.drop(other)
    assert made
    assert {} == {
        name: (made.get(name), read.get(name)) for name in made | read if made.get(name) != read.get(name)
    }


async def test_what_a_flush_holds_stands_in_the_order_of_its_types(actum_dsn: str) -> None:
    rows = await fetch(
        actum_dsn,
        "select c.relname, array_agg(a.attname::text order by a.attnum) as fields from pg_class c join pg_attribute a"
        " on a.attrelid = c.oid where c.relname like 'flushed_%' group by c.relname",
    )
    assert FIELDS == {f"{row['relname'].removeprefix('flushed_')}s": row["fields"] for row in rows}


def test_a_migration_says_whether_it_runs_before_or_after_deployment() -> None:
    assert {"before", "after"} >= {one.when for one in migrations()}
    assert list(range(1, len(migrations()) + 1)) == [one.number for one in migrations()]
