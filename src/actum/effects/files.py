"""Files as effects: written, deleted and moved whole, previewed, probed, and put back exactly as they were.

    site = Folder("/srv/site")
    write_page = site.writing("site.write")

In a contract: `await write_page("news/today.html", "<h1>…")`. Each worker that serves the contract must see the folder
and its `keep`, under the same paths. For an effect with parameters of its own, call `actum.effects.writing.write` and
its neighbours in the body and the hooks of your own `@effect`.
"""

from __future__ import annotations

from pathlib import Path

from actum.authoring.effect import DEFAULT_SETTLE_AFTER, Effect, effect
from actum.effects import deleting, moving, writing
from actum.effects.deleting import Deleted, DeleteFacts
from actum.effects.images import Image, Keep, Unfit
from actum.effects.moving import Moved, MoveFacts
from actum.effects.place import Place
from actum.effects.writing import WriteFacts, Written
from actum.errors import InvalidContract
from actum.model.contract import Duration, Retry
from actum.outcomes import Happened, NotHappened, Preview, Unknown

__all__ = [
    "DeleteFacts",
    "Deleted",
    "Folder",
    "Image",
    "MoveFacts",
    "Moved",
    "Unfit",
    "WriteFacts",
    "Written",
]

ONCE = Retry(attempts=1)
"""What a file system refuses, it refuses a second later too: a person looks instead."""


class Folder:
    """A folder whose files effects may touch; paths are relative to it and cannot lead out of it.

    Copies of what is overwritten or deleted are kept in `keep`, by default `.NAME.before` beside the folder, readable
    by the worker's account alone, until `prune` removes them. `timeout` is for one attempt; how long a doubt waits
    before a probe's "no" is believed follows from it and `settle_after`. Raises InvalidContract when `keep` lies in
    the folder itself.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        keep: str | Path | None = None,
        timeout: Duration = "30s",
        settle_after: Duration = DEFAULT_SETTLE_AFTER,
    ) -> None:
        root = Path(root).absolute()
        folder = root.with_name(f".{root.name}.before") if keep is None else Path(keep).absolute()
        if not root.name or folder.is_relative_to(root):
            raise InvalidContract(
                f"the copies of what lies in {root} cannot be kept in {folder}: choose a keep= outside"
            )
        self.place = Place(root, Keep(folder))
        self.timeout = timeout
        self.settle_after = settle_after

    def writing(self, kind: str, *, name: str | None = None) -> Effect[[str, str], Written]:
        """Return an effect that writes a text file; it takes `(path, text)`. Its folder must exist."""
        place = self.place

        @effect(kind, timeout=self.timeout, settle_after=self.settle_after, retry=ONCE, name=name or kind)
        def write(path: str, text: str) -> Written:
            return writing.write(place, path, text)

        @write.preview
        def _(path: str, text: str) -> Preview[WriteFacts]:
            return writing.show(place, path, text)

        @write.probe
        def _(path: str, text: str) -> Happened[Written] | NotHappened | Unknown:
            return writing.was_written(place, path, text)

        @write.undo
        def _(written: Written, path: str, text: str) -> None:
            writing.take_back(place, written)

        return write

    def deleting(self, kind: str, *, name: str | None = None) -> Effect[[str], Deleted]:
        """Return an effect that deletes a file; it takes `(path)`."""
        place = self.place

        @effect(kind, timeout=self.timeout, settle_after=self.settle_after, retry=ONCE, name=name or kind)
        def delete(path: str) -> Deleted:
            return deleting.delete(place, path)

        @delete.preview
        def _(path: str) -> Preview[DeleteFacts]:
            return deleting.show(place, path)

        @delete.probe
        def _(path: str) -> Happened[Deleted] | NotHappened | Unknown:
            return deleting.was_deleted(place, path)

        @delete.undo
        def _(deleted: Deleted, path: str) -> None:
            deleting.take_back(place, deleted)

        return delete

    def moving(self, kind: str, *, name: str | None = None) -> Effect[[str, str], Moved]:
        """Return an effect that moves a file to a name that is free; it takes `(source, target)`."""
        place = self.place

        @effect(kind, timeout=self.timeout, settle_after=self.settle_after, retry=ONCE, name=name or kind)
        def move(source: str, target: str) -> Moved:
            return moving.move(place, source, target)

        @move.preview
        def _(source: str, target: str) -> Preview[MoveFacts]:
            return moving.show(place, source, target)

        @move.probe
        def _(source: str, target: str) -> Happened[Moved] | NotHappened | Unknown:
            return moving.was_moved(place, source, target)

        @move.undo
        def _(moved: Moved, source: str, target: str) -> None:
            moving.take_back(place, moved)

        return move

    def prune(self, older_than: Duration) -> int:
        """Remove the copies that nobody has needed for `older_than`; return how many files went.

        What is gone cannot be undone, nor probed: choose more than a workflow may last and an undo may be wanted.
        """
        return self.place.keep.prune(older_than)
