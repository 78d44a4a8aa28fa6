"""Transactional effects: the author's rows and the outcome commit together, or neither is there."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

import actum.sql
import actum.sqlalchemy
from actum import Fatal, Retry, RollBack, StepFailed, WorkflowFailed, contract, effect, step
from actum.client.handle import Handle
from actum.testing.harness import Harness

QUICK = Retry(attempts=3, first="1ms")
CALLS: list[str] = []
GATES: dict[str, asyncio.Event] = {}


@pytest.fixture(autouse=True)
async def orders(actum: Harness) -> None:
    CALLS.clear()
    GATES.clear()
    async with actum.store.pool.connection() as connection:
        await connection.execute(
            "create table orders (name text primary key deferrable initially deferred, kept bool)"
        )
    return


@effect("order.place", transactional=True, retry=QUICK)
async def place(name: str, ending: str = "well") -> int:
    CALLS.append(name)
    connection = actum.sql.connection()
    await connection.execute("insert into orders (name) values ($1)", name)
    if ending == "by session":
        await actum.sqlalchemy.session().execute(
            text("insert into orders (name) values (:n)"), {"n": name + "/s"}
        )
    if ending == "fatal":
        raise Fatal("there is no such customer")
    if ending == "once" and CALLS == [name]:
        raise ConnectionError("a hiccup")
    if ending == "commit":
        await connection.execute("commit")
    if ending == "unstorable":
        return object()  # type: ignore[return-value]  # on purpose
    if name in GATES:
        await GATES[name].wait()
    return int(await connection.fetchval("select count(*) from orders"))


@place.undo
async def _(count: int, name: str, ending: str = "well") -> None:
    await actum.sql.connection().execute("delete from orders where name = $1", name)


@step
async def note(what: str) -> str:
    CALLS.append(what)
    return what


@contract(on_failure="fail")
async def ordering(name: str, ending: str = "well") -> str:
    try:
        return f"{await place(name, ending)} placed"
    except StepFailed as error:
        return f"{error.reason}: {error.message}"


async def names(actum: Harness) -> list[str]:
    async with actum.store.pool.connection() as connection:
        return [row["name"] for row in await connection.fetch("select name from orders order by name")]


async def approved(actum: Harness, handle: Handle[str]) -> Handle[str]:
    await actum.approve(handle)
    return handle


async def run(actum: Harness, name: str, ending: str = "well") -> str:
    handle = await actum.start(ordering(name, ending))
    return await (await approved(actum, handle)).result(10)


async def test_rows_and_outcome_are_there_together(actum: Harness) -> None:
    await actum.worker([ordering])
    assert "1 placed" == await run(actum, "a")
    assert ["a"] == await names(actum)


async def test_a_session_writes_in_the_same_transaction(actum: Harness) -> None:
    await actum.worker([ordering])
    assert "2 placed" == await run(actum, "a", "by session")
    assert ["a", "a/s"] == await names(actum)


async def test_what_the_body_raises_has_not_happened_and_is_tried_again(actum: Harness) -> None:
    await actum.worker([ordering])
    assert "1 placed" == await run(actum, "a", "once")
    assert (["a", "a"], ["a"]) == (CALLS, await names(actum))


@pytest.mark.parametrize(
    ("ending", "why"), [("fatal", "no such customer"), ("unstorable", "schema.invalid: place: result")]
)
async def test_a_body_that_fails_for_good_leaves_no_row(actum: Harness, ending: str, why: str) -> None:
    await actum.worker([ordering])
    handle = await approved(actum, await actum.start(ordering("a", ending)))
    assert why in await handle.result(10)
    assert [] == await names(actum)
    assert ["failed"] == [one.state for one in await actum.store.effects.list_of(handle.workflow_id)]


async def test_a_commit_that_the_database_refuses_has_not_happened(actum: Harness) -> None:
    """The unique constraint is deferred: the server says no at the very commit."""
    await actum.worker([ordering])
    assert "1 placed" == await run(actum, "a")
    assert "conflict: duplicate key" in (await run(actum, "a"))[:30]
    assert ["a"] == await names(actum)


async def test_a_body_that_commits_by_itself_leaves_a_doubt(actum: Harness) -> None:
    await actum.worker([ordering])
    handle = await approved(actum, await actum.start(ordering("a", "commit")))
    await actum.run_until_idle()
    row = await handle.row()
    assert ("blocked", "in_doubt") == (row.status, row.cause)
    await actum.client.settle(handle.workflow_id, "1", "happened", result=7, reason="its row is there")
    assert "7 placed" == await handle.result(10)


async def test_other_branches_record_while_the_body_runs_and_wait_while_it_commits(actum: Harness) -> None:
    @contract(on_failure="fail", steps=[place, note])
    async def both() -> list[object]:
        async def chain() -> str:
            for number in range(20):
                await note(f"note {number}")
            GATES["a"].set()
            for number in range(20, 40):
                await note(f"note {number}")
            return "noted"

        return list(await asyncio.gather(place("a"), chain(), place("b")))

    GATES["a"] = asyncio.Event()
    await actum.worker([both])
    handle = await approved(actum, await actum.start(both()))
    placed, noted, again = await handle.result(10)
    assert "noted" == noted
    assert {placed, again} <= {1, 2}  # which of the two committed first is theirs to decide
    assert ["a", "b"] == await names(actum)
    assert sorted(f"note {number}" for number in range(40)) == sorted(
        c for c in CALLS if c.startswith("note")
    )


async def test_a_worker_that_stops_rolls_back_and_the_next_begins_the_same_attempt_again(
    actum: Harness,
) -> None:
    GATES["a"] = asyncio.Event()
    first = await actum.worker([ordering])
    handle = await approved(actum, await actum.start(ordering("a")))
    while not CALLS:
        await asyncio.sleep(0.01)
    await first.stop(grace=0)
    assert [] == await names(actum)
    GATES["a"].set()
    await actum.worker([ordering])
    assert "1 placed" == await handle.result(10)
    assert (["a", "a"], ["a"]) == (CALLS, await names(actum))
    kinds = await actum.kinds(handle)
    assert (1, 0) == (kinds.count("effect.started"), kinds.count("effect.doubted"))


async def test_a_worker_that_lost_the_workflow_rolls_the_rows_back(actum: Harness) -> None:
    GATES["a"] = asyncio.Event()
    await actum.worker([ordering])
    handle = await approved(actum, await actum.start(ordering("a")))
    while not CALLS:
        await asyncio.sleep(0.01)
    async with actum.store.pool.connection() as connection:  # as a rescuer does, and nobody takes it up yet
        await connection.execute(
            "update actum.workflows set instance = null, epoch = epoch + 1, run_at = 'infinity' where id = $1",
            handle.workflow_id,
        )
    GATES["a"].set()
    while actum._workers[0].held:
        await asyncio.sleep(0.01)
    assert [] == await names(actum)
    async with actum.store.pool.connection() as connection:
        await connection.execute(
            "update actum.workflows set run_at = now() where id = $1", handle.workflow_id
        )
    assert "1 placed" == await handle.result(10)
    assert (["a", "a"], ["a"]) == (CALLS, await names(actum))


async def test_a_pause_does_not_keep_the_transaction_open(actum: Harness) -> None:
    GATES["a"] = asyncio.Event()
    await actum.worker([ordering])
    handle = await approved(actum, await actum.start(ordering("a")))
    while not CALLS:
        await asyncio.sleep(0.01)
    await handle.pause("a moment")
    while await handle.status() != "paused":
        await asyncio.sleep(0.01)
    GATES["a"].set()
    while await names(actum) != ["a"]:
        await asyncio.sleep(0.01)
    await handle.resume("go on")
    assert "1 placed" == await handle.result(10)


async def test_an_undo_is_transactional_too(actum: Harness) -> None:
    @contract(on_failure="rollback", steps=[place])
    async def regretting() -> None:
        await place("a")
        raise RollBack("not wanted")

    await actum.worker([regretting])
    handle = await approved(actum, await actum.start(regretting()))
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert ("rolled_back", []) == (caught.value.status, await names(actum))
    states = {one.kind: one.state for one in await actum.store.effects.list_of(handle.workflow_id)}
    assert {"order.place": "undone", "order.place.undo": "succeeded"} == states
