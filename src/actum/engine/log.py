"""A workflow's log as its one writer sees it: records waiting to be numbered, and where the chain stands.

A record is made by the runner and numbered by the Recorder, at the moment it goes into a flush: so one that the
database refuses leaves no gap, and what was queued behind it is numbered without it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from actum.model.events import EventKind
from actum.store.records import Flush, Records
from actum.store.rows import Answer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_datetime(microseconds: int) -> datetime:
    """Return an instant for the database."""
    return EPOCH + timedelta(microseconds=microseconds)


def to_microseconds(instant: datetime) -> int:
    """Return an instant as the flow counts: microseconds since the epoch, exactly."""
    since = instant - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


@dataclass(slots=True)
class Intent:
    """What the ledger may refuse: the entry that permits an attempt, or a hold on somebody's entry that succeeded.

    `mode` is `first`, `again` (own entry), `take_over` (a failed one), `take_over_doubt` (an abandoned one) or `join`. `family` is given where an undo begins: the ids,
    as an array's text, of the workflows whose holding does not keep the effect standing.
    """

    mode: str
    kind: str
    key: str
    generation: int
    origin: UUID
    step: str
    argument_hash: bytes
    arguments: bytes
    tier: int
    approval_id: UUID | None
    action_hash: bytes | None
    policy_hash: bytes | None
    family: str | None = None


@dataclass(slots=True)
class Ended:
    """What becomes of a ledger entry: its new state, and its result once it has succeeded."""

    kind: str
    key: str
    generation: int
    state: str
    result: bytes | None = None


@dataclass(slots=True)
class Record:
    """One event to write, with its payload and with what moves in the same statement.

    `current_step`, `attempt_count`, `status` and `cause` are the row's values from this record on. `then` is called
    once the record is durable. `extras` are rows of other tables, by the name the statement knows them under.
    A record with a `carrier` is written alone, in that transaction.
    """

    kind: EventKind
    at: int
    step: str | None = None
    address: str | None = None
    attempt: int | None = None
    outcome: str | None = None
    reason: str | None = None
    actor: str | None = None
    tier: int | None = None
    data: str | None = None
    snapshot: str | None = None
    argument_hash: bytes | None = None
    body: bytes | None = None
    intent: Intent | None = None
    ended: Ended | None = None
    also_ended: Ended | None = None
    extras: tuple[tuple[str, dict[str, Any]], ...] = ()
    received: int | None = None
    status: str = "running"
    cause: str | None = None
    current_step: str | None = None
    attempt_count: int = 0
    is_final: bool = False
    carrier: Carrier | None = None
    then: list[Callable[[], None]] | None = None


@dataclass(slots=True)
class Park:
    """Give the workflow up in this flush if no wake-up came: `seen_wake` unchanged; ready again at `run_at`."""

    seen_wake: int
    run_at: datetime


class Carrier(Protocol):
    """A transaction of the author's in which one record is written, last of all; then both are durable, or neither.

    `error` is why they are not, where that is certain.
    """

    error: BaseException | None

    async def close_body(self) -> None:
        """See that the body left the transaction as it was given."""

    async def append(self, records: Records, instance: UUID, flush: Flush) -> list[Answer]:
        """Write the record inside the transaction."""
        ...

    async def commit(self) -> None:
        """Commit."""

    async def roll_back(self) -> None:
        """Undo everything."""

    def abandon(self) -> None:
        """Give the connection up: the server rolls back."""


class Writer(Protocol):
    """Who is told what became of a log's records: the runner."""

    def taken(self, records: Sequence[Record]) -> None:
        """These records went into a flush."""

    def written(self, records: Sequence[Record], wake: int, is_released: bool) -> None:
        """These records are durable."""

    def refused(self, record: Record, why: str) -> None:
        """The database refused this one; the records before it are queued again."""

    def fenced(self) -> None:
        """The lease is lost: nothing was written, and nothing will be."""

    def poisoned(self, records: Sequence[Record], error: BaseException) -> None:
        """These records can never be written as they are."""


class Log:
    """The queue of one held workflow's records, and the position after the last durable one."""

    __slots__ = (
        "cause",
        "chain_head",
        "contract",
        "discarded",
        "discarding",
        "epoch",
        "id_bytes",
        "is_away",
        "is_queued",
        "next_seq",
        "park",
        "pending",
        "salt",
        "status",
        "tail",
        "team",
        "workflow_id",
        "writer",
    )

    def __init__(
        self,
        workflow_id: UUID,
        *,
        epoch: int,
        next_seq: int,
        chain_head: bytes,
        salt: bytes,
        contract: str,
        team: str | None,
        writer: Writer,
        tail: Record,
    ) -> None:
        self.workflow_id = workflow_id
        self.id_bytes = workflow_id.bytes
        self.epoch = epoch
        self.next_seq = next_seq
        self.chain_head = chain_head
        self.salt = salt
        self.contract = contract
        self.team = team
        self.writer = writer
        self.tail = tail
        self.park: Park | None = None
        self.discarded: list[int] = []
        """Messages that mean nothing here, to be marked received; as many of them are in a flush as `discarding` says."""
        self.discarding = 0
        self.pending: deque[Record] = deque()
        self.is_queued = False
        self.is_away = False
        """Whether a record of it is being written by a transaction of its own: until then it is in no flush."""

    def moved(self, seq: int, head: bytes, taken: Sequence[Record]) -> None:
        """What was taken is durable: the log stands at `seq` and `head`."""
        self.next_seq, self.chain_head = seq, head
        if taken:
            self.tail = taken[-1]
        del self.discarded[: self.discarding]
