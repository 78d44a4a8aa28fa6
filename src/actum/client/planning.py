"""What a rollback would do, read without touching anything; and which addresses it can be limited to."""

from __future__ import annotations

from uuid import UUID

from actum.engine.history import read_history
from actum.engine.rollback import from_json
from actum.engine.standing import read_courses, read_found
from actum.errors import InvalidInput
from actum.machine.rollback import Course, Entry
from actum.model.ids import short
from actum.model.workflow import Status
from actum.store.store import Store

NAMED = 20
"""How many addresses a refusal names."""


async def plan_rollback(store: Store, workflow_id: UUID, to: str | None) -> list[Entry]:
    """Return the plan a rollback would write now, by the contracts as registered, or what is left of one under way.

    With `to`, only what was done after the effect or step at that address ended: what a child did counts from where
    the child finished. A worker makes the plan anew when it begins, so what happens until then is in it.

    Raises InvalidInput where nothing has ended at `to`.
    """
    found = await read_found(store, workflow_id)
    if to is not None:
        _require_ended(found.course, workflow_id, to)
    begun = await _read_rest(store, workflow_id)
    return found.plan(to) if begun is None else begun


async def require_ended(store: Store, workflow_id: UUID, to: str) -> None:
    """Raise InvalidInput, naming addresses that have ended, where nothing has ended at `to`."""
    courses = await read_courses(store, [workflow_id])
    _require_ended(courses.get(workflow_id, Course()), workflow_id, to)


def _require_ended(course: Course, workflow_id: UUID, to: str) -> None:
    if to in course.ends:
        return
    newest = sorted(course.ends.values(), key=lambda fact: fact.seq)[-NAMED:]
    named = ", ".join(f"{fact.address} ({fact.step})" if fact.step else fact.address for fact in newest)
    more = len(course.ends) - len(newest)
    way = f"say one of {named}" + (f" or one of {more} earlier ones" if more else "")
    raise InvalidInput(
        f"nothing has ended at {to!r} in workflow {short(workflow_id)}: "
        + (way if newest else "nothing in it has ended yet, and without an address all of it is undone"),
        path="to",
    )


async def _read_rest(store: Store, workflow_id: UUID) -> list[Entry] | None:
    """Return what is left of a plan under way, or None where there is none."""
    row = await store.workflows.get(workflow_id)
    if row is None or row.status not in (Status.ROLLING_BACK, Status.BLOCKED, Status.PAUSED):
        return None
    history = read_history(await store.records.read([workflow_id]))
    entries = [from_json(entry) for entry in history.plan]
    return [entry for entry in entries if entry.address not in history.undone] if entries else None
