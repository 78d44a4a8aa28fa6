"""The process in which one workflow runs alone: a worker of one contract that claims it, and ends when it is let go.

It is told to drain by the worker that started it, over a pipe, or by a signal of its own: a terminal's Ctrl-C reaches
both, and is one drain. A second signal leaves at once. If the worker that started it dies, it goes on; if this process
dies, its workflow is taken over as after any crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from importlib import import_module
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NoReturn

from actum.errors import ActumError

if TYPE_CHECKING:
    from actum.authoring.contract import Contract
    from actum.engine.alone import Errand
    from actum.engine.worker import Worker

logger = logging.getLogger("actum.isolator")

STOPPING = (signal.SIGTERM, signal.SIGINT)
NOT_FOUND = 69
"""Exit status of a process that cannot import its contract."""


def run_single(errand: Errand, line: Connection) -> None:
    """Be the process; `line` brings the seconds of grace of a drain. It is started with SIGINT blocked."""
    try:
        contract = _find(errand)
    except (ImportError, AttributeError) as error:
        logger.error("%s cannot be run alone, and is run where it crashed: %s", errand.contract, error)
        _leave(NOT_FOUND)
    try:
        was_drained = asyncio.run(_serve(contract, errand, line))
    except ActumError as error:
        logger.error("%s cannot be run alone now: %s", errand.contract, error)
        _leave(1)
    if was_drained:
        _leave(0)


def _find(errand: Errand) -> Contract[..., Any]:
    place = sys.modules["__mp_main__"] if errand.module == "__main__" else import_module(errand.module)
    found: Contract[..., Any] = getattr(place, errand.contract)
    return found


async def _serve(contract: Contract[..., Any], errand: Errand, line: Connection) -> bool:
    """Return whether it was drained."""
    from actum.engine.worker import Worker

    drain = Drain(line)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    async with Worker(
        [contract],
        name=errand.name,
        concurrency=1,
        queues=errand.queues,
        grace=errand.grace,
        settings=errand.settings,
        only=errand.workflow_id,
    ) as worker:
        drain.worker = worker
        await worker.wait_until_served()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the loop takes its handlers away
        return await drain.finish()


class Drain:
    """The one drain of a process, whoever asks for it first; before `worker` has started nothing is held, so it ends."""

    def __init__(self, line: Connection) -> None:
        self.worker: Worker | None = None
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._signals = 0
        self._stopping: asyncio.Task[None] | None = None
        for number in STOPPING:
            self._loop.add_signal_handler(number, self._signalled)
        self._loop.add_reader(line.fileno(), self._told)

    async def finish(self) -> bool:
        """Hear nobody any more, wait for the end of a drain that has begun, and return whether one has."""
        self._loop.remove_reader(self._line.fileno())
        if self._stopping is None:
            return False
        await self._stopping
        return True

    def _begin(self, grace: float | None) -> None:
        if self.worker is None:
            _leave(0)
        if self._stopping is None:
            self._stopping = self._loop.create_task(self.worker.stop(grace), name="actum stop")

    def _signalled(self) -> None:
        self._signals += 1
        if self._signals > 1:
            _leave(1)
        self._begin(None)

    def _told(self) -> None:
        """Take what came over the pipe; its end says that the worker that started this process is gone."""
        self._loop.remove_reader(self._line.fileno())
        with contextlib.suppress(EOFError):
            self._begin(self._line.recv())


def _leave(status: int) -> NoReturn:
    """End the process now: a plain step that still runs in a thread would hold it back."""
    logging.shutdown()
    with contextlib.suppress(OSError, ValueError):  # nobody reads any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)
