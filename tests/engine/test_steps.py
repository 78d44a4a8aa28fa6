"""Steps as a worker carries them out: attempts, time-outs, verdicts, failures."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from pydantic import BaseModel

import actum as api
from actum import Fatal, Retry, StepFailed, Timeout, Unusable, Usable, WorkflowFailed, attempt, contract, step
from actum.testing.harness import Harness

QUICK = Retry(attempts=3, first="1ms")


class Money(BaseModel):
    """A typed value that travels between steps."""

    amount: int
    currency: str = "EUR"


@step
async def double(money: Money) -> Money:
    return Money(amount=money.amount * 2, currency=money.currency)


@step
def in_a_thread(number: int) -> str:
    return f"{number} {threading.current_thread() is threading.main_thread()}"


async def test_a_body_receives_what_its_steps_return_as_declared(actum: Harness) -> None:
    @contract
    async def pay(money: Money) -> list[str]:
        first = await double(money)
        second = await double(first)
        return [type(second).__name__, str(second.amount), await in_a_thread(7)]

    await actum.worker([pay])
    handle = await actum.start(pay(Money(amount=3)))
    assert await handle.result(10) == ["Money", "12", "7 False"]
    assert await actum.kinds(handle) == [
        "workflow.started",
        "step.completed",
        "step.completed",
        "step.completed",
        "workflow.completed",
    ]


@step(retry=QUICK)
async def third_time(word: str) -> str:
    if attempt().number < 3:
        raise ConnectionError(f"attempt {attempt().number}")
    before = attempt().previous
    return f"{word} after: {getattr(before, 'message', before)}"


async def test_a_failing_step_is_tried_again_and_told_why(actum: Harness) -> None:
    @contract
    async def patient(word: str) -> str:
        return await third_time(word)

    await actum.worker([patient])
    handle = await actum.start(patient("ok"))
    assert await handle.result(10) == "ok after: attempt 2"
    assert (await actum.kinds(handle))[1:4] == ["attempt.failed", "attempt.failed", "step.completed"]


@step(retry=QUICK)
async def always_wrong() -> None:
    error = ValueError("no such customer")
    error.customer = 4711  # type: ignore[attr-defined]
    raise error


@step(retry=QUICK)
async def fatal() -> None:
    raise Fatal("not worth another try")


async def test_a_step_that_gives_up_reaches_the_body_as_a_record_of_the_failure(actum: Harness) -> None:
    @contract
    async def careful() -> list[object]:
        try:
            await always_wrong()
        except StepFailed as failure:
            seen: list[object] = [
                failure.step,
                failure.attempts,
                failure.error_type,
                failure.details["customer"],
            ]
        try:
            await fatal()
        except StepFailed as failure:
            seen.append(failure.attempts)
        return seen

    await actum.worker([careful])
    assert await (await actum.start(careful())).result(10) == ["always_wrong", 3, "ValueError", 4711, 1]


async def test_a_failure_nobody_catches_fails_the_workflow_with_its_reason(actum: Harness) -> None:
    @contract
    async def careless() -> None:
        await always_wrong()

    await actum.worker([careless])
    handle = await actum.start(careless())
    with pytest.raises(WorkflowFailed, match="no such customer") as caught:
        await handle.result(10)
    assert (caught.value.status, caught.value.workflow_id) == ("failed", str(handle.workflow_id))


@step(timeout="50ms", retry=Retry(attempts=1))
async def endless() -> None:
    await asyncio.Event().wait()


@step(timeout=Timeout(stall="50ms"), retry=Retry(attempts=1))
async def silent() -> None:
    await asyncio.Event().wait()


async def test_an_attempt_is_given_up_at_its_time_out_and_when_it_falls_silent(actum: Harness) -> None:
    @contract
    async def impatient() -> list[str]:
        reasons = []
        for call in (endless(), silent()):
            try:
                await call
            except StepFailed as failure:
                reasons.append(failure.reason)
        return reasons

    await actum.worker([impatient])
    assert await (await actum.start(impatient())).result(10) == ["timeout.attempt", "timeout.stall"]


@step(retry=QUICK)
async def draft(topic: str) -> str:
    before = attempt().previous
    return f"{topic}!" if isinstance(before, Unusable) else topic


@draft.verdict
def _(text: str, topic: str) -> Usable | Unusable:
    return Usable() if text.endswith("!") else Unusable("it lacks emphasis")


async def test_an_unusable_output_counts_as_a_failed_attempt_and_the_next_is_told(actum: Harness) -> None:
    @contract
    async def write() -> str:
        return await draft("durability")

    await actum.worker([write])
    handle = await actum.start(write())
    assert await handle.result(10) == "durability!"
    failed = (await actum.events(handle))[1]
    assert (failed.kind.value, failed.reason) == ("attempt.failed", "check.failed")


@step
async def nap(name: str, seconds: float) -> str:
    await asyncio.sleep(seconds)
    return name


async def test_gathered_steps_run_at_the_same_time(actum: Harness) -> None:
    @contract
    async def wide() -> list[str]:
        return await asyncio.gather(*(nap(str(i), 0.3) for i in range(20)))

    await actum.worker([wide])
    handle = await actum.start(wide())
    began = time.monotonic()
    assert await handle.result(20) == [str(i) for i in range(20)]
    assert time.monotonic() - began < 20 * 0.3


async def test_the_loser_of_a_race_is_cancelled_and_recorded_as_given_up(actum: Harness) -> None:
    @contract
    async def race() -> str:
        tasks = [asyncio.create_task(nap("slow", 60)), asyncio.create_task(nap("fast", 0))]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return next(iter(done)).result()

    await actum.worker([race])
    handle = await actum.start(race())
    assert await handle.result(10) == "fast"
    assert "step.abandoned" in await actum.kinds(handle)


async def test_time_identity_and_chance_are_the_same_in_every_replay(actum: Harness) -> None:
    seen: list[tuple[object, ...]] = []

    @contract
    async def dice() -> list[str]:
        throws = (api.now(), api.uuid4(), api.random().random())
        seen.append(throws)
        await asyncio.sleep(3600)
        await nap("later", 0)
        return [str(one) for one in throws]

    await actum.worker([dice])
    handle = await actum.start(dice())
    await actum.run_until_idle()
    actum.clock.advance("1h")
    result = await handle.result(10)
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert [str(one) for one in seen[0]] == result


@step(retry=QUICK)
async def huge() -> str:
    return "x" * 2_000_000


@step(retry=QUICK)
async def with_nul() -> str:
    return "a\0b"


async def test_what_cannot_be_stored_fails_its_step_with_the_way_out(actum: Harness) -> None:
    @contract
    async def hoard() -> list[str]:
        said = []
        for call in (huge(), with_nul()):
            try:
                await call
            except StepFailed as failure:
                said.append(f"{failure.reason}: {failure.message}")
        return said

    await actum.worker([hoard])
    size, nul = await (await actum.start(hoard())).result(10)
    assert "schema.invalid" in size
    assert "pass a reference" in size
    assert "NUL" in nul


async def test_a_body_that_waits_for_nothing_is_said_to_be_a_bug(actum: Harness) -> None:
    @contract
    async def forlorn() -> None:
        await asyncio.get_running_loop().create_future()

    await actum.worker([forlorn])
    with pytest.raises(WorkflowFailed, match="can never come"):
        await (await actum.start(forlorn())).result(10)
