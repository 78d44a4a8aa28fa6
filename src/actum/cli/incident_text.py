"""An incident in words: for the terminal, as JSON, and as Markdown to begin a post-mortem with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from actum.cli.as_json import instant
from actum.cli.text import neutral, since
from actum.model.ids import short
from actum.model.incident import IncidentState
from actum.store.incidents import IncidentRow, TimelineRow


def as_json(row: IncidentRow) -> dict[str, object]:
    """Return an incident as JSON values."""
    stamps = (
        "opened_at",
        "machine_at",
        "first_at",
        "last_at",
        "acknowledged_at",
        "mitigated_at",
        "resolved_at",
    )
    plain = (
        "rule",
        "contract",
        "step",
        "reason",
        "summary",
        "team",
        "contacts",
        "runbook",
        "urgency",
        "count",
    )
    people = ("opened_by", "is_missed", "acknowledged_by", "mitigated_by", "resolved_by", "cause", "note")
    return {
        "id": str(row.id),
        "name": short(row.id),
        "state": row.state.value,
        **{name: getattr(row, name) for name in (*plain, *people, "reduces_autonomy", "level")},
        **{name: instant(getattr(row, name)) for name in stamps},
        "workflows": [str(one) for one in row.workflow_ids],
    }


def describe(row: IncidentRow, now: datetime) -> Iterator[str]:
    """Yield the lines of `actum incident show`."""
    yield f"{short(row.id)}  {row.state.value}: {neutral(row.summary)}"
    times = "once" if row.count == 1 else f"{row.count} times"
    yield f"  rule       {row.rule}, {times}, {since(row.first_at, now)}"
    by = "by a person before the machine" if row.is_missed else f"by {neutral(row.opened_by)}"
    yield f"  opened     {since(row.opened_at, now)}, {by}"
    yield f"  owner      {neutral(row.team or 'nobody')}, then {', '.join(map(neutral, row.contacts)) or 'nobody'}"
    yield f"  runbook    {neutral(row.runbook or 'none')}"
    yield f"  told       {row.level} of {1 + len(row.contacts)}"
    if row.reduces_autonomy:
        yield "  autonomy   reduced: what policy lets through is asked for until this ends"
    if row.resolved_at is not None:
        yield f"  cause      {row.cause}" + (f": {neutral(row.note)}" if row.note else "")
    for workflow_id in row.workflow_ids[:10]:
        yield f"  actum show {short(workflow_id)}"
    if len(row.workflow_ids) > 10:
        yield f"  and {len(row.workflow_ids) - 10} more: --where incident={short(row.id)} reaches them all"
    if row.state is not IncidentState.RESOLVED:
        verb = "ack" if row.state is IncidentState.OPEN else "resolve"
        yield f"  actum incident {verb} {short(row.id)}" + (" --cause …" if verb == "resolve" else "")


def timeline_line(one: TimelineRow) -> dict[str, str]:
    """Return one entry of a timeline as harmless texts; what is not there is empty."""
    return {
        "what": neutral(one.what),
        "workflow": short(one.workflow_id) if one.workflow_id else "",
        "about": neutral(one.about or ""),
        "by": neutral(one.actor or ""),
    }


def as_markdown(row: IncidentRow, happened: Sequence[TimelineRow]) -> Iterator[str]:
    """Yield an incident as Markdown: what, who, when, and the questions that a person has to answer."""
    yield f"# {_cell(row.summary)}"
    yield ""
    yield f"- Incident: {row.id}, {row.state.value}"
    yield f"- Rule: {row.rule}, {row.count} affected"
    yield f"- Owner at the time: {_cell(row.team or 'nobody')}"
    yield f"- Detection: {'a person, before the machine' if row.is_missed else _cell(row.opened_by)}"
    yield f"- Time to acknowledge: {_length(row.opened_at, row.acknowledged_at)}"
    yield f"- Time to mitigate: {_length(row.opened_at, row.mitigated_at)}"
    yield f"- Cause: {_cell(': '.join(one for one in (row.cause, row.note) if one) or 'not known yet')}"
    yield from ("", "## Timeline", "", "| at (UTC) | what | workflow | about | by |", "|---|---|---|---|---|")
    for one in happened:
        parts = timeline_line(one)
        cells = [
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            *(parts[name] for name in ("what", "workflow", "about", "by")),
        ]
        yield f"| {' | '.join(map(_cell, cells))} |"
    yield from ("", "## What made it possible", "", "## What prevents it from now on")


def _cell(text: str) -> str:
    safe = neutral(text)
    for char in "\\|<>[]`*_":
        safe = safe.replace(char, f"\\{char}")
    return safe


def _length(begins: datetime, ends: datetime | None) -> str:
    return "not yet" if ends is None else f"{(ends - begins).total_seconds() / 60:.0f} min"
