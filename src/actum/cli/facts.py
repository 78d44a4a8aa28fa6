"""Everything that is known about one workflow, read for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actum.client import Client
from actum.model.events import Event, EventKind
from actum.model.workflow import Status
from actum.store.rows import ApprovalRow, EffectRow, QuestionRow, SnapshotRow, WorkflowRow

_WAITS = (EventKind.WORKFLOW_PARKED, EventKind.WORKFLOW_BLOCKED)
PEOPLE = frozenset({"approval", "answer"})
"""What a wait is for that only people can bring."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One workflow as it stood at `now`, by the database's clock."""

    row: WorkflowRow
    now: datetime
    events: Sequence[Event]
    approvals: Sequence[ApprovalRow]
    effects: Sequence[EffectRow]
    questions: Sequence[QuestionRow]
    snapshots: Sequence[SnapshotRow]
    """The input, the failures, and what is kept with the last event."""
    document: dict[str, Any]
    worker: str | None
    nobody: str | None

    @property
    def waits(self) -> list[dict[str, Any]]:
        """What it waited for when it was last let go."""
        for event in reversed(self.events):
            if event.kind in _WAITS:
                return list(data_of(event).get("waits", []))
        return []

    @property
    def needs_person(self) -> bool:
        """Whether nothing but a person's word can move it."""
        if self.row.status in (Status.BLOCKED, Status.PAUSED):
            return True
        is_open = any(one.state == "pending" for one in self.approvals) or any(
            one.answered_at is None and one.closed_at is None for one in self.questions
        )
        return (
            self.row.status == Status.WAITING
            and is_open
            and all(wait.get("for") in PEOPLE and wait.get("due") is None for wait in self.waits)
        )

    def body_at(self, seq: int) -> bytes | None:
        """Return the payload kept with an event."""
        return next((one.body for one in self.snapshots if one.seq == seq), None)

    def failure_at(self, seq: int) -> str:
        """Return the message of the failure kept with an event, or nothing."""
        found = next((one for one in self.snapshots if one.seq == seq and one.kind == "error"), None)
        return message_of(found.body) if found is not None else ""


def data_of(event: Event) -> dict[str, Any]:
    """Return what an event says beside its columns."""
    data = orjson.loads(event.data) if event.data else {}
    return data if isinstance(data, dict) else {}


def has_failure(event: Event) -> bool:
    """Whether a failure's message may be kept with an event."""
    return event.kind.value.endswith((".failed", ".doubted", ".blocked", ".cancelled"))


def message_of(body: bytes | None) -> str:
    """Return the message in a recorded failure."""
    try:
        values = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        return ""
    return str(values.get("message") or values.get("reason") or "") if isinstance(values, dict) else ""


async def read_facts(client: Client, workflow_id: UUID) -> Facts:
    """Read one workflow; raises NotFound."""
    store = client.store
    row = await client.get(workflow_id)
    document = await store.contracts.get(row.contract, row.document_hash)
    worker = await store.workers.get(row.instance) if row.instance else None
    events = await store.records.read_events(workflow_id)
    wanted = {1, row.next_seq - 1, *(event.seq for event in events if has_failure(event))}
    snapshots = [await store.records.read_snapshot(workflow_id, seq) for seq in sorted(wanted)]
    return Facts(
        row=row,
        now=await store.read_clock(),
        events=events,
        approvals=await store.approvals.list_of([workflow_id]),
        effects=await store.effects.list_of(workflow_id),
        questions=await store.questions.list_of(workflow_id),
        snapshots=[one for one in snapshots if one is not None],
        document=orjson.loads(document["document"]) if document else {},
        worker=worker["name"] if worker else None,
        nobody=await client.explain_wait(workflow_id),
    )
