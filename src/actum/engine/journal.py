"""One held workflow's records on their way to the disk: queued, with the Recorder, durable.

The journal knows where the workflow stands with everything queued so far, and takes it back where the database
refuses a record or the queue is thrown away.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from actum.engine.execution import as_data
from actum.engine.log import Log, Record, Writer, to_microseconds
from actum.machine.transitions import TABLE, next_status
from actum.model.events import EventKind, Reason
from actum.model.workflow import Status
from actum.store.rows import WorkflowRow

if TYPE_CHECKING:
    from actum.engine.worker import Worker

K = EventKind


class Journal:
    """The records of one held workflow that are not durable yet."""

    def __init__(self, worker: Worker, row: WorkflowRow, writer: Writer) -> None:
        self._worker = worker
        self._in_flight: deque[Record] = deque()
        self._last_at = to_microseconds(row.created_at)
        self.status = Status(row.status)
        self.cause: str | None = row.cause
        self.current: tuple[str | None, int] = (row.current_step, row.attempt_count)
        self.unblocking = K.WORKFLOW_UNBLOCKED
        tail = Record(K.WORKFLOW_CLAIMED, 0, status=row.status, cause=row.cause)
        tail.current_step, tail.attempt_count = self.current
        self.log = Log(
            row.id,
            epoch=row.epoch,
            next_seq=row.next_seq,
            chain_head=row.chain_head,
            salt=row.salt or b"",
            contract=row.contract,
            team=row.team,
            writer=writer,
            tail=tail,
        )

    @property
    def is_writing(self) -> bool:
        """Whether records are queued, or with the database."""
        return bool(self.log.pending or self._in_flight)

    def stamp(self, instant: int) -> int:
        """Return `instant`, or the last recorded one where that is later: a log's time does not go back."""
        if instant > self._last_at:
            self._last_at = instant
        return self._last_at

    def queue(self, record: Record) -> None:
        """Queue a record; what cannot happen in a blocked workflow unblocks it first, by a record of its own.

        A park that was queued before it is taken back: what is recorded after it may have to be carried out.

        Raises IllegalTransition for a record that cannot follow; nothing is queued then.
        """
        if self.status is Status.BLOCKED and (self.status, record.kind) not in TABLE:
            self.queue(Record(self.unblocking, record.at, actor=record.actor))
        self._move(record)
        self.log.park = None
        record.current_step, record.attempt_count = self.current
        if record.actor is None:
            record.actor = self._worker.actor
        self.log.pending.append(record)
        self._worker.recorder.queue(self.log)

    def note_rescues(self, known: int, crashes: int) -> None:
        """Record the crashes of holders that no record tells of yet."""
        now = self.stamp(self._worker.clock.now())
        for crash in range(known, crashes):
            data = as_data(crash=crash + 1)
            self.queue(Record(K.WORKFLOW_RESCUED, now, reason=Reason.WORKER_LOST.value, data=data))

    def correct_current(self) -> None:
        """Let the last queued record say which step is current now."""
        if self.log.pending:
            last = self.log.pending[-1]
            last.current_step, last.attempt_count = self.current

    def when_durable(self, action: Callable[[], None]) -> None:
        """Call `action` once everything queued so far is durable: at once when nothing is queued."""
        waiting = self.log.pending or self._in_flight
        if waiting:
            last = waiting[-1]
            last.then = [*(last.then or ()), action]
        else:
            action()

    def taken(self, records: Sequence[Record]) -> None:
        """These records went into a flush."""
        self._in_flight.extend(records)

    def answered(self) -> None:
        """The flush was answered."""
        self._in_flight.clear()

    def renumber(self) -> None:
        """After a refusal, let the status follow from what is durable and what is queued: the intent never was."""
        self.status, self.cause = Status(self.log.tail.status), self.log.tail.cause
        for record in self.log.pending:
            self._move(record)

    def take_facts(self, postponed: Iterable[Record]) -> list[Record]:
        """Return what is queued or `postponed` of how effects ended, since no replay could find it out again.

        What was to follow from it is left out.
        """
        waiting = (*self.log.pending, *postponed)
        facts = [one for one in waiting if one.ended and not (one.intent or one.carrier)]
        for one in facts:
            one.then = None
        return facts

    def forget(self) -> None:
        """Throw away what is queued and not durable; a replay makes it again."""
        self.log.pending.clear()
        self.log.park = None
        self.status, self.cause = Status(self.log.tail.status), self.log.tail.cause

    def _move(self, record: Record) -> None:
        self.status = next_status(self.status, record.kind)
        if record.kind is K.WORKFLOW_BLOCKED:
            self.cause = record.reason
        elif self.status is not Status.BLOCKED:
            self.cause = None
        record.status, record.cause = self.status.value, self.cause
