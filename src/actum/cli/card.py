"""The card on a terminal: what an approver reads, in one order, harmless, and folded with a count.

Tier 2 begins with a double bar and tier 1 with a thin one, so that neither is taken for the other where there is no
colour. Colour only repeats what the words say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from shlex import quote
from typing import Any

import orjson

from actum.cli.printing import BAD, DIM, GOOD, HEADING, WARN, say
from actum.cli.text import cut, indent, local, neutral, neutral_lines, since
from actum.client.cards import Card, Need, count_words
from actum.model.ids import short
from actum.store.rows import ApprovalRow

SHOWN_DIFF, SHOWN_BESIDE = 40, 6
"""Lines of a diff before the fold, and of arguments that stand beside one."""
_REVERSIBLE = {
    "undoable": "undoable: its exact reverse is declared, and `actum rollback` carries it out",
    "compensable": "compensable: a counter-action is declared, not an exact reverse",
    "final": "final: nothing can put it back",
    "unknown": "unknown: taken as final",
}
_EXPIRY = {
    "reject": "rejected then",
    "escalate": "others are asked then",
    "hold": "asked until somebody decides",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One harmless line, and the style that a terminal may give it."""

    text: str
    style: str = ""


@dataclass(slots=True)
class Sheet:
    """A card being written: its lines, and how many more are folded away."""

    name: str
    width: int
    is_full: bool = False
    lines: list[Line] = field(default_factory=list)
    folded: int = 0

    @property
    def words(self) -> int:
        """How many words there are to read."""
        return count_words([line.text for line in self.lines])

    def add(self, text: str, style: str = "", *, first: str = "  ", rest: str = "    ") -> None:
        """Add harmless text, wrapped."""
        self.lines += [Line(line, style) for line in indent(text, first, rest, self.width)]

    def tell(self, name: str, text: str, style: str = "") -> None:
        """Add a named field; nothing where there is no text."""
        if text:
            self.add(text, style, first=f"  {name + ':':<11} ", rest=" " * 14)

    def unfold(self, title: str, lines: list[Line], most: int) -> None:
        """Add a block; what is beyond `most` lines is counted, with the way to see it."""
        self.lines.append(Line(f"  {title}:"))
        pieces = [
            Line(f"    {piece}", line.style)
            for line in lines
            for piece in cut(line.text, max(self.width - 4, 20)) or [""]
        ]
        more = 0 if self.is_full else max(len(pieces) - most, 0)
        self.lines += pieces[: len(pieces) - more]
        if more:
            self.folded += more
            self.lines += [
                Line(line, WARN)
                for line in indent(
                    f"… {more} more lines: `actum inbox {self.name} --full`", "    ", "    ", self.width
                )
            ]


def write_card(card: Card, now: datetime, width: int, *, is_full: bool = False) -> Sheet:
    """Return a card as lines of at most `width` columns; `is_full` unfolds what is long."""
    row = card.approval
    sheet = Sheet(short(row.id), width, is_full)
    sheet.lines.append(_bar(row, width))
    sheet.add(neutral(card.sentence), HEADING)
    _tell_edits(sheet, card)
    _tell_why(sheet, card)
    if card.diff:
        sheet.unfold("Effect", _diff(card.diff), SHOWN_DIFF)
    sheet.tell("Reach", neutral(card.blast_radius))
    final = BAD if card.is_final else ""
    sheet.tell("Reversible", _REVERSIBLE.get(card.reversibility, _REVERSIBLE["unknown"]), final)
    for check in card.checks:
        sheet.tell("Check", neutral(check.text), BAD if check.has_failed else GOOD)
    _tell_times(sheet, card, now)
    _tell_people(sheet, card, now)
    for one in card.odd:
        sheet.tell("Unlike", neutral(one), WARN)
    _tell_source(sheet, card)
    return sheet


def tell_card(card: Card, now: datetime, width: int, *, is_full: bool = False) -> Sheet:
    """Print a card, and return what was printed."""
    sheet = write_card(card, now, width, is_full=is_full)
    for line in sheet.lines:
        say(line.text, line.style)
    return sheet


def headline(row: ApprovalRow) -> str:
    """Return the one sentence of a card: the preview's, else kind and step."""
    preview: dict[str, Any] = orjson.loads(row.preview) if row.preview else {}
    return neutral(preview.get("sentence") or f"{row.kind} by {row.step}, without a preview")


def ways(card: Card) -> list[str]:
    """Return the lines to type for an open approval, none before the other in weight."""
    name = short(card.approval.id)
    confirm = f" --confirm '{card.salient[0].upper()}'" if must_confirm(card) else ""
    edits = f" --edit {quote(json.dumps(card.edits))}" if card.edits else ""  # ASCII: harmless, and exact
    return [
        f"actum approve {name}{confirm}{edits} --reason '…'",
        f"actum reject {name} --reason '…'",
        f"actum inquire {name} 'QUESTION'",
    ]


