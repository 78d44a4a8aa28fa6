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

FIELDS = {
    "heads": (
        "id epoch expected next_seq chain_head status cause current_step attempt_count seen_wake run_at is_final contract"
        " team"
    ).split(),
    "records": (
        "id seq at kind step address attempt outcome reason actor tier current_step attempt_count payload_hash data hash"
        " snapshot argument_hash body"
    ).split(),
    "intents": (
        "id mode kind key generation origin address step argument_hash arguments tier approval_id action_hash policy_hash"
        " attempt family"
    ).split(),
    "endings": "id kind key generation state result".split(),
}
"""What the tuples of a flush hold, in the order of the schema's types `flushed_…`."""


_MODE, _APPROVAL, _FAMILY = (FIELDS["intents"].index(name) for name in ("mode", "approval_id", "family"))


def _is_unasked(intent: tuple[Any, ...]) -> bool:
    return intent[_MODE] == "first" and intent[_APPROVAL] is None and intent[_FAMILY] is None


@dataclass(slots=True)
class Flush:
    """Rows for one statement. Each list holds tuples, in the order of `FIELDS`."""

    heads: list[tuple[Any, ...]] = field(default_factory=list)
    records: list[tuple[Any, ...]] = field(default_factory=list)
    intents: list[tuple[Any, ...]] = field(default_factory=list)
    endings: list[tuple[Any, ...]] = field(default_factory=list)
    extras: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    received: list[int] = field(default_factory=list)
    environment: str | None = None

    @property
    def moves_ledger(self) -> bool:
        """Whether anything but plain records stands in this flush."""
        return bool(self.intents or self.endings or self.extras or self.received)

    @property
    def only_begins(self) -> bool:
        """Whether its intents are first ones that nobody was asked about, and nothing moves but those and endings."""
        return not (self.extras or self.received) and all(map(_is_unasked, self.intents))


class Records:
    """The log of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def append(self, connection: Any, instance: UUID, flush: Flush) -> list[Answer]:
        """Write a flush on the recorder's own connection; workflows missing from the answers are fenced.

        All or nothing for each workflow. Raises the driver's errors: the Recorder knows which mean what.
        """
        # Rows are locked in the order of the heads; by ascending id, like everywhere, nobody waits in a circle.
        heads = sorted(flush.heads, key=lambda head: head[0].bytes)
        values: dict[str, object] = {
            "instance": instance,
            "now": self._pool.now(),
            "ids": [head[0] for head in heads],
            "heads": heads,
            "records": flush.records,
        }
        name = "append"
        if flush.moves_ledger:
            name = "append_with_first_intents"
            values["intents"] = flush.intents
            values["endings"] = flush.endings
            values["environment"] = flush.environment
            if not flush.only_begins:
                name = "append_with_intents"
                values["extras"] = orjson.dumps(flush.extras).decode()
                values["received"] = flush.received
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
