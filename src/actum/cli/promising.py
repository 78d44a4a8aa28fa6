"""`actum slo` and `actum owners`: how promises stand, and who answers for what."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.lazy import LazyGroup, Place
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import BAD, DIM, GOOD, say, say_all, say_json
from actum.cli.text import columns, neutral, table
from actum.client.incidents import ContractOwner
from actum.engine.promises import Promise

PLACES = {
    "list": Place("promising:list_owners", "Commands", "List contracts with team, contacts and runbook."),
    "export": Place("promising:export", "Commands", "Write them for a service catalogue."),
}


@click.command()
@click.argument("contract", required=False)
@options.as_json
def slo(contract: str | None, is_json: bool) -> int:
    """Show how the promises of contracts, or of one, stand over thirty days, and whether a budget burns."""
    return carry_out(_slo(contract, is_json))


async def _slo(contract: str | None, is_json: bool) -> int:
    async with open_client() as client:
        promises = await client.incidents.promises(contract)
    if is_json:
        say_json([_promise_as_json(one) for one in promises])
        return Exit.FINE
    if not promises:
        say("nothing is promised: write slo=Slo(completion=0.99, …) in a contract", DIM)
        return Exit.FINE
    headings = ["CONTRACT", "OBJECTIVE", "PROMISED", "KEPT", "BAD", "BUDGET LEFT", "NOW"]
    say_all(table([_row(one) for one in promises], headings, columns()))
    grave = [one for one in promises if one.burning or one.is_exhausted]
    say(
        f"{len(grave)} of {len(promises)} in danger" if grave else "none is in danger", BAD if grave else GOOD
    )
    return Exit.FINE


def _row(one: Promise) -> list[str]:
    total, bad = one.counts.total, one.counts.bad
    kept = f"{(total - bad) / total:.2%}" if total else "-"
    now = f"burns {one.burning.rate:.1f} times too fast" if one.burning else "steady"
    return [
        neutral(one.contract),
        one.objective.value,
        f"{one.share:.2%}",
        kept,
        f"{bad} of {total}",
        f"{one.left:.0%}",
        "used up" if one.is_exhausted else now,
    ]


def _promise_as_json(one: Promise) -> dict[str, object]:
    return {
        "contract": one.contract,
        "team": one.team,
        "objective": one.objective.value,
        "promised": one.share,
        "total": one.counts.total,
        "bad": one.counts.bad,
        "budget_left": one.left,
        "burn_rate": one.burning.rate if one.burning else None,
        "is_exhausted": one.is_exhausted,
        "reduces_autonomy": one.reduces and one.is_exhausted,
    }


@click.group(cls=LazyGroup, places=PLACES)
def owners() -> None:
    """Say who answers for what, as contracts were registered last."""


@click.command("list")
@options.as_json
def list_owners(is_json: bool) -> int:
    """List contracts with their team, contacts, runbook and the authors they name."""
    return carry_out(_list(is_json))


async def _list(is_json: bool) -> int:
    async with open_client() as client:
        found = await client.incidents.owners()
    if is_json:
        say_json(
            [
                {
                    "contract": one.contract,
                    "team": one.team,
                    "contacts": list(one.contacts),
                    "runbook": one.runbook,
                    "quiet_hours": one.quiet_hours,
                    "slo": one.slo,
                    "authors": list(one.authors),
                }
                for one in found
            ]
        )
    elif found:
        rows = [
            [
                one.contract,
                one.team or "nobody",
                ", ".join(one.contacts) or "-",
                one.runbook or "-",
                ", ".join(one.authors) or "-",
            ]
            for one in found
        ]
        headings = ["CONTRACT", "TEAM", "CONTACTS", "RUNBOOK", "AUTHORS"]
        say_all(table([[neutral(cell) for cell in row] for row in rows], headings, columns()))
    else:
        say("no contract is registered yet: start a worker", DIM)
    return Exit.FINE


@click.command()
@click.option(
    "--backstage", is_flag=True, required=True, help="As entities of a Backstage catalogue, in YAML."
)
def export(backstage: bool) -> int:
    """Write each contract as a component with its owner, for a service catalogue to read."""
    return carry_out(_export())


async def _export() -> int:
    async with open_client() as client:
        say_all(_entities(await client.incidents.owners()))
    return Exit.FINE


def _entities(found: Sequence[ContractOwner]) -> list[str]:
    """Return YAML documents; every text is a JSON string, which YAML reads as the same text."""
    lines: list[str] = []
    for one in found:
        first = (one.about.strip().splitlines() or [""])[0]
        lines += [
            "---",
            "apiVersion: backstage.io/v1alpha1",
            "kind: Component",
            "metadata:",
            f"  name: {json.dumps(_entity_name(one.contract))}",
            f"  title: {json.dumps(one.contract)}",
            f"  description: {json.dumps(first)}",
            "  annotations:",
            f"    actum/contract: {json.dumps(one.contract)}",
            f"    actum/runbook: {json.dumps(one.runbook or '')}",
            f"    actum/contacts: {json.dumps(', '.join(one.contacts))}",
            "spec:",
            "  type: workflow",
            "  lifecycle: production",
            f"  owner: {json.dumps('group:' + _entity_name(one.team) if one.team else 'unknown')}",
        ]
    return lines


def _entity_name(text: str) -> str:
    """Return a name that a catalogue takes: letters, digits and single separators, at most 63 of them."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:63].strip("-")
    return name or "unnamed"
