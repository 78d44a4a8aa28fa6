"""How a parked body is put away: every coroutine is closed, and what its `finally` blocks ask for is discarded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from actum.flow.loop import FlowLoop, FlowTask

ROUNDS = 100
"""Times a coroutine is told to close; each `await` in a `finally` block costs one."""


def close_tasks(loop: FlowLoop) -> None:
    """Close the coroutines of all tasks, oldest first, including tasks born meanwhile."""
    while loop.tasks:
        task = next(iter(loop.tasks))
        del loop.tasks[task]
        if not task.done():
            _close_task(loop, task)


def close_generators(generators: list[AsyncGenerator[Any, Any]]) -> None:
    """Close the async generators that a body dropped half-way, in the order in which it dropped them."""
    while generators:
        _close_generator(generators.pop(0))


def _close_task(loop: FlowLoop, task: FlowTask) -> None:
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    coroutine: Any = task.get_coro()
    asyncio.tasks._enter_task(loop, task)
    try:
        if not task.context.run(_insist, coroutine.close):
            loop.call_exception_handler(
                {"message": f"{task.get_name()} cannot be closed: it catches GeneratorExit"}
            )
    finally:
        asyncio.tasks._leave_task(loop, task)


def _insist(close: Callable[[], object]) -> bool:
    """Call `close` until it succeeds; what the body raises meanwhile concerns nobody any more."""
    for _ in range(ROUNDS):
        try:
            close()
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: S112  # the body is thrown away, with whatever it has to say
            continue
        return True
    return False


def _close_generator(generator: AsyncGenerator[Any, Any]) -> None:
    closing = generator.aclose()
    try:
        closing.send(None)
        for _ in range(ROUNDS):
            closing.throw(GeneratorExit())
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: S110  # it ended, which is all that was wanted
        pass
