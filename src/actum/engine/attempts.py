"""Carries out one try of a function: on the loop if it is async, in a thread if it is plain.

An attempt ends when its function returns, not when its time is up: an async one is cancelled then, a thread cannot
be and keeps its place until it returns. Whoever started the attempt is told once, on the worker's loop.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from actum.authoring.attempt import CURRENT_ATTEMPT, Attempt


@dataclass(slots=True)
class Tried:
    """How an attempt ended: a value or an error; `limit` names the limit that was passed before it ended, if any."""

    value: Any = None
    error: BaseException | None = None
    limit: str | None = None
    was_stopped: bool = False


class Try:
    """One running attempt. `done` is called exactly once, when the function has really ended."""

    __slots__ = ("_beat", "_done", "_handle", "_limit", "_loop", "_stall", "_task", "is_stopped")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, done: Callable[[Tried], None], stall: float | None
    ) -> None:
        self._loop = loop
        self._done = done
        self._handle: asyncio.TimerHandle | None = None
        self._task: asyncio.Future[Any] | None = None
        self._limit: str | None = None
        self._stall = stall
        self._beat = 0.0
        self.is_stopped = False

    def start(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        attempt: Attempt,
        *,
        is_async: bool,
        limit: float | None,
        limit_name: str,
        executor: Executor,
    ) -> None:
        """Begin. `limit` is in seconds; `limit_name` is the reason recorded when it is passed."""
        context = contextvars.copy_context()
        context.run(CURRENT_ATTEMPT.set, attempt)
        if is_async:
            self._task = self._loop.create_task(self._await(function, args, kwargs), context=context)
        else:
            self._task = self._loop.run_in_executor(
                executor, lambda: context.run(_try_plain, function, args, kwargs)
            )
            self._task.add_done_callback(self._returned)
        if self._stall is not None:
            self._beat = self._loop.time()
            self._watch_stall(limit, limit_name)
        elif limit is not None:
            self._handle = self._loop.call_later(limit, self._expire, limit_name)

    def beat(self) -> None:
        """Take a heartbeat of the function; from any thread."""
        self._beat = self._loop.time()

    def stop(self) -> None:
        """Cancel: an async function is interrupted, a thread goes on and its outcome is marked as stopped."""
        self.is_stopped = True
        if self._task is not None:
            self._task.cancel()

    def _watch_stall(self, limit: float | None, limit_name: str) -> None:
        stall = self._stall or 0.0
        silent = self._loop.time() - self._beat
        if silent >= stall:
            self._expire("timeout.stall")
            return
        pause = stall - silent
        if limit is not None:
            if limit <= 0:
                self._expire(limit_name)
                return
            pause = min(pause, limit)
            limit -= pause
        self._handle = self._loop.call_later(pause, self._watch_stall, limit, limit_name)

    def _expire(self, name: str) -> None:
        self._limit = name
        if self._task is not None and isinstance(self._task, asyncio.Task):
            self._task.cancel()

    async def _await(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        try:
            tried = Tried(await function(*args, **kwargs))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: the function may end itself, and not the worker
            tried = Tried(error=error)
        self._finish(tried)

    def _returned(self, future: asyncio.Future[Tried]) -> None:
        if future.cancelled():
            self._finish(Tried(error=asyncio.CancelledError()))
        elif (error := future.exception()) is not None:
            self._finish(Tried(error=error))
        else:
            self._finish(future.result())

    def _finish(self, tried: Tried) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._task = None  # else a cycle through the task's context is left for the collector
        tried.limit = self._limit
        tried.was_stopped = self.is_stopped
        self._done(tried)


def _try_plain(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tried:
    """Run a plain function, in a thread; a future cannot take everything that one raises, StopIteration for one."""
    try:
        return Tried(function(*args, **kwargs))
    except BaseException as error:
        return Tried(error=error)
