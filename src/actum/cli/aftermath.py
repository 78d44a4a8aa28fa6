"""The report of a rollback: what was undone, compensated and left standing, and why; as data, and in Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from actum.cli.facts import data_of
from actum.cli.text import neutral
from actum.errors import NotPossible
from actum.machine.ledger import EffectState
from actum.machine.rollback import Action
from actum.model.events import Event, EventKind
from actum.model.ids import short
from actum.store.rows import WorkflowRow

UNDONE, COMPENSATED, LEFT, OPEN = "undone", "compensated", "left standing", "still to be undone"


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What became of a workflow's effects. `outcome` is complete, partial, or, before its end, `not over`.

    `reason` is a word of `actum.model.events.Reason`, `why` the sentence beside it, `asked_by` who wanted it, None where the
    contract itself did. `entries` are the plan's, newest effect first, each with its own `outcome`.
    """

    workflow_id: str
    contract: str
    status: str
    outcome: str
    reason: str
    why: str
    asked_by: str | None
    began_at: str
    ended_at: str | None
    entries: Sequence[Mapping[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def read_aftermath(row: WorkflowRow, events: Sequence[Event]) -> Aftermath:
    """Return what became of the effects of a workflow; raises NotPossible where nothing was ever rolled back."""
    begun = [one for one in events if one.kind is EventKind.WORKFLOW_ROLLING_BACK and "plan" in data_of(one)]
    if not begun:
        name = short(row.id)
        raise NotPossible(
            f"workflow {name} was not rolled back: `actum rollback {name} --dry-run` shows what would be undone"
        )
    end = next((one for one in events if one.kind is EventKind.WORKFLOW_ROLLED_BACK), None)
    plan = data_of(begun[-1])
    said = data_of(end) if end is not None else {**plan, "entries": plan["plan"], "outcome": "not over"}
    undone = {one.address for one in events if _is_done(one)}
    actor = begun[0].actor or "worker:"
    return Aftermath(
        workflow_id=str(row.id),
        contract=row.contract,
        status=row.status,
        outcome=str(said["outcome"]),
        reason=begun[0].reason or "",
        why=str(said.get("why") or ""),
        asked_by=None if actor.startswith("worker:") else actor,
        began_at=_instant(begun[0].at),
        ended_at=_instant(end.at) if end is not None else None,
        entries=[{**one, "outcome": _outcome(one, undone)} for one in said["entries"]],
    )


def _is_done(event: Event) -> bool:
    is_settled = event.kind is EventKind.EFFECT_SETTLED and event.outcome == "happened"
    return event.kind is EventKind.EFFECT_SUCCEEDED or is_settled


def _outcome(entry: Mapping[str, Any], undone: set[str | None]) -> str:
    if entry["action"] == Action.LEAVE or entry.get("outcome") == LEFT:
        return LEFT
    if entry["address"] not in undone:
        return OPEN
    return COMPENSATED if entry["action"] == Action.COMPENSATE else UNDONE


def as_markdown(found: Aftermath) -> list[str]:
    """Return the report as lines of Markdown; what came from outside can neither format nor link."""
    counts = {word: sum(one["outcome"] == word for one in found.entries) for word in _TITLES}
    summary = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    lines = [
        f"# Rollback of {_plain(found.contract)} {found.workflow_id[-8:]}",
        "",
        f"It is **{found.outcome}**: {summary or 'nothing stood that could be undone'}.",
        "",
        f"- Workflow: {found.workflow_id}, {found.status.replace('_', ' ')}",
        f"- Cause: {_plain(found.reason)}" + (f": {_plain(found.why)}" if found.why else ""),
        f"- Asked by: {_plain(found.asked_by or 'its contract')}",
        f"- Began: {found.began_at}",
        f"- Ended: {found.ended_at or 'not yet'}",
    ]
    for word, title in _TITLES.items():
        told = [_tell(one, found.workflow_id) for one in found.entries if one["outcome"] == word]
        lines += ["", f"## {title}", "", *told] if told else []
    return lines


_TITLES = {LEFT: "Left standing", OPEN: "Still to be undone", UNDONE: "Undone", COMPENSATED: "Compensated"}
"""What a person must look at comes first."""


_UNKNOWN = (EffectState.STARTED, EffectState.IN_DOUBT, EffectState.ABANDONED)


def _tell(entry: Mapping[str, Any], workflow_id: str) -> str:
    where = f"at {_plain(entry['of'])}"
    if entry["workflow_id"] != workflow_id:
        where += f" of its child {_plain(entry['contract'])} {entry['workflow_id'][-8:]}"
    key = f", key {_plain(entry['key'])}"
    is_known = entry["state"] not in _UNKNOWN
    when = f"{'done' if is_known else 'perhaps done'} {entry['at']}"
    line = f"- {_plain(entry['step'])} ({_plain(entry['kind'])}) {where}, {when}{key}"
    return f"{line}: {_plain(entry['why'])}" if entry["outcome"] == LEFT else f"{line}, by {entry['address']}"


def _plain(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|!~&])", r"\\\1", neutral(text))


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
