"""Endings: the last record of a workflow, whatever else arrives at the same moment."""

from __future__ import annotations

import asyncio

import pytest

from actum import Retry, Signal, WorkflowFailed, contract, step
from actum.client.handle import Handle
from actum.errors import NotPossible
from actum.testing.harness import Harness

replied = Signal("replied", str)


@contract
async def letters(count: int) -> list[str]:
    return [await replied.wait() for _ in range(count)]


@step(retry=Retry(attempts=1))
async def refuse() -> None:
    raise ValueError("it does not work")


@contract(on_failure="hold")
async def holds() -> None:
    await refuse()


async def assert_ended_by(actum: Harness, handle: Handle[list[str]] | Handle[None], kind: str) -> None:
    """Nobody holds the workflow, and nothing was recorded after its one ending."""
    await actum.run_until_idle()
    kinds = await actum.kinds(handle)
    assert (kinds[-1], kinds.count(kind)) == (kind, 1)
    assert (await handle.row()).instance is None


async def test_a_signal_nobody_waits_for_any_more_does_not_disturb_the_ending(actum: Harness) -> None:
    handle = await actum.start(letters(1))
    await handle.signal(replied, "first")
    await handle.signal(replied, "one too many")
    await actum.worker([letters])
    assert await handle.result(10) == ["first"]
    await assert_ended_by(actum, handle, "workflow.completed")


async def test_signals_that_arrive_together_end_a_workflow_once(actum: Harness) -> None:
    await actum.worker([letters])
    handle = await actum.start(letters(1))
    await actum.run_until_idle()
    sent = [str(number) for number in range(6)]
    answers = await asyncio.gather(*(handle.signal(replied, one) for one in sent), return_exceptions=True)
    assert None in answers
    assert all(one is None or isinstance(one, NotPossible) for one in answers)
    (received,) = await handle.result(10)
    assert received in sent
    await assert_ended_by(actum, handle, "workflow.completed")


async def test_a_signal_sent_before_the_deadline_completes_a_workflow_taken_up_after_it(
    actum: Harness,
) -> None:
    @contract(deadline="1h")
    async def bounded() -> str:
        return await replied.wait()

    handle = await actum.start(bounded())
    actum.clock.advance("10m")
    await handle.signal(replied, "in time")
    actum.clock.advance("2h")
    await actum.worker([bounded])
    assert await handle.result(10) == "in time"


async def test_a_timer_due_before_the_deadline_fires_although_both_have_passed(actum: Harness) -> None:
    @contract(deadline="1h")
    async def sleeper() -> str:
        await asyncio.sleep(1800)
        return "slept"

    handle = await actum.start(sleeper())
    worker = await actum.worker([sleeper])
    await actum.run_until_idle()
    await worker.stop()
    actum.clock.advance("2h")
    await actum.worker([sleeper])
    assert await handle.result(10) == "slept"


async def test_a_blocked_workflow_cancelled_by_two_people_is_cancelled_once(actum: Harness) -> None:
    worker = await actum.worker([holds])
    handle = await actum.start(holds())
    await actum.run_until_idle()
    assert await handle.status() == "blocked"
    await worker.stop()
    await handle.cancel("the first says so")
    await handle.cancel("and so does the second")
    await actum.worker([holds])
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert caught.value.status == "cancelled"
    await assert_ended_by(actum, handle, "workflow.cancelled")


async def test_what_a_person_says_when_cancelling_is_kept_beside_the_reason(actum: Harness) -> None:
    await actum.worker([holds])
    handle = await actum.start(holds())
    await actum.run_until_idle()
    await handle.cancel("nobody needs it any more")
    with pytest.raises(WorkflowFailed, match="nobody needs it any more") as caught:
        await handle.result(10)
    assert caught.value.reason == "operator"
    assert (await actum.events(handle))[-1].reason == "operator"
