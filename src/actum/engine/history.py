"""From a workflow's records to what a new holder needs: deliveries for the flow, progress for the addresses.

A pure reading of rows: the same records give the same in every process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from actum.engine.log import to_microseconds
from actum.engine.progress import Asked, Progress
from actum.engine.reopening import Reopening, ask_again_as_recorded, find_reopenings, is_set_aside
from actum.flow import (
    Abandoned,
    CancelRequested,
    Command,
    Delivery,
    Flow,
    Mismatch,
    Outcome,
    SignalReceived,
    Started,
)
from actum.model.events import EventKind
from actum.store.rows import RecordRow

K = EventKind


@dataclass(slots=True)
class History:
    """One workflow's past, ready to be replayed."""

    started_at: int
    arguments: bytes
    deliveries: list[Delivery] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    """The number of the record behind each delivery."""
    reopenings: tuple[Reopening, ...] = ()
    progress: dict[str, Progress] = field(default_factory=dict)
    rescues: int = 0
    rescues_since_unblock: int = 0
    cancel_reason: str | None = None
    rollback_wanted: str | None = None
    rollback_to: str | None = None
    rollback_actor: str | None = None
    given_up: tuple[str | None, str] | None = None
    """Who ended it, and why, while its body could not be driven: it never will be again."""
    plan: list[dict[str, Any]] = field(default_factory=list)
    rejections: dict[bytes, tuple[str | None, str]] = field(default_factory=dict)
    """Who rejected an action, and why, by the action's subject."""
    plan_reason: str | None = None
    plan_why: str = ""
    undone: set[str] = field(default_factory=set)
    last_at: int = 0
    last_span: str | None = None
    """The last span that an earlier holder made before it gave the workflow up, in hexadecimal digits."""

    @property
    def has_acted(self) -> bool:
        """Whether an effect of its was ever begun."""
        return any(one.has_started for one in self.progress.values())

    def note_rejection(self, asked: Asked) -> None:
        """Remember what a person said no to: the same action is not asked for again."""
        if asked.ruling == "rejected" and asked.subject:
            self.rejections[asked.subject] = asked.by, asked.rationale or ""

    def at(self, address: str) -> Progress:
        """Return the progress of an address, made when first asked for."""
        found = self.progress.get(address)
        if found is None:
            found = self.progress[address] = Progress()
        return found


_ABANDONED = frozenset({K.STEP_ABANDONED, K.TIMER_CANCELLED, K.QUESTION_WITHDRAWN, K.CHILD_CANCELLED})
_WORDS = {
    K.STEP_COMPLETED: "completed",
    K.STEP_FAILED: "failed",
    K.EFFECT_SUCCEEDED: "completed",
    K.EFFECT_SHARED: "completed",
    K.EFFECT_FAILED: "failed",
    K.QUESTION_ANSWERED: "completed",
    K.CHILD_FINISHED: "completed",
    K.TIMER_FIRED: "fired",
}


def find_gap(records: Sequence[RecordRow], next_seq: int, chain_head: bytes) -> str | None:
    """Return what is wrong with claimed records, or None when they are gapless and end in the chain head."""
    for expected, record in enumerate(records, start=1):
        if record.seq != expected:
            return f"record {expected} is missing"
    if len(records) != next_seq - 1:
        return f"{len(records)} records were found where {next_seq - 1} belong"
    if records[-1].hash != chain_head:
        return "the last record is not the one the row names"
    return None


def read_history(records: Sequence[RecordRow]) -> History:
    """Return the history in `records`, which are gapless and begin with `workflow.started`."""
    first = records[0]
    history = History(to_microseconds(first.at), first.body or b"{}")
    history.reopenings = find_reopenings(records)
    for record in records[1:]:
        ask_again_as_recorded(history, record)
        _read_one(history, record)
        if is_set_aside(history, record):
            del history.deliveries[len(history.seqs) :]
        history.seqs += [record.seq] * (len(history.deliveries) - len(history.seqs))
    history.last_at = to_microseconds(records[-1].at)
    return history


