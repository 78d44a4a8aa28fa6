"""Pausing: what is under way when the pause comes, what is left during it, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from patience import until

from actum import Budget, Preview, Signal, ask, contract, effect, request_approval
from actum.authoring.call import Call
from actum.engine.worker import Worker
from actum.testing.harness import Harness

replied = Signal("replied", str)
SENT: list[str] = []
GATES: dict[str, asyncio.Event] = {}


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    SENT.clear()
    GATES.update({name: asyncio.Event() for name in ("looking", "looked")})
    yield
    GATES["looked"].set()


@effect("mail.send")
async def send(to: str) -> str:
    SENT.append(to)
    return f"sent to {to}"


@effect("mail.send")
async def looks_first(to: str) -> str:
    SENT.append(to)
    return f"sent to {to}"


@looks_first.preview
async def _(to: str) -> Preview:
    GATES["looking"].set()
    await GATES["looked"].wait()
    return Preview(f"Send one mail to {to}", target=to)


@contract
async def letters(count: int) -> list[str]:
    return [await replied.wait() for _ in range(count)]


@contract(on_failure="hold")
async def sends_two() -> list[str]:
    calls = [send("ana"), send("bo")]
    await request_approval(*calls)
    return list(await asyncio.gather(*calls))


@contract(on_failure="hold")
async def sends_and_waits() -> list[str]:
    return list(await asyncio.gather(send("ana"), replied.wait()))


@contract(on_failure="hold")
async def sends_after_a_look() -> str:
    return await looks_first("ana")


async def test_a_pause_left_after_two_approvals_holds_the_body_and_each_effect_happens_once(
    actum: Harness,
) -> None:
    worker = await actum.worker([sends_two])
    handle = await actum.start(sends_two())
    await actum.run_until_idle()
    await worker.stop()
    for one in (await actum.inbox())[0]:
        await actum.reviewer.approve(one.id, "fine")
    await handle.pause("wait")
    await actum.worker([sends_two])
    await actum.run_until_idle()
    assert await handle.status() == "paused"
    assert (await handle.row()).instance is None
    await handle.resume()
    assert await handle.result(10) == ["sent to ana", "sent to bo"]
    assert sorted(SENT) == ["ana", "bo"]


async def test_decision_signal_and_pause_left_while_nobody_worked_are_taken_in_their_order(
    actum: Harness,
) -> None:
    worker = await actum.worker([sends_and_waits])
    handle = await actum.start(sends_and_waits())
    await actum.run_until_idle()
    await worker.stop()
    await actum.approve(handle)
    await handle.signal(replied, "a letter")
    await handle.pause("wait")
    await actum.worker([sends_and_waits])
    await actum.run_until_idle()
    assert await handle.status() == "paused"
    await handle.resume()
    assert await handle.result(10) == ["sent to ana", "a letter"]
    assert SENT == ["ana"]


async def test_a_preview_that_ends_during_a_pause_asks_nobody_before_it_is_over(actum: Harness) -> None:
    await actum.worker([sends_after_a_look])
    handle = await actum.start(sends_after_a_look())
    await asyncio.wait_for(GATES["looking"].wait(), 10)
    await handle.pause("wait")

    async def is_paused() -> bool:
        return await handle.status() == "paused"

    await until(is_paused, "the workflow is paused while its preview executes")
    GATES["looked"].set()
    await actum.run_until_idle()
    assert await handle.status() == "paused"
    assert (await actum.inbox())[0] == []
    await handle.resume()
    await actum.approve(handle)
    assert await handle.result(10) == "sent to ana"


@contract(on_failure="hold", budget=Budget(prompts=1, over="fail"))
async def sends_for_a_prompt() -> str:
    return await send("ana")


@contract(on_failure="hold", budget=Budget(prompts=1, over="fail"))
async def asks_for_a_prompt() -> str:
    return await ask("Which?", str)


@pytest.mark.parametrize("call", [sends_for_a_prompt(), asks_for_a_prompt()], ids=["approval", "question"])
async def test_a_prompt_that_is_taken_during_a_pause_keeps_no_slot_and_asks_nobody_before_it_is_over(
    actum: Harness, call: Call[str]
) -> None:
    await actum.worker([sends_for_a_prompt, asks_for_a_prompt])
    guard = await asyncpg.connect(actum.dsn)
    try:
        async with guard.transaction():
            await guard.execute("lock table actum.budgets in access exclusive mode")
            handle = await actum.start(call)

            async def is_taken() -> bool:
                waiting = (
                    "select count(*) from pg_locks l where pg_backend_pid() = any(pg_blocking_pids(l.pid))"
                )
                return bool(await guard.fetchval(waiting))

            await until(is_taken, "a prompt is being taken")
            await handle.pause("wait")

            async def is_paused() -> bool:
                return await handle.status() == "paused"

            await until(is_paused, "the workflow is paused meanwhile")
    finally:
        await guard.close()

    async def is_parked() -> bool:
        return (await handle.row()).instance is None

    await until(is_parked, "nobody holds a paused workflow")
    assert not {"approval.requested", "question.asked"} & set(await actum.kinds(handle))
    await handle.resume()

    async def is_asked() -> bool:
        return bool({"approval.requested", "question.asked"} & set(await actum.kinds(handle)))

    await until(is_asked, "people are asked, for the prompt that was given back")


async def test_what_waits_for_the_end_of_a_pause_wakes_nobody_before_it(actum: Harness) -> None:
    worker = await actum.worker([letters])
    handle = await actum.start(letters(1))
    await actum.run_until_idle()
    await handle.pause("wait")
    await actum.run_until_idle()
    await handle.signal(replied, "kept")
    await actum.run_until_idle()
    before = (await handle.row()).epoch
    for _ in range(3):
        assert await worker.wake_once() == 0
        await actum.run_until_idle()
    assert (await handle.row()).epoch == before
    await handle.resume()
    assert await handle.result(10) == ["kept"]


@pytest.mark.parametrize("is_held", [True, False], ids=["a worker is there", "a worker comes later"])
async def test_what_came_during_a_pause_is_taken_in_with_the_resumption_and_needs_no_sweep(
    actum: Harness, monkeypatch: pytest.MonkeyPatch, is_held: bool
) -> None:
    async def sweeps_nothing(worker: Worker) -> int:
        return 0

    worker = await actum.worker([letters])
    handle = await actum.start(letters(1))
    await actum.run_until_idle()
    await handle.pause("wait")
    await actum.run_until_idle()
    await worker.stop()
    monkeypatch.setattr(Worker, "wake_once", sweeps_nothing)
    if is_held:
        await actum.worker([letters])
    await handle.signal(replied, "kept")
    await handle.resume()
    if not is_held:
        await actum.worker([letters])
    assert await handle.result(10) == ["kept"]
