"""Effects that are transactional in another Postgres: the row of the key there is the truth, whoever asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from patience import until

import actum.sql
from actum import Fatal, Preview, Retry, RollBack, StepFailed, WorkflowFailed, contract, effect
from actum.client.handle import Handle
from actum.sql import Database
from actum.store.statements import load
from actum.testing.harness import Harness
from actum.testing.server import TestServer

BILLS = "ACTUM_TEST_BILLS"
QUICK = Retry(attempts=3, first="1ms")
CALLS: list[str] = []
GATES: dict[str, asyncio.Event] = {}


@effect("bill.write", transactional=Database("bills", env=BILLS), retry=QUICK, timeout="5s")
async def write(name: str, ending: str = "well") -> int:
    CALLS.append(name)
    connection = actum.sql.connection()
    await connection.execute("insert into bills values ($1)", name)
    if ending == "commit":
        await connection.execute("commit")
    if ending == "fatal once" and CALLS == [name]:
        raise Fatal("there is no such customer")
    if name in GATES:
        await GATES[name].wait()
    return int(await connection.fetchval("select count(*) from bills"))


@write.key
def _(name: str, ending: str = "well") -> str:
    return f"bill of {name}"


@write.undo
async def _(count: int, name: str, ending: str = "well") -> None:
    await actum.sql.connection().execute("delete from bills where name = $1", name)


@effect("bill.rush", transactional=Database("bills", env=BILLS), retry=QUICK, timeout="100ms")
async def rush(name: str) -> str:
    CALLS.append(name)
    await actum.sql.connection().execute("insert into bills values ($1)", name)
    if len(CALLS) == 1:
        await asyncio.Event().wait()
    return name


@contract(on_failure="hold")
async def billing(name: str, ending: str = "well") -> str:
    return f"{await write(name, ending)} written"


@contract(on_failure="fail")
async def trying(name: str, ending: str) -> str:
    try:
        return f"{await write(name, ending)} written"
    except StepFailed as error:
        return error.message


@contract(on_failure="fail")
async def rushing(name: str) -> str:
    return await rush(name)


@contract(on_failure="rollback")
async def regretting(name: str) -> None:
    await write(name)
    raise RollBack("not wanted")


@effect("bill.pay", transactional=Database("bills", env=BILLS), retry=QUICK)
async def pay(name: str) -> str:
    return await actum.sql.connection().execute("delete from bills where name = $1", name)


@pay.preview
async def _(name: str) -> Preview:
    async with actum.sql.look() as connection:
        CALLS.append(name)
        if ENDING:
            await ENDING.pop()(await connection.fetchval("select pg_backend_pid()"))
        done = await connection.execute("delete from bills where name = $1", name)
    return Preview(f"Pay {name}: {done}")


ENDING: list[Callable[[int], Awaitable[None]]] = []


@contract(on_failure="fail")
async def paying(name: str) -> str:
    return await pay(name)


class Bills:
    """The other database, as its owner sees it."""

    def __init__(self, dsn: str, connection: Any) -> None:
        self.dsn = dsn
        self.sql = connection

    async def names(self) -> list[str]:
        return [row["name"] for row in await self.sql.fetch("select name from bills order by name")]

    async def keys(self) -> dict[tuple[str, str], bool]:
        """Return whether it is done, by kind and key."""
        rows = await self.sql.fetch("select kind, key, done_at from actum.operation_keys")
        return {(row["kind"], row["key"]): row["done_at"] is not None for row in rows}


@pytest.fixture
async def bills(actum_server: TestServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bills]:
    CALLS.clear()
    GATES.clear()
    dsn = await actum_server.create_empty()
    monkeypatch.setenv(BILLS, dsn)
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table bills (name text)")
    yield Bills(dsn, connection)
    await connection.close()
    await actum_server.drop(dsn)


async def approved(actum: Harness, handle: Handle[Any]) -> Handle[Any]:
    await actum.approve(handle)
    return handle


async def is_called() -> bool:
    return bool(CALLS)


async def held_for(actum: Harness, handle: Handle[Any]) -> str:
    """Return the last failure that a held workflow tells."""
    await actum.run_until_idle()
    row = await handle.row()
    assert ("blocked", "held") == (row.status, row.cause)
    failed = [e for e in await actum.events(handle) if e.kind.value == "effect.failed"]
    snapshot = await actum.store.records.read_snapshot(handle.workflow_id, failed[-1].seq)
    assert snapshot is not None
    return (snapshot.body or b"").decode()


async def test_rows_and_key_are_there_together_and_another_workflow_joins_under_the_key(
    actum: Harness, bills: Bills
) -> None:
    await actum.worker([billing])
    for _ in range(2):
        handle = await approved(actum, await actum.start(billing("a")))
        assert "1 written" == await handle.result(10)
    assert (["a"], ["a"]) == (CALLS, await bills.names())
    assert {("bill.write", "bill of a"): True} == await bills.keys()


async def test_what_was_committed_there_and_recorded_by_nobody_is_found_by_the_next_holder(
    actum: Harness, bills: Bills
) -> None:
    GATES["a"] = asyncio.Event()
    worker = await actum.worker([billing])
    handle = await approved(actum, await actum.start(billing("a")))
    await until(is_called, "the body is called")
    async with actum.store.pool.connection() as connection:  # as a rescuer does, and nobody takes it up yet
        await connection.execute(
            "update actum.workflows set instance = null, epoch = epoch + 1, run_at = 'infinity' where id = $1",
            handle.workflow_id,
        )
    GATES["a"].set()

    async def is_let_go() -> bool:
        return not worker.held and bool(await bills.names())

    await until(is_let_go, "it has committed there, and lost the workflow here")
    assert "effect.succeeded" not in await actum.kinds(handle)
    async with actum.store.pool.connection() as connection:
        await connection.execute(
            "update actum.workflows set run_at = now() where id = $1", handle.workflow_id
        )
    assert "1 written" == await handle.result(10)
    assert (["a"], ["a"]) == (CALLS, await bills.names())


async def test_a_worker_that_stops_in_the_body_leaves_nothing_and_the_next_begins_the_same_attempt_again(
    actum: Harness, bills: Bills
) -> None:
    GATES["a"] = asyncio.Event()
    first = await actum.worker([billing])
    handle = await approved(actum, await actum.start(billing("a")))
    await until(is_called, "the body is called")
    await first.stop(grace=0)
    assert [] == await bills.names()
    GATES["a"].set()
    await actum.worker([billing])
    assert "1 written" == await handle.result(10)
    assert (["a", "a"], ["a"]) == (CALLS, await bills.names())
    kinds = await actum.kinds(handle)
    assert (1, 0) == (kinds.count("effect.started"), kinds.count("effect.doubted"))


async def test_a_missing_address_is_one_sentence_and_the_workflow_goes_on_once_it_is_there(
    actum: Harness, bills: Bills, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(BILLS)
    await actum.worker([billing])
    handle = await approved(actum, await actum.start(billing("a")))
    assert f"{BILLS} is not set: it holds the address of database 'bills'" in await held_for(actum, handle)
    monkeypatch.setenv(BILLS, bills.dsn)
    await handle.retry(reason="it is set now")
    assert "1 written" == await (await approved(actum, handle)).result(10)


async def test_an_account_that_may_not_make_the_table_is_told_so_and_goes_on_once_its_owner_has(
    actum: Harness, bills: Bills, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = f"teller_{uuid4().hex[:8]}"
    await bills.sql.execute(f"create role {role}; grant select, insert on bills to {role}")
    monkeypatch.setenv(BILLS, f"{bills.dsn}{'&' if '?' in bills.dsn else '?'}role={role}")
    try:
        worker = await actum.worker([billing])
        handle = await approved(actum, await actum.start(billing("a")))
        assert "has no table actum.operation_keys, and this account may not make it" in await held_for(
            actum, handle
        )
        assert [] == CALLS
        for name in ("make_schema", "make_table"):
            await bills.sql.execute(load("keys")[name].text)
        await bills.sql.execute(
            f"grant usage on schema actum to {role}; grant select, insert, update on actum.operation_keys to {role}"
        )
        await handle.retry(reason="the table is there")
        assert "1 written" == await (await approved(actum, handle)).result(10)
        await worker.stop()
    finally:
        await bills.sql.execute(f"drop owned by {role}; drop role {role}")


async def test_a_body_that_commits_by_itself_leaves_a_doubt_there_too(actum: Harness, bills: Bills) -> None:
    await actum.worker([billing])
    handle = await approved(actum, await actum.start(billing("a", "commit")))
    await actum.run_until_idle()
    row = await handle.row()
    assert ("blocked", "in_doubt", ["a"]) == (row.status, row.cause, await bills.names())
    await handle.settle("1", "happened", result=7, reason="its row is there")
    assert "7 written" == await handle.result(10)


async def test_a_time_out_inside_the_body_leaves_no_row_and_is_tried_again(
    actum: Harness, bills: Bills
) -> None:
    await actum.worker([rushing])
    handle = await approved(actum, await actum.start(rushing("a")))
    assert "a" == await handle.result(10)
    assert (["a", "a"], ["a"]) == (CALLS, await bills.names())
    assert 1 == (await actum.kinds(handle)).count("attempt.failed")


async def test_an_undo_and_its_key_are_there_together(actum: Harness, bills: Bills) -> None:
    await actum.worker([regretting])
    handle = await approved(actum, await actum.start(regretting("a")))
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert ("rolled_back", []) == (caught.value.status, await bills.names())
    assert {("bill.write", "bill of a"): True, ("bill.write.undo", "bill of a"): True} == await bills.keys()
    assert [] == await actum.store.effects.find_violations()


async def test_a_key_that_failed_is_taken_over_by_another_workflow(actum: Harness, bills: Bills) -> None:
    await actum.worker([trying])
    first = await approved(actum, await actum.start(trying("a", "fatal once")))
    assert "there is no such customer" == await first.result(10)
    assert ([], {("bill.write", "bill of a"): False}) == (await bills.names(), await bills.keys())
    second = await approved(actum, await actum.start(trying("a", "fatal once")))
    assert "1 written" == await second.result(10)
    assert {("bill.write", "bill of a"): True} == await bills.keys()


async def test_what_was_undone_may_be_done_again_under_the_same_key(actum: Harness, bills: Bills) -> None:
    await actum.worker([regretting, billing])
    handle = await approved(actum, await actum.start(regretting("a")))
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    again = await approved(actum, await actum.start(billing("a")))
    assert "1 written" == await again.result(10)
    assert ["a"] == await bills.names()
    assert ("bill.write", "bill of a#2") in await bills.keys()


async def test_a_preview_looks_at_what_the_body_would_do_though_its_connection_is_lost_once(
    actum: Harness, bills: Bills
) -> None:
    async def terminate(pid: int) -> None:
        assert await bills.sql.fetchval("select pg_terminate_backend($1, 5000)", pid)

    ENDING.append(terminate)
    await bills.sql.execute("insert into bills values ('a'), ('a')")
    await actum.worker([paying])
    handle = await actum.start(paying("a"))
    await actum.run_until_idle()
    ((approval,), _) = await actum.inbox()
    assert "Pay a: DELETE 2" in (approval.preview or "")
    assert (["a", "a"], ["a", "a"]) == (CALLS, await bills.names()), "looked twice, nothing is gone"
    await actum.approve(handle)
    assert "DELETE 2" == await handle.result(10)
