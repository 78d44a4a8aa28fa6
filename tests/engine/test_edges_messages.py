"""Messages and writing: what a moment without the database, or a log that takes nothing, does to a worker."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from patience import until

from actum import Signal, contract, effect, step
from actum.engine import process
from actum.errors import DatabaseUnavailable
from actum.store.records import Flush
from actum.store.rows import Answer, MessageRow
from actum.testing.harness import Harness

replied = Signal("replied", str)
GATES: dict[str, asyncio.Event] = {}
BEGUN: list[str] = []


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    BEGUN.clear()
    GATES.update({name: asyncio.Event() for name in ("first", "second")})
    yield
    for gate in GATES.values():
        gate.set()


@step
async def wait_at(gate: str) -> None:
    BEGUN.append(gate)
    await GATES[gate].wait()


@contract
async def letters(count: int) -> list[str]:
    return [await replied.wait() for _ in range(count)]


@contract
async def two_gates() -> str:
    await asyncio.gather(wait_at("first"), wait_at("second"))
    return await replied.wait()


@contract
async def gate_and_letter() -> str:
    letter, _ = await asyncio.gather(replied.wait(), wait_at("first"))
    return letter


async def test_messages_that_cannot_be_read_for_a_moment_are_read_again(
    actum: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await actum.worker([gate_and_letter])
    handle = await actum.start(gate_and_letter())

    async def is_begun() -> bool:
        return BEGUN == ["first"]

    await until(is_begun, "the step has begun")
    real, lost = actum.store.messages.read_open, list[Sequence[UUID]]()

    async def read_open(ids: Sequence[UUID]) -> Sequence[MessageRow]:
        if not lost:
            lost.append(ids)
            raise DatabaseUnavailable("gone for a moment")
        return await real(ids)

    monkeypatch.setattr(actum.store.messages, "read_open", read_open)
    await handle.signal(replied, "a letter")

    async def is_received() -> bool:
        return "signal.received" in await actum.kinds(handle)

    await until(is_received, "the signal is recorded while the step executes")
    GATES["first"].set()
    assert await handle.result(10) == "a letter"
    assert (lost, worker.failure) == ([[handle.workflow_id]], None)


async def test_a_flush_that_is_halved_while_more_is_queued_loses_nothing(
    actum: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await actum.worker([two_gates])
    handles = [await actum.start(two_gates()) for _ in range(2)]

    async def are_shown() -> bool:
        return ["running", "running"] == [await handle.status() for handle in handles]

    await until(are_shown, "both workflows are shown as running")
    real, planted = worker.recorder._send, list[int]()

    async def send(flush: Flush) -> list[Answer]:
        if len(flush.heads) < 2 or planted:
            return await real(flush)
        planted.append(len(flush.heads))
        GATES["second"].set()

        async def is_more_queued() -> bool:
            return all(runner.log.pending for runner in worker.held)

        await until(is_more_queued, "both workflows have queued more")
        raise asyncpg.DataError("planted poison")

    monkeypatch.setattr(worker.recorder, "_send", send)
    GATES["first"].set()

    async def are_waiting() -> bool:
        return ["waiting", "waiting"] == [await handle.status() for handle in handles]

    await until(are_waiting, "both workflows wait for their signal")
    for handle in handles:
        await handle.signal(replied, "a letter")
    assert ["a letter"] * 2 == [await handle.result(10) for handle in handles]
    assert (planted, worker.failure) == ([2], None)
    assert [2, 2] == [(await actum.kinds(handle)).count("step.completed") for handle in handles]


async def test_a_workflow_whose_log_takes_nothing_lies_still_and_stops_nobody(actum: Harness) -> None:
    actum.audits = False
    worker = await actum.worker([letters])
    handle = await actum.start(letters(1))
    await actum.run_until_idle()
    async with actum.store.pool.connection() as connection:
        await connection.execute(
            """
            insert into actum.events (workflow_id, seq, at, kind, contract, hash)
            select id, next_seq, now(), 'workflow.claimed', contract, chain_head
              from actum.workflows
             where id = $1
            """,
            handle.workflow_id,
        )
    await handle.signal(replied, "never taken in")

    async def lies_still() -> bool:
        row = await handle.row()
        return row.instance is None and row.run_at > actum.clock.read() + timedelta(seconds=30)

    await until(lies_still, "the workflow is let go for a while")
    epoch = (await handle.row()).epoch
    other = await actum.start(letters(1))
    await other.signal(replied, "taken in")
    assert await other.result(10) == ["taken in"]
    row = await handle.row()
    assert (row.epoch, row.finished_at) == (epoch, None)
    assert (worker.failure, worker.recorder.is_stopped_by_database) == (None, False)


def test_a_process_whose_beginning_is_not_known_is_never_called_dead() -> None:
    assert process.is_dead(os.getpid(), "") is False
    assert process.is_dead(os.getpid(), process.started(os.getpid()) or "") is False
    assert process.is_dead(os.getpid(), "another beginning") is True


@effect("mail.send")
async def send(to: str) -> str:
    return to


@contract(on_failure="hold")
async def sends() -> str:
    return await send("ana")


async def test_a_message_for_nobody_is_marked_received_though_the_intent_beside_it_is_refused(
    actum: Harness,
) -> None:
    worker = await actum.worker([sends])
    handle = await actum.start(sends())
    await actum.run_until_idle()
    await worker.stop()
    freeze_id, _ = await actum.reviewer.freezes.freeze("everything", reason="something is wrong")
    await actum.client.send(handle.workflow_id, "settle", address="1", outcome="happened")
    await actum.reviewer.approve((await actum.inbox())[0][0].id, "fine")
    await actum.worker([sends])
    await actum.run_until_idle()
    assert "effect.started" not in await actum.kinds(handle)
    assert [] == await actum.store.messages.read_open([handle.workflow_id])
    await actum.reviewer.freezes.unfreeze(freeze_id)
    actum.clock.advance("1m")
    assert await handle.result(10) == "ana"
