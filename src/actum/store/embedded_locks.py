"""File locks that tell the living from the dead, for the embedded server.

A lock is a `flock` on an open file: the kernel gives it up when the last process that inherited the file is gone,
however it went. So a lock that can be taken proves that its former holders are dead, which no pid can prove.
A process forked from Python (`os.fork`, `multiprocessing`) closes its copies at once, or it would keep its parent's
locks alive; a program started by `subprocess` never sees them.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path


class FileLock:
    """One process's place in the queue for one lock file; neither blocks nor trusts the file's content.

    Taking it twice is harmless, releasing it twice too. It belongs to this process alone: in a forked child it is
    released from the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def try_exclusive(self) -> bool:
        """Takes the lock for us alone; `False` while anybody holds it. Raises `OSError` for an unusable file."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """Takes the lock together with others; `False` while somebody holds it alone. Raises `OSError` likewise."""
        return self._try(fcntl.LOCK_SH)

    def fileno(self) -> int:
        """The open file, to hand the lock to a child process; raises `ValueError` when it is not open."""
        if self._file is None:
            raise ValueError(f"the lock {self._path} is not open")
        return self._file

    def release(self) -> None:
        """Gives up this process's share; a child that was handed the file keeps the lock."""
        with _gate:
            _open.discard(self)
            file, self._file = self._file, None
            if file is not None:
                os.close(file)

    def _try(self, kind: int) -> bool:
        with _gate:
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
                _open.add(self)
        try:
            fcntl.flock(self._file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _abandon(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


_open: set[FileLock] = set()
_gate = threading.Lock()  # no fork falls between opening a file and listing it in `_open`


def _abandon_in_child() -> None:
    for lock in _open:
        lock._abandon()
    _open.clear()
    _gate.release()


os.register_at_fork(before=_gate.acquire, after_in_parent=_gate.release, after_in_child=_abandon_in_child)
