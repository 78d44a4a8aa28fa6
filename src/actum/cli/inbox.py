"""`actum inbox`: what waits for a person: explicit checkpoints first, then batches, then questions."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from actum.cli import options
from actum.cli.as_json import approval_as_json, instant, question_as_json, recorded
from actum.cli.card import headline, tell_card, ways
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import BAD, DIM, HEADING, say, say_all, say_json
from actum.cli.text import columns, indent, neutral, since
from actum.client import Client
from actum.client.cards import Card, read_card, read_cards
from actum.client.finding import find_approval
from actum.errors import NotFound
from actum.model.ids import short
from actum.store.batches import BatchRow
from actum.store.rows import ApprovalRow, QuestionRow

MOST = 10_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person: `alone` are the approvals with a card each, tier 2 first, each kind oldest first."""

    alone: Sequence[ApprovalRow]
    batches: Sequence[tuple[BatchRow, Sequence[ApprovalRow]]]
    questions: Sequence[QuestionRow]

    def __len__(self) -> int:
        return len(self.alone) + len(self.batches) + len(self.questions)

    def cut(self, limit: int) -> Waiting:
        """Return the first `limit` of it."""
        alone = self.alone[:limit]
        batches = self.batches[: limit - len(alone)]
        return Waiting(alone, batches, self.questions[: limit - len(alone) - len(batches)])


@click.command()
@click.argument("approval", required=False)
@click.option("--contract", metavar="NAME", help="Only what workflows of this contract ask.")
@click.option("--team", metavar="NAME", help="Only what this team's workflows ask.")
@click.option("--full", "is_full", is_flag=True, help="Show whole cards, folding nothing.")
@options.limit(20)
@options.as_json
def inbox(
    approval: str | None, contract: str | None, team: str | None, is_full: bool, limit: int, is_json: bool
) -> int:
    """List what waits for a person, explicit checkpoints first; with APPROVAL, show that card."""
    return carry_out(_inbox(approval, contract, team, is_full, limit, is_json))


async def _inbox(
    approval: str | None, contract: str | None, team: str | None, is_full: bool, limit: int, is_json: bool
) -> int:
    async with open_client() as client:
        if approval is not None:
            return await _show_card(client, approval, is_full, is_json)
        found = await read_waiting(client, contract, team)
        shown = found.cut(limit)
        now = await client.store.read_clock()
        cards = await read_cards(client.store, shown.alone)
    if is_json:
        say_json(_as_json(shown, cards))
        return Exit.FINE
    for card in cards:
        _tell_approval(card, now, is_full)
    for batch, rows in shown.batches:
        tell_batch(batch, rows, now)
    _tell_questions(shown.questions, now)
    if len(found) > len(shown):
        say(f"… {len(found) - len(shown)} more: raise --limit", DIM)
    elif not len(found):
        say("nothing waits for a person")
    return Exit.FINE


async def read_waiting(client: Client, contract: str | None = None, team: str | None = None) -> Waiting:
    """Return what waits for a person, of one contract or team where given."""
    approvals, questions = await client.inbox(MOST)
    asked = [one for one in approvals if _fits(one, contract, team)]
    batches = [
        (batch, [row for row in asked if row.batch_id == batch.id])
        for batch in await client.store.batches.list()
    ]
    batched = {batch.id for batch, _ in batches}
    alone = [row for row in asked if row.batch_id not in batched]
    return Waiting(
        sorted(alone, key=lambda row: -row.tier),
        [(batch, rows) for batch, rows in batches if rows],
        [one for one in questions if _fits(one, contract, team)],
    )


async def read_approval(client: Client, name: str) -> ApprovalRow:
    """Return the approval that `name` means, decided or not; raises NotFound and InvalidInput."""
    row = await client.store.approvals.get(await find_approval(client.store, name))
    if row is not None:
        return row
    raise NotFound(f"there is no approval {name}: `actum inbox` shows those that are open")


def card_as_json(card: Card) -> dict[str, Any]:
    """Return an approval with everything on its card."""
    return {**approval_as_json(card.approval), **card.as_data()}


