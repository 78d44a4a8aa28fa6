"""Effects: once started, not torn."""

from __future__ import annotations

import asyncio

from flow_bodies import (
    BEGIN,
    complete,
    effect,
    open_flow,
    start,
    step,
)

from actum.flow import (
    Returned,
)


async def torn() -> str:
    try:
        async with asyncio.timeout(1):
            return await effect("send")
    except TimeoutError:
        return "late"


def test_an_effect_that_has_not_started_is_dropped_when_cancelled() -> None:
    flow = open_flow(torn)
    timer, send = flow.advance(()).start
    assert (send.address,) == flow.advance([complete(timer, BEGIN)]).stop
    assert Returned("late") == flow.ending()


def test_an_effect_that_has_started_is_not_torn_and_the_cancellation_follows_its_outcome() -> None:
    flow = open_flow(torn)
    timer, send = flow.advance(()).start
    assert flow.advance([start(send, BEGIN), complete(timer, BEGIN)]) == ((), ())
    assert frozenset({send.address}) == flow.started
    assert not flow.is_done
    flow.advance([complete(send, BEGIN)])
    assert Returned("late") == flow.ending()


def test_an_effect_that_started_after_it_was_given_up_changes_nothing() -> None:
    flow = open_flow(torn)
    timer, send = flow.advance(()).start
    flow.advance([complete(timer, BEGIN), start(send, BEGIN), complete(send, BEGIN)])
    assert Returned("late") == flow.ending()


def test_a_resumed_effect_that_has_started_is_asked_for_and_marked_as_started() -> None:
    live = open_flow(torn)
    _, send = live.advance(()).start
    fresh = open_flow(torn)
    commands = fresh.advance([start(send, BEGIN)])
    assert send in commands.start
    assert frozenset({send.address}) == fresh.started


def test_a_body_that_ends_before_its_started_effect_leaves_it_waiting() -> None:
    async def body() -> str:
        task = asyncio.create_task(effect("send"))
        await step("last")
        return task.get_name()

    flow = open_flow(body)
    last, send = flow.advance(()).start
    assert flow.advance([start(send, BEGIN), complete(last, BEGIN)]).stop == ()
    assert flow.is_done
    assert {send.address: send.request} == flow.waiting
    flow.advance([complete(send, BEGIN)])
    assert flow.waiting == {}
