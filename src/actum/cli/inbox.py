"""`actum inbox`: approvals and questions that wait for a person, each with the line to type."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
import orjson

from actum.cli import options
from actum.cli.as_json import approval_as_json, question_as_json
from actum.cli.card import card, headline
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import DIM, HEADING, say, say_all, say_json
from actum.cli.text import columns, indent, neutral, since
from actum.client import Client
from actum.client.finding import find_approval
from actum.errors import NotFound
from actum.model.ids import short
from actum.store.rows import ApprovalRow, QuestionRow

MOST = 10_000


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
    """List what waits for a person, oldest first; with APPROVAL, show that card."""
    return carry_out(_inbox(approval, contract, team, is_full, limit, is_json))


async def _inbox(
    approval: str | None, contract: str | None, team: str | None, is_full: bool, limit: int, is_json: bool
) -> int:
    async with open_client() as client:
        if approval is not None:
            return await _show_card(client, approval, is_full, is_json)
        approvals, questions = await client.inbox(MOST)
        now = await client.store.read_clock()
        asked = [one for one in approvals if _fits(one, contract, team)]
        open_questions = [one for one in questions if _fits(one, contract, team)]
        shown, rest = asked[:limit], open_questions[: max(limit - len(asked), 0)]
        if is_json:
            say_json(
                {
                    "approvals": [approval_as_json(one) for one in shown],
                    "questions": [question_as_json(one) for one in rest],
                }
            )
            return Exit.FINE
        for one in shown:
            document = await read_document(client, one) if is_full else {}
            _tell_approval(one, document, now, is_full)
        _tell_questions(rest, now)
        left = len(asked) + len(open_questions) - len(shown) - len(rest)
        if left:
            say(f"… {left} more: raise --limit", DIM)
        elif not shown and not rest:
            say("nothing waits for a person")
    return Exit.FINE


async def read_approval(client: Client, name: str) -> ApprovalRow:
    """Return the approval that `name` means, decided or not; raises NotFound and InvalidInput."""
    row = await client.store.approvals.get(await find_approval(client.store, name))
    if row is not None:
        return row
    raise NotFound(f"there is no approval {name}: `actum inbox` shows those that are open")


async def read_document(client: Client, approval: ApprovalRow) -> dict[str, Any]:
    """Return the contract's document of an approval's workflow."""
    row = await client.get(approval.workflow_id)
    found = await client.store.contracts.get(row.contract, row.document_hash)
    return orjson.loads(found["document"]) if found else {}


async def _show_card(client: Client, name: str, is_full: bool, is_json: bool) -> int:
    row = await read_approval(client, name)
    if is_json:
        say_json(approval_as_json(row))
        return Exit.FINE
    now = await client.store.read_clock()
    say(f"Approval {short(row.id)}", HEADING)
    say_all(card(row, await read_document(client, row), now, columns(), is_full=is_full))
    if row.state == "pending":
        _tell_ways(row)
    return Exit.FINE


def _fits(row: ApprovalRow | QuestionRow, contract: str | None, team: str | None) -> bool:
    return (contract is None or row.contract == contract) and (team is None or row.team == team)


def _tell_approval(row: ApprovalRow, document: dict[str, Any], now: datetime, is_full: bool) -> None:
    say(f"{short(row.id)}  approval of {neutral(row.kind)}, pending {since(row.asked_at, now)}", HEADING)
    if is_full:
        say_all(card(row, document, now, columns(), is_full=True))
    else:
        say_all(indent(headline(row), "  ", "  ", columns()))
        whom = f", on behalf of {neutral(row.requester)}" if row.requester else ""
        say_all(indent(f"for {neutral(row.contract)} {short(row.workflow_id)}{whom}", "  ", "  ", columns()))
        say(f"  actum inbox {short(row.id)}")
    _tell_ways(row)
    say()


def _tell_ways(row: ApprovalRow) -> None:
    say(f"  actum approve {short(row.id)} --reason '…'")
    say(f"  actum reject {short(row.id)} --reason '…'")


def _tell_questions(rows: Sequence[QuestionRow], now: datetime) -> None:
    for row in rows:
        say(
            f"{short(row.workflow_id)}  question of {neutral(row.contract)}, open {since(row.asked_at, now)}",
            HEADING,
        )
        say_all(indent(neutral(row.question), "  ", "  ", columns()))
        if row.addressee:
            say(f"  to {neutral(row.addressee)}")
        say_all(indent(f"answer as JSON that fits {neutral(row.schema)}", "  ", "    ", columns()))
        say(f"  actum answer {short(row.workflow_id)} {shlex.quote(neutral(row.address))} --value '…'")
        say()
