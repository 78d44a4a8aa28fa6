"""`actum incident`: look at what went wrong, take it on, and end it with its cause."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.incident_text import as_json, as_markdown, describe, timeline_line
from actum.cli.lazy import LazyGroup, Place
from actum.cli.opening import carry_out, open_client
from actum.cli.outcome import tell_outcome
from actum.cli.printing import BAD, DIM, GOOD, say, say_all, say_json
from actum.cli.text import age, columns, neutral, since, table
from actum.client.client import Client
from actum.errors import InvalidInput
from actum.model.contract import parse_duration
from actum.model.ids import short
from actum.model.incident import RootCause, Rule
from actum.store.incidents import DigestRow, IncidentRow

CAUSES = [one.value for one in RootCause if one is not RootCause.RECOVERED]

PLACES = {
    "list": Place("incident:list_incidents", "Look", "List incidents, newest first."),
    "show": Place("incident:show", "Look", "Show one incident, its owner and its runbook."),
    "timeline": Place("incident:timeline", "Look", "Show what happened about one incident, in order."),
    "digest": Place("incident:digest", "Look", "Show how each team's incidents went."),
    "open": Place("incident:open_incident", "Act", "Open one that the machine has not."),
    "ack": Place("incident:ack", "Act", "Take one on, which ends its escalation."),
    "mitigate": Place("incident:mitigate", "Act", "Say that the harm is over."),
    "resolve": Place("incident:resolve", "Act", "End one with its cause."),
}
_name = click.argument("name", metavar="INCIDENT")
_note = click.option("--note", default="", metavar="TEXT", help="What to remember of it.")


@click.group(cls=LazyGroup, places=PLACES)
def incident() -> None:
    """Work on what went wrong: an incident has an owner and an end."""


@click.command("list")
@click.option("--all", "everything", is_flag=True, help="Resolved ones too.")
@click.option("--contract", metavar="NAME", help="Only of this contract.")
@click.option("--team", metavar="NAME", help="Only of this team.")
@options.limit(20)
@options.as_json
def list_incidents(
    everything: bool, contract: str | None, team: str | None, limit: int, is_json: bool
) -> int:
    """List incidents that are not resolved, newest first."""
    return carry_out(_list(everything, contract, team, limit, is_json))


async def _list(everything: bool, contract: str | None, team: str | None, limit: int, is_json: bool) -> int:
    async with open_client() as client:
        rows = await client.incidents.list(
            only_open=not everything, contract=contract, team=team, count=limit
        )
        now = await client.store.read_clock()
    if is_json:
        say_json([as_json(row) for row in rows])
    elif not rows:
        say("no incident" if everything else "no incident is open", GOOD)
    else:
        headings = ["ID", "STATE", "AGE", "TEAM", "COUNT", "WHAT"]
        say_all(table([_row(row, now) for row in rows], headings, columns()))
    return Exit.FINE


def _row(row: IncidentRow, now: datetime) -> list[str]:
    return [
        short(row.id),
        row.state.value + (", missed" if row.is_missed else ""),
        age(now - row.opened_at),
        neutral(row.team or "-"),
        str(row.count),
        neutral(row.summary),
    ]


@click.command()
@_name
@options.as_json
def show(name: str, is_json: bool) -> int:
    """Show one incident: what, since when, who answers for it, and what to do next."""
    return carry_out(_show(name, is_json))


async def _show(name: str, is_json: bool) -> int:
    async with open_client() as client:
        row = await client.incidents.get(await client.incidents.find(name))
        now = await client.store.read_clock()
    if is_json:
        say_json(as_json(row))
    else:
        say_all(describe(row, now))
    return Exit.FINE


@click.command()
@_name
@click.option("--markdown", is_flag=True, help="As Markdown, to begin a post-mortem with.")
@options.as_json
def timeline(name: str, markdown: bool, is_json: bool) -> int:
    """Show what happened about one incident, in order: its turns, who was told, what its workflows did."""
    return carry_out(_timeline(name, markdown, is_json))


async def _timeline(name: str, markdown: bool, is_json: bool) -> int:
    async with open_client() as client:
        row = await client.incidents.get(await client.incidents.find(name))
        happened = await client.incidents.timeline(row.id)
    if is_json:
        say_json([{**timeline_line(one), "at": one.at.isoformat()} for one in happened])
    elif markdown:
        say_all(as_markdown(row, happened))
    else:
        for one in happened:
            parts = timeline_line(one)
            said = "  ".join(part for part in (parts["what"], parts["workflow"], parts["about"]) if part)
            say(f"{one.at:%Y-%m-%d %H:%M:%S}  {said}" + (f"  by {parts['by']}" if parts["by"] else ""))
    return Exit.FINE


@click.command()
@click.option(
    "--since", "length", default="7d", show_default=True, metavar="DURATION", help="How far to look back."
)
@options.as_json
def digest(length: str, is_json: bool) -> int:
    """Show how each team's incidents went: how many, how fast, why, and which a person saw before the machine."""
    return carry_out(_digest(length, is_json))


async def _digest(length: str, is_json: bool) -> int:
    back = parse_duration(length)
    async with open_client() as client:
        rows = await client.incidents.digest(await client.store.read_clock() - back)
    if is_json:
        say_json([_digest_as_json(row) for row in rows])
        return Exit.FINE
    if not rows:
        say(f"no incident was opened within {length}", GOOD)
    for row in rows:
        say(f"{neutral(row.team) or 'no team'}: {row.opened} opened, {row.still_open} still open")
        say(
            f"  acknowledged after {_after(row.acknowledge_seconds)}, mitigated after {_after(row.mitigate_seconds)} (medians)"
        )
        say(f"  seen by a person before the machine: {row.missed}", BAD if row.missed else DIM)
        say("  by rule: " + _counts(row.rules))
        say("  by cause: " + (_counts(row.causes) if row.causes else "none is resolved"))
    return Exit.FINE


