"""Files as they were before an effect touched them, kept beside what is guarded, and the notes that say so.

An image is a copy named by its content's hash; a note, named by the operation key, says which image belongs to which
operation. Both are on disk before the effect begins, so whoever comes after a crash can tell what was there.
Nothing here is thrown away by itself: `Keep.prune` is for whoever knows how long an undo may be wanted.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from stat import S_IMODE, S_ISLNK, S_ISREG

import orjson

from actum.effects.placing import make_folder, sync_folder, write_new
from actum.errors import NotDone
from actum.model.contract import Duration, parse_duration

LONGEST_FILE = 64 * 1024 * 1024
"""Bytes: what is guarded is read whole, to know it by its hash."""


@dataclass(frozen=True, slots=True)
class Image:
    """One file at one moment: what it held (`digest`, SHA-256 as hex, and `size` in bytes), its mode, owner and time.

    `changed_at` is the time of its last change, in nanoseconds since 1970.
    """

    digest: str
    size: int
    mode: int
    uid: int
    gid: int
    changed_at: int

    def looks_like(self, other: Image | None) -> bool:
        """Whether `other` has the same content, mode and owner; times may differ."""
        return other is not None and self._state() == other._state()

    def _state(self) -> tuple[object, ...]:
        return self.digest, self.mode, self.uid, self.gid


class Unfit(NotDone):
    """This file cannot be handled safely, or was changed by somebody else; nothing was done."""


def read_file(path: Path) -> tuple[bytes, Image] | None:
    """Return a plain file's content and image, None where nothing is; raises Unfit for anything but one plain file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unfit(
            f"{path} cannot be read ({_kind_of(path) or error.strerror}): name a plain file"
        ) from error
    try:
        status = os.fstat(descriptor)
        _refuse_unfit(path, status)
        content = _read(descriptor)
    finally:
        os.close(descriptor)
    digest = sha256(content).hexdigest()
    mode = S_IMODE(status.st_mode)
    return content, Image(digest, len(content), mode, status.st_uid, status.st_gid, status.st_mtime_ns)


def _refuse_unfit(path: Path, status: os.stat_result) -> None:
    if not S_ISREG(status.st_mode):
        raise Unfit(f"{path} is no plain file: name one")
    if status.st_size > LONGEST_FILE:
        raise Unfit(
            f"{path} has {status.st_size:,} bytes, more than the {LONGEST_FILE:,} that are kept: "
            "write an effect of your own for it"
        )


def _read(descriptor: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        return file.read()


def look_at(path: Path) -> Image | None:
    """Return a plain file's image, None where nothing is; raises Unfit for anything but one plain file."""
    found = read_file(path)
    return None if found is None else found[1]


def _kind_of(path: Path) -> str:
    try:
        return "it is a link" if S_ISLNK(path.lstat().st_mode) else ""
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Note:
    """What stood at a path when an operation began."""

    path: str
    before: Image | None


class Keep:
    """The place where images and notes are; one for each guarded folder, readable by the worker's account alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def note(self, key: str) -> Note | None:
        """Return the note of an operation, None where there is none."""
        try:
            values = orjson.loads(self._note_path(key).read_bytes())
        except FileNotFoundError:
            return None
        before = values["before"]
        return Note(values["path"], None if before is None else Image(**before))

    def put(self, key: str, path: str, content: bytes | None, image: Image | None) -> None:
        """Keep `content` and write the operation's note; both are on disk when it returns. A second call replaces."""
        make_folder(self.folder, 0o700)
        if content is not None and image is not None and not self._is_kept(image):
            write_new(self._image_path(image), content, 0o600)
        body = orjson.dumps({"path": path, "before": None if image is None else asdict(image)})
        write_new(self._note_path(key), body, 0o600)
        sync_folder(self.folder)

    def content(self, image: Image) -> bytes:
        """Return what an image held; raises Unfit when it is gone or was damaged."""
        try:
            content = self._image_path(image).read_bytes()
        except FileNotFoundError:
            raise Unfit(
                f"the copy {image.digest[:12]} is no longer in {self.folder}: restore it from a backup"
            ) from None
        if sha256(content).hexdigest() != image.digest:
            raise Unfit(
                f"the copy {image.digest[:12]} in {self.folder} was changed: restore it from a backup"
            )
        return content

    def prune(self, older_than: Duration) -> int:
        """Remove images and notes not touched for `older_than`, after which no undo restores them; return how many."""
        limit = time.time() - parse_duration(older_than).total_seconds()
        old = [path for path in self.folder.glob("*") if path.is_file() and path.stat().st_mtime < limit]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _is_kept(self, image: Image) -> bool:
        try:
            is_kept = sha256(self._image_path(image).read_bytes()).hexdigest() == image.digest
        except FileNotFoundError:
            return False
        if is_kept:
            os.utime(self._image_path(image))  # wanted again: not old
        return is_kept

    def _image_path(self, image: Image) -> Path:
        return self.folder / f"{image.digest}.image"

    def _note_path(self, key: str) -> Path:
        return self.folder / f"{sha256(key.encode()).hexdigest()}.note"
