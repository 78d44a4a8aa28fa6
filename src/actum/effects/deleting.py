"""Deleting one file: a copy is kept, and the undo puts it back where nothing is."""

from __future__ import annotations

from dataclasses import dataclass

from actum.effects.images import Image, Unfit, look_at, read_file
from actum.effects.place import Place, key_of_attempt, nothing_done_yet, refuse_other_names
from actum.effects.placing import put_where_nothing_is, sync_folder, tag_of, tidy, write_beside
from actum.outcomes import Happened, NotHappened, Preview, Unknown


@dataclass(frozen=True, slots=True)
class Deleted:
    """A file that was deleted, as it was."""

    path: str
    before: Image


def delete(place: Place, path: str) -> Deleted:
    """Delete the file at `path`; a second call under the same key finds the work of the first.

    Raises Unfit when nothing was done, also when there is nothing to delete.
    """
    target, key = place.at(path), key_of_attempt()
    with nothing_done_yet(target):
        tidy(target, tag_of(key))
        found, note = read_file(target), place.keep.note(key)
    if found is None:
        if note is None or note.before is None:
            raise Unfit(f"there is no {path} below {place.root} to delete")
        return Deleted(path, note.before)
    with nothing_done_yet(target):
        refuse_other_names(target)
        place.keep.put(key, path, *found)
        if not found[1].looks_like(look_at(target)):
            raise Unfit(f"{target} was changed by somebody else since it was looked at, and is left as it is")
        target.unlink()
    sync_folder(target.parent)
    return Deleted(path, found[1])


def was_deleted(place: Place, path: str) -> Happened[Deleted] | NotHappened | Unknown:
    """Answer the probe: gone after its copy was kept, there as it was, or neither."""
    note, now = place.keep.note(key_of_attempt()), place.image_at(path)
    if note is None or note.before is None:
        return Unknown() if now is None else NotHappened()
    if now is None:
        return Happened(Deleted(path, note.before))
    return NotHappened() if note.before.looks_like(now) else Unknown()


def take_back(place: Place, deleted: Deleted) -> None:
    """Put the file back: content, mode, owner and time of change; a second call finds it done.

    Raises Unfit when somebody has put another file there.
    """
    target, before, tag = place.at(deleted.path), deleted.before, tag_of(key_of_attempt())
    with nothing_done_yet(target):
        tidy(target, tag)
        now = look_at(target)
    if before.looks_like(now):
        return
    if now is not None:
        raise Unfit(
            f"{deleted.path} was made anew by somebody else since it was deleted, and is left as it is; "
            f"as it was it lies in {place.keep.folder / before.digest}.image"
        )
    with nothing_done_yet(target):
        content = place.keep.content(before)
        owner = (before.uid, before.gid)
        put_where_nothing_is(
            write_beside(target, content, tag, before.mode, owner, before.changed_at), target
        )
    sync_folder(target.parent)


@dataclass(frozen=True, slots=True)
class DeleteFacts:
    """What policy is told: the path below the place, and the file's size in bytes, now and then."""

    path: str
    bytes_before: int
    bytes_after: int


def show(place: Place, path: str) -> Preview[DeleteFacts]:
    """Return the preview: what goes, and how big it is."""
    now = place.image_at(path)
    if now is None:
        raise Unfit(f"there is no {path} below {place.root} to delete")
    return Preview(
        f"Delete 1 file below {place.root}: {path} ({now.size:,} bytes)",
        target=str(place.root / path),
        facts=DeleteFacts(path, bytes_before=now.size, bytes_after=0),
        relies_on=now.digest,
    )