def batch_as_json(batch: BatchRow, rows: Sequence[ApprovalRow]) -> dict[str, Any]:
    """Return a batch with the ids of its open items."""
    return {
        "id": str(batch.id),
        "name": short(batch.id),
        "rule": batch.rule,
        "key": batch.key,
        "state": batch.state,
        "opened_at": instant(batch.opened_at),
        "closes_at": instant(batch.closes_at),
        "closed_at": instant(batch.closed_at),
        "shown_at": instant(batch.shown_at),
        "limits": recorded(batch.max_sums),
        "open": [str(row.id) for row in rows],
    }


def tell_batch(batch: BatchRow, rows: Sequence[ApprovalRow], now: datetime) -> None:
    """Print a batch as one line, and the line to type."""
    kinds = ", ".join(sorted({neutral(row.kind) for row in rows}))
    items = f"{len(rows)} item" + ("" if len(rows) == 1 else "s")
    growing = ", may still grow" if batch.state == "open" and batch.closed_at is None else ""
    said = f"{short(batch.id)}  batch of {items}: {kinds}, pending {since(batch.opened_at, now)}{growing}"
    say_all(indent(said, "", "  ", columns()), HEADING)
    say_all(indent(f"tier 1, rule {neutral(batch.rule)}", "  ", "  ", columns()))
    say(f"  actum review {short(batch.id)}")
    say()


def _as_json(shown: Waiting, cards: Sequence[Card]) -> dict[str, Any]:
    return {
        "approvals": [card_as_json(one) for one in cards],
        "batches": [batch_as_json(batch, rows) for batch, rows in shown.batches],
        "questions": [question_as_json(one) for one in shown.questions],
    }


async def _show_card(client: Client, name: str, is_full: bool, is_json: bool) -> int:
    card = await read_card(client.store, await read_approval(client, name))
    if is_json:
        say_json(card_as_json(card))
        return Exit.FINE
    now = await client.store.read_clock()
    say(f"Approval {short(card.approval.id)}", HEADING)
    tell_card(card, now, columns(), is_full=is_full)
    if card.approval.state == "pending":
        _tell_ways(card)
    return Exit.FINE


def _fits(row: ApprovalRow | QuestionRow, contract: str | None, team: str | None) -> bool:
    return (contract is None or row.contract == contract) and (team is None or row.team == team)


def _tell_approval(card: Card, now: datetime, is_full: bool) -> None:
    row = card.approval
    kind = f"{short(row.id)}  approval of {neutral(row.kind)}, pending {since(row.asked_at, now)}"
    say_all(indent(kind, "", "  ", columns()), HEADING)
    if is_full:
        tell_card(card, now, columns(), is_full=True)
    else:
        if row.tier == 2:
            say("  ══ TIER 2, DECIDED ALONE", BAD)
        say_all(indent(headline(row), "  ", "  ", columns()))
        whom = f", on behalf of {neutral(row.requester)}" if row.requester else ""
        say_all(indent(f"for {neutral(row.contract)} {short(row.workflow_id)}{whom}", "  ", "  ", columns()))
        say(f"  actum inbox {short(row.id)}")
    _tell_ways(card)
    say()


def _tell_ways(card: Card) -> None:
    for way in ways(card):
        say(f"  {way}")


def _tell_questions(rows: Sequence[QuestionRow], now: datetime) -> None:
    for row in rows:
        asked = (
            f"{short(row.workflow_id)}  question of {neutral(row.contract)}, open {since(row.asked_at, now)}"
        )
        say_all(indent(asked, "", "  ", columns()), HEADING)
        say_all(indent(neutral(row.question), "  ", "  ", columns()))
        if row.addressee:
            say_all(indent(f"to {neutral(row.addressee)}", "  ", "  ", columns()))
        say_all(indent(f"answer as JSON that fits {neutral(row.schema)}", "  ", "    ", columns()))
        say(f"  actum answer {short(row.workflow_id)} {shlex.quote(neutral(row.address))} --value '…'")
        say()
