"""Statements as effects: read, previewed by what they would do, carried out once, and put back to the last digit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, get_type_hints
from urllib.parse import urlsplit

import asyncpg
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import actum.sql
from actum import Preview, WorkflowFailed, contract
from actum.authoring.contract import Contract
from actum.authoring.effect import Effect
from actum.client.handle import Handle
from actum.effects.changing import SHOWN
from actum.effects.sql import Change, Changed, Verb, sql_effect
from actum.effects.statement import read_statement
from actum.errors import InvalidContract, OutsideWorkflow
from actum.sql import Database
from actum.testing.harness import Harness
from actum.testing.server import TestServer

TABLES = """
create table accounts (
    id     bigint,
    part   text,
    status text not null,
    worth  numeric not null default 0.10,
    seen   timestamptz default '2026-01-02 03:04:05.678901+00',
    extra  jsonb,
    twice  numeric generated always as (worth * 2) stored,
    number integer generated always as identity,
    primary key (id, part)
);
insert into accounts (id, part, status, worth, extra)
select n, 'ä"''', 'open', n + 12345678901234567890.10, '{"a": [1, null]}' from generate_series(1, 30) as n;
create table notes (account bigint, part text, text text,
                    foreign key (account, part) references accounts on delete cascade);
insert into notes values (30, 'ä"''', 'kept');
create table loose (text text);
insert into loose values ('a'), ('b');
create table named (name text unique not null, id int primary key);
create table followers (name text references named (name) on update cascade);
insert into named values ('x', 1);
insert into followers values ('x');
create table raw (id int primary key, data json);
insert into raw values (1, '{"b": 1,  "a": 2}');
create table wide (id int primary key, text text);
insert into wide select n, '' from generate_series(1, 2) as n;
"""


@pytest.mark.parametrize(
    ("text", "verb", "table", "alias", "names"),
    [
        ("update accounts set a = :a where b = :b or b = :a;", "update", "accounts", "accounts", ("a", "b")),
        ("UPDATE only s.\"My T\" as x set a = ':no'::text", "update", 's."My T"', "x", ()),
        ("-- :first\n delete from accounts a /* :two; */ using b", "delete", "accounts", "a", ()),
        ('insert into accounts(":n") select :n::int', "insert", "accounts", "accounts", ("n",)),
        ("insert into t as i values (E'\\' :x', :y) on conflict do nothing", "insert", "t", "i", ("y",)),
    ],
)
def test_a_statement_says_what_it_does_to_which_table_with_which_values(
    text: str, verb: str, table: str, alias: str, names: tuple[str, ...]
) -> None:
    read = read_statement("k.k", text)
    assert (verb, table, alias, names) == (read.verb, read.table, read.alias, read.names)
    assert not read.text.endswith(";")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("select 1", "one insert, update or delete"),
        ("with x as (select 1) delete from t", "one insert, update or delete"),
        ("truncate t", "one insert, update or delete"),
        ("delete from t; delete from t", "semicolon"),
        ("delete from t where a = $1", "by number"),
        ("delete from t returning *", "returning"),
        ("insert into t values (1) on conflict (a) do update set a = 2", "on conflict do nothing"),
        ("delete from t where a = :surplus", "no such field: add it"),
        ("delete from t", "an approver would be misled"),
    ],
)
def test_a_statement_that_is_anything_else_is_refused_when_it_is_declared(text: str, why: str) -> None:
    with pytest.raises(InvalidContract, match=why):
        sql_effect("k.k", text, Values)


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")))
def test_what_is_quoted_is_never_read(text: str) -> None:
    literal, name = "'" + text.replace("'", "''") + "'", '"' + (text or "x").replace('"', '""') + '"'
    pieces = ("update", name, "set a =", literal, "where b =", ":x", "and", literal, "=", ":y")
    read = read_statement("k.k", " ".join(pieces))
    assert (name, ("x", "y")) == (read.table, read.names)
    assert " ".join({":x": "$1", ":y": "$2"}.get(one, one) for one in pieces) == read.text


async def test_a_look_is_for_previews_alone() -> None:
    with pytest.raises(OutsideWorkflow, match="preview"):
        async with actum.sql.look():
            pass


class Values(BaseModel):
    ids: list[int]


class Nothing(BaseModel):
    pass


class World:
    """A database with the tables, and the ways to run one effect there."""

    def __init__(self, actum: Harness, dsn: str, connection: Any) -> None:
        self.actum = actum
        self.database = Database("shop", url=dsn)
        self.sql = connection

    def contract(self, change: Effect[[Any], Changed]) -> Contract[[dict[str, Any]], Changed]:
        @contract(name="changing", on_failure="rollback", steps=[change])
        async def changing(values: dict[str, Any]) -> Changed:
            model = change.codec.signature.parameters["given"].annotation
            changed = await change(model(**values))
            if WAIT:
                await WAIT.pop()()
            return changed

        return changing

    async def start(self, change: Effect[[Any], Changed], **values: Any) -> Handle[Changed]:
        serving = self.contract(change)
        await self.actum.worker([serving])
        return await self.actum.start(serving(values))

    async def rows(self, table: str = "accounts") -> list[str]:
        rows = await self.sql.fetch(f"select t::text as row from {table} t order by 1")  # noqa: S608
        return [row["row"] for row in rows]


WAIT: list[Any] = []


@pytest.fixture
async def world(actum: Harness, actum_server: TestServer) -> AsyncIterator[World]:
    WAIT.clear()
    dsn = await actum_server.create_empty()
    connection = await asyncpg.connect(dsn)
    await connection.execute(TABLES)
    yield World(actum, dsn, connection)
    await connection.close()
    await actum_server.drop(dsn)


async def preview(world: World) -> dict[str, Any]:
    await world.actum.run_until_idle()
    ((approval,), _) = await world.actum.inbox()
    return orjson.loads(approval.preview or "{}")  # type: ignore[no-any-return]


UPDATE = "update accounts set status = 'closed', worth = worth / 3, extra = null, seen = now() where id = any(:ids)"
CHANGES = {
    "update": (UPDATE, Values, {"ids": list(range(1, 26))}, "Update 25 rows of accounts in shop"),
    "delete": (
        "delete from accounts a where a.id = any(:ids)",
        Values,
        {"ids": [2]},
        "Delete 1 row from accounts in shop",
    ),
    "insert": (
        "insert into accounts (id, part, status) select n, 'new', 'x' from unnest(:ids::bigint[]) as n",
        Values,
        {"ids": [1, 77]},
        "Insert 2 rows into accounts in shop",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_is_shown_made_and_put_back_exactly(world: World, change: str) -> None:
    text, model, values, sentence = CHANGES[change]
    before = await world.rows()
    handle = await world.start(sql_effect("db.write", text, model, database=world.database), **values)
    shown = await preview(world)
    assert before == await world.rows(), "a preview leaves nothing"
    rows = len(values["ids"])
    assert (sentence, "shop.accounts") == (shown["sentence"], shown["target"])
    assert {"table": "accounts", "rows": rows, "verb": change, "database": "shop"} == shown["facts"]
    assert shown["relies_on"]

    async def seen() -> None:
        assert before != await world.rows()
        raise RuntimeError("not wanted after all")

    WAIT.append(seen)
    await world.actum.approve(handle)
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert ("rolled_back", before) == (caught.value.status, await world.rows())
    violations = await world.actum.store.effects.find_violations()
    assert [] == violations


async def test_the_difference_names_the_columns_that_change_and_counts_the_rest(world: World) -> None:
    text = "update accounts set status = :status"

    class Status(BaseModel):
        status: str

    await world.start(sql_effect("db.write", text, Status, database=world.database), status="secret")
    lines = (await preview(world))["diff"].splitlines()
    assert [
        '- id = 1, part = "ä\\"\'", status = "open"',
        '+ id = 1, part = "ä\\"\'", status = "secret"',
    ] == lines[:2]
    assert (2 * SHOWN + 1, "… and 10 more rows") == (len(lines), lines[-1])


async def test_an_approval_is_stale_once_a_row_has_changed_that_it_was_given_for(world: World) -> None:
    handle = await world.start(sql_effect("db.write", UPDATE, Values, database=world.database), ids=[1, 2])
    await preview(world)
    ((first,), _) = await world.actum.inbox()
    await world.sql.execute("update accounts set status = 'held' where id = 2")
    await world.actum.reviewer.approve(first.id, "it is right")
    await world.actum.run_until_idle()
    ((second,), _) = await world.actum.inbox()
    assert first.id != second.id
    assert 'status = \\"held\\"' in (second.preview or "")
    await world.actum.approve(handle)
    changed = await handle.result(10)
    assert (Verb.UPDATE, 2) == (changed.verb, changed.rows)
    assert {"closed"} == {row["status"] for row in changed.values()}


@pytest.mark.parametrize(
    ("change", "harm", "why"),
    [
        ("update", "update accounts set status = 'mine' where id = 7", "1 of 25 rows of accounts were changed by somebody else since (7"),
        ("delete", "insert into accounts (id, part, status) values (2, 'ä\"''', 'back')", "changed by somebody else since"),
        ("insert", "insert into notes values (77, 'new', 'mine')", "rows of notes refer to the rows that were inserted"),
    ],
)  # fmt: skip
async def test_an_undo_leaves_what_somebody_has_changed_since(
    world: World, change: str, harm: str, why: str
) -> None:
    text, model, values, _ = CHANGES[change]
    handle = await world.start(sql_effect("db.write", text, model, database=world.database), **values)

    async def meddle() -> None:
        await world.sql.execute(harm)
        raise RuntimeError("not wanted after all")

    WAIT.append(meddle)
    await world.actum.approve(handle)
    await world.actum.run_until_idle()
    row = await handle.row()
    assert ("blocked", "undo_failed") == (row.status, row.cause)
    (blocked,) = [e for e in await world.actum.events(handle) if e.kind.value == "workflow.blocked"]
    assert why in (blocked.data or "").replace('\\"', "").replace("\\", "")


@pytest.mark.parametrize(
    ("text", "keeps", "why"),
    [
        ("update loose set text = 'c'", 500, "loose has no primary key"),
        ("update accounts set status = 'c'", 29, "30 rows of accounts are more than the 29"),
        ("delete from accounts", 500, "with these rows of accounts, rows of notes would go or change"),
        ("update named set id = id + 100", 500, "keeps its primary key"),
        ("update named set name = 'y'", 500, "what named.name is, other tables follow"),
        ("delete from missing", 500, "there is no table missing"),
        ("delete from raw", 500, "do not come back the same from what is kept"),
        ("update wide set text = repeat('é', 300000)", 500, "bytes, more than the"),
    ],
)
async def test_what_could_not_be_put_back_is_refused_before_anybody_is_asked(
    world: World, text: str, keeps: int, why: str
) -> None:
    handle = await world.start(sql_effect("db.write", text, Nothing, database=world.database, keeps=keeps))
    with pytest.raises(WorkflowFailed, match=why):
        await handle.result(10)
    assert ((), ()) == tuple(map(tuple, await world.actum.inbox()))


async def test_without_kept_rows_it_is_final_and_works_on_any_table_here_too(actum: Harness) -> None:
    async with actum.store.pool.connection() as connection:
        await connection.execute("create table loose (text text, at timestamptz default now())")
        await connection.execute("insert into loose values ('a'), ('b')")
    change = sql_effect("db.write", "update loose set text = 'c'", Nothing, keeps=0)
    assert "final" == change.reversibility
    one = World(actum, actum.dsn, None)
    handle = await one.start(change)
    name = urlsplit(actum.dsn).path.removeprefix("/")
    assert f"Update 2 rows of loose in {name}" == (await preview(one))["sentence"]
    await actum.approve(handle)
    assert Changed(Verb.UPDATE, "loose", 2) == await handle.result(10)


def test_it_says_what_policy_and_rollback_want_to_know() -> None:
    made: Effect[[Values], Changed] = sql_effect("k.k", "delete from t where id = any(:ids)", Values)
    assert "undoable" == made.reversibility
    hints = get_type_hints(made.hooks["preview"].function)
    assert Preview[Change] == hints["return"], "policy can read the facts"
