"""The folder of one test run's embedded server: chosen by name alone, so that every process of the run finds it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  # our folder in it is 0711, the database in that 0700
END_SECONDS = 20.0
"""How long the embedded server may take to end before its folder is left behind."""


def make_folder(token: str) -> Path:
    """Return the folder of the run `token`, making it: in memory where there is room, for databases come and go."""
    for folder in _folders(token):
        if folder.is_dir():
            return folder
    memory, disk = _folders(token)
    folder = memory if _is_roomy(MEMORY) else disk
    folder.mkdir(mode=0o711, exist_ok=True)
    folder.chmod(0o711)  # whatever the umask: the server's account has to pass through
    return folder


def remove_folder(token: str) -> None:
    """Remove the run's folder once its server has ended; does nothing where there is none."""
    for folder in _folders(token):
        if folder.is_dir() and sys.platform != "win32":
            _remove(folder)


def _folders(token: str) -> tuple[Path, Path]:
    name = f"actum-test-{token}"
    return MEMORY / name, Path(tempfile.gettempdir()) / name


def _is_roomy(place: Path) -> bool:
    if sys.platform != "linux" or not place.is_dir() or os.statvfs(place).f_flag & os.ST_NOEXEC:
        return False
    return shutil.disk_usage(place).free > 2**30


def _remove(folder: Path) -> None:
    from actum.store.embedded_locks import FileLock

    locks = (folder / "postgres").resolve() / "locks"
    server = FileLock(locks / "server")
    with suppress(OSError):
        if not locks.is_dir() or _eventually(server.try_exclusive):
            shutil.rmtree(folder)
    server.release()


def _eventually(happened: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + END_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
