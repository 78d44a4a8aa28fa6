"""Putting files where they belong so that nobody ever sees half of one.

What was renamed, linked or removed survives a power cut once `sync_folder` has returned.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

_SUFFIX = ".new"
_LONGEST_NAME = 100


def sync_folder(folder: Path) -> None:
    """Make what was renamed, linked or removed in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, mode: int) -> None:
    """Make `folder` and what is missing above it, durably; one that exists is left as it is."""
    if folder.is_dir():
        return
    make_folder(folder.parent, 0o777)
    with suppress(FileExistsError):
        folder.mkdir(mode)
    sync_folder(folder.parent)


def tag_of(key: str) -> str:
    """Return what marks the unfinished files of an operation, its undo included."""
    return sha256(key.removesuffix("/undo").encode()).hexdigest()[:8]


def write_beside(
    path: Path,
    content: bytes,
    tag: str,
    mode: int | None,
    owner: tuple[int, int] | None = None,
    changed_at: int | None = None,
) -> Path:
    """Write `content` to a new file beside `path`, on disk when it returns, and return where.

    Without a `mode` it is what the process gives new files. `changed_at` is in nanoseconds since 1970.
    Raises OSError, and leaves nothing behind then; what a crash leaves is for `tidy`.
    """
    beside = path.with_name(f"{_prefix(path)}{tag}-{secrets.token_hex(6)}{_SUFFIX}")
    descriptor = os.open(
        beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if mode is None else 0o600
    )
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            made = os.fstat(descriptor)
            if owner is not None and owner != (made.st_uid, made.st_gid):
                os.fchown(descriptor, *owner)
            if mode is not None:
                os.fchmod(descriptor, mode)
            if changed_at is not None:
                os.utime(descriptor, ns=(changed_at, changed_at))
            os.fsync(descriptor)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return beside


def tidy(path: Path, tag: str) -> None:
    """Remove what crashes left beside `path`: unfinished files of this operation, and second names of a finished one.

    An attempt that is still at it elsewhere then finds its file gone, and does nothing.
    """
    prefix = _prefix(path)
    found = [
        one for one in path.parent.iterdir() if one.name.startswith(prefix) and one.name.endswith(_SUFFIX)
    ]
    for beside in found:
        with suppress(FileNotFoundError):
            if beside.name.startswith(f"{prefix}{tag}-") or beside.samefile(path):
                beside.unlink()


def _prefix(path: Path) -> str:
    is_long = len(path.name.encode()) > _LONGEST_NAME
    return f".{sha256(path.name.encode()).hexdigest()[:32] if is_long else path.name}."


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file and put it at `path`, in place of what may be there; the folder is not synced."""
    os.replace(write_beside(path, content, "kept", mode), path)


def put_in_place(beside: Path, path: Path) -> None:
    """Rename `beside` to `path`, over what is there."""
    try:
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def put_where_nothing_is(beside: Path, path: Path) -> None:
    """Give `beside` the name `path`; raises FileExistsError when something is there."""
    try:
        os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)
