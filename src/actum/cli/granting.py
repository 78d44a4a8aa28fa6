"""`actum grant …`: standing approvals with limits and an end."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

import click
import orjson

from actum.cli import options
from actum.cli.as_json import instant, recorded
from actum.cli.exits import Exit
from actum.cli.inputs import read_json
from actum.cli.lazy import LazyGroup, Place
from actum.cli.opening import carry_out, open_client
from actum.cli.outcome import tell_outcome
from actum.cli.printing import say, say_json
from actum.cli.text import neutral
from actum.client.grants import WouldMatch
from actum.errors import InvalidInput
from actum.machine.amounts import exact
from actum.model.ids import short
from actum.store.grants import GrantRow

PLACES = {
    "give": Place(
        "granting:give", "Commands", "Give a standing approval, shown first with what it would have matched."
    ),
    "list": Place("granting:list_grants", "Commands", "List grants, and what was used of them."),
    "revoke": Place("granting:revoke", "Commands", "End a grant."),
}


@click.group(cls=LazyGroup, places=PLACES)
def grant() -> None:
    """Look after standing approvals."""


@click.command()
@click.option(
    "--match",
    "text",
    required=True,
    metavar="JSON|@FILE|-",
    help='Such as {"kind": "db.write", "rows": {"le": 5}}.',
)
@click.option("--uses", required=True, type=click.IntRange(1, 1_000_000), help="How often at most.")
@click.option("--lasts", required=True, metavar="DURATION", help="For how long, such as 8h.")
@click.option(
    "--max-sum",
    "sums",
    multiple=True,
    metavar="FACT=NUMBER",
    help="How much of a fact in all; may be repeated.",
)
@options.decision_reason
@options.acts_as(options.REVIEWER)
@options.dry_run
@options.as_json
def give(
    text: str,
    uses: int,
    lasts: str,
    sums: tuple[str, ...],
    reason: str,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    """Give a standing approval for what certainly matches; says what it would have matched in the last 30 days.

    It counts as your own decision each time: only where you alone may approve, and never for what you requested.
    """
    matcher = read_json(text, "--match")
    if not isinstance(matcher, dict):
        raise InvalidInput("--match has to be a JSON object: names, and what they have to be", path="--match")
    return carry_out(_give(matcher, uses, lasts, dict(map(_sum, sums)), reason, who, dry_run, is_json))


def _sum(text: str) -> tuple[str, Decimal]:
    name, _, number = text.partition("=")
    most = exact(number)
    if most is None:
        raise InvalidInput(f"--max-sum {text} is no limit: write it as rows=500", path="--max-sum")
    return name, most


async def _give(
    matcher: dict[str, Any],
    uses: int,
    lasts: str,
    sums: dict[str, Decimal],
    reason: str,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    async with open_client(who, options.REVIEWER) as client:
        found = await client.grants.preview(matcher)
        if not is_json:
            _tell_match(found)
        grant_id = None
        if not dry_run:
            grant_id = await client.grants.give(matcher, uses=uses, lasts=lasts, reason=reason, max_sums=sums)
    said = "nothing was given"
    if grant_id is not None:
        name = short(grant_id)
        said = f"grant {name} given by {neutral(client.actor)}; `actum grant revoke {name}` ends it"
    facts = {"grant": grant_id, "matcher": matcher, "uses": uses, "reason": reason, "matches": asdict(found)}
    return tell_outcome("grant give", said, facts, actor=client.actor, is_json=is_json, dry_run=dry_run)


def _tell_match(found: WouldMatch) -> None:
    say(
        f"in the last 30 days it would have matched {found.matched} of {found.asked} that were asked: "
        f"{found.approved} were approved, {found.rejected} rejected"
    )
    if found.approvals:
        say(f"  such as {', '.join(short(one) for one in found.approvals[-5:])}")


@click.command("list")
@click.option("--all", "is_all", is_flag=True, help="Ended ones too.")
@options.as_json
def list_grants(is_all: bool, is_json: bool) -> int:
    """List grants, newest first, with what was used of them."""
    return carry_out(_list(is_all, is_json))


async def _list(is_all: bool, is_json: bool) -> int:
    async with open_client() as client:
        rows = await client.grants.list(only_active=not is_all)
    if is_json:
        say_json([_as_json(row) for row in rows])
        return Exit.FINE
    for row in rows:
        matcher = orjson.dumps(orjson.loads(row.matcher)).decode()
        ended = f", revoked by {neutral(row.revoked_by)}" if row.revoked_at else ""
        say(
            f"{short(row.id)}  {neutral(matcher)}: {row.uses} of {row.max_uses} used, until {instant(row.until)}{ended}"
        )
        say(f"  by {neutral(row.given_by)}: {neutral(row.reason)}")
    if not rows:
        say("there are no grants")
    return Exit.FINE


def _as_json(row: GrantRow) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "matcher": recorded(row.matcher),
        "uses": row.uses,
        "max_uses": row.max_uses,
        "max_sums": recorded(row.max_sums),
        "given_by": row.given_by,
        "given_at": instant(row.given_at),
        "until": instant(row.until),
        "reason": row.reason,
        "revoked_at": instant(row.revoked_at),
        "revoked_by": row.revoked_by,
    }


@click.command()
@click.argument("name", metavar="GRANT")
@options.acts_as(options.REVIEWER)
@options.dry_run
@options.as_json
def revoke(name: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    """End a grant, named by the last digits of its id; what was approved by it stays approved."""
    return carry_out(_revoke(name, who, dry_run, is_json))


async def _revoke(name: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    async with open_client(who, options.REVIEWER) as client:
        grant_id = await client.grants.find(name)
        if not dry_run:
            await client.grants.revoke(grant_id)
    said = f"grant {short(grant_id)} is ended"
    if dry_run:
        said = f"would end grant {short(grant_id)}; nothing was done"
    facts = {"grant": grant_id}
    return tell_outcome("grant revoke", said, facts, actor=client.actor, is_json=is_json, dry_run=dry_run)