def _read_one(history: History, record: RecordRow) -> None:
    kind = EventKind(record.kind)
    at = to_microseconds(record.at)
    address, name = record.address or "", record.step or ""
    data: dict[str, Any] = orjson.loads(record.data) if record.data else {}
    if address.startswith("undo."):
        _undo(history, record, kind, at, data)
        return
    word = _WORDS.get(kind)
    if word is not None:
        hashed = record.argument_hash or b""
        if kind is K.TIMER_FIRED:
            hashed = int(data["due"]).to_bytes(8, "big", signed=True)
        outcome = Outcome(address, name, hashed, at, record.outcome or word, record.body)
        history.deliveries.append(outcome)
        _end(history, record, outcome)
    elif kind in _ABANDONED:
        history.deliveries.append(Abandoned(address, name, at))
        _end(history, record, None)
    elif kind is K.STEP_REOPENED:
        history.rejections.clear()
        _reopened(history, record, at)
    elif kind is K.SIGNAL_RECEIVED:
        history.deliveries.append(SignalReceived(name, at, record.body or b"null"))
    elif kind is K.WORKFLOW_CANCEL_REQUESTED:
        history.cancel_reason = record.reason or "operator"
        if data.get("rollback"):
            history.rollback_wanted, history.rollback_to = data.get("why") or "", data.get("to")
            history.rollback_actor = record.actor
        if data.get("given_up"):
            history.given_up = record.actor, data.get("why") or ""
        history.deliveries.append(CancelRequested(at, record.reason or "operator"))
    elif kind is K.WORKFLOW_RESCUED:
        history.rescues += 1
        history.rescues_since_unblock += 1
    elif kind is K.WORKFLOW_ROLLING_BACK:
        history.plan = data.get("plan") or history.plan
        if history.plan_reason is None:
            history.plan_reason, history.plan_why = record.reason, data.get("why") or ""
    elif kind is K.WORKFLOW_UNBLOCKED:
        history.rescues_since_unblock = 0
    elif kind is K.WORKFLOW_PARKED or kind is K.WORKFLOW_BLOCKED:
        history.last_span = data.get("span", history.last_span)
        _waited(history, data)
    elif address:
        _progress(history, history.at(address), record, kind, at, data)


def misfit(history: History, command: Command) -> Mismatch | None:
    """Return how what was begun at an address differs from what the body asks for there now, if it does."""
    requests = [(command.address, command.request.name, command.request.argument_hash)]
    for call in getattr(command.request, "calls", ()):
        requests.append((call.address, call.name, call.argument_hash))
    for address, name, argument_hash in requests:
        progress = history.progress.get(address)
        if progress is None or progress.name is None:
            continue
        if progress.name != name:
            return Mismatch(address, recorded=f"{progress.name} begun", asked=name)
        if progress.argument_hash not in (None, argument_hash):
            return Mismatch(address, recorded=f"{name} begun", asked=f"{name} with other arguments")
    return None


def find_unasked(history: History, flow: Flow) -> Mismatch | None:
    """Return what was begun and is not asked for by the body that was replayed, if there is such a thing."""
    asked = {*flow.waiting, *flow.abandoned}
    for address, progress in history.progress.items():
        if progress.name is None or progress.is_ended or address.startswith("undo."):
            continue
        by = progress.asked.asked_by if progress.asked is not None else None
        by_is_known = by is not None and (by in asked or history.at(by).is_ended)
        if address not in asked and not by_is_known:
            return Mismatch(address, recorded=f"{progress.name} begun", asked="nothing there")
    return None


def _undo(history: History, record: RecordRow, kind: EventKind, at: int, data: dict[str, Any]) -> None:
    """Take in a record of the rollback's plan: it brings no body anything."""
    address = record.address or ""
    progress = history.at(address)
    if kind is K.EFFECT_SUCCEEDED or (kind is K.EFFECT_SETTLED and record.outcome == "happened"):
        history.undone.add(address)
    elif kind is K.EFFECT_SETTLED or kind is K.EFFECT_FAILED:
        progress.is_started = progress.is_in_doubt = False
        progress.has_open_doubt = record.outcome == "abandoned"
        progress.again_at = None
    else:
        _progress(history, progress, record, kind, at, data)


