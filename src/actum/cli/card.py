"""The card: what an approver reads, built by code from recorded facts, harmless and folded with a count."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from actum.cli.text import fold, indent, local, neutral, neutral_lines, since
from actum.model.ids import short
from actum.store.rows import ApprovalRow

SHOWN_DIFF, SHOWN_BESIDE = 40, 6
"""Lines of a diff before the fold, and of arguments that stand beside one."""
_REVERSIBLE = {
    "undoable": "undoable: its exact reverse is declared",
    "compensable": "compensable: a counter-action is declared, not an exact reverse",
    "final": "final: nothing can put it back",
}
_RULES = {"no-policy": "no policy is active, so every effect is decided by a person"}


def card(
    row: ApprovalRow, document: dict[str, Any], now: datetime, width: int, *, is_full: bool = False
) -> list[str]:
    """Return an approval as lines of at most `width` columns; `is_full` unfolds what is long."""
    preview: dict[str, Any] = orjson.loads(row.preview) if row.preview else {}
    name = short(row.id)
    lines = indent(headline(row), "  ", "  ", width)
    lines += _field("State", _state(row, now), width)
    lines += _field(
        "Why asked", _RULES.get(row.rule, f"rule {neutral(row.rule)}") + f" (tier {row.tier})", width
    )
    for_whom = f" on behalf of {neutral(row.requester)}" if row.requester else ""
    lines += _field("For", f"{neutral(row.contract)} {short(row.workflow_id)}{for_whom}", width)
    lines += _field("Deciders", neutral(", ".join(row.approvers)) or "anybody but the requester", width)
    lines += _field("Reversible", _REVERSIBLE.get(_reversibility(row, document), "unknown"), width)
    lines += _field("Key", neutral(row.key), width)
    if preview.get("facts"):
        facts = preview["facts"]
        pairs = facts.items() if isinstance(facts, dict) else [("facts", facts)]
        lines += _field("Facts", ", ".join(f"{neutral(k)} = {neutral(v)}" for k, v in pairs), width)
    if preview.get("blast_radius"):
        lines += _field("Reach", neutral(preview["blast_radius"]), width)
    for check in sorted(preview.get("checks", []), key=lambda one: not _looks_failed(str(one))):
        lines += _field("Check", neutral(check), width)
    if preview.get("diff"):
        lines += _block("Diff", neutral_lines(preview["diff"]), name, SHOWN_DIFF, is_full)
    shown = SHOWN_BESIDE if preview.get("diff") else SHOWN_DIFF
    lines += _block("Arguments", _arguments(row), name, shown, is_full)
    return lines


def headline(row: ApprovalRow) -> str:
    """Return the one sentence of a card: the preview's, else kind and step."""
    preview: dict[str, Any] = orjson.loads(row.preview) if row.preview else {}
    return neutral(preview.get("sentence") or f"{row.kind} by {row.step}, without a preview")


def _state(row: ApprovalRow, now: datetime) -> str:
    said = f"{row.state} {since(row.ruled_at or row.asked_at, now)}"
    if row.ruled_by:
        said += f" by {neutral(row.ruled_by)}: {neutral(row.rationale or '')}"
    if row.expires_at and row.state == "pending":
        said += f", expires at {local(row.expires_at, now)}"
    return said


def _reversibility(row: ApprovalRow, document: dict[str, Any]) -> str:
    for step in document.get("steps", []):
        if step.get("name") == row.step:
            return str(step.get("reversibility", ""))
    return ""


def _looks_failed(check: str) -> bool:
    return "fail" in check.casefold() or check.startswith(("✗", "x "))


def _arguments(row: ApprovalRow) -> list[str]:
    values = orjson.loads(row.arguments)
    return neutral_lines(orjson.dumps(values, option=orjson.OPT_INDENT_2).decode())


def _field(name: str, text: str, width: int) -> list[str]:
    return indent(text, f"  {name + ':':<11} ", " " * 14, width)


def _block(name: str, lines: list[str], approval: str, most: int, is_full: bool) -> list[str]:
    shown = lines if is_full else fold(lines, most, f"`actum inbox {approval} --full`")
    return [f"  {name}:", *(f"    {line}" for line in shown)]
