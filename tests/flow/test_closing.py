"""Putting a parked body away."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator

import pytest
from flow_bodies import BEGIN, complete, effect, flow_here, open_flow, step

from actum.flow import Flow, ReplayFilter


def test_finally_blocks_run_and_what_they_ask_for_is_discarded() -> None:
    seen = []

    async def body() -> None:
        try:
            await step("work")
        finally:
            seen.append("before")
            await effect("refund")
            seen.append("never: nothing comes back")

    flow = open_flow(body)
    flow.advance(())
    flow.close()
    assert seen == ["before"]
    assert flow.waiting == {}


def test_each_task_is_closed_with_its_own_finally() -> None:
    seen = []

    async def child(name: str) -> None:
        try:
            await step(name)
        finally:
            seen.append(name)
            await asyncio.sleep(1)

    async def body() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(child("a"))
            group.create_task(child("b"))
            await asyncio.gather(child("c"), child("d"))

    flow = open_flow(body)
    flow.advance(())
    flow.close()
    assert sorted(seen) == ["a", "b", "c", "d"]
    assert flow.waiting == {}


def test_tasks_that_never_began_are_closed_without_beginning() -> None:
    seen = []

    async def late() -> None:
        seen.append("began")

    async def body() -> None:
        try:
            await step("work")
        finally:
            asyncio.create_task(late())  # noqa: RUF006  # discarded, which is the point

    flow = open_flow(body)
    flow.advance(())
    flow.close()
    assert seen == []


def test_a_flow_that_never_advanced_can_be_closed() -> None:
    seen = []

    async def body() -> None:
        seen.append("ran")

    open_flow(body).close()
    gc.collect()
    assert seen == []


def test_what_a_finally_block_raises_is_swallowed() -> None:
    async def body() -> None:
        try:
            await step("work")
        finally:
            raise ValueError("on the way out")

    flow = open_flow(body)
    flow.advance(())
    flow.close()
    assert list(flow.errors) == []


def test_closing_twice_is_closing_once() -> None:
    seen = []

    async def body() -> None:
        try:
            await step("work")
        finally:
            seen.append("closed")

    flow = open_flow(body)
    flow.advance(())
    flow.close()
    flow.close()
    assert seen == ["closed"]


def test_a_closed_flow_refuses_to_advance() -> None:
    flow = open_flow(lambda: step("work"))
    flow.close()
    with pytest.raises(RuntimeError, match="make a new one from the recorded history"):
        flow.advance(())


def test_the_ending_stays_readable_after_closing() -> None:
    flow = open_flow(lambda: step("work"))
    (command,) = flow.advance(()).start
    flow.advance([complete(command, BEGIN, b"result")])
    ending = flow.ending()
    flow.close()
    assert ending == flow.ending()


def test_a_body_knows_its_task_and_its_flow_while_it_is_closed() -> None:
    seen = []

    async def body() -> None:
        try:
            await step("work")
        finally:
            task = asyncio.current_task()
            seen.extend([flow_here(), task.get_name() if task else None, flow_here().is_closing])

    flow = open_flow(body)
    flow.advance(())
    flow.close()
    assert [flow, "root", True] == seen
    assert not flow.is_closing


def test_a_body_that_cannot_be_closed_is_reported() -> None:
    endless = True

    async def body() -> None:
        while endless:
            with contextlib.suppress(GeneratorExit):
                await step("work")

    flow = open_flow(body)
    flow.advance(())
    flow.close()
    assert [error.message for error in flow.errors] == ["root cannot be closed: it catches GeneratorExit"]
    endless = False
    flow._root.get_coro().close()


def test_a_generator_dropped_half_way_is_finished_at_closing_and_asks_for_nothing() -> None:
    seen = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            seen.append("finally")
            await effect("refund")
            seen.append("never")

    async def body() -> None:
        async for _ in numbers():
            break
        await step("work")

    flow = open_flow(body)
    assert [command.request.name for command in flow.advance(()).start] == ["work"]
    gc.collect()
    assert seen == []
    flow.close()
    assert seen == ["finally"]


def test_a_task_that_only_a_cycle_holds_is_not_lost_to_the_collector() -> None:
    seen = []

    async def lonely() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("closed")

    async def body() -> None:
        asyncio.create_task(lonely())  # noqa: RUF006  # nobody holds it, which is the point
        await step("one")
        await step("two")

    flow = open_flow(body)
    (command,) = flow.advance(()).start
    gc.collect()
    flow.advance([complete(command, BEGIN)])
    assert seen == []
    flow.close()
    assert seen == ["closed"]


# logging


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def logger(lines: list[str]) -> logging.Logger:
    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Lines()
    handler.addFilter(ReplayFilter())
    logger = logging.Logger("a body's")
    logger.addHandler(handler)
    return logger


def logging_flow(logger: logging.Logger) -> Flow:
    async def body() -> None:
        try:
            await step("one")
            logger.info("after one")
            await step("two")
        finally:
            logger.info("finally")

    return open_flow(body)


def test_a_body_logs_live_and_not_in_replay_nor_at_closing(logger: logging.Logger, lines: list[str]) -> None:
    flow = logging_flow(logger)
    (one,) = flow.advance(()).start
    flow.advance([complete(one, BEGIN)])
    flow.close()
    assert lines == ["after one"]
    again = logging_flow(logger)
    with again.replaying():
        (two,) = again.advance([complete(one, BEGIN)]).start
    assert lines == ["after one"]
    again.advance([complete(two, BEGIN)])
    assert lines == ["after one", "finally"]


def test_what_is_logged_outside_of_bodies_is_kept_while_a_flow_replays(
    logger: logging.Logger, lines: list[str]
) -> None:
    flow = logging_flow(logger)
    with flow.replaying():
        logger.info("the worker's own")
    flow.close()
    assert lines == ["the worker's own"]