def _progress(
    history: History, progress: Progress, record: RecordRow, kind: EventKind, at: int, data: dict[str, Any]
) -> None:
    """Take in a record that brings the body nothing yet."""
    address, name = record.address or "", record.step or ""
    progress.name = name
    argument_hash = bytes.fromhex(data["arguments"]) if "arguments" in data else record.argument_hash
    progress.argument_hash = argument_hash or progress.argument_hash
    match kind:
        case K.ATTEMPT_FAILED:
            progress.attempts = record.attempt or 1
            progress.again_at = data.get("again_at")
            progress.failure, progress.failure_reason = record.body, record.reason
            progress.is_started = progress.is_in_doubt = False
            if progress.first_started_at is None:
                progress.first_started_at = data.get("started", at)
        case K.PREVIEW_COMPLETED:
            progress.preview = record.body
        case K.APPROVAL_REQUESTED:
            progress.asked = Asked(
                UUID(data["approval_id"]),
                bytes.fromhex(data["action_hash"]),
                data.get("asked_by"),
                name,
                terms=data.get("ruling"),
                subject=bytes.fromhex(data.get("subject", "")),
            )
        case K.APPROVAL_DECIDED | K.APPROVAL_EXPIRED if progress.asked is not None:
            _decided(history, progress, record, data)
        case K.APPROVAL_WITHDRAWN if progress.asked is not None:
            progress.asked.is_closed = True
        case K.EFFECT_STARTED:
            progress.has_open_doubt = data.get("open_doubt", False)
            progress.is_started, progress.is_in_doubt = True, False
            progress.has_started = True
            if progress.asked is not None:
                progress.asked.use()
            progress.started_at = at
            progress.probes_failed = None
            progress.again_at = None
            progress.attempts = record.attempt or 1
            progress.key, progress.generation = data["key"], data["generation"]
            progress.kind = data.get("kind")
            history.deliveries.append(Started(address, name, argument_hash or b"", at))
        case K.EFFECT_DOUBTED:
            progress.is_in_doubt, progress.doubted_at = True, at
            progress.failure, progress.failure_reason = record.body, record.reason
        case K.EFFECT_SETTLED:
            _settled(history, progress, record, at)
        case K.CHILD_STARTED:
            progress.child_id = UUID(data["child"])
        case K.QUESTION_ASKED:
            progress.is_asked = True
        case _:
            pass


def _waited(history: History, data: dict[str, Any]) -> None:
    """Take in what a workflow knew about its waits when it was let go."""
    for wait in data.get("waits", ()):
        progress = history.progress.get(wait.get("address") or "")
        if progress is not None:
            progress.probes_failed = wait.get("probes_failed")


def _reopened(history: History, record: RecordRow, at: int) -> None:
    """Take in that a person set aside the failure at an address, or that of the body itself."""
    history.rescues_since_unblock = 0
    address = record.address
    if address is None:
        return
    if record.outcome == "skip":
        hashed = record.argument_hash or b""
        outcome = Outcome(address, record.step or "", hashed, at, "completed", record.body)
        history.deliveries.append(outcome)
        _end(history, record, outcome)
    else:
        is_edit = record.outcome == "edit"
        history.at(address).reopen(record.body if is_edit else None, record.actor if is_edit else None)


def _decided(history: History, progress: Progress, record: RecordRow, data: dict[str, Any]) -> None:
    """Take in a decision; other arguments than were asked for are another action, to be ruled and asked for anew."""
    asked = progress.asked
    if asked is None:
        return
    asked.decide(record.outcome or "expired", record.actor, data, data.get("rationale"))
    history.note_rejection(asked)
    if record.snapshot_kind == "input":
        progress.ask_edited(record.body or b"{}")


def _settled(history: History, progress: Progress, record: RecordRow, at: int) -> None:
    progress.is_started = progress.is_in_doubt = False
    progress.has_open_doubt = record.outcome == "abandoned"
    if record.outcome == "did_not_happen":
        return
    word = {"happened": "completed", "invalid": "invalid"}.get(record.outcome or "", "failed")
    outcome = Outcome(
        record.address or "", record.step or "", record.argument_hash or b"", at, word, record.body
    )
    history.deliveries.append(outcome)
    _end(history, record, outcome)


def _end(history: History, record: RecordRow, outcome: Outcome | None) -> None:
    progress = history.at(record.address or "")
    progress.is_ended = True
    progress.outcome, progress.ended_seq = outcome, record.seq
    progress.attempts = record.attempt or progress.attempts
    progress.is_started = progress.is_in_doubt = False
    progress.again_at = None
