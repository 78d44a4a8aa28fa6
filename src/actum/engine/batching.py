"""What one statement carries: records taken from logs, numbered and linked into each workflow's chain."""

from __future__ import annotations

from dataclasses import dataclass, field

from actum.engine.log import Log, Record, to_datetime
from actum.machine.chain import link, payload_hash
from actum.store.records import Flush

MOST_ROWS = 1_000
MOST_BYTES = 4 * 1024 * 1024
_ASKED = {
    "approvals": ("approval", "id"),
    "closings": ("approval", "id"),
    "questions": ("question", "address"),
    "unasked": ("question", "address"),
}
"""Rows that people are asked with, by the name a statement knows them under: what they are, and what names one."""


@dataclass(slots=True)
class Batch:
    """The rows of one statement; `taken` has for each log the records taken, and where its chain would stand."""

    flush: Flush = field(default_factory=Flush)
    taken: list[tuple[Log, list[Record], int, bytes]] = field(default_factory=list)
    rows: int = 0
    size: int = 0

    @property
    def is_full(self) -> bool:
        """Whether another log is for the next statement."""
        return self.rows >= MOST_ROWS or self.size >= MOST_BYTES

    def take(self, log: Log) -> None:
        """Take what is pending of a log, as far as it fits and up to an intent, and its park where nothing is left."""
        taken: list[Record] = []
        moved: set[tuple[str, ...]] = set()
        seq, head = log.next_seq, log.chain_head
        flush = self.flush
        while log.pending and self.rows < MOST_ROWS:
            record = log.pending[0]
            moves = _moves_of(record)
            if taken and (record.carrier is not None or not moved.isdisjoint(moves)):
                break
            moved.update(moves)
            log.pending.popleft()
            taken.append(record)
            head = _add(flush, log, record, seq, head)
            seq += 1
            self.rows += 1
            self.size += len(record.body or b"") + 512
            if record.intent is not None or record.carrier is not None:
                break
        tail = taken[-1] if taken else log.tail
        park = log.park if not log.pending else None
        flush.heads.append(
            (
                log.workflow_id,
                log.epoch,
                log.next_seq,
                seq,
                head,
                tail.status,
                tail.cause,
                tail.current_step,
                tail.attempt_count,
                park.seen_wake if park else None,
                park.run_at if park else None,
                tail.is_final,
                log.contract,
                log.team,
            )
        )
        flush.received.extend(log.discarded)
        log.discarding = len(log.discarded)
        log.writer.taken(taken)
        self.taken.append((log, taken, seq, head))


def _add(flush: Flush, log: Log, record: Record, seq: int, head: bytes) -> bytes:
    hashed = None
    if record.snapshot is not None:
        hashed = payload_hash(log.salt, record.argument_hash, record.body)
    kind = record.kind.value
    head = link(
        head,
        log.id_bytes,
        seq,
        record.at,
        kind,
        record.step,
        record.address,
        record.attempt,
        record.outcome,
        record.reason,
        record.actor,
        log.contract,
        log.team,
        record.tier,
        record.current_step,
        record.attempt_count,
        hashed,
        record.data,
    )
    flush.records.append(
        (
            log.workflow_id,
            seq,
            to_datetime(record.at),
            kind,
            record.step,
            record.address,
            record.attempt,
            record.outcome,
            record.reason,
            record.actor,
            record.tier,
            record.current_step,
            record.attempt_count,
            hashed,
            record.data,
            head,
            record.snapshot,
            record.argument_hash,
            record.body,
        )
    )
    if record.intent is not None:
        _add_intent(flush, log, record)
    for ended in (record.ended, record.also_ended):
        if ended is not None:
            flush.endings.append(
                (log.workflow_id, ended.kind, ended.key, ended.generation, ended.state, ended.result)
            )
    for name, row in record.extras:
        flush.extras.setdefault(name, []).append(row)
    if record.received is not None:
        flush.received.append(record.received)
    return head


def _moves_of(record: Record) -> list[tuple[str, ...]]:
    """Return the rows that a record writes or moves, beside the log's; no other record of its statement may move them.

    One statement sees no row that it writes itself, and moves each row once: what was asked and withdrawn in it would
    stay open for ever, and what was doubted and settled in it in doubt.
    """
    moves: list[tuple[str, ...]] = [
        ("effect", ended.kind, ended.key) for ended in (record.ended, record.also_ended) if ended is not None
    ]
    if record.intent is not None:
        moves.append(("effect", record.intent.kind, record.intent.key))
        if record.intent.family is not None:  # it undoes another entry, which begins to be undone with it
            moves.append(("effect", record.intent.kind.removesuffix(".undo"), record.intent.key))
    for name, row in record.extras:
        if name in _ASKED:
            what, column = _ASKED[name]
            moves.append((what, row[column]))
    return moves


def _add_intent(flush: Flush, log: Log, record: Record) -> None:
    intent = record.intent
    if intent is None:
        return
    flush.intents.append(
        (
            log.workflow_id,
            intent.mode,
            intent.kind,
            intent.key,
            intent.generation,
            intent.origin,
            record.address,
            intent.step,
            intent.argument_hash,
            intent.arguments,
            intent.tier,
            intent.approval_id,
            intent.action_hash,
            intent.policy_hash,
            record.attempt,
            intent.family,
        )
    )
