"""Workflows held by hand: claims and records through the real recorder and statements, without a worker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import actum as a
from actum.engine.log import Intent, Log, Park, Record, to_microseconds
from actum.engine.recorder import Recorder
from actum.machine.keys import action_hash
from actum.machine.transitions import next_status
from actum.model.events import EventKind
from actum.model.ids import new_id
from actum.model.workflow import Status
from actum.store.rows import WorkflowRow
from actum.store.store import Store

K = EventKind


@a.step
async def look(place: str) -> str:
    return place


@a.contract
async def errand(place: str) -> str:
    return await look(place)


class Held:
    """One claimed workflow and its log; remembers what the database said about each record."""

    def __init__(self, store: Store, instance: UUID, row: WorkflowRow, **told: Any) -> None:
        self.store, self.instance, self.row = store, instance, row
        self.recorder = Recorder(store, instance)
        self.said: list[str] = []
        self.wake = row.wake
        self.status = Status(row.status)
        tail = Record(
            K.WORKFLOW_CLAIMED, 0, status=row.status, cause=row.cause, current_step=row.current_step
        )
        position = {"epoch": row.epoch, "next_seq": row.next_seq, "chain_head": row.chain_head, **told}
        self.log = Log(
            row.id,
            salt=row.salt or b"",
            contract=row.contract,
            team=row.team,
            writer=self,
            tail=tail,
            **position,
        )

    @property
    def id(self) -> UUID:
        return self.row.id

    async def write(self, *records: Record, park: Park | None = None) -> str:
        """Have records written, by one flush if they fit; return what the database said: written, fenced, refused."""
        for record in records:
            self.status = next_status(self.status, record.kind)
            record.status = self.status.value
            self.log.pending.append(record)
        self.log.park = park
        self.recorder.queue(self.log)
        while self.recorder._queue:
            await self.recorder.flush_once()
        await self.recorder._disconnect()
        return self.said[-1]

    async def now(self) -> int:
        return to_microseconds(await self.store.read_clock())

    async def record(self, kind: EventKind, **values: Any) -> Record:
        return Record(kind, await self.now(), **values)

    async def complete(self) -> str:
        return await self.write(
            await self.record(K.WORKFLOW_COMPLETED, snapshot="output", body=b'"done"', is_final=True)
        )

    async def ask(self, key: str = "door", *, tier: int = 2, expires_at: datetime | None = None) -> UUID:
        """Ask for approval of the effect `key` as the engine does; return the approval."""
        row = self.row
        approval_id = new_id(await self.now() // 1000)
        asked = {
            "id": str(approval_id), "workflow_id": str(row.id), "address": "1", "asked_by": None, "step": "open",
            "kind": "open", "key": key, "action_hash": hash_of(key).hex(), "arguments": b"[]".hex(),
            "preview": None, "relies_on": None, "tier": tier, "rule": "tests", "policy_hash": None,
            "contract": row.contract, "team": row.team, "requester": row.requester, "approvers": ["somebody else"],
            "asked_at": (await self.store.read_clock()).isoformat(),
            "expires_at": expires_at.isoformat() if expires_at else None,
        }  # fmt: skip
        record = await self.record(
            K.APPROVAL_REQUESTED, step="open", address="1", tier=tier, extras=(("approvals", asked),)
        )
        assert "written" == await self.write(record)
        return approval_id

    async def intend(
        self,
        key: str = "door",
        *,
        tier: int = 0,
        approval_id: UUID | None = None,
        attempt: int = 1,
        **told: Any,
    ) -> str:
        """Ask the database for one intent; return what it said."""
        values: dict[str, Any] = {
            "mode": "first", "kind": "open", "key": key, "generation": 1, "origin": self.row.origin, "step": "open",
            "argument_hash": b"h" * 32, "arguments": b"[]", "tier": tier, "approval_id": approval_id,
            "action_hash": hash_of(key), "policy_hash": None, **told,
        }  # fmt: skip
        return await self.write(
            await self.record(
                K.EFFECT_STARTED,
                step="open",
                address="1",
                attempt=attempt,
                tier=tier,
                intent=Intent(**values),
            )
        )

    # what the recorder tells

    def taken(self, records: Sequence[Record]) -> None:
        pass

    def written(self, records: Sequence[Record], wake: int, is_released: bool) -> None:
        self.wake = wake
        self.said.append("released" if is_released else "written")

    def refused(self, record: Record, why: str) -> None:
        self.said.append(f"refused: {why}")

    def fenced(self) -> None:
        self.said.append("fenced")

    def poisoned(self, records: Sequence[Record], error: BaseException) -> None:
        self.said.append(f"poisoned: {error}")


def hash_of(key: str) -> bytes:
    """Return the action hash of the effect that `ask` and `intend` speak of."""
    return action_hash("open", "", b"[]", key, "1")


async def claim(store: Store, *, slots: int = 1, instance: UUID | None = None) -> list[Held]:
    """Claim up to `slots` ready errands for an instance, a new one unless given."""
    owner = instance or uuid4()
    rows = await store.workflows.claim(
        instance=owner, python="3.x", queues=["default"], shapes=[errand.shape_hash], slots=slots
    )
    return [Held(store, owner, row) for row in rows]


async def hold(harness: Any, **options: Any) -> Held:
    """Start one errand and claim it."""
    handle = await harness.start(errand("here"), **options)
    (held,) = await claim(harness.store)
    assert handle.workflow_id == held.id
    return held


async def count_rows(harness: Any, table: str) -> int:
    """Return how many rows a table has."""
    async with harness.store.pool.connection() as connection:
        count: int = await connection.fetchval(f"select count(*) from actum.{table}")  # noqa: S608  # our names
    return count
