"""The client: starting once, finding again, waiting, and what it refuses."""

from __future__ import annotations

import asyncio
import os

import pytest

import actum as api
from actum import Client, Worker, WorkflowFailed, contract, step
from actum.errors import (
    DatabaseUnavailable,
    InvalidInput,
    KeyConflict,
    NotFound,
    NotPossible,
    OutsideWorkflow,
)
from actum.settings import Settings
from actum.testing.harness import Harness


@step
async def upper(word: str) -> str:
    return word.upper()


@contract
async def shout(word: str) -> str:
    return await upper(word)


async def test_one_key_is_one_workflow_whoever_starts_it_and_however_often(actum: Harness) -> None:
    handles = await asyncio.gather(*(actum.start(shout("a"), key="K-1") for _ in range(20)))
    assert len({handle.workflow_id for handle in handles}) == 1
    await actum.worker([shout])
    assert await handles[0].result(10) == "A"
    assert (await actum.start(shout("a"), key="K-1")).workflow_id == handles[0].workflow_id
    with pytest.raises(KeyConflict, match="other input"):
        await actum.start(shout("b"), key="K-1")


async def test_a_start_in_the_callers_transaction_lives_and_dies_with_it(actum: Harness) -> None:
    await actum.worker([shout])
    async with actum.store.pool.connection() as connection:
        with pytest.raises(ZeroDivisionError):
            async with connection.transaction():
                lost = await actum.start(shout("a"), connection=connection)
                raise ZeroDivisionError
        async with connection.transaction():
            kept = await actum.start(shout("b"), connection=connection)
    assert await kept.result(10) == "B"
    with pytest.raises(NotFound):
        await lost.status()


async def test_many_start_with_one_statement_in_the_order_given(actum: Harness) -> None:
    await actum.worker([shout])
    handles = await actum.client.start_many(
        [shout(str(i)) for i in range(100)], keys=[f"k{i}" for i in range(100)]
    )
    assert [str(i) for i in range(100)] == [await handle.result(20) for handle in handles]


async def test_workflows_are_found_by_id_by_last_digits_and_by_key(actum: Harness) -> None:
    handle = await actum.start(shout("a"), key="order/1")
    for name in (str(handle.workflow_id), handle.short_id, "shout/order/1"):
        assert await actum.client.find(name) == handle.workflow_id
    for name in ("00000000", "no such thing", "shout/none", "01a2039d-1a25-7ee4-9363-3b6ed776432d"):
        with pytest.raises(NotFound):
            await actum.client.find(name)


async def test_only_calls_of_contracts_are_started(actum: Harness) -> None:
    for wrong in (shout, upper("a"), "shout"):
        with pytest.raises(InvalidInput):
            await actum.start(wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="word"):
        await actum.start(shout(3))  # type: ignore[arg-type]
    with pytest.raises(OutsideWorkflow, match=r"actum\.run"):
        await shout("a")


async def test_the_requester_is_the_actor_unless_named(actum: Harness) -> None:
    mine, hers = await actum.start(shout("a")), await actum.start(shout("a"), requester="user:ana")
    assert [(await mine.row()).requester, (await hers.row()).requester] == ["user:author", "user:ana"]


async def test_waiting_longer_than_asked_changes_nothing(actum: Harness) -> None:
    handle = await actum.start(shout("a"))
    with pytest.raises(TimeoutError, match="no live worker serves shout"):
        await handle.result(0.05)
    await actum.worker([shout])
    assert await handle.result(10) == "A"


async def test_everything_works_without_hints(actum: Harness) -> None:
    silent = Settings.read({"ACTUM_HINTS": "off"})
    client = await Client.over(actum.store, actor="user:author", settings=silent)
    async with Worker([shout], settings=silent, store=actum.store, lease=60) as worker:
        assert not worker.hints.is_on
        for word in ("a", "b"):
            assert await (await client.start(shout(word))).result(10) == word.upper()


@pytest.fixture
async def settings(actum_dsn: str) -> Settings:
    return Settings.read({"ACTUM_DATABASE_URL": actum_dsn})


async def test_a_client_behind_a_transaction_pooler_prepares_and_listens_for_nothing(
    settings: Settings,
) -> None:
    from dataclasses import replace

    pooled = replace(settings, pooler=True)
    async with Client.open(actor="user:author", settings=pooled) as client, Worker([shout], settings=pooled):
        assert await (await client.start(shout("a"))).result(10) == "A"
        async with client.store.pool.connection() as connection:
            assert (
                await connection.fetchval("select count(*) from pg_prepared_statements where name <> ''") == 0
            )
        assert client.hints.is_deaf


async def test_a_client_opens_a_connection_to_listen_on_only_for_who_waits(settings: Settings) -> None:
    def listens() -> bool:
        return "actum client listener" in {task.get_name() for task in asyncio.all_tasks()}

    async with Client.open(actor="user:author", settings=settings) as client:
        handle = await client.start(shout("a"))
        assert not listens()
        with pytest.raises(TimeoutError):
            await handle.result(0.01)
        assert listens()
        async with Worker([shout], settings=settings):
            assert "A" == await handle.result(10)


def test_the_blocking_client_serves_code_without_a_loop(settings: Settings) -> None:
    async def serve(stop: asyncio.Event) -> None:
        async with Worker([shout], settings=settings):
            await stop.wait()

    with Client.blocking(actor="user:author", settings=settings) as client:
        loop = client._loop
        assert loop is not None
        stop = asyncio.Event()
        served = asyncio.run_coroutine_threadsafe(serve(stop), loop)
        handle = client.start(shout("a"), key="once")
        assert handle.result(20) == "A"
        assert handle.status() == "completed"
        loop.call_soon_threadsafe(stop.set)
        served.result(20)
    with pytest.raises(NotPossible):
        client.start(shout("b"))


def test_run_works_to_the_end_and_a_second_run_returns_the_first_result(settings: Settings) -> None:
    assert api.run(shout("a"), key="k", settings=settings) == "A"
    assert api.run(shout("a"), key="k", settings=settings) == "A"
    with pytest.raises(KeyConflict):
        api.run(shout("b"), key="k", settings=settings)


async def test_run_inside_a_loop_names_the_way_out(settings: Settings) -> None:
    with pytest.raises(NotPossible, match=r"actum\.arun"):
        api.run(shout("a"), settings=settings)
    assert await api.arun(shout("a"), settings=settings) == "A"


async def test_a_client_opened_before_a_fork_refuses_to_be_used_in_the_child(actum: Harness) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            actum.store.pool.refuse_fork()
            os.write(writer, b"used")
        except DatabaseUnavailable as refusal:
            os.write(writer, str(refusal).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert b"before a fork" in os.read(reader, 500)


async def test_a_failed_workflow_says_which_how_and_why(actum: Harness) -> None:
    @contract
    async def fail() -> None:
        raise ValueError("wrong colour")

    await actum.worker([fail])
    handle = await actum.start(fail())
    with pytest.raises(WorkflowFailed, match="wrong colour") as caught:
        await handle.result(10)
    assert caught.value.workflow_id == str(handle.workflow_id)
    assert caught.value.status == "failed"
