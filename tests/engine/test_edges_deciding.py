"""Deciding: words of people that come early, late, twice asked for, or from the wrong person."""

from __future__ import annotations

import asyncio

import pytest

from actum import Signal, contract, effect, request_approval
from actum.errors import NotEntitled
from actum.testing.harness import Harness

replied = Signal("replied", str)


@effect("mail.send")
async def send(to: str) -> str:
    return f"sent to {to}"


@contract(on_failure="hold")
async def reminds() -> str:
    call = send("ana")
    for _ in range(2):
        try:
            async with asyncio.timeout(60):
                await request_approval(call)
                return await call
        except TimeoutError:
            pass
    return "nobody"


@contract(on_failure="hold")
async def goes_on_without() -> str:
    try:
        async with asyncio.timeout(60):
            await request_approval(send("ana"))
    except TimeoutError:
        pass
    return await replied.wait()


@contract(on_failure="hold")
async def just_sends() -> str:
    return await send("ana")


async def test_a_body_may_ask_again_for_a_call_nobody_decided_in_time(actum: Harness) -> None:
    await actum.worker([reminds])
    handle = await actum.start(reminds())
    await actum.run_until_idle()
    (asked,), _ = await actum.inbox()
    actum.clock.advance("61s")
    await actum.run_until_idle()
    (asked_again,), _ = await actum.inbox()
    assert asked.id != asked_again.id
    await actum.approve(handle)
    assert await handle.result(10) == "sent to ana"


async def test_an_approval_after_the_time_out_was_due_changes_nothing_and_stops_nothing(
    actum: Harness,
) -> None:
    worker = await actum.worker([goes_on_without])
    handle = await actum.start(goes_on_without())
    await actum.run_until_idle()
    await worker.stop()
    actum.clock.advance("61s")
    (approval,), _ = await actum.inbox()
    await actum.reviewer.approve(approval.id, "fine, though late")
    await actum.worker([goes_on_without])
    await actum.run_until_idle()
    assert await handle.status() == "waiting"
    await handle.signal(replied, "went on")
    assert await handle.result(10) == "went on"
    assert await actum.store.effects.list_of(handle.workflow_id) == []


async def test_a_requester_named_without_a_kind_cannot_approve_either(actum: Harness) -> None:
    await actum.worker([just_sends])
    handle = await actum.start(just_sends(), requester="ana")
    await actum.run_until_idle()
    (approval,), _ = await actum.inbox()
    requester = await actum.acting("user:ana")
    with pytest.raises(NotEntitled):
        await requester.approve(approval.id, "it is mine")
    await actum.approve(handle)
    assert await handle.result(10) == "sent to ana"
