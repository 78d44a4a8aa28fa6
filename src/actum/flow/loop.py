"""An asyncio event loop without I/O and without a clock.

`call_soon` queues, `call_at` asks for a durable timer, `time()` is workflow time, `create_task` gives the task its
path; everything else that asyncio offers is refused by name. The loop is never "run": `run_until_idle` works off
what is ready and returns, and the next outcome makes something ready again.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import math
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

from actum.flow.addresses import OUTSIDE_TASKS, Address, Path
from actum.flow.records import Outcome, Unheard
from actum.flow.refusals import OutsideWork
from actum.flow.requests import Timer

if TYPE_CHECKING:
    from actum.flow.flow import Flow

MICROSECONDS = 1_000_000
LAST_INSTANT = 253_402_300_799 * MICROSECONDS
"""The last second of the year 9999, where datetime ends; a timer beyond it is due then."""

SPINS = 10_000
"""Passes over the ready queue that change nothing before a polling body counts as waiting."""

UNHEARD_KEPT = 100
TASKS_BEFORE_SWEEP = 64


class Ready:
    """A callback that is ready to run; what asyncio calls a handle."""

    __slots__ = ("__weakref__", "args", "callback", "context", "is_cancelled")

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def get_context(self) -> contextvars.Context:
        return self.context


class TimerReady(Ready):
    """A callback that waits for its durable timer."""

    __slots__ = ("address", "flow", "is_started", "request")

    def __init__(
        self,
        request: Timer,
        flow: Flow,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context,
    ) -> None:
        super().__init__(callback, args, context)
        self.request = request
        self.flow = flow
        self.is_started = False
        self.address: Address = ""

    def when(self) -> float:
        return self.request.due / MICROSECONDS

    def cancel(self) -> None:
        if not self.is_cancelled:
            self.is_cancelled = True
            self.flow.abandon(self.address)

    def deliver(self, outcome: Outcome) -> None:
        self.flow.loop.ready.append(self)


class FlowFuture(asyncio.Future[Any]):
    """A future that hashes by its creation number, so that sets of futures iterate alike in every process."""

    __slots__ = ("number",)

    def __init__(self, *, loop: FlowLoop) -> None:
        loop.created = self.number = loop.created + 1
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self.number


class FlowTask(asyncio.Task[Any]):
    """A task with a path of its own; it hashes by its creation number, as futures do."""

    __slots__ = ("context", "number", "path")

    def __init__(
        self,
        coro: Coroutine[Any, Any, Any] | Generator[Any, Any, Any],
        *,
        loop: FlowLoop,
        name: str,
        context: contextvars.Context,
        path: Path,
    ) -> None:
        loop.created = self.number = loop.created + 1
        self.path = path
        self.context = context
        super().__init__(coro, loop=loop, name=name, context=context)
        loop.keep(self)

    def __hash__(self) -> int:
        return self.number


_AbstractLoop: Any = asyncio.AbstractEventLoop


class FlowLoop(_AbstractLoop):  # type: ignore[misc]  # its many abstract methods are filled in below, by name
    """The running loop of a body, as `asyncio.get_running_loop()` returns it there."""

    def __init__(self, flow: Flow, now: int, first_number: int) -> None:
        self.flow = flow
        self.now = now
        self.ready: deque[Ready] = deque()
        self.created = first_number
        self.tasks: dict[FlowTask, None] = {}
        self.unheard: list[Unheard] = []
        self._sweep_at = TASKS_BEFORE_SWEEP
        self._outside = Path(OUTSIDE_TASKS)

    # what asyncio asks of a loop

    def time(self) -> float:
        return self.now / MICROSECONDS

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def get_task_factory(self) -> None:
        return None

    def get_exception_handler(self) -> None:
        return None

    def call_soon(
        self, callback: Callable[..., object], *args: object, context: contextvars.Context | None = None
    ) -> Ready:
        ready = Ready(callback, args, context if context is not None else contextvars.copy_context())
        self.ready.append(ready)
        return ready

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: object,
        context: contextvars.Context | None = None,
    ) -> TimerReady:
        return self._call_at(self.now + _to_microseconds(delay), callback, args, context)

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: object,
        context: contextvars.Context | None = None,
    ) -> TimerReady:
        return self._call_at(_to_microseconds(when), callback, args, context)

    def create_future(self) -> FlowFuture:
        return FlowFuture(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, Any] | Generator[Any, Any, Any],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
        **_eager: object,
    ) -> FlowTask:
        address = self.take_address()
        return FlowTask(
            coro,
            loop=self,
            name=f"Task-{address}" if name is None else str(name),
            context=contextvars.copy_context() if context is None else context,
            path=Path(address),
        )

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if len(self.unheard) < UNHEARD_KEPT:
            self.unheard.append(Unheard(str(context.get("message", "")), context.get("exception")))

    default_exception_handler = call_exception_handler

    # what the flow asks of its loop

    def take_address(self) -> Address:
        """Take the next address of the running task."""
        task = asyncio.current_task(self)
        return (task.path if isinstance(task, FlowTask) else self._outside).take()

    def keep(self, task: FlowTask) -> None:
        """Hold a task until it is done: one that only a cycle holds must not vanish when the collector pleases."""
        self.tasks[task] = None
        if len(self.tasks) >= self._sweep_at:
            self.tasks = {task: None for task in self.tasks if not task.done()}
            self._sweep_at = max(TASKS_BEFORE_SWEEP, 2 * len(self.tasks))

    def run_until_idle(self) -> None:
        """Run what is ready, and what that makes ready, in order.

        A body that only polls (`while not done: await asyncio.sleep(0)`) counts as waiting after many passes in
        which it created nothing, if there is an outcome it can be waiting for; the next activation goes on with it.
        """
        ready = self.ready
        spins, created = 0, self.created
        while ready:
            for _ in range(len(ready)):
                self._run(ready.popleft())
            if self.created != created:
                spins, created = 0, self.created
            else:
                spins += 1
                if spins >= SPINS and self.flow.is_waiting:
                    return

    def _run(self, ready: Ready) -> None:
        if ready.is_cancelled:
            return
        try:
            ready.context.run(ready.callback, *ready.args)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # A task keeps what its coroutine raised; a plain callback has nobody else to tell.
            if not isinstance(error, SystemExit):
                self.call_exception_handler(
                    {"message": f"exception in callback {ready.callback!r}", "exception": error}
                )

    def _call_at(
        self,
        due: int,
        callback: Callable[..., object],
        args: tuple[object, ...],
        context: contextvars.Context | None,
    ) -> TimerReady:
        timer = TimerReady(
            Timer(min(due, LAST_INSTANT)),
            self.flow,
            callback,
            args,
            context if context is not None else contextvars.copy_context(),
        )
        self.flow.ask_timer(timer)
        return timer


def _to_microseconds(seconds: float) -> int:
    if math.isnan(seconds):
        raise ValueError("A timer cannot be due at NaN; give a number of seconds.")
    if math.isinf(seconds):
        return LAST_INSTANT if seconds > 0 else 0
    return round(seconds * MICROSECONDS)


_WORDS_OF_AUTHORS = {
    "connect_read_pipe": "connecting a pipe",
    "connect_write_pipe": "connecting a pipe",
    "create_connection": "asyncio.open_connection",
    "create_server": "asyncio.start_server",
    "create_unix_connection": "asyncio.open_unix_connection",
    "create_unix_server": "asyncio.start_unix_server",
    "run_in_executor": "asyncio.to_thread",
    "subprocess_exec": "asyncio.create_subprocess_exec",
    "subprocess_shell": "asyncio.create_subprocess_shell",
}


def _refuse(method: str) -> Callable[..., object]:
    work = _WORDS_OF_AUTHORS.get(method, f"the event loop's {method}()")

    def refuse(self: FlowLoop, *args: object, **options: object) -> object:
        for argument in args:
            if inspect.iscoroutine(argument):
                argument.close()
        raise OutsideWork(work)

    refuse.__name__ = method
    return refuse


for _method in [name for name in vars(asyncio.AbstractEventLoop) if not name.startswith("_")]:
    if _method not in vars(FlowLoop):
        setattr(FlowLoop, _method, _refuse(_method))
