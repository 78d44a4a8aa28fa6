"""The database's clock, known to a worker without asking for every record.

The offset between the database's clock and this process's monotonic one is learnt at start and with every
heartbeat. Instants of one process never go back. Where tests move time, their clock is the database's.

It is behind rather than ahead: what is stamped as ready now must be ready for the claim that follows at once.
"""

from __future__ import annotations

import time
from datetime import datetime

from actum.engine.log import to_datetime, to_microseconds
from actum.store.pool import Now


class DatabaseClock:
    """An estimate of the database's clock, in microseconds since the epoch: behind it by at most one round trip."""

    def __init__(self, moved: Now) -> None:
        self._moved = moved
        self._offset = time.time_ns() // 1000 - time.monotonic_ns() // 1000
        self._is_guess = True
        self._last = 0

    def learn(self, instant: datetime, asked_at: int, answered_at: int) -> None:
        """Take the database's `instant`, read between two readings of the monotonic clock in microseconds.

        What is known stays unless this proves it wrong: an answer that took long says little.
        """
        least, most = to_microseconds(instant) - answered_at, to_microseconds(instant) - asked_at
        if self._is_guess or not least <= self._offset <= most:
            self._offset = least
        self._is_guess = False

    def now(self) -> int:
        """Return the instant, never one before an instant returned earlier."""
        moved = self._moved()
        instant = to_microseconds(moved) if moved is not None else time.monotonic_ns() // 1000 + self._offset
        self._last = max(self._last, instant)
        return self._last

    def now_as_datetime(self) -> datetime:
        """Return the instant as a datetime in UTC."""
        return to_datetime(self.now())


def monotonic_us() -> int:
    """Return this process's monotonic clock in microseconds."""
    return time.monotonic_ns() // 1000
