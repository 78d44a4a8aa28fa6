"""Which commands are possible now, ready to be typed."""

from __future__ import annotations

import shlex

from actum.cli.facts import Facts
from actum.errors import NotPossible
from actum.machine.holding import (
    Failure,
    Verb,
    choose,
    list_failures,
    read_block,
    require_open,
    require_possible,
)
from actum.model.ids import short
from actum.model.workflow import Cause, Status


def next_commands(facts: Facts) -> list[str]:
    """Return the commands that a workflow's state allows, those that help most first."""
    row, name = facts.row, short(facts.row.id)
    if row.finished_at is not None:
        return [f"actum rollback {name} --report"] if row.status == Status.ROLLED_BACK else []
    found: list[str] = []
    for approval in facts.approvals:
        if approval.state == "pending":
            confirm = " --confirm '…'" if approval.tier == 2 and _is_final(facts, approval.step) else ""
            found.append(f"actum approve {short(approval.id)}{confirm} --reason '…'")
            found.append(f"actum reject {short(approval.id)} --reason '…'")
    for question in facts.questions:
        if question.answered_at is None and question.closed_at is None:
            found.append(f"actum answer {name} {shlex.quote(question.address)} --value '…'")
    for effect in facts.effects:
        if effect.state == "in_doubt" and effect.workflow_id == row.id and row.status == Status.BLOCKED:
            place = f"actum settle {name} {shlex.quote(effect.address)}"
            found += [
                f"{place} --happened 'RESULT AS JSON'",
                f"{place} --did-not-happen",
                f"{place} --abandon --reason '…'",
            ]
    if row.status == Status.BLOCKED and row.cause == Cause.HELD:
        found += _ways_on(facts, name)
    for wait in facts.waits:
        if wait.get("for") == "signal" and row.status == Status.WAITING:
            found.append(f"actum signal {name} {shlex.quote(str(wait['step']))} --value '…'")
    if row.status == Status.BLOCKED and row.cause == Cause.UNDO_FAILED:
        found += [f"actum rollback {name} --resume --reason '…'", f"actum rollback {name} --report"]
    elif row.status != Status.ROLLING_BACK and any(effect.state == "succeeded" for effect in facts.effects):
        found.append(f"actum rollback {name} --dry-run")
    is_mendable = row.status == Status.BLOCKED and row.cause in (Cause.CRASH_LOOP, Cause.REFUSED)
    if row.status == Status.PAUSED or is_mendable:
        found.append(f"actum resume {name}")
    elif row.status != Status.BLOCKED:
        found.append(f"actum pause {name}")
    return [*found, f"actum cancel {name}"]


def _is_final(facts: Facts, name: str) -> bool:
    """Whether nothing is declared that would put a step back."""
    steps = facts.document.get("steps", [])
    return not any(
        one.get("reversibility") in ("undoable", "compensable") for one in steps if one["name"] == name
    )


def _ways_on(facts: Facts, name: str) -> list[str]:
    """Return what can be done about the failure that a workflow is held for; about each where several are meant."""
    is_late = facts.row.deadline is not None and facts.row.deadline <= facts.now
    try:
        require_open(facts.events)
    except NotPossible:
        is_late = True
    if is_late:
        return []
    try:
        meant = [choose(facts.events, None)]
    except NotPossible:
        named = {one["address"] for one in read_block(facts.events).get("failed", ())}
        meant = [one for one in list_failures(facts.events) if one.address in named]
    found: list[str] = []
    for failure in meant:
        place = f"{name} {shlex.quote(failure.address)}" if failure.address else name
        for verb, value in ((Verb.RETRY, ""), (Verb.EDIT, " --input '{…}'"), (Verb.SKIP, " --output 'JSON'")):
            if _is_possible(failure, verb):
                found.append(f"actum {verb.value} {place}{value} --reason '…'")
    return found


def _is_possible(failure: Failure, verb: Verb) -> bool:
    try:
        require_possible(failure, verb)
    except NotPossible:
        return False
    return True
