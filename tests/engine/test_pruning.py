"""What is deleted by age, and what never is: nothing that an unfinished workflow, or a repeated effect, could come back to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

import actum.sql
from actum import Budget, Signal, Spending, contract, effect, step
from actum.cli.main import run as run_command
from actum.engine.pruner import INCIDENTS_KEPT, USES_KEPT, Pruner
from actum.errors import DatabaseMismatch, InvalidInput
from actum.machine.incidents import Trouble
from actum.model.incident import Rule
from actum.sql import Database
from actum.store.forgetting import KEPT, Forgotten, forget_keys
from actum.store.keys import OperationKeys
from actum.store.store import Store
from actum.testing.harness import Harness
from actum.testing.server import TestServer

BOOKS = "ACTUM_TEST_BOOKS"
go = Signal("go", str)


@step(spends=Spending(model_calls=1))
async def think() -> int:
    return 1


@contract(budget=(Budget(model_calls=9), Budget(model_calls=9, per="day")))
async def thinks(waits: bool) -> str:
    await think()
    return await go.wait() if waits else "done"


@effect("book.write", transactional=Database("books", env=BOOKS))
async def write(name: str) -> str:
    await actum.sql.connection().execute("insert into books values ($1)", name)
    return name


@write.key
def _(name: str) -> str:
    return f"book {name}"


@contract(on_failure="hold")
async def writes(name: str, waits: bool = False) -> str:
    await write(name)
    return await go.wait() if waits else name


async def rows(actum: Harness, query: str) -> list[Any]:
    async with actum.store.pool.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


async def test_what_budgets_keep_goes_when_its_workflow_has_ended_long_ago_and_not_before(
    actum: Harness,
) -> None:
    await actum.worker([thinks])
    ended, waiting = await actum.start(thinks(False)), await actum.start(thinks(True))
    await actum.run_until_idle()
    address = f"{actum.dsn}{'&' if '?' in actum.dsn else '?'}role=actum_worker"
    store = await Store.open(address, size=1, now=actum.clock.now)
    pruner = Pruner(store)
    try:
        actum.clock.advance(timedelta(days=29))
        assert 0 == await store.budgets.prune(timedelta(0), 100), "nothing goes before thirty days"
        assert 0 == await pruner.prune_once()
        actum.clock.advance(USES_KEPT)
        assert 4 == await pruner.prune_once(), "two uses, the budget of one workflow, and of one day"
        assert 0 == await pruner.prune_once()
    finally:
        await store.close()
    assert [(waiting.workflow_id,)] * 2 == await rows(actum, "select workflow_id from actum.budget_uses")
    assert [(str(waiting.workflow_id),)] == await rows(actum, "select subject from actum.budgets")
    assert "completed" == await ended.status()
    await waiting.signal(go, "now")
    assert "now" == await waiting.result(10)


async def test_an_incident_goes_long_after_it_was_resolved_and_a_broken_log_stays_known(
    actum: Harness,
) -> None:
    now = await actum.store.read_clock()
    troubles = [
        Trouble(rule, "mails", "", reason, None, 1, now, now)
        for rule, reason in ((Rule.DOUBT, "old"), (Rule.DOUBT, "open"), (Rule.CHAIN_BROKEN, "altered"))
    ]
    await actum.store.incidents.open(troubles, actor="worker:test")
    for row in await actum.store.incidents.list():
        if row.reason != "open":
            await actum.client.incidents.resolve(row.id, cause="code")
    pruner = Pruner(actum.store)
    actum.clock.advance(INCIDENTS_KEPT - timedelta(days=1))
    assert 0 == await pruner.prune_once()
    actum.clock.advance(timedelta(days=2))
    assert [1, 0] == [await pruner.prune_once(), await pruner.prune_once()]
    left = {row.reason for row in await actum.store.incidents.list(only_open=False)}
    assert {"open", "altered"} == left


@pytest.fixture
async def books(actum_server: TestServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    dsn = await actum_server.create_empty()
    monkeypatch.setenv(BOOKS, dsn)
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table books (name text)")
    yield connection
    await connection.close()


async def age(books: Any, actum: Harness) -> None:
    """Have everything in both databases happened longer ago than keys are kept."""
    actum.clock.advance(KEPT + timedelta(days=1))
    await books.execute("update actum.operation_keys set done_at = done_at - interval '401 days'")


async def keys_of(books: Any) -> set[str]:
    return {row["key"] for row in await books.fetch("select key from actum.operation_keys")}


async def test_a_key_goes_only_when_the_ledger_answers_for_it_and_everybody_who_used_it_has_ended(
    actum: Harness, books: Any
) -> None:
    await actum.worker([writes])
    for name, waits in (("done", False), ("open", True), ("unknown", False), ("held", False)):
        handle = await actum.start(writes(name, waits))
        await actum.approve(handle)
    holder = await actum.start(writes("held", True))
    await actum.approve(holder)
    await actum.run_until_idle()
    keys = OperationKeys(os.environ[BOOKS])
    try:
        assert Forgotten(0, 0) == await forget_keys(actum.store, keys, older=KEPT, is_trial=False)
        await age(books, actum)
        await books.execute(
            "insert into actum.operation_keys values ('book.write', 'a claim', gen_random_uuid(), 1, 1)"
        )
        actum.audits = False
        async with actum.store.pool.connection() as connection, connection.transaction():
            await connection.execute("set local session_replication_role = replica")
            await connection.execute("delete from actum.effects where key = 'book unknown'")
        wanted = {f"book {name}" for name in ("done", "open", "unknown", "held")} | {"a claim"}
        assert Forgotten(4, 1) == await forget_keys(actum.store, keys, older=KEPT, is_trial=True)
        assert wanted == await keys_of(books)
        assert Forgotten(4, 1) == await forget_keys(actum.store, keys, older=KEPT, is_trial=False)
        assert wanted - {"book done"} == await keys_of(books)
        await holder.signal(go, "now")
        await holder.result(10)
        assert Forgotten(3, 0) == await forget_keys(actum.store, keys, older=KEPT, is_trial=False), (
            "it ended now"
        )
        actum.clock.advance(KEPT + timedelta(days=1))
        assert Forgotten(3, 1) == await forget_keys(actum.store, keys, older=KEPT, is_trial=False)
        with pytest.raises(InvalidInput, match="30 days at least"):
            await forget_keys(actum.store, keys, older=timedelta(days=29), is_trial=False)
    finally:
        await keys.close()
    again = await actum.start(writes("done"))
    await actum.approve(again)
    assert "done" == await again.result(10), "the ledger answers: nothing is written"
    assert 4 == await books.fetchval("select count(*) from books")


async def test_the_command_counts_first_and_says_what_it_may_not_do(
    actum: Harness,
    books: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACTUM_DATABASE_URL", actum.dsn)
    await actum.worker([writes])
    handle = await actum.start(writes("done"))
    await actum.approve(handle)
    await handle.result(10)
    await age(books, actum)

    async def say(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(run_command, ("db", "prune-keys", *arguments))
        found = capsys.readouterr()
        return code, found.out + found.err

    assert (0, "1 keys are old enough, 0 of them could be deleted; nothing was done\n") == await say(
        BOOKS, "--dry-run"
    ), "by the clock of the command the workflow has just ended"
    assert (2, True) == (
        (found := await say("NO_SUCH_VARIABLE"))[0],
        "NO_SUCH_VARIABLE is not set" in found[1],
    )
    assert 2 == (await say(BOOKS, "--older", "7d"))[0]
    for variable, address, status, said in (
        ("NO_ADDRESS", "mysql://x/y", 2, "NO_ADDRESS='mysql://x/y' is no database address"),
        ("NOBODY_THERE", "postgresql://x@127.0.0.1:1/x", 6, "is it running, and is NOBODY_THERE right?"),
        ("NO_KEYS", urlsplit(os.environ[BOOKS])._replace(path="/postgres").geturl(), 1, "no effect was ever transactional there"),
    ):  # fmt: skip
        monkeypatch.setenv(variable, address)
        for _ in range(2):  # a look makes nothing that a second one would find
            found = await say(variable, "--dry-run")
            assert (status, True) == (found[0], said in found[1]), found
    address = f"{os.environ[BOOKS]}{'&' if '?' in os.environ[BOOKS] else '?'}role=actum_worker"
    await books.execute("grant usage on schema actum to actum_worker")
    await books.execute("grant select, insert, update on actum.operation_keys to actum_worker")
    weak = OperationKeys(address)
    try:
        with pytest.raises(DatabaseMismatch, match="run it as the table's owner"):
            await weak.forget([("book.write", "book done")])
        await books.execute("revoke select on actum.operation_keys from actum_worker")
        with pytest.raises(DatabaseMismatch, match="run it as the table's owner"):
            await weak.list_done(KEPT, ("", ""), 1)
    finally:
        await weak.close()
    assert {"book done"} == await keys_of(books)
