"""`actum usage`: what models and tools were used, and what they cost."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import DIM, HEADING, WARN, say, say_all, say_json
from actum.cli.text import columns, neutral, table
from actum.client.usage import By, UsageReport, read_usage
from actum.model.contract import parse_duration
from actum.store.latency import SpentRow
from actum.store.usage import UsedRow


@click.command()
@click.option(
    "--by",
    type=click.Choice(["contract", "model", "prompt", "team"]),
    default="contract",
    show_default=True,
    help="What to add up by.",
)
@click.option("--since", default="7d", show_default=True, metavar="DURATION", help="How far to look back.")
@click.option("--contract", metavar="NAME", help="Only what this contract's workflows used.")
@click.option("--team", metavar="NAME", help="Only what this team's workflows used.")
@options.as_json
def usage(by: By, since: str, contract: str | None, team: str | None, is_json: bool) -> int:
    """Add up what steps and effects reported: model calls, tokens, tool calls and money.

    A cost that nobody knows is never counted as nothing: such calls are named beside the sum.
    """
    return carry_out(_usage(by, parse_duration(since), contract, team, is_json))


async def _usage(by: By, length: timedelta, contract: str | None, team: str | None, is_json: bool) -> int:
    async with open_client() as client:
        now = await client.store.read_clock()
        found = await read_usage(client.store, by, since=now - length, contract=contract, team=team)
    if is_json:
        say_json(found.as_data())
    else:
        _tell(found)
    return Exit.FINE


def _tell(found: UsageReport) -> None:
    say(f"Usage by {found.by}, since {found.since.astimezone():%Y-%m-%d %H:%M}", HEADING)
    if not found.rows:
        say("Nothing was reported: steps and effects report it with report_usage(…).", DIM)
    else:
        heads = [
            found.by.upper(), "WORKFLOWS", "ATTEMPTS", "CALLS", "TOKENS IN", "TOKENS OUT", "TOOLS", "COST",
        ]  # fmt: skip
        say_all(table([_cells(row) for row in found.rows], heads, columns()))
    unpriced = sum(row.unpriced for row in found.rows)
    if unpriced:
        say(
            f"{unpriced} model calls have no known cost: install actum[usage], or report_usage(cost=…).", WARN
        )
    lists = sorted({one for row in found.rows for one in row.prices})
    if lists:
        say(f"Prices looked up in {neutral(', '.join(lists))}, US dollars.", DIM)
    _tell_budgets(found)


def _cells(row: UsedRow) -> list[str]:
    counts = [row.workflows, row.attempts, row.model_calls, row.input_tokens, row.output_tokens]
    return [neutral(row.name or "-"), *map(str, counts), str(row.tool_calls), tell_cost(row)]


def tell_cost(row: UsedRow | SpentRow) -> str:
    """Return what something cost, with how many calls have no known price."""
    if row.cost is None:
        return "unknown" if row.unpriced else "-"
    return f"{row.cost:.4f}" + (f" + {row.unpriced} unknown" if row.unpriced else "")


def _tell_budgets(found: UsageReport) -> None:
    if not found.budgets:
        return
    say()
    say("Budgets by day, reserved amounts included", HEADING)
    cells = [
        [str(one.day), one.scope, neutral(one.subject), tell_amounts(one.used), str(one.open)]
        for one in found.budgets
    ]
    say_all(table(cells, ["DAY", "OF", "NAME", "USED", "NOT SETTLED"], columns()))


def tell_amounts(text: str) -> str:
    """Return what is used of a budget, JSON of amounts by unit, in words: every digit, and no unit of which nothing is."""
    amounts = json.loads(text, parse_int=Decimal, parse_float=Decimal)
    return ", ".join(f"{_exact(amounts[unit])} {unit}" for unit in sorted(amounts) if amounts[unit]) or "-"


def _exact(amount: Decimal) -> str:
    """Return every digit of an amount: a fraction has the four places of a cost, or as many as it needs."""
    if amount == int(amount):
        return str(int(amount))
    four = f"{amount:.4f}"
    return four if Decimal(four) == amount else f"{amount:f}".rstrip("0")
