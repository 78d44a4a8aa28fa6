"""`wait_for`, `as_completed` and `all_tasks` as bodies see them: the same on every Python and in every process.

The standard ones differ: `wait_for` makes a task before 3.12 and none after, which would move addresses;
`as_completed` and `all_tasks` put coroutines and tasks into an order that depends on memory. Importing `actum.flow`
therefore puts a dispatcher in the place of each, which turns to ours inside a body and to the standard one
everywhere else, and lets `asyncio.TaskGroup()` make ours there. A module that took a function by name before that
(`from asyncio import wait_for`) keeps the standard one; classes are covered either way.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, ParamSpec, TypeVar

from actum.flow.loop import FlowLoop
from actum.flow.taskgroups import FlowTaskGroup

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


async def wait_for(fut: Awaitable[T], timeout: float | None) -> T:
    """Wait for one awaitable, at most `timeout` seconds of workflow time; TimeoutError cancels it.

    The awaitable runs in the waiting task itself. With nothing left to wait, it gets no chance to start.
    """
    if timeout is None or timeout > 0:
        async with asyncio.timeout(timeout):
            return await fut
    future = asyncio.ensure_future(fut)
    if not future.done():
        future.cancel()
        await asyncio.wait([future])
        if future.cancelled():
            raise TimeoutError
    return future.result()


def as_completed(fs: Iterable[Awaitable[T]], *, timeout: float | None = None) -> Completions[T]:
    """Iterate over awaitables in the order in which they finish, with `for` or with `async for`.

    Coroutines become tasks here and now, in the order given. After `timeout` seconds of workflow time the iteration
    raises TimeoutError for each one that has not finished; none is cancelled.
    """
    if isinstance(fs, Awaitable):
        raise TypeError(
            f"as_completed wants several awaitables, not one {type(fs).__name__}; put it into a list."
        )
    return Completions([asyncio.ensure_future(awaitable) for awaitable in dict.fromkeys(fs)], timeout)


class Completions(Iterable[Coroutine[Any, Any, T]]):
    """What `as_completed` iterates over."""

    def __init__(self, futures: list[asyncio.Future[T]], timeout: float | None) -> None:
        self._left = len(futures)
        self._running = dict.fromkeys(futures)
        self._finished: asyncio.Queue[asyncio.Future[T] | None] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None
        for future in futures:
            future.add_done_callback(self._finish)
        if futures and timeout is not None:
            self._timer = asyncio.get_running_loop().call_later(timeout, self._give_up)

    def __iter__(self) -> Completions[T]:
        return self

    def __next__(self) -> Coroutine[Any, Any, T]:
        if not self._left:
            raise StopIteration
        self._left -= 1
        return self._take_result()

    def __aiter__(self) -> Completions[T]:
        return self

    async def __anext__(self) -> asyncio.Future[T]:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        return await self._take()

    async def _take(self) -> asyncio.Future[T]:
        future = await self._finished.get()
        if future is None:
            raise TimeoutError
        return future

    async def _take_result(self) -> T:
        return (await self._take()).result()

    def _finish(self, future: asyncio.Future[T]) -> None:
        if future not in self._running:
            return
        del self._running[future]
        self._finished.put_nowait(future)
        if not self._running and self._timer is not None:
            self._timer.cancel()

    def _give_up(self) -> None:
        for _ in self._running:
            self._finished.put_nowait(None)
        self._running.clear()


def all_tasks(loop: asyncio.AbstractEventLoop | None = None) -> set[asyncio.Task[Any]]:
    """Return the body's tasks that are not done, in a set that iterates in the order of their creation."""
    running = asyncio.get_running_loop() if loop is None else loop
    assert isinstance(running, FlowLoop)  # noqa: S101  # the dispatcher has looked
    return {task for task in running.tasks if not task.done()}


def install() -> None:
    """Put the dispatchers into asyncio. Doing it twice changes nothing."""
    replacements: dict[str, Callable[..., Any]] = {
        "wait_for": wait_for,
        "as_completed": as_completed,
        "all_tasks": all_tasks,
    }
    for name, ours in replacements.items():
        standard = getattr(asyncio.tasks, name)
        if not hasattr(standard, "inside_a_body"):
            dispatcher = _dispatch(ours, standard)
            setattr(asyncio.tasks, name, dispatcher)
            setattr(asyncio, name, dispatcher)
    asyncio.TaskGroup.__new__ = _new_task_group  # type: ignore[method-assign, assignment]
    # What gather returns is the one future of asyncio that no loop creates; it hashes by creation inside a body too.
    gathering: Any = asyncio.tasks._GatheringFuture  # type: ignore[attr-defined]
    gathering.__hash__ = _hash_of_gathering


def _dispatch(ours: Callable[P, R], standard: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(standard)
    def dispatch(*args: P.args, **kwargs: P.kwargs) -> R:
        loop = asyncio._get_running_loop()
        return ours(*args, **kwargs) if isinstance(loop, FlowLoop) else standard(*args, **kwargs)

    dispatch.inside_a_body = ours  # type: ignore[attr-defined]
    return dispatch


def _new_task_group(cls: type[asyncio.TaskGroup], *_args: object, **_options: object) -> asyncio.TaskGroup:
    is_ours = cls is asyncio.TaskGroup and isinstance(asyncio._get_running_loop(), FlowLoop)
    return object.__new__(FlowTaskGroup if is_ours else cls)


def _hash_of_gathering(self: Any) -> int:
    loop = self.get_loop()
    if not isinstance(loop, FlowLoop):
        return object.__hash__(self)
    number: int | None = getattr(self, "_creation_number", None)
    if number is None:
        loop.created = number = loop.created + 1
        self._creation_number = number
    return number
