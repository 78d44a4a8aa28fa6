"""Moving one file to a name that is free: it is linked there first, so that nothing is ever overwritten or lost.

A crash between the two halves leaves the file under both names, and a person is asked; another attempt, or undo, then
ends what was begun.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from actum.effects.images import Image, Unfit, look_at
from actum.effects.place import Place, key_of_attempt, nothing_done_yet, refuse_other_names
from actum.effects.placing import sync_folder
from actum.outcomes import Happened, NotHappened, Preview, Unknown


@dataclass(frozen=True, slots=True)
class Moved:
    """A file that was moved, and what it holds."""

    source: str
    target: str
    image: Image


def move(place: Place, source: str, target: str) -> Moved:
    """Give the file at `source` the name `target`; a second call under the same key finds or ends the first's work.

    Raises Unfit when nothing was done: nothing at `source`, something at `target`, or another file system.
    """
    key, old, new = key_of_attempt(), place.at(source), place.at(target)
    now, note = look_at(old), place.keep.note(key)
    if now is None:
        there = look_at(new)
        if note is not None and note.before is not None and note.before.looks_like(there):
            return Moved(source, target, note.before)
        raise Unfit(f"there is no {source} below {place.root} to move")
    with nothing_done_yet(new):
        place.keep.put(key, source, None, now)
    _carry(old, new)
    return Moved(source, target, now)


def _carry(old: Path, new: Path) -> None:
    with nothing_done_yet(new):
        if not _is_one(old, new):
            refuse_other_names(old)
            os.link(old, new)
    old.unlink()
    for folder in {new.parent, old.parent}:
        sync_folder(folder)


def _is_one(old: Path, new: Path) -> bool:
    """Whether both names are of one file: an earlier move was cut short."""
    try:
        return old.samefile(new) and old != new
    except FileNotFoundError:
        return False


def was_moved(place: Place, source: str, target: str) -> Happened[Moved] | NotHappened | Unknown:
    """Answer the probe: under its new name alone, under its old one alone, or neither."""
    note, old, new = place.keep.note(key_of_attempt()), place.image_at(source), place.image_at(target)
    if note is None or note.before is None:
        return Unknown() if old is None else NotHappened()
    if old is None and note.before.looks_like(new):
        return Happened(Moved(source, target, note.before))
    return NotHappened() if new is None and note.before.looks_like(old) else Unknown()


def take_back(place: Place, moved: Moved) -> None:
    """Give the file its old name back; a second call finds or ends the first's work.

    Raises Unfit when the file was changed, or its old name taken, by somebody else.
    """
    old, new = place.at(moved.source), place.at(moved.target)
    there, back = look_at(new), look_at(old)
    if there is None and moved.image.looks_like(back):
        return
    if not moved.image.looks_like(there):
        raise Unfit(
            f"{moved.target} was changed by somebody else since it was moved there, and is left as it is"
        )
    _carry(new, old)


@dataclass(frozen=True, slots=True)
class MoveFacts:
    """What policy is told: from where and to where below the place, and the file's size in bytes, now and then."""

    path: str
    to: str
    bytes_before: int
    bytes_after: int


def show(place: Place, source: str, target: str) -> Preview[MoveFacts]:
    """Return the preview: from where, to where, and how big."""
    now = place.image_at(source)
    if now is None:
        raise Unfit(f"there is no {source} below {place.root} to move")
    if place.image_at(target) is not None:
        raise Unfit(f"{target} exists below {place.root}, and a move overwrites nothing: delete it first")
    return Preview(
        f"Move 1 file below {place.root}: {source} → {target} ({now.size:,} bytes)",
        target=str(place.root / target),
        facts=MoveFacts(source, target, bytes_before=now.size, bytes_after=now.size),
        relies_on=now.digest,
    )
