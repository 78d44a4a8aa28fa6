"""The auditor: folds every workflow's events and compares the sum with its row, after every test with a database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from actum.errors import ActumError
from actum.machine import chain
from actum.machine.decisions import Decision, verify_decisions
from actum.machine.fold import fold
from actum.model.events import Event
from actum.model.ids import short
from actum.store.rows import WorkflowRow
from actum.store.store import Store

PAGE = 500


async def audit(store: Store) -> list[str]:
    """Return every difference between rows, logs, payloads and ledger as a sentence; an empty list is as it should be.

    Reads several tables one after the other, so nothing may be writing: workers are stopped before.
    """
    found: list[str] = []
    async for row in every_workflow(store):
        events = await store.records.read_events(row.id)
        found += compare_row(row, events)
        found += await _compare_payloads(store, row, events)
    found += [
        f"workflow {short(workflow_id)}, {address}: {violation}"
        for workflow_id, address, violation in await store.effects.find_violations()
    ]
    return found + await _compare_decisions(store)


async def every_workflow(store: Store) -> AsyncIterator[WorkflowRow]:
    """Yield all rows of a database, newest first."""
    before: UUID | None = None
    while page := await store.workflows.list(before=before, count=PAGE):
        for row in page:
            yield row
        before = page[-1].id


def compare_row(row: WorkflowRow, events: list[Event]) -> list[str]:
    """Return the columns of `row` that its events do not add up to, each as a sentence."""
    name = f"workflow {short(row.id)} ({row.contract})"
    try:
        sum_of = fold(events)
    except ActumError as error:
        return [f"{name}: its events are no history: {error}"]
    pairs = {
        "status": (sum_of.status.value, row.status),
        "cause": (sum_of.cause and sum_of.cause.value, row.cause),
        "current_step": (sum_of.current_step, row.current_step),
        "attempt_count": (sum_of.attempt_count, row.attempt_count),
        "next_seq": (sum_of.next_seq, row.next_seq),
        "chain_head": (sum_of.chain_head.hex(), row.chain_head.hex()),
        "finished_at is set": (sum_of.finished_at is not None, row.finished_at is not None),
    }
    found = [
        f"{name}: column {column} is {held!r}, and its events say {said!r}"
        for column, (said, held) in pairs.items()
        if said != held
    ]
    verdict = chain.verify(events, row.chain_head, row.next_seq)
    if not isinstance(verdict, chain.Intact):
        found.append(f"{name}: its chain is not intact: {verdict}")
    return found


async def _compare_payloads(store: Store, row: WorkflowRow, events: list[Event]) -> list[str]:
    name = f"workflow {short(row.id)} ({row.contract})"
    snapshots = {one.seq: one for one in await store.records.read_snapshots(row.id)}
    found = []
    for event in events:
        kept = snapshots.pop(event.seq, None)
        if event.payload_hash is None:
            if kept is not None:
                found.append(f"{name}: event {event.seq} names no payload, and there is one")
        elif kept is None:
            found.append(f"{name}: the payload of event {event.seq} is missing")
        elif event.payload_hash != chain.payload_hash(row.salt or b"", kept.argument_hash, kept.body):
            found.append(f"{name}: the payload of event {event.seq} is not the one that was hashed")
    return found + [f"{name}: payload {seq} belongs to no event" for seq in snapshots]


async def _compare_decisions(store: Store) -> list[str]:
    found, after = [], None
    while heads := await store.approvals.list_decision_heads(after=after, count=PAGE):
        for workflow_id, count, head in heads:
            rows = await store.approvals.list_decisions(workflow_id)
            decisions = [
                Decision(**{name: getattr(row, name) for name in Decision.__slots__}) for row in rows
            ]
            verdict = verify_decisions(decisions, head, count)
            if not isinstance(verdict, chain.Intact):
                found.append(
                    f"workflow {short(workflow_id)}: its chain of decisions is not intact: {verdict}"
                )
        after = heads[-1][0]
    return found
