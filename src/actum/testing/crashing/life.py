"""The process that is killed: a worker with the real engine, which ends itself at one flush, and notes what it runs.

A flush is where the engine makes something durable, so the instants before it is sent and after it was answered are
all there is to tell apart for whoever takes over.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from actum.authoring.attempt import Attempt
from actum.authoring.contract import Contract
from actum.authoring.step import Step
from actum.engine.attempts import Try
from actum.engine.execution import Execution
from actum.engine.runner import Runner
from actum.engine.worker import Worker
from actum.errors import InvalidInput
from actum.outcomes import Happened, NotHappened
from actum.settings import Settings
from actum.store.records import FIELDS, Records
from actum.store.store import Store
from actum.testing.crashing.notes import Boundary, Moment, Note, write_boundary, write_note, write_sent
from actum.testing.crashing.offset import SharedClock
from actum.testing.crashing.world import FOLDER

LONG_LEASE = 10 * 365 * 86_400.0
"""Seconds: moving the clock must not look like the death of a worker; the dead are found by their pids."""
LOG, CLOCK, WORLD = "log", "clock", "world"
_PLACES = [FIELDS["records"].index(name) for name in ("kind", "step", "address", "outcome")]


@dataclass(frozen=True, slots=True)
class Order:
    """What one process does: work in `folder` on the database `dsn`, and die at one flush, or never.

    It dies at the flush `number`, or at the one that carries `moment` (as JSON has it), where that is given.
    """

    dsn: str
    folder: str
    life: int
    number: int = 0
    when: Literal["before", "after"] = "before"
    moment: dict[str, Any] | None = None

    @property
    def is_to_live(self) -> bool:
        """Whether nobody kills this process."""
        return not self.number and self.moment is None


def live(order: Order, contract: Contract[..., Any]) -> int:
    """Be the process that an order asks for; return its exit status."""
    folder = Path(order.folder)
    os.environ[FOLDER] = str(folder / WORLD)
    log = os.open(folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s", force=True)
    try:
        _arm(order, folder)
        asyncio.run(_work(order, folder, contract))
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


async def _work(order: Order, folder: Path, contract: Contract[..., Any]) -> None:
    clock = SharedClock(folder / CLOCK)
    store = await Store.open(order.dsn, size=4, now=clock.now)
    settings = Settings(database_url=order.dsn)
    worker = Worker([contract], name=f"life-{order.life}", lease=LONG_LEASE, settings=settings, store=store)
    _trace(order.life, folder, worker)
    await worker.start()
    await worker.ended()  # never, but for a failure: whoever ordered this life ends it
    raise RuntimeError(worker.failure or "the worker stopped")


# kills


def _arm(order: Order, folder: Path) -> None:
    """Have this process kill itself before a flush is sent, or after its answer has come."""
    append = Records.append
    moment = None if order.moment is None else Moment(**order.moment)
    count = 0

    async def bounded(self: Records, connection: Any, instance: Any, flush: Any) -> Any:
        nonlocal count
        count += 1
        moments = _moments(flush)
        is_here = count == order.number or (moment is not None and moment in moments)
        if order.is_to_live:
            write_sent(folder, moments)
        if is_here:
            # Written down before it is sent: whoever sees the workflow ended ends this process at once.
            write_boundary(folder, Boundary(count, order.when, moments))
            if order.when == "before":
                _die()
        answers = await append(self, connection, instance, flush)
        if is_here:
            _die()
        return answers

    Records.append = bounded  # type: ignore[method-assign]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _moments(flush: Any) -> tuple[Moment, ...]:
    return tuple(Moment(*(record[place] for place in _PLACES)) for record in flush.records)


# notes


def _trace(life: int, folder: Path, worker: Worker) -> None:
    """Have everything the author wrote note its beginning and its end."""
    parts = _parts(worker)
    may_begin, start = Runner.may_begin, Try.start
    last: Execution | None = None

    def noted_may_begin(self: Runner, execution: Execution) -> bool:
        nonlocal last
        last = execution  # what may begin is begun in the same breath
        return may_begin(self, execution)

    def noted_start(
        self: Try, function: Callable[..., Any], args: Any, kwargs: Any, attempt: Attempt, **rest: Any
    ) -> None:
        part = parts.get(function)
        if part is not None and last is not None:
            step, role = part
            note = functools.partial(
                Note, life, str(last.runner.workflow_id), last.address, step.name, role, key=attempt.key
            )
            write = functools.partial(_write, folder, note, step, role)
            function = _noted(function, write, is_async=rest["is_async"])
        start(self, function, args, kwargs, attempt, **rest)

    Runner.may_begin = noted_may_begin  # type: ignore[method-assign]
    Try.start = noted_start  # type: ignore[method-assign]


def _parts(worker: Worker) -> dict[Callable[..., Any], tuple[Step[..., Any], str]]:
    """Return every function that may act or tell, with its step and its role."""
    found: dict[Callable[..., Any], tuple[Step[..., Any], str]] = {}
    for contract in worker.contracts.values():
        for step in contract.steps:
            if isinstance(step, Contract):
                continue
            found[step.function] = step, step.word
            for name in ("probe", "undo", "compensate"):
                if name in step.hooks:
                    found[step.hooks[name].function] = step, name
    return found


def _write(
    folder: Path, note: Callable[..., Note], step: Step[..., Any], role: str, what: str, value: Any
) -> None:
    text = None
    if what == "raised":
        text = type(value).__name__
    elif what == "returned" and role == "probe":
        text = (
            "happened"
            if isinstance(value, Happened)
            else "not_happened"
            if isinstance(value, NotHappened)
            else "unknown"
        )
    elif what == "returned" and role in ("step", "effect"):
        try:
            text = step.codec.encode_result(value).decode()
        except InvalidInput:
            text = None
    write_note(folder, note(what, value=text))


def _noted(
    function: Callable[..., Any], write: Callable[[str, Any], None], *, is_async: bool
) -> Callable[..., Any]:
    if is_async:

        async def run_async(*args: Any, **kwargs: Any) -> Any:
            write("began", None)
            try:
                value = await function(*args, **kwargs)
            except BaseException as error:
                write("raised", error)
                raise
            write("returned", value)
            return value

        return run_async

    def run(*args: Any, **kwargs: Any) -> Any:
        write("began", None)
        try:
            value = function(*args, **kwargs)
        except BaseException as error:
            write("raised", error)
            raise
        write("returned", value)
        return value

    return run
