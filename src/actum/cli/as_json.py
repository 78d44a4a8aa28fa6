"""Rows as plain JSON values: instants in UTC, hashes in hexadecimal, recorded JSON as itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from actum.cli.facts import Facts, data_of
from actum.cli.next_steps import next_commands
from actum.cli.story import state_of
from actum.model.events import Event
from actum.model.ids import short
from actum.store.rows import ApprovalRow, EffectRow, QuestionRow, WorkflowRow


def instant(value: datetime | None) -> str | None:
    """Return an instant in UTC, or None."""
    return None if value is None else value.astimezone(UTC).isoformat()


def recorded(body: bytes | str | None) -> Any:
    """Return the value in recorded bytes; what is no JSON as text."""
    if body is None:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body if isinstance(body, str) else body.decode("utf-8", "replace")


def workflow_as_json(row: WorkflowRow) -> dict[str, Any]:
    """Return a workflow's row."""
    return {
        "id": str(row.id),
        "name": short(row.id),
        "contract": row.contract,
        "key": row.key,
        "status": row.status,
        "cause": row.cause,
        "current_step": row.current_step,
        "attempt": row.attempt_count,
        "team": row.team,
        "requester": row.requester,
        "queue": row.queue,
        "tags": recorded(row.tags),
        "parent": str(row.parent) if row.parent else None,
        "crashes": row.crash_count,
        "created_at": instant(row.created_at),
        "updated_at": instant(row.updated_at),
        "finished_at": instant(row.finished_at),
        "deadline": instant(row.deadline),
    }


def event_as_json(event: Event, failure: str = "") -> dict[str, Any]:
    """Return one event, with the message of its failure."""
    return {
        "workflow": str(event.workflow_id),
        "seq": event.seq,
        "at": instant(event.at),
        "kind": event.kind.value,
        "step": event.step,
        "address": event.address,
        "attempt": event.attempt,
        "outcome": event.outcome,
        "reason": event.reason,
        "actor": event.actor,
        "tier": event.tier,
        "data": data_of(event),
        "failure": failure or None,
    }


def approval_as_json(row: ApprovalRow) -> dict[str, Any]:
    """Return an approval with its card's facts."""
    return {
        "id": str(row.id),
        "name": short(row.id),
        "workflow": str(row.workflow_id),
        "contract": row.contract,
        "team": row.team,
        "address": row.address,
        "step": row.step,
        "kind": row.kind,
        "key": row.key,
        "tier": row.tier,
        "rule": row.rule,
        "state": row.state,
        "requester": row.requester,
        "approvers": row.approvers,
        "asked_at": instant(row.asked_at),
        "expires_at": instant(row.expires_at),
        "ruled_by": row.ruled_by,
        "ruled_at": instant(row.ruled_at),
        "rationale": row.rationale,
        "preview": recorded(row.preview),
        "arguments": recorded(row.arguments),
        "action_hash": row.action_hash.hex(),
    }


def effect_as_json(row: EffectRow) -> dict[str, Any]:
    """Return an entry of the ledger."""
    return {
        "kind": row.kind,
        "key": row.key,
        "generation": row.generation,
        "workflow": str(row.workflow_id),
        "address": row.address,
        "step": row.step,
        "state": row.state,
        "tier": row.tier,
        "approval": str(row.approval_id) if row.approval_id else None,
        "attempt": row.attempt,
        "started_at": instant(row.started_at),
        "ended_at": instant(row.ended_at),
        "result": recorded(row.result),
    }


def question_as_json(row: QuestionRow) -> dict[str, Any]:
    """Return a question with the schema of its answer."""
    return {
        "workflow": str(row.workflow_id),
        "contract": row.contract,
        "team": row.team,
        "address": row.address,
        "question": row.question,
        "schema": recorded(row.schema),
        "to": row.addressee,
        "asked_at": instant(row.asked_at),
        "answered_at": instant(row.answered_at),
        "answered_by": row.answered_by,
        "closed_at": instant(row.closed_at),
    }


def facts_as_json(facts: Facts) -> dict[str, Any]:
    """Return everything `actum show` tells."""
    events = [event_as_json(event, facts.failure_at(event.seq)) for event in facts.events]
    last = facts.row.next_seq - 1
    return {
        **workflow_as_json(facts.row),
        "state": state_of(facts),
        "needs_person": facts.needs_person,
        "waits": facts.waits if facts.row.status in ("waiting", "blocked") else [],
        "input": recorded(facts.body_at(1)),
        "result": recorded(facts.body_at(last)) if facts.row.finished_at else None,
        "events": events,
        "approvals": [approval_as_json(one) for one in facts.approvals],
        "effects": [effect_as_json(one) for one in facts.effects],
        "questions": [question_as_json(one) for one in facts.questions],
        "commands": next_commands(facts),
    }
