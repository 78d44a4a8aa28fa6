"""Time that tests move: the instant every statement gets, and the one workers and clients count with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from actum.errors import InvalidInput
from actum.model.contract import Duration, parse_duration


class Clock:
    """The database's own clock until first moved; from then on real time plus what was added.

    Time-outs of attempts and the lease of a worker run in real time: what is moved is the time of workflows.
    """

    def __init__(self) -> None:
        self._ahead: timedelta | None = None
        self._hearers: list[Callable[[], None]] = []

    def now(self) -> datetime | None:
        """Return the instant for statements; None while the database's clock holds."""
        return None if self._ahead is None else datetime.now(UTC) + self._ahead

    def read(self) -> datetime:
        """Return the instant as a test sees it."""
        return self.now() or datetime.now(UTC)

    def advance(self, length: Duration) -> datetime:
        """Move time on by `length` (`"1h"`, `"3d"` or a timedelta), tell who waits, and return the new instant."""
        self._ahead = (self._ahead or timedelta()) + parse_duration(length)
        return self._moved()

    def advance_to(self, instant: datetime) -> datetime:
        """Move time on to `instant`; raises InvalidInput for one that has passed or has no zone."""
        if instant.tzinfo is None or instant < self.read():
            raise InvalidInput(f"{instant} is not ahead of {self.read()} (UTC): time goes forward only")
        self._ahead = instant - datetime.now(UTC)
        return self._moved()

    def hear(self, heard: Callable[[], None]) -> None:
        """Call `heard` whenever time was moved."""
        self._hearers.append(heard)

    def _moved(self) -> datetime:
        for heard in self._hearers:
            heard()
        return self.read()
