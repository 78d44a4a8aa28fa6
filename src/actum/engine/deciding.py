"""What a decision about an approval does to the workflow that asked: approved, rejected, expired, taken back, edited.

The decision is durable before it comes here, in its own table; the event written now is what replay goes by. Arguments
that a person approved instead of those asked for are another action: ruled and asked for anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from actum.authoring.call import Call
from actum.authoring.canonical import canonical
from actum.authoring.effect import Effect
from actum.engine.effects import EffectExecution
from actum.engine.execution import as_data
from actum.engine.log import Record
from actum.engine.progress import Asked
from actum.engine.reopening import edited
from actum.engine.requesting import ApprovalExecution
from actum.engine.undoing import UndoExecution
from actum.errors import InvalidInput
from actum.model.events import EventKind
from actum.store.rows import MessageRow

if TYPE_CHECKING:
    from actum.engine.runner import Runner

K = EventKind


def take_decision(runner: Runner, message: MessageRow) -> bool:
    """Record a decision and go on from it; False for one that means nothing (any more)."""
    progress = runner.history.at(message.address or "")
    asked, outcome = progress.asked, message.outcome or ""
    if asked is None or not _is_meant(asked, message):
        return False
    said: dict[str, Any] = orjson.loads(message.body or b"{}")
    edit = bytes.fromhex(said["edited"]) if "edited" in said else None
    reason = message.reason
    if edit is not None:
        refusal = _why_unfit(_call_at(runner, asked, message.address or ""), edit)
        if refusal is not None:
            outcome, reason, edit = "rejected", f"what was approved instead cannot run: {refusal}", None
    asked.decide(outcome, message.actor, said, reason)
    runner.history.note_rejection(asked)
    record = Record(
        K.APPROVAL_EXPIRED if outcome == "expired" else K.APPROVAL_DECIDED,
        runner.stamp_of(message),
        step=asked.step,
        address=message.address,
        outcome=None if outcome == "expired" else outcome,
        actor=message.actor,
        data=as_data(
            approval_id=message.name, rationale=reason, by=said.get("by"), granted=said.get("granted")
        ),
        received=message.id,
    )
    if edit is not None:
        record.snapshot, record.body = "input", edit
        progress.ask_edited(edit)
    runner.record(record)
    for one in (asked.asked_by, message.address):
        execution = runner.executions.get(one or "")
        if isinstance(execution, ApprovalExecution | EffectExecution) and edit is not None:
            execution.ask_edited(message.address or "")
        elif isinstance(execution, ApprovalExecution | EffectExecution | UndoExecution):
            execution.decided()
    return True


def _is_meant(asked: Asked, message: MessageRow) -> bool:
    is_taken_back = message.outcome == "revoked" and asked.ruling == "approved"
    is_open = asked.ruling is None or is_taken_back
    return is_open and not asked.is_closed and asked.approval_id == UUID(message.name or "")


def _call_at(runner: Runner, asked: Asked, address: str) -> Call[Any] | None:
    """Return the call that was asked for, by itself or by a request for several."""
    execution = runner.executions.get(asked.asked_by or address)
    if isinstance(execution, ApprovalExecution):
        return next((call for call in execution.request.calls if call.address == address), None)
    return execution.request if isinstance(execution, EffectExecution) else None


def _why_unfit(call: Call[Any] | None, edit: bytes) -> str | None:
    """Return why other arguments cannot take the place of those asked for, None if they can."""
    if call is None or not isinstance(call.subject, Effect):
        return "nobody waits for it any more"
    try:
        fixed = sorted(_names_changed(edited(call, edit), call) - set(call.subject.editable))
        if fixed:
            return f"{fixed[0]} of {call.name} is not among its editable parameters"
    except (InvalidInput, orjson.JSONDecodeError) as error:
        return str(error)
    return None


def _names_changed(one: Call[Any], other: Call[Any]) -> set[str]:
    """Return the parameters whose canonical values differ: an edit may say again what stays as it was."""
    given, own = orjson.loads(one.arguments), orjson.loads(other.arguments)
    return {name for name in given if canonical(given[name], name) != canonical(own[name], name)}