def _after(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds / 60:.0f} min"


def _counts(text: str) -> str:
    return ", ".join(f"{name} {count}" for name, count in json.loads(text).items())


def _digest_as_json(row: DigestRow) -> dict[str, object]:
    return {
        "team": row.team or None,
        "opened": row.opened,
        "still_open": row.still_open,
        "missed": row.missed,
        "acknowledge_seconds": row.acknowledge_seconds,
        "mitigate_seconds": row.mitigate_seconds,
        "rules": json.loads(row.rules),
        "causes": json.loads(row.causes) if row.causes else {},
    }


@click.command("open")
@click.argument("summary", metavar="SUMMARY")
@click.option(
    "--contract", default="", metavar="NAME", help="Whose owner is told; the workflow's unless given."
)
@click.option("--step", default="", metavar="NAME", help="Where in it.")
@click.option("--workflow", "workflows", multiple=True, metavar="WORKFLOW", help="One that is affected.")
@click.option(
    "--rule",
    type=click.Choice([one.value for one in Rule]),
    default=Rule.REPORTED.value,
    show_default=True,
    help="What the machine should have seen.",
)
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def open_incident(
    summary: str,
    contract: str,
    step: str,
    workflows: tuple[str, ...],
    rule: str,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    """Open an incident that the machine has not: its owner is told, and it counts as a detection miss."""
    return carry_out(_open(summary, contract, step, workflows, Rule(rule), who, dry_run, is_json))


async def _open(
    summary: str,
    contract: str,
    step: str,
    workflows: Sequence[str],
    rule: Rule,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    if not summary.strip():
        raise InvalidInput("an incident needs a sentence: say what is wrong", path="SUMMARY")
    async with open_client(who) as client:
        if dry_run:
            return await _would_open(client, summary, contract, step, workflows, rule, is_json)
        row, is_new = await client.incidents.open(
            summary, contract=contract, step=step, rule=rule, workflows=workflows
        )
    name = short(row.id)
    missed = ", which the machine has missed" if row.is_missed else ""
    said = f"opened {name}{missed}"
    if not is_new:
        said = f"{name} is {row.state.value} already, {since(row.opened_at, row.last_at)}: {_KEPT}"
    facts = {**as_json(row), "is_new": is_new}
    return tell_outcome("incident open", said, facts, actor=client.actor, is_json=is_json)


_KEPT = "it keeps what you say, and your workflows among those that it affects"


async def _would_open(
    client: Client,
    summary: str,
    contract: str,
    step: str,
    workflows: Sequence[str],
    rule: Rule,
    is_json: bool,
) -> int:
    contract, ids = await client.incidents.check_report(
        summary, contract=contract, step=step, workflows=workflows
    )
    known = await client.incidents.find_open(contract=contract, step=step, rule=rule)
    what = f"add to {short(known.id)}" if known else "open an incident"
    said = f"would {what} as {neutral(client.actor)}: {neutral(summary)}; nothing was done"
    facts: dict[str, object] = {
        "summary": summary,
        "contract": contract or None,
        "step": step or None,
        "rule": rule.value,
        "workflows": [str(one) for one in ids],
        "is_new": known is None,
    }
    return tell_outcome("incident open", said, facts, actor=client.actor, is_json=is_json, dry_run=True)


@click.command()
@_name
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def ack(name: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Take an incident on: nobody else is told of it. Twice changes nothing."""
    return carry_out(_act("take on", name, "", "", who, dry_run, is_json))


@click.command()
@_name
@_note
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def mitigate(name: str, note: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Say that the harm of an incident is over, while its cause may not be known."""
    return carry_out(_act("mitigate", name, "", note, who, dry_run, is_json))


@click.command()
@_name
@click.option("--cause", required=True, type=click.Choice(CAUSES), help="Why it happened.")
@_note
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def resolve(name: str, cause: str, note: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    """End an incident with its cause; what comes up again opens another."""
    return carry_out(_act("resolve", name, cause, note, who, dry_run, is_json))


_COMMANDS = {"take on": "ack", "mitigate": "mitigate", "resolve": "resolve"}


async def _act(
    verb: str, name: str, cause: str, note: str, who: str | None, dry_run: bool, is_json: bool
) -> int:
    async with open_client(who) as client:
        row = await client.incidents.get(await client.incidents.find(name))
        said = f"would {verb} {short(row.id)} as {neutral(client.actor)}; nothing was done"
        if dry_run:
            await client.incidents.check_turn(row.id, cause=cause or None, note=note)
        else:
            await _carry_out(client, verb, row, cause, note)
            row = await client.incidents.get(row.id)
            said = f"{short(row.id)} is {row.state.value}: {neutral(row.summary)}"
    return tell_outcome(
        f"incident {_COMMANDS[verb]}",
        said,
        as_json(row),
        actor=client.actor,
        is_json=is_json,
        dry_run=dry_run,
        style="" if dry_run else GOOD,
    )


async def _carry_out(client: Client, verb: str, row: IncidentRow, cause: str, note: str) -> None:
    if verb == "resolve":
        await client.incidents.resolve(row.id, cause=cause, note=note)
    elif verb == "mitigate":
        await client.incidents.mitigate(row.id, note=note)
    else:
        await client.incidents.acknowledge(row.id)
