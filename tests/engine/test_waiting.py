"""Waiting: timers, signals, questions, children, and what people do to a waiting workflow."""

from __future__ import annotations

import asyncio

import pytest

from actum import Retry, Signal, StepFailed, WorkflowFailed, ask, contract, step
from actum.errors import InvalidInput, NotPossible
from actum.testing.harness import Harness

replied = Signal("replied", str)


@step
async def echo(word: str) -> str:
    return word


@contract
async def sleepy(hours: float) -> str:
    await asyncio.sleep(hours * 3600)
    return await echo("awake")


@contract
async def letters(count: int) -> list[str]:
    return [await replied.wait() for _ in range(count)]


async def test_a_durable_timer_holds_nothing_and_fires_when_its_instant_has_come(actum: Harness) -> None:
    worker = await actum.worker([sleepy])
    handle = await actum.start(sleepy(48))
    await actum.run_until_idle()
    assert (await handle.status(), worker.held) == ("waiting", ())
    actum.clock.advance("47h")
    await actum.run_until_idle()
    assert await handle.status() == "waiting"
    actum.clock.advance("2h")
    assert await handle.result(10) == "awake"


async def test_signals_are_taken_in_the_order_they_were_sent_whoever_held_the_workflow(
    actum: Harness,
) -> None:
    handle = await actum.start(letters(3))
    await handle.signal(replied, "before anybody worked")
    await actum.worker([letters])
    await actum.run_until_idle()
    await handle.signal(replied, "second")
    await handle.signal(replied, "third")
    assert await handle.result(10) == ["before anybody worked", "second", "third"]


async def test_a_signal_to_a_workflow_that_has_ended_is_refused(actum: Harness) -> None:
    await actum.worker([letters])
    handle = await actum.start(letters(0))
    await handle.result(10)
    with pytest.raises(NotPossible, match="has ended"):
        await handle.signal(replied, "too late")


async def test_a_time_out_around_a_signal_is_a_durable_timer(actum: Harness) -> None:
    @contract
    async def patient() -> str:
        try:
            async with asyncio.timeout(60):
                return await replied.wait()
        except TimeoutError:
            return "nobody answered"

    await actum.worker([patient])
    answered, silent = await actum.start(patient()), await actum.start(patient())
    await actum.run_until_idle()
    await answered.signal(replied, "here")
    assert await answered.result(10) == "here"
    assert "timer.cancelled" in await actum.kinds(answered)
    actum.clock.advance("61s")
    assert await silent.result(10) == "nobody answered"


async def test_what_was_sent_before_a_timer_was_due_comes_before_it(actum: Harness) -> None:
    @contract
    async def contest() -> str:
        waiting = asyncio.create_task(replied.wait())
        sleeping = asyncio.create_task(asyncio.sleep(60))
        done, _ = await asyncio.wait([waiting, sleeping], return_when=asyncio.FIRST_COMPLETED)
        return "signal" if waiting in done else "timer"

    worker = await actum.worker([contest])
    handle = await actum.start(contest())
    await actum.run_until_idle()
    await worker.stop()
    actum.clock.advance("30s")
    await handle.signal(replied, "in time")
    actum.clock.advance("60s")
    await actum.worker([contest])
    assert await handle.result(10) == "signal"


async def test_a_question_brings_a_typed_answer(actum: Harness) -> None:
    @contract
    async def poll() -> int:
        return await ask("How many seats?", int) + 1

    await actum.worker([poll])
    handle = await actum.start(poll())
    await actum.run_until_idle()
    _, (question,) = await actum.inbox()
    with pytest.raises(InvalidInput, match="integer"):
        await actum.reviewer.answer(handle.workflow_id, question.address, "many")
    assert question.question == "How many seats?"
    await actum.reviewer.answer(handle.workflow_id, question.address, 41)
    assert await handle.result(10) == 42
    with pytest.raises(NotPossible):
        await actum.reviewer.answer(handle.workflow_id, question.address, 1)


@step(retry=Retry(attempts=2, first="1ms"))
async def broken() -> None:
    raise RuntimeError("the child broke")


@contract
async def child(word: str) -> str:
    if word == "bad":
        await broken()
    return await echo(word)


async def test_children_run_as_workflows_of_their_own_and_their_ends_reach_the_parent(actum: Harness) -> None:
    @contract
    async def parent() -> list[str]:
        good = await asyncio.gather(child("a"), child("b"))
        try:
            await child("bad")
        except WorkflowFailed as failure:
            good.append(failure.status)
        return good

    await actum.worker([parent])
    handle = await actum.start(parent(), requester="user:ana")
    assert await handle.result(20) == ["a", "b", "failed"]
    children = [row for row in await actum.client.list() if row.parent == handle.workflow_id]
    assert {"user:ana"} == {row.requester for row in children}
    assert ["completed", "completed", "failed"] == sorted(row.status for row in children)


