"""The time of a trial: real time plus an offset that the processes of one trial share, so that no timer is waited out.

The offset is eight bytes of a file that each of them has mapped. It only grows, and only while nothing executes.
"""

from __future__ import annotations

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

_FORMAT = struct.Struct("=q")


class SharedClock:
    """One trial's clock in one process. The database's own clock holds until it is first moved."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_FORMAT.pack(0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _FORMAT.size)

    def now(self) -> datetime | None:
        """Return the instant for statements; None while the database's clock holds."""
        ahead = self._ahead()
        return datetime.now(UTC) + timedelta(microseconds=ahead) if ahead else None

    def skip_to(self, instant: datetime) -> None:
        """Move time on to `instant`, in every process of the trial; does nothing for one that has passed."""
        ahead = (instant - datetime.now(UTC)) // timedelta(microseconds=1)
        if ahead > self._ahead():
            _FORMAT.pack_into(self._map, 0, ahead)

    def close(self) -> None:
        """Give the file up."""
        self._map.close()

    def _ahead(self) -> int:
        (ahead,) = _FORMAT.unpack_from(self._map, 0)
        return int(ahead)
