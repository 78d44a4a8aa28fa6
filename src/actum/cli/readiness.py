"""`actum readiness`: what a contract needs, in the order in which the work pays, up to the first gap."""

from __future__ import annotations

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import BAD, DIM, GOOD, HEADING, say, say_all, say_json
from actum.cli.text import columns, indent, neutral
from actum.client.readiness import Check, Readiness, read_readiness
from actum.model.contract import parse_duration


@click.command()
@click.argument("contract", metavar="CONTRACT")
@click.option("--since", default="30d", show_default=True, metavar="DURATION", help="How far to look back.")
@options.as_json
def readiness(contract: str, since: str, is_json: bool) -> int:
    """Walk what a contract needs and name the first gap: recovery, then approvals, then rollback, only then prompts.

    Exit code 1 says that there is a gap.
    """
    return carry_out(_readiness(contract, since, is_json))


async def _readiness(contract: str, since: str, is_json: bool) -> int:
    length = parse_duration(since)
    async with open_client() as client:
        found = await read_readiness(client.store, contract, length=length)
    if is_json:
        say_json(found.as_data())
    else:
        _tell(found, since)
    return Exit.FINE if found.gap is None else Exit.FAILED


def _tell(found: Readiness, since: str) -> None:
    say(f"Readiness of {neutral(found.contract)}, over {since}", HEADING)
    stage = None
    for check in found.checks:
        if check.stage is not stage:
            stage = check.stage
            say()
            say(stage.value.capitalize(), HEADING)
        _tell_check(check)
    gap = found.gap
    say()
    if gap is None:
        say("nothing is missing: it may be given more to do alone", GOOD)
        return
    say(f"First gap: {gap.asks}", HEADING)
    say_all(indent(f"{neutral(gap.found)}.", "  ", "  ", columns()))
    say_all(indent(gap.cure, "  ", "  ", columns()))
    if gap.measure is not None:
        ids = f"actum quality --contract {neutral(found.contract)} --since {since} --ids {gap.measure}"
        say_all(indent(ids, "  see: ", "       ", columns()), DIM)


def _tell_check(check: Check) -> None:
    mark, style = {True: ("ok", ""), False: ("GAP", BAD), None: ("unknown", DIM)}[check.holds]
    say_all(indent(f"{check.asks}: {neutral(check.found)}", f"  {mark:<8}", " " * 10, columns()), style)
