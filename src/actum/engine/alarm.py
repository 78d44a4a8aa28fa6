"""Remembers the earliest instant at which a workflow parked here is ready again: only a hint, the poll finds it anyway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from actum.engine.clock import DatabaseClock

LONGEST = 3600.0
"""Seconds ahead for which an instant is remembered; the poll finds later ones."""


class Alarm:
    """Calls `ring` at the earliest instant that was set."""

    def __init__(self, clock: DatabaseClock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._due: int | None = None
        self._handle: asyncio.TimerHandle | None = None

    def set(self, due: int) -> None:
        """Ring at this instant (microseconds), unless an earlier one is set."""
        if self._due is not None and self._due <= due:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._due = due
        delay = max(due - self._clock.now(), 0) / 1e6
        if delay < LONGEST:
            self._handle = asyncio.get_running_loop().call_later(delay, self._now)
        else:
            self._due = None

    def _now(self) -> None:
        self._due = self._handle = None
        self._ring()
