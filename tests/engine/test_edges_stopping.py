"""Stopping: what a worker that stops finishes, leaves and says twice; and who goes on with what it left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from patience import until

from actum import (
    Happened,
    NotDone,
    NotHappened,
    Preview,
    Retry,
    RollBack,
    Signal,
    WorkflowFailed,
    attempt,
    contract,
    effect,
    step,
)
from actum.client.handle import Handle
from actum.store.records import Flush
from actum.store.rows import Answer
from actum.testing.harness import Harness

replied = Signal("replied", str)
LOG: list[str] = []
BROKEN: set[str] = set()
GATES: dict[str, asyncio.Event] = {}


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    LOG.clear()
    BROKEN.clear()
    GATES["end"], GATES["stop over"] = asyncio.Event(), asyncio.Event()
    yield
    GATES["end"].set()


async def logged(line: str) -> None:
    """Wait until the world has seen `line`."""

    async def is_logged() -> bool:
        return line in LOG

    await until(is_logged, f"{line!r} in {LOG}")


@step
async def slow() -> str:
    LOG.append("begin")
    await GATES["end"].wait()
    LOG.append("end")
    return "slow"


@step
async def quick() -> str:
    return "quick"


@step
async def stop_over() -> str:
    LOG.append("stop over")
    await GATES["stop over"].wait()
    return "rested"


@step(retry=Retry(attempts=1))
async def refuse() -> None:
    raise ValueError("it does not work")


@effect("mail.send")
async def send_strangely() -> str:
    LOG.append(f"send under {attempt().key}")
    raise RuntimeError("connection lost")


@effect("thing.make", retry=Retry(attempts=1))
async def make() -> str:
    LOG.append("make")
    return "thing"


@make.undo
async def _(result: str) -> None:
    LOG.append("undo")
    if "undo" in BROKEN:
        raise NotDone("it resists")
    await GATES["end"].wait()


@make.probe
async def _() -> Happened[str] | NotHappened:
    return NotHappened() if "undo" in LOG else Happened("thing")


@contract
async def works(is_slow: bool) -> str:
    return await slow() if is_slow else await quick()


@contract
async def travels() -> str:
    return await stop_over() + " and " + await quick()


@contract(on_failure="hold")
async def journey(state: str) -> str:
    match state:
        case "pending" | "running":
            return await slow()
        case "waiting" | "paused":
            return await replied.wait()
        case "in_doubt":
            return await send_strangely()
        case "held":
            await refuse()
    await make()
    raise RollBack("not what was wanted")


async def test_an_attempt_begun_after_an_idle_time_is_finished_within_the_grace(actum: Harness) -> None:
    worker = await actum.worker([works])
    await (await actum.start(works(False))).result(10)
    await actum.run_until_idle()
    handle = await actum.start(works(True))
    await logged("begin")
    stopping = asyncio.create_task(worker.stop(grace=10))

    async def is_draining() -> bool:
        return all(runner.is_draining for runner in worker.held)

    await until(is_draining, "the worker stops")
    assert not stopping.done()
    GATES["end"].set()
    await stopping
    assert LOG == ["begin", "end"]
    await actum.worker([works])
    assert await handle.result(10) == "slow"
    assert LOG == ["begin", "end"]


async def test_what_a_draining_worker_has_put_down_goes_on_elsewhere_while_another_step_executes(
    actum: Harness,
) -> None:
    leaving = await actum.worker([works, travels])
    slow_one, quick_one = await actum.start(works(True)), await actum.start(travels())
    await logged("begin")
    await logged("stop over")
    stopping = asyncio.create_task(leaving.stop(grace=60))

    async def is_draining() -> bool:
        return all(runner.is_draining for runner in leaving.held)

    await until(is_draining, "the worker stops")
    await actum.worker([works, travels])
    GATES["stop over"].set()
    assert await quick_one.result(10) == "rested and quick"
    assert LOG == ["begin", "stop over"]
    row = await slow_one.row()
    assert (stopping.done(), row.instance) == (False, leaving.instance)
    GATES["end"].set()
    await stopping
    assert await slow_one.result(10) == "slow"
    assert LOG == ["begin", "stop over", "end"]
    assert (await quick_one.row()).crash_count == 0


async def test_an_outcome_that_is_being_written_as_the_grace_ends_is_durable_before_the_workflow_is_given_back(
    actum: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = await actum.worker([works])
    handle = await actum.start(works(True))
    await logged("begin")
    real, is_sending, may_send = leaving.recorder._send, asyncio.Event(), asyncio.Event()

    async def send(flush: Flush) -> list[Answer]:
        is_sending.set()
        await may_send.wait()
        return await real(flush)

    monkeypatch.setattr(leaving.recorder, "_send", send)
    GATES["end"].set()
    await logged("end")
    await asyncio.wait_for(is_sending.wait(), 10)
    stopping = asyncio.create_task(leaving.stop(grace=0))

    async def is_let_go() -> bool:
        return not leaving.held

    await until(is_let_go, "the worker gives up")
    for _ in range(20):
        assert (await handle.row()).instance == leaving.instance
    may_send.set()
    await stopping
    await actum.worker([works])
    assert await handle.result(10) == "slow"
    assert LOG == ["begin", "end"]


async def test_stopping_a_second_time_returns_at_once_and_changes_nothing(actum: Harness) -> None:
    worker = await actum.worker([works])
    handle = await actum.start(works(True))
    await logged("begin")
    stopping = asyncio.create_task(worker.stop(grace=10))

    async def is_draining() -> bool:
        return all(runner.is_draining for runner in worker.held)

    await until(is_draining, "the worker stops")
    await asyncio.wait_for(worker.stop(grace=0), 5)
    assert (len(worker.held), stopping.done()) == (1, False)
    GATES["end"].set()
    await stopping
    await asyncio.wait_for(worker.stop(), 5)
    await asyncio.wait_for(worker.ended(), 5)
    assert worker.failure is None
    assert await actum.store.workers.list_live() == []
    row = await handle.row()
    assert (row.instance, row.crash_count) == (None, 0)
    await actum.worker([works])
    assert await handle.result(10) == "slow"
    assert LOG == ["begin", "end"]


async def reach(actum: Harness, handle: Handle[str], state: str) -> None:
    """Bring the workflow to `state`, and return as soon as its row says so."""
    if state == "undo_failed":
        BROKEN.add("undo")
    if state == "paused":
        await handle.pause("wait")
    if state in ("in_doubt", "rolling_back", "undo_failed"):
        await actum.approve(handle)
    if state == "rolling_back":
        await logged("undo")

    async def is_there() -> bool:
        row = await handle.row()
        return state in (row.status, row.cause)

    await until(is_there, f"the workflow is {state}")


async def go_on(handle: Handle[str], state: str) -> None:
    """Do what a person or the world does next."""
    GATES["end"].set()
    BROKEN.clear()
    match state:
        case "waiting":
            await handle.signal(replied, "a letter")
        case "paused":
            await handle.signal(replied, "a letter")
            await handle.resume()
        case "in_doubt":
            await handle.settle("1", "happened", result="it arrived", reason="looked")
        case "held":
            await handle.cancel("nobody needs it any more")
        case "undo_failed":
            await handle.resume("mended")


async def ending_of(handle: Handle[str]) -> str:
    """Return the result, or the status of a workflow that has none."""
    try:
        return await handle.result(10)
    except WorkflowFailed as failure:
        return failure.status


@pytest.mark.parametrize(
    ("state", "ending", "log"),
    [
        ("running", "slow", ["begin", "begin", "end"]),
        ("waiting", "a letter", []),
        ("paused", "a letter", []),
        ("in_doubt", "it arrived", ["send under {id}/1"]),
        ("held", "cancelled", []),
        ("undo_failed", "rolled_back", ["make", "undo", "undo"]),
        ("rolling_back", "rolled_back", ["make", "undo"]),
    ],
)
async def test_what_a_worker_leaves_without_grace_another_takes_over_in_every_state(
    actum: Harness, state: str, ending: str, log: list[str]
) -> None:
    leaving = await actum.worker([journey])
    handle = await actum.start(journey(state))
    await reach(actum, handle, state)
    await leaving.stop(grace=0)
    row = await handle.row()
    assert row.instance is None
    assert state in (row.status, row.cause)
    await actum.worker([journey])
    await go_on(handle, state)
    assert await ending_of(handle) == ending
    assert [line.format(id=handle.workflow_id) for line in log] == LOG
    assert (await handle.row()).crash_count == 0


async def test_what_a_full_worker_had_not_taken_up_is_taken_up_by_the_next(actum: Harness) -> None:
    leaving = await actum.worker([journey], concurrency=1)
    first = await actum.start(journey("running"))
    await logged("begin")
    second = await actum.start(journey("pending"))
    await leaving.stop(grace=0)
    row = await second.row()
    assert (row.status, row.epoch, row.instance) == ("pending", 0, None)
    GATES["end"].set()
    await actum.worker([journey], concurrency=1)
    assert [await first.result(10), await second.result(10)] == ["slow", "slow"]
    assert LOG == ["begin", "begin", "end", "begin", "end"]


@effect("mail.send")
async def send_seen(to: str) -> str:
    return f"sent to {to}"


@send_seen.preview
async def _(to: str) -> Preview:
    LOG.append("look")
    return Preview(f"Send one mail to {to}", target=to)


@contract(on_failure="hold")
async def looks_and_sends() -> str:
    await quick()
    return await send_seen("ana")


@pytest.mark.parametrize("is_lost", [False, True], ids=["stops", "lost its lease"])
async def test_a_worker_that_stops_or_has_lost_its_lease_does_not_look_at_the_world_any_more(
    actum: Harness, monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    leaving = await actum.worker([looks_and_sends])
    real, is_written, may_be_told = leaving.recorder._send, asyncio.Event(), asyncio.Event()

    async def send(flush: Flush) -> list[Answer]:
        answers = await real(flush)
        is_written.set()
        await may_be_told.wait()
        return answers

    monkeypatch.setattr(leaving.recorder, "_send", send)
    handle = await actum.start(looks_and_sends())
    await asyncio.wait_for(is_written.wait(), 10)
    (held,) = leaving.held
    if is_lost:
        leaving.heartbeat.is_lost = True
    stopping = asyncio.create_task(leaving.stop(grace=10))

    async def is_draining() -> bool:
        return held.is_draining

    await until(is_draining, "the worker stops")
    may_be_told.set()
    await stopping
    assert LOG == []
    await actum.worker([looks_and_sends])
    await actum.approve(handle)
    assert await handle.result(10) == "sent to ana"
    assert LOG == ["look", "look"]


async def test_what_is_claimed_while_the_worker_stops_is_given_back(
    actum: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await actum.worker([works])
    workflows, may_claim = actum.store.workflows, asyncio.Event()
    claims, has_claimed, has_looked = workflows.claim, asyncio.Event(), asyncio.Event()
    looks, is_claiming = workflows.list_owned, asyncio.Event()

    async def claim(**given: Any) -> Any:
        is_claiming.set()
        await may_claim.wait()
        rows = await claims(**given)
        has_claimed.set()
        return rows

    async def list_owned(instance: UUID) -> Any:
        owned = await looks(instance)
        has_looked.set()
        await has_claimed.wait()
        return owned

    monkeypatch.setattr(workflows, "claim", claim)
    handle = await actum.start(works(False))
    await asyncio.wait_for(is_claiming.wait(), 10)
    monkeypatch.setattr(workflows, "list_owned", list_owned)
    stopping = asyncio.create_task(worker.stop(grace=0))

    async def has_come_to_the_end() -> bool:
        return has_looked.is_set() or bool(worker.owning._waiters)

    await until(has_come_to_the_end, "the worker looks what it owns, or waits for the claim")
    may_claim.set()
    await stopping
    assert (await handle.row()).instance is None
