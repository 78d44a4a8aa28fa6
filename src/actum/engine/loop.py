"""A background loop of the worker: start, stop, tick, back off, report. The only copy.

A loop is a doer with one pass that does the work and says how much there was; tests call the pass. A pass that fails
because the database is away is tried again after a pause; any other failure is logged, counted and tried again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from actum.errors import DatabaseUnavailable

logger = logging.getLogger("actum.loop")


class Loop:
    """Calls `one_pass` again and again: after `busy` seconds while it finds work, up to `idle` seconds while not."""

    def __init__(
        self, name: str, one_pass: Callable[[], Awaitable[int]], *, busy: float, idle: float
    ) -> None:
        self.name = name
        self._pass = one_pass
        self._busy = busy
        self._idle = idle
        self._nudge = asyncio.Event()
        self._is_stopping = False
        self.passes = 0
        self.failures = 0

    def nudge(self) -> None:
        """Have the next pass begin now."""
        self._nudge.set()

    def stop(self) -> None:
        """End `run` after the pass in progress. A second call, or one before the start, is fine."""
        self._is_stopping = True
        self._nudge.set()

    async def run(self) -> None:
        """Run until stopped."""
        pause, failed = self._busy, 0
        while not self._is_stopping:
            self._nudge.clear()
            found = await self._one()
            failed = failed + 1 if found is None else 0
            if found is None:
                pause = min(0.05 * 2**failed, max(self._idle, 1.0), 5.0)
            elif found > 0:
                pause = self._busy
            else:
                pause = min(max(pause, self._busy) * 1.5, self._idle)
            if not self._is_stopping:
                await self._rest(pause)

    async def _one(self) -> int | None:
        try:
            self.passes += 1
            return await self._pass()
        except DatabaseUnavailable as error:
            if self.failures == 0:
                logger.warning("%s: %s", self.name, error)
            self.failures += 1
        except Exception:
            logger.exception("%s failed and goes on", self.name)
            self.failures += 1
        return None

    async def _rest(self, pause: float) -> None:
        if pause <= 0 or self._nudge.is_set():
            return
        try:
            async with asyncio.timeout(pause * (0.75 + random.random() / 2)):  # noqa: S311  # jitter
                await self._nudge.wait()
        except TimeoutError:
            pass
