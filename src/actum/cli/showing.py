"""`actum show`: one workflow, told from its rows and events."""

from __future__ import annotations

import click
import orjson

from actum.cli import options
from actum.cli.as_json import facts_as_json
from actum.cli.card import tell_card
from actum.cli.exits import Exit
from actum.cli.facts import Facts, read_facts
from actum.cli.held import held_for
from actum.cli.next_steps import next_commands
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import HEADING, say, say_all, say_json
from actum.cli.story import name_of, state_of, timeline
from actum.cli.text import columns, fold, indent, local, neutral, neutral_lines, since
from actum.client.cards import Card, read_cards
from actum.model.ids import short

SHOWN_EVENTS = 30
SHOWN_PAYLOAD = 12


@click.command()
@options.workflow
@click.option("--full", "is_full", is_flag=True, help="Fold nothing: all events, whole diffs and payloads.")
@options.as_json
def show(workflow: str, is_full: bool, is_json: bool) -> int:
    """Show one workflow: how it stands, what happened, what it did, and what can be done now."""
    return carry_out(_show(workflow, is_full, is_json))


async def _show(workflow: str, is_full: bool, is_json: bool) -> int:
    async with open_client() as client:
        facts = await read_facts(client, await client.find(workflow))
        cards = await read_cards(client.store, facts.approvals)
    if is_json:
        say_json(facts_as_json(facts))
    else:
        _tell(facts, cards, columns(), is_full)
    return Exit.FINE


def _tell(facts: Facts, cards: list[Card], width: int, is_full: bool) -> None:
    row = facts.row
    say(name_of(row), HEADING)
    say_all(indent(state_of(facts), "  ", "  ", width))
    about = [
        f"id {row.id}",
        f"started {local(row.created_at, facts.now)} by {neutral(row.requester or 'nobody named')}",
    ]
    about += [f"team {neutral(row.team)}"] if row.team else ["no owner"]
    about += [f"deadline {local(row.deadline, facts.now)}"] if row.deadline else []
    say_all(indent(", ".join(about), "  ", "  ", width))
    _tell_payload("Input", facts.body_at(1), is_full)
    _section("Held for", held_for(facts, width))
    _section("Timeline", timeline(facts, width, None if is_full else SHOWN_EVENTS))
    for card in cards:
        say()
        say(f"Approval {short(card.approval.id)}", HEADING)
        tell_card(card, facts.now, width, is_full=is_full)
    _section("Effects", _ledger(facts, width))
    _section("Questions", _questions(facts, width))
    if row.finished_at is not None and row.status == "completed":
        _tell_payload("Result", facts.body_at(row.next_seq - 1), is_full)
    _section("Now", [f"  {line}" for line in next_commands(facts)])


def _section(title: str, lines: list[str]) -> None:
    if lines:
        say()
        say(title, HEADING)
        say_all(lines)


def _tell_payload(title: str, body: bytes | None, is_full: bool) -> None:
    if body is None:
        return
    text = orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    lines = neutral_lines(text)
    shown = lines if is_full else fold(lines, SHOWN_PAYLOAD, "`--full` shows them")
    _section(title, [f"  {line}" for line in shown])


def _ledger(facts: Facts, width: int) -> list[str]:
    lines: list[str] = []
    for one in facts.effects:
        shared = "" if one.workflow_id == facts.row.id else f", done by workflow {short(one.workflow_id)}"
        said = (
            f"{neutral(one.kind)} by {neutral(one.step)} at {neutral(one.address)}: {one.state.replace('_', ' ')} "
            f"{since(one.ended_at or one.started_at, facts.now)}, attempt {one.attempt}, key {neutral(one.key)}{shared}"
        )
        lines += indent(said, "  ", "    ", width)
    return lines


def _questions(facts: Facts, width: int) -> list[str]:
    lines: list[str] = []
    for one in facts.questions:
        if one.answered_at is not None:
            state = f"answered by {neutral(one.answered_by)} {since(one.answered_at, facts.now)}"
        elif one.closed_at is not None:
            state = f"withdrawn {since(one.closed_at, facts.now)}"
        else:
            state = f"open {since(one.asked_at, facts.now)}"
        lines += indent(f"{neutral(one.question)} (at {neutral(one.address)}, {state})", "  ", "    ", width)
    return lines
