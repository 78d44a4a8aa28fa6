"""Small bodies that several tests use, and a way to run a body to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from flow_bodies import BEGIN, complete, open_flow, step

from actum.flow import Command, Raised, Returned

Body: TypeAlias = Callable[[], Coroutine[Any, Any, Any]]


async def two_steps() -> str:
    return await step("first", "a") + await step("second", "b")


async def given_up() -> str:
    task = asyncio.create_task(step("slow"))
    await step("other")
    task.cancel()
    return await step("end")


def run(body: Body, pick: Callable[[list[Command]], Command] = lambda live: live[0], seed: int = 0) -> object:
    """Complete what the body asks for, one at a time, and return what it returns."""
    flow = open_flow(body, seed)
    now, live = BEGIN, list(flow.advance(()).start)
    while not flow.is_done:
        command = pick(live)
        outcome = complete(command, now, command.request.name.encode())
        now = outcome.at
        commands = flow.advance([outcome])
        live = [c for c in live if c != command and c.address not in commands.stop] + list(commands.start)
    ending = flow.ending()
    flow.close()
    if isinstance(ending, Raised):
        raise ending.exception
    assert isinstance(ending, Returned)
    return ending.value


def latest(live: list[Command]) -> Command:
    return live[-1]


def steps_first(live: list[Command]) -> Command:
    return next((command for command in live if command.request.name != "timer"), live[0])
