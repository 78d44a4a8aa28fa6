"""The task group of bodies: the same on every Python.

Before 3.13 the standard one left a cancellation counted on its parent after a child had failed, so a time-out around
it ended as a cancellation, and it lost a cancellation that came together with a child's error. Since a history must
replay on the next Python too, `asyncio.TaskGroup()` makes one of these inside a body, with the rules of 3.13.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import Context
from types import TracebackType
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class FlowTaskGroup(asyncio.TaskGroup):
    """Waits for its tasks when left; the first error cancels the others, and all errors are raised as one group."""

    def __init__(self) -> None:
        super().__init__()
        self._parent: asyncio.Task[Any] | None = None
        self._children: dict[asyncio.Task[Any], None] = {}
        self._failures: list[BaseException] = []
        self._exit: SystemExit | None = None
        self._all_done: asyncio.Future[None] | None = None
        self._is_aborting = False
        self._has_cancelled_parent = False
        self._has_left = False

    def __repr__(self) -> str:
        return f"<TaskGroup of {len(self._children)} tasks>"

    async def __aenter__(self) -> FlowTaskGroup:
        if self._parent is not None:
            raise RuntimeError("This TaskGroup was entered before; make a new one.")
        self._parent = asyncio.current_task()
        if self._parent is None:
            raise RuntimeError("A TaskGroup needs a task around it; enter it in a coroutine.")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._leave(error)
        finally:
            self._failures = []
            self._exit = None

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
        **_eager: object,
    ) -> asyncio.Task[T]:
        """Start a task of the group. Raises RuntimeError when the group is not open, or is shutting down."""
        if self._parent is None or self._has_left or self._is_aborting:
            coro.close()
            state = "is shutting down" if self._is_aborting else "is not open"
            raise RuntimeError(f"This TaskGroup {state}; create tasks inside its `async with`.")
        task = asyncio.get_running_loop().create_task(coro, name=name, context=context)
        self._children[task] = None
        task.add_done_callback(self._hear)
        return task

    async def _leave(self, error: BaseException | None) -> None:
        cancellation = error if isinstance(error, asyncio.CancelledError) else None
        if isinstance(error, SystemExit):
            self._exit = self._exit or error
        if error is not None:
            self._cancel_children()
        cancellation = await self._outlive_children() or cancellation
        self._has_left = True
        if self._exit is not None:
            raise self._exit
        assert self._parent is not None  # noqa: S101  # __aenter__ has seen to it
        if self._has_cancelled_parent and not self._parent.uncancel():
            cancellation = None
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self._failures.append(error)
        if self._failures:
            self._raise_failures(self._parent)
        if cancellation is not None:
            raise cancellation

    async def _outlive_children(self) -> asyncio.CancelledError | None:
        """Wait until no child is left; return the cancellation from outside that came meanwhile."""
        cancellation = None
        while self._children:
            self._all_done = asyncio.get_running_loop().create_future()
            try:
                await self._all_done
            except asyncio.CancelledError as error:
                if not self._is_aborting:
                    cancellation = error
                    self._cancel_children()
        return cancellation

    def _raise_failures(self, parent: asyncio.Task[Any]) -> NoReturn:
        if parent.cancelling():
            # The group takes the place of a cancellation from outside: let that one come at the next await.
            parent.uncancel()
            parent.cancel()
        raise BaseExceptionGroup("unhandled errors in a TaskGroup", self._failures) from None

    def _cancel_children(self) -> None:
        if self._is_aborting:
            return
        self._is_aborting = True
        for child in list(self._children):
            if not child.done():
                child.cancel()

    def _hear(self, child: asyncio.Task[Any]) -> None:
        self._children.pop(child)
        if not self._children and self._all_done is not None and not self._all_done.done():
            self._all_done.set_result(None)
        error = None if child.cancelled() else child.exception()
        if error is None:
            return
        self._failures.append(error)
        if isinstance(error, SystemExit):
            self._exit = self._exit or error
        assert self._parent is not None  # noqa: S101  # a child was created, so the group was entered
        if self._parent.done():
            message = "a task failed after the parent of its TaskGroup had ended"
            asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
        elif not self._is_aborting:
            self._cancel_children()
            self._has_cancelled_parent = True
            self._parent.cancel()
