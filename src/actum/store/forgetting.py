"""Deletes keys of other databases that the ledger answers for by itself: nobody asks under them again.

A key there outlives whatever could repeat its operation. It may go only where the ledger has the operation as
succeeded or undone, all workflows that did or hold it have ended, and both are older than any backup of the ledger that
might be restored: a restored ledger would not know of what was done, and then the key alone keeps it from happening
again. A claim that was never completed, and a key that the ledger does not know, stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from actum.errors import InvalidInput
from actum.store.keys import OperationKeys
from actum.store.store import Store

KEPT = timedelta(days=400)
"""How long keys are kept unless somebody says otherwise."""
FEWEST = timedelta(days=30)
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many keys were old enough to be looked at, and how many of them could go."""

    old: int
    forgotten: int


async def forget_keys(store: Store, keys: OperationKeys, *, older: timedelta, is_trial: bool) -> Forgotten:
    """Delete the keys that nobody can come back to, page by page, or only count them in a trial.

    A second call finds nothing more. If the process dies half-way, what is deleted could go, and the rest is still
    there. Raises InvalidInput for less than thirty days, and the driver's errors.
    """
    if older < FEWEST:
        raise InvalidInput(
            f"keys are kept for {FEWEST.days} days at least, or a ledger restored from a backup could repeat effects: "
            "give --older 30d or more"
        )
    old = forgotten = 0
    last = "", ""
    while page := await keys.list_done(older, last, PAGE):
        last = page[-1]
        free = await store.effects.list_forgettable(page, older)
        old += len(page)
        forgotten += len(free) if is_trial or not free else await keys.forget(free)
    return Forgotten(old, forgotten)
