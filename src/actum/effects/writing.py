"""Writing one text file: what was there is kept, the new one appears whole, and the undo puts the old one back."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import unified_diff
from hashlib import sha256
from pathlib import Path

from actum.effects.images import Image, Unfit, look_at, read_file
from actum.effects.place import Place, is_same, key_of_attempt, nothing_done_yet, refuse_other_names
from actum.effects.placing import put_in_place, put_where_nothing_is, sync_folder, tag_of, tidy, write_beside
from actum.outcomes import Happened, NotHappened, Preview, Unknown

LONGEST_DIFF = 400
"""Lines of a diff that are shown."""

LONGEST_COMPARED = 1024 * 1024
"""Bytes, old and new together: comparing takes longer than it is long."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written: as it was (None: it did not exist) and as it is."""

    path: str
    before: Image | None
    after: Image


def write(place: Place, path: str, text: str) -> Written:
    """Write `text` as UTF-8 to `path`; whoever reads sees the old file or the new one, mode and owner kept.

    A second call under the same key finds the work of the first. Raises Unfit when nothing was done.
    """
    content, target, key = text.encode(), place.at(path), key_of_attempt()
    with nothing_done_yet(target):
        tidy(target, tag_of(key))
        found, note = read_file(target), place.keep.note(key)
    before = found[1] if found else None
    if note is not None and before is not None and before.digest == _digest(content):
        return Written(path, note.before, before)
    with nothing_done_yet(target):
        if before is not None:
            refuse_other_names(target)
        place.keep.put(key, path, found[0] if found else None, before)
        _replace(target, before, content, tag_of(key))
    sync_folder(target.parent)
    after = look_at(target)
    if after is None or after.digest != _digest(content):
        raise OSError(f"{target} was changed by somebody else while it was written")
    return Written(path, before, after)


def _replace(target: Path, before: Image | None, content: bytes, tag: str) -> None:
    if before is None:
        put_where_nothing_is(write_beside(target, content, tag, None), target)
        return
    beside = write_beside(target, content, tag, before.mode, (before.uid, before.gid))
    try:
        _refuse_change(target, before)
    except Unfit:
        beside.unlink(missing_ok=True)
        raise
    put_in_place(beside, target)


def _refuse_change(target: Path, expected: Image) -> None:
    if not expected.looks_like(look_at(target)):
        raise Unfit(f"{target} was changed by somebody else since it was looked at, and is left as it is")


def was_written(place: Place, path: str, text: str) -> Happened[Written] | NotHappened | Unknown:
    """Answer the probe, from the file's content and the note: new, as it was before, or neither."""
    note, now = place.keep.note(key_of_attempt()), place.image_at(path)
    is_new = now is not None and now.digest == _digest(text.encode())
    if note is None:  # it is written before anything else is
        return Unknown() if is_new else NotHappened()
    if now is not None and is_new:
        return Happened(Written(path, note.before, now))
    return NotHappened() if is_same(note.before, now) else Unknown()


def take_back(place: Place, written: Written) -> None:
    """Put back what was there: content, mode, owner and time of change; a second call finds it done.

    Raises Unfit, and leaves the file, when somebody has changed it since.
    """
    target, before, tag = place.at(written.path), written.before, tag_of(key_of_attempt())
    with nothing_done_yet(target):
        tidy(target, tag)
        now = look_at(target)
    if is_same(before, now):
        return
    if not written.after.looks_like(now):
        raise Unfit(_left(place, written))
    with nothing_done_yet(target):
        refuse_other_names(target)
        if before is None:
            target.unlink()
        else:
            content = place.keep.content(before)
            owner = (before.uid, before.gid)
            put_in_place(write_beside(target, content, tag, before.mode, owner, before.changed_at), target)
    sync_folder(target.parent)


def _left(place: Place, written: Written) -> str:
    kept = written.before
    copy = (
        f"; as it was it lies in {place.keep.folder / kept.digest}.image"
        if kept
        else "; it did not exist before"
    )
    return f"{written.path} was changed by somebody else since it was written, and is left as it is{copy}"


@dataclass(frozen=True, slots=True)
class WriteFacts:
    """What policy is told: the path below the place, whether a file is there, and its size in bytes, now and then."""

    path: str
    exists: bool
    bytes_before: int
    bytes_after: int


def show(place: Place, path: str, text: str) -> Preview[WriteFacts]:
    """Return the preview: the byte counts before and after, and a unified diff."""
    found = read_file(place.at(path))
    old, new = found[0] if found else b"", text.encode()
    before = found[1] if found else None
    sizes = f"{len(old):,} → {len(new):,} bytes" if before else f"new, {len(new):,} bytes"
    return Preview(
        f"Write 1 file below {place.root}: {path} ({sizes})",
        target=str(place.root / path),
        facts=WriteFacts(path, before is not None, len(old), len(new)),
        diff=_diff(path, old, text),
        relies_on=before.digest if before else "absent",
    )


def _diff(path: str, old: bytes, text: str) -> str:
    if len(old) + len(text) > LONGEST_COMPARED:
        return f"{len(old) + len(text):,} bytes are too many to compare here"
    try:
        was = old.decode()
    except UnicodeDecodeError:
        return f"before: {len(old):,} bytes that are no text (SHA-256 {_digest(old)[:12]})"
    lines = [
        line.rstrip("\n")
        for line in unified_diff(was.splitlines(), text.splitlines(), path, path, lineterm="")
    ]
    if len(lines) > LONGEST_DIFF:
        return "\n".join([*lines[:LONGEST_DIFF], f"… and {len(lines) - LONGEST_DIFF:,} more lines"])
    return "\n".join(lines)


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
