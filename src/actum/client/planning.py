"""What a rollback would do, read without touching anything."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import orjson

from actum.engine.rollback import read_standing, stand
from actum.machine.rollback import Entry, plan
from actum.store.store import Store


async def plan_rollback(store: Store, workflow_id: UUID, to: str | None) -> list[Entry]:
    """Return the plan a rollback would write now, by the contracts as registered.

    With `to`, only what was done after the effect or step at that address ended. A worker makes the plan anew when
    it begins, so what happens until then is in it.
    """
    rows, children = await read_standing(store, workflow_id)
    reversible = await _read_reversibility(store, {workflow_id, *(child.id for child in children)})
    now = await store.read_clock()
    standing = stand(rows, children, lambda row: reversible.get((row.contract, row.step), "final"), now)
    if to is not None:
        ends = [event.at for event in await store.records.read_events(workflow_id) if event.address == to]
        standing = [one for one in standing if not ends or one.finished_at > ends[-1]]
    return plan(standing)


async def _read_reversibility(store: Store, ids: Iterable[UUID]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for workflow_id in ids:
        row = await store.workflows.get(workflow_id)
        document = await store.contracts.get(row.contract, row.document_hash) if row is not None else None
        steps = orjson.loads(document["document"])["steps"] if document is not None else []
        if row is not None:
            found |= {(row.contract, s["name"]): s["reversibility"] for s in steps if "reversibility" in s}
    return found
