"""Statements over `events` and `snapshots`: a flush written, a history read.

A `Flush` is the columns of one statement. It is built by the Recorder alone, sent as it is, and, when the reply is
lost, sent again unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actum.model.events import Event, EventKind
from actum.store.pool import Pool, Row
from actum.store.rows import Answer, RecordRow, SnapshotRow

_HEAD = (
    "ids epochs expected next_seqs chain_heads statuses causes current_steps attempt_counts seen_wakes run_ats finals"
    " contracts teams"
).split()
_RECORD = (
    "record_ids seqs ats kinds steps addresses attempts outcomes reasons actors tiers steps_now attempts_now"
    " payload_hashes data hashes snapshots argument_hashes bodies"
).split()
_INTENT = (
    "intent_ids intent_modes intent_kinds intent_keys intent_generations intent_origins intent_addresses intent_steps"
    " intent_argument_hashes intent_arguments intent_tiers intent_approvals intent_action_hashes intent_policies"
    " intent_attempts intent_families"
).split()
_ENDED = ["ended_ids", "ended_kinds", "ended_keys", "ended_generations", "ended_states", "ended_results"]


@dataclass(slots=True)
class Flush:
    """Rows for one statement. Each list holds tuples in the order of the statement's arrays."""

    heads: list[tuple[Any, ...]] = field(default_factory=list)
    records: list[tuple[Any, ...]] = field(default_factory=list)
    intents: list[tuple[Any, ...]] = field(default_factory=list)
    ended: list[tuple[Any, ...]] = field(default_factory=list)
    extras: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    received: list[int] = field(default_factory=list)
    environment: str | None = None

    @property
    def moves_ledger(self) -> bool:
        """Whether anything but plain records stands in this flush."""
        return bool(self.intents or self.ended or self.extras or self.received)


def _columns(names: Sequence[str], rows: list[tuple[Any, ...]]) -> dict[str, object]:
    """Return the columns of rows. One without a value is sent empty: `unnest` fills it up with nulls, for nothing."""
    if not rows:
        return {name: [] for name in names}
    return {
        name: list(column) if any(value is not None for value in column) else []
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


class Records:
    """The log of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def append(self, connection: Any, instance: UUID, flush: Flush) -> list[Answer]:
        """Write a flush on the recorder's own connection; workflows missing from the answers are fenced.

        All or nothing for each workflow. Raises the driver's errors: the Recorder knows which mean what.
        """
        values: dict[str, object] = {"instance": instance, "now": self._pool.now()}
        # Rows are locked in the order of the heads; by ascending id, like everywhere, nobody waits in a circle.
        values.update(_columns(_HEAD, sorted(flush.heads, key=lambda head: head[0].bytes)))
        values.update(_columns(_RECORD, flush.records))
        name = "append"
        if flush.moves_ledger:
            name = "append_with_intents"
            values.update(_columns(_INTENT, flush.intents))
            values.update(_columns(_ENDED, flush.ended))
            values["extras"] = orjson.dumps(flush.extras).decode()
            values["received"] = flush.received
            values["environment"] = flush.environment
        statement = self._pool.statement("records", name)
        rows = await connection.fetch(statement.text, *statement.order(values))
        return [Answer(row[0], row[1], row[2], row[3]) for row in rows]

    async def read(self, ids: Sequence[UUID]) -> list[RecordRow]:
        """Return the records of these workflows with their payloads, each workflow's in order."""
        rows = await self._pool.fetch(self._pool.statement("records", "read"), ids=list(ids))
        return [RecordRow(*row) for row in rows]

    async def read_events(self, workflow_id: UUID, first: int = 1) -> list[Event]:
        """Return one workflow's events from `first` on, as stored."""
        rows = await self._pool.fetch(
            self._pool.statement("records", "read_events"), id=workflow_id, first=first
        )
        return [_event(row) for row in rows]

    async def read_snapshot(self, workflow_id: UUID, seq: int) -> SnapshotRow | None:
        """Return the payload kept with one event, or None."""
        rows = await self._pool.fetch(
            self._pool.statement("records", "read_snapshot"), id=workflow_id, seq=seq
        )
        return SnapshotRow(**rows[0]) if rows else None

    async def read_snapshots(self, workflow_id: UUID) -> list[SnapshotRow]:
        """Return all payloads of a workflow, in order."""
        rows = await self._pool.fetch(self._pool.statement("records", "read_snapshots"), id=workflow_id)
        return [SnapshotRow(**row) for row in rows]


def _event(row: Row) -> Event:
    values = dict(row)
    return Event(**{**values, "kind": EventKind(values["kind"])})


def as_text(instant: datetime | None) -> str | None:
    """Return an instant as the text Postgres reads back exactly."""
    return None if instant is None else instant.isoformat()
