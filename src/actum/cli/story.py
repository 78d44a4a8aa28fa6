"""A workflow in sentences: its state, and each of its events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from actum.cli.facts import Facts, data_of
from actum.cli.text import ago, duration, indent, local, neutral, since
from actum.model.events import Event, EventKind
from actum.model.ids import short
from actum.model.workflow import Cause, Status
from actum.store.rows import WorkflowRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CAUSES = {
    Cause.IN_DOUBT: "an effect may or may not have happened",
    Cause.MISMATCH: "the code does not match the recorded history",
    Cause.HELD: "it failed, and its contract holds it for a person",
    Cause.UNDO_FAILED: "an undo failed",
    Cause.CRASH_LOOP: "its workers kept crashing",
    Cause.REFUSED: "it cannot be driven",
}


def name_of(row: WorkflowRow) -> str:
    """Return how people call a workflow: contract, short id, and its key where it has one."""
    key = f" ({neutral(row.key)})" if row.key else ""
    return f"{neutral(row.contract)} {short(row.id)}{key}"


def state_of(facts: Facts) -> str:
    """Return one sentence that says how a workflow stands and what it waits for."""
    row, now = facts.row, facts.now
    match row.status:
        case Status.PENDING:
            return f"{_ready(facts)}{_nobody(facts)}"
        case Status.RUNNING | Status.ROLLING_BACK:
            on = f" on {neutral(facts.worker)}" if facts.worker else ", taken by no worker at the moment"
            word = "running" if row.status == Status.RUNNING else "rolling back"
            return f"{word}{_current(row)}{on}, {since(row.updated_at, now)}{_nobody(facts)}"
        case Status.WAITING:
            return f"waiting for {_waits(facts)} {since(row.updated_at, now)}{_nobody(facts)}"
        case Status.PAUSED:
            return f"paused {since(row.updated_at, now)}{_by_last(facts, EventKind.WORKFLOW_PAUSED)}"
        case Status.BLOCKED:
            return f"blocked {since(row.updated_at, now)}: {_blocked(facts)}"
        case _:
            return _ended(facts)


def _ready(facts: Facts) -> str:
    if facts.worker:
        return f"taken by {neutral(facts.worker)}, nothing recorded yet"
    return f"ready {since(facts.row.created_at, facts.now)}, and taken by no worker yet"


def _nobody(facts: Facts) -> str:
    return f"; {neutral(facts.nobody)}" if facts.nobody else ""


def _current(row: WorkflowRow) -> str:
    attempt = f", attempt {row.attempt_count}" if row.attempt_count > 1 else ""
    return f" {neutral(row.current_step)}{attempt}" if row.current_step else ""


def _waits(facts: Facts) -> str:
    said = list(dict.fromkeys(_wait(wait, facts.now) for wait in facts.waits))
    return ", and for ".join(said) or "the world"


def _wait(wait: dict[str, Any], now: datetime) -> str:
    step = neutral(wait.get("step") or "")
    match wait.get("for"):
        case "approval":
            what = wait.get("kind") or ", ".join(map(str, wait.get("calls", []))) or step
            return f"approval of {neutral(what)}"
        case "answer":
            return f"an answer at {neutral(wait.get('address'))}: {neutral(wait.get('question', ''))}"
        case "signal":
            return f"the signal {step}"
        case "child":
            return f"the child {step} {neutral(wait.get('child', ''))[-8:]}"
        case "time":
            return _until(wait, step, now)
        case "key":
            return f"the other holder of the key {neutral(wait.get('key'))} ({step})"
        case "freeze":
            return f"the end of a freeze ({step})"
        case "budget":
            return f"room in a budget ({step}): {neutral(wait.get('why', ''))}"
        case "policy":
            return f"a policy or a worker that can rule {step}: {neutral(wait.get('why', ''))}"
        case other:
            return f"{neutral(other)} ({step})"


def _until(wait: dict[str, Any], step: str, now: datetime) -> str:
    due = wait.get("due")
    when = f" at {local(_EPOCH + timedelta(microseconds=due), now)}" if isinstance(due, int) else ""
    address = str(wait.get("address") or "")
    return (
        f"the next attempt of {step}{when}"
        if step and step not in ("sleep", "timer")
        else f"a timer{when} ({neutral(address)})"
    )


def _by_last(facts: Facts, kind: EventKind) -> str:
    for event in reversed(facts.events):
        if event.kind is kind:
            why = data_of(event).get("why")
            return f" by {neutral(event.actor)}" + (f": {neutral(why)}" if why else "")
    return ""


def _blocked(facts: Facts) -> str:
    cause = facts.row.cause or ""
    said = _CAUSES[Cause(cause)] if cause in set(Cause) else neutral(cause)
    for event in reversed(facts.events):
        if event.kind is EventKind.WORKFLOW_BLOCKED:
            data = data_of(event)
            if cause == Cause.IN_DOUBT:
                doubts = [
                    f"{neutral(w.get('step'))} at {neutral(w.get('address'))}" for w in data.get("waits", [])
                ]
                return f"{said}: {', '.join(doubts)}" if doubts else said
            if "recorded" in data:
                return (
                    f"{said}: history has {neutral(data['recorded'])}, the code {neutral(data.get('asked'))}"
                )
            refused = f"; refused was {neutral(data['refused'])}" if data.get("refused") else ""
            return (f"{said}: {neutral(data['why'])}" if data.get("why") else said) + refused
    return said


def _ended(facts: Facts) -> str:
    row = facts.row
    if row.finished_at is None:
        return neutral(row.status)
    took = duration(int((row.finished_at - row.created_at) / timedelta(microseconds=1)))
    said = f"{row.status.replace('_', ' ')} {ago(row.finished_at, facts.now)}, after {took}"
    last = facts.events[-1] if facts.events else None
    if last is None or row.status == Status.COMPLETED:
        return said
    message = facts.failure_at(last.seq)
    reason = f" ({last.reason})" if last.reason else ""
    return f"{said}{reason}" + (f": {neutral(message)}" if message else "")


def tell(event: Event, now: datetime, width: int, failure: str = "") -> list[str]:
    """Return an event as lines: when, what, at which step and attempt, how long, by whom and why."""
    data = data_of(event)
    parts = [neutral(event.step)] if event.step else []
    if event.address and event.address != event.step:
        parts.append(f"at {neutral(event.address)}")
    if event.attempt is not None:
        parts.append(f"attempt {event.attempt}")
    if isinstance(data.get("us"), int):
        parts.append(duration(data["us"]))
    if event.outcome:
        parts.append(neutral(event.outcome))
    if event.actor:
        parts.append(f"by {neutral(event.actor)}")
    if event.reason:
        parts.append(neutral(event.reason))
    why = data.get("why") or data.get("rationale") or data.get("question") or failure
    if why:
        parts.append(neutral(why))
    first = f"  {local(event.at, now)}  {neutral(event.kind.value):<22}  "
    return indent(" · ".join(parts), first, " " * 12, width)


def timeline(facts: Facts, width: int, most: int | None) -> list[str]:
    """Return the events of a workflow; where only the last `most` are told, how many were left out is said first."""
    events: Sequence[Event] = facts.events
    left = max(len(events) - most, 0) if most is not None else 0
    lines = [f"  … {left} earlier events: --full shows them"] if left else []
    for event in events[left:]:
        lines += tell(event, facts.now, width, facts.failure_at(event.seq))
    return lines