def must_confirm(card: Card) -> bool:
    """Whether approving it wants its salient value typed: what is decided alone and cannot be put back."""
    return card.is_final and card.approval.tier == 2


def _bar(row: ApprovalRow, width: int) -> Line:
    if row.tier == 2:
        return Line("══ TIER 2, DECIDED ALONE ".ljust(width, "═"), BAD)
    batch = f", item of batch {short(row.batch_id)}" if row.batch_id else ""
    return Line(f"-- tier {row.tier}{batch}", DIM)


def _tell_edits(sheet: Sheet, card: Card) -> None:
    if card.approval.edited is None:
        return
    own = card.arguments if isinstance(card.arguments, dict) else {}
    changes = "; ".join(
        f"{neutral(name)} = {neutral(json.dumps(value))} instead of {neutral(json.dumps(own.get(name)))}"
        for name, value in card.edits.items()
    )
    said = f"by {neutral(card.edited_by)}: {changes or 'as below'}; that is decided, and the rest is of what was asked"
    sheet.tell("Edited", said, WARN)


def _tell_why(sheet: Sheet, card: Card) -> None:
    for reason in card.reasons:
        named = f"rule {neutral(reason.rule)}"
        said = f"{neutral(reason.why)} ({named})" if reason.why else named
        because = f"; because {', '.join(map(neutral, reason.because))}" if reason.because else ""
        sheet.tell("Why asked", said + because)
    sheet.tell(
        "Facts", ", ".join(f"{neutral(name)} = {neutral(value)}" for name, value in card.facts.items())
    )
    if not card.has_preview:
        sheet.tell("Preview", "none: nothing but kind and arguments is known", WARN)


def _diff(diff: str) -> list[Line]:
    styles = {"+": GOOD, "-": BAD, "@": DIM}
    return [Line(line, styles.get(line[:1], "")) for line in neutral_lines(diff)]


def _tell_times(sheet: Sheet, card: Card, now: datetime) -> None:
    row = card.approval
    said = f"{row.state} {since(row.ruled_at or row.asked_at, now)}"
    if row.ruled_by:
        said += f" by {neutral(row.ruled_by)}: {neutral(row.rationale or '')}"
    if row.state == "pending" and row.paused_at is not None:
        said += ", its time stands still until the question is answered"
    elif row.state == "pending" and row.expires_at is not None:
        said += f", expires at {local(row.expires_at, now)} ({_EXPIRY.get(row.on_expiry, 'rejected then')})"
    if card.remind_at is not None:
        said += f", reminder at {local(card.remind_at, now)}"
    sheet.tell("State", said)


def _tell_people(sheet: Sheet, card: Card, now: datetime) -> None:
    for need in card.needs:
        sheet.tell("Deciders", _need(need))
    if card.approval.round > 1:
        sheet.tell(
            "Round", f"{card.approval.round}: it was escalated, and earlier votes no longer count", WARN
        )
    for vote in card.votes:
        who = neutral(vote.voter)
        for_whom = "" if vote.counts_for == vote.voter else f" for {neutral(vote.counts_for)}"
        word = "Vote" if vote.round == card.approval.round else "Earlier vote"
        sheet.tell(word, f"{vote.ruling} by {who}{for_whom} {since(vote.voted_at, now)}")
    for one in card.inquiries:
        sheet.tell("Question", f"{one.id}, by {neutral(one.asked_by)}: {neutral(one.question)}")
        if one.answer is None:
            sheet.tell("Answer", f"none yet: `actum reply {one.id} '…'`", WARN)
        else:
            sheet.tell("Answer", f"by {neutral(one.answered_by)}: {neutral(one.answer)}")


def _need(need: Need) -> str:
    whom = neutral(", ".join(need.by)) or "anybody but the requester"
    if need.quorum == 1 and not need.voters:
        return whom
    return f"{len(need.voters)} of {need.quorum} so far, of {whom}"


def _tell_source(sheet: Sheet, card: Card) -> None:
    row = card.approval
    sheet.tell("Requester", neutral(row.requester) if row.requester else "nobody named")
    if row.authors:
        sheet.tell("Authors", f"{neutral(', '.join(row.authors))}: they decide nothing here")
    sheet.tell("For", f"{neutral(row.contract)} {short(row.workflow_id)}, step {neutral(row.step)}")
    sheet.tell("Kind", neutral(row.kind))
    sheet.tell("Target", neutral(card.target))
    sheet.tell("Key", neutral(row.key))
    sheet.tell("Editable", neutral(", ".join(card.editable)))
    most = SHOWN_BESIDE if card.diff else SHOWN_DIFF
    title = "Arguments"
    if card.approval.edited is not None:
        sheet.unfold("Arguments as edited, which are decided", _lines(card.edited), most)
        title = "Arguments as asked for"
    sheet.unfold(f"{title} (a model may have written them)", _lines(card.arguments), most)


def _lines(arguments: object) -> list[Line]:
    body = orjson.dumps(arguments, option=orjson.OPT_INDENT_2).decode()
    return [Line(line) for line in neutral_lines(body)]
