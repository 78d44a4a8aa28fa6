"""Replay: code that asks for something else where something is under way, and how people end such a workflow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actum import NotDone, Retry, Signal, WorkflowFailed, ask, contract, effect, step
from actum.client.handle import Handle
from actum.testing.harness import Harness

replied = Signal("replied", str)
DEPLOYED: set[str] = set()
SENT: list[str] = []


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    DEPLOYED.clear()
    SENT.clear()
    yield
    DEPLOYED.clear()


@step
async def echo(word: str) -> str:
    return word


@step
async def other(word: str) -> str:
    return word


@effect("mail.send")
async def send(to: str) -> str:
    SENT.append(to)
    return f"sent to {to}"


@contract
async def polls() -> int:
    if "another question" in DEPLOYED:
        return await ask("Shall we delete everything? 1 means yes.", int)
    return await ask("How many seats?", int)


@contract(on_failure="hold")
async def sends_at_once() -> str:
    if "no mail any more" in DEPLOYED:
        await echo("instead")
        return await echo("and more")
    return await send("ana")


@contract(on_failure="hold")
async def sends_later() -> str:
    if "no mail any more" in DEPLOYED:
        await other("instead")
        return await echo("and more")
    await echo("first")
    return await send("ana")


async def assert_cancelled(actum: Harness, handle: Handle[str]) -> None:
    """The workflow is cancelled, asks nobody for anything, and nothing was sent."""
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert caught.value.status == "cancelled"
    await actum.run_until_idle()
    assert (await actum.inbox())[0] == []
    assert SENT == []


async def test_an_answer_to_the_old_question_is_not_given_to_code_that_asks_another(actum: Harness) -> None:
    worker = await actum.worker([polls])
    handle = await actum.start(polls())
    await actum.run_until_idle()
    await worker.stop()
    DEPLOYED.add("another question")
    _, (question,) = await actum.inbox()
    await actum.reviewer.answer(handle.workflow_id, question.address, 1)
    await actum.worker([polls])
    await actum.run_until_idle()
    row = await handle.row()
    assert (row.status, row.cause) == ("blocked", "mismatch")
    assert "question.answered" not in await actum.kinds(handle)


async def test_a_cancel_left_before_unfitting_code_came_ends_the_workflow_and_closes_its_approval(
    actum: Harness,
) -> None:
    worker = await actum.worker([sends_at_once])
    handle = await actum.start(sends_at_once())
    await actum.run_until_idle()
    await worker.stop()
    DEPLOYED.add("no mail any more")
    await handle.cancel("away with it")
    await actum.worker([sends_at_once])
    await assert_cancelled(actum, handle)


async def test_a_workflow_blocked_by_unfitting_code_ends_when_cancelled_and_approved_at_once(
    actum: Harness,
) -> None:
    worker = await actum.worker([sends_later])
    handle = await actum.start(sends_later())
    await actum.run_until_idle()
    await worker.stop()
    DEPLOYED.add("no mail any more")
    await actum.store.workflows.wake([handle.workflow_id])
    worker = await actum.worker([sends_later])
    await actum.run_until_idle()
    assert (await handle.row()).cause == "mismatch"
    await worker.stop()
    (approval,), _ = await actum.inbox()
    await handle.cancel("away with it")
    await actum.reviewer.approve(approval.id, "fine")
    await actum.worker([sends_later])
    await assert_cancelled(actum, handle)


@effect("mail.send", retry=Retry(attempts=1))
async def send_in_vain(to: str) -> str:
    raise NotDone("nobody is there")


@contract(on_failure="hold")
async def sends_in_vain() -> str:
    if "no mail any more" in DEPLOYED:
        return await echo("instead")
    return await send_in_vain("ana")


@pytest.mark.parametrize("is_approved", [False, True], ids=["asked", "approved"])
async def test_what_a_retry_asked_for_is_closed_with_a_workflow_whose_code_is_gone(
    actum: Harness, is_approved: bool
) -> None:
    worker = await actum.worker([sends_in_vain])
    handle = await actum.start(sends_in_vain())
    await actum.approve(handle)
    await actum.run_until_idle()
    await handle.retry(reason="once more")
    await actum.run_until_idle()
    await worker.stop()
    if is_approved:
        await actum.approve(handle)
    DEPLOYED.add("no mail any more")
    await handle.cancel("the code is gone")
    await actum.worker([sends_in_vain])
    await assert_cancelled(actum, handle)
    closed = "stale" if is_approved else "withdrawn"
    assert (await actum.kinds(handle))[-2:] == ["workflow.blocked", "workflow.cancelled"]
    states = [one.state for one in await actum.store.approvals.list_of([handle.workflow_id])]
    assert sorted(["used", closed]) == sorted(states)