async def test_a_child_nobody_awaits_any_more_is_cancelled(actum: Harness) -> None:
    @contract
    async def long_child() -> None:
        await asyncio.sleep(10**6)

    @contract
    async def parent() -> str:
        try:
            async with asyncio.timeout(60):
                await long_child()
        except TimeoutError:
            return "gave up"
        return "?"

    await actum.worker([parent])
    handle = await actum.start(parent())
    await actum.run_until_idle()
    actum.clock.advance("61s")
    assert await handle.result(10) == "gave up"
    await actum.run_until_idle()
    (row,) = [row for row in await actum.client.list() if row.parent == handle.workflow_id]
    assert row.status == "cancelled"


async def test_cancel_reaches_the_body_which_may_clean_up(actum: Harness) -> None:
    @contract
    async def tidy() -> None:
        try:
            await asyncio.sleep(10**6)
        finally:
            await echo("tidied")

    await actum.worker([tidy])
    handle = await actum.start(tidy())
    await actum.run_until_idle()
    await handle.cancel("not needed")
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert (caught.value.status, caught.value.reason) == ("cancelled", "operator")
    assert (await actum.kinds(handle))[-4:] == [
        "workflow.cancel_requested",
        "timer.cancelled",
        "step.completed",
        "workflow.cancelled",
    ]


async def test_a_cancelled_workflow_nobody_had_taken_up_ends_without_running(actum: Harness) -> None:
    handle = await actum.start(sleepy(1))
    await handle.cancel()
    await actum.worker([sleepy])
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    assert await handle.status() == "cancelled"


async def test_a_paused_workflow_takes_nothing_in_until_resumed(actum: Harness) -> None:
    await actum.worker([letters])
    handle = await actum.start(letters(1))
    await actum.run_until_idle()
    await handle.pause("let me look")
    await actum.run_until_idle()
    await handle.signal(replied, "kept")
    await actum.run_until_idle()
    assert await handle.status() == "paused"
    assert "signal.received" not in await actum.kinds(handle)
    await handle.resume()
    assert await handle.result(10) == "kept".split()


async def test_a_deadline_cancels_the_body_and_fails_the_workflow(actum: Harness) -> None:
    @contract(deadline="1h")
    async def bounded() -> None:
        await asyncio.sleep(10**6)

    await actum.worker([bounded])
    handle = await actum.start(bounded())
    await actum.run_until_idle()
    actum.clock.advance("61m")
    with pytest.raises(WorkflowFailed, match="deadline") as caught:
        await handle.result(10)
    assert (caught.value.status, caught.value.reason) == ("failed", "timeout.total")


async def test_one_slot_is_enough_for_many_that_wait(actum: Harness) -> None:
    worker = await actum.worker([letters, child], concurrency=1)
    waiting = await actum.client.start_many([letters(1) for _ in range(50)])
    await actum.run_until_idle(30)
    assert worker.held == ()
    assert await (await actum.start(child("now"))).result(10) == "now"
    for handle in waiting:
        await handle.signal(replied, "go")
    assert [["go"]] * 50 == [await handle.result(20) for handle in waiting]


async def test_a_message_whose_sender_died_before_the_wake_is_found_by_the_sweep(actum: Harness) -> None:
    worker = await actum.worker([letters])
    handle = await actum.start(letters(1))
    await actum.run_until_idle()
    async with actum.store.pool.connection() as connection:
        await connection.execute(
            "insert into actum.messages (workflow_id, kind, name, body, actor) values ($1, 'signal', 'replied', $2, 'x')",
            handle.workflow_id,
            replied.encode("found"),
        )
    assert await worker.wake_once() == 1
    assert await handle.result(10) == ["found"]


async def test_a_step_given_up_while_it_fails_does_not_reach_the_body(actum: Harness) -> None:
    @contract
    async def both() -> str:
        seen = "?"
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(broken_soon())
                group.create_task(asyncio.sleep(10**6))
        except* StepFailed as failures:
            seen = type(failures.exceptions[0]).__name__
        return seen

    async def broken_soon() -> None:
        await broken()

    await actum.worker([both])
    handle = await actum.start(both())
    await actum.run_until_idle()
    for _ in range(3):
        actum.clock.advance("10s")
        await actum.run_until_idle()
    assert await handle.result(10) == "StepFailed"
