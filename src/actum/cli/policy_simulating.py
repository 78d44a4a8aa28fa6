"""`actum policy simulate`: what a policy would have said of what happened, beside what another says of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import click

from actum.cli import options
from actum.cli.as_json import instant
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.policy_files import find_policy, name_of
from actum.cli.printing import BAD, GOOD, HEADING, say, say_all, say_json
from actum.cli.text import columns, indent, neutral, table
from actum.client import Client
from actum.client.policies import ACTIVE, SHADOW
from actum.errors import NotFound
from actum.machine.policy import Past, Policy, Simulation
from actum.machine.policy import simulate as try_on
from actum.model.contract import parse_duration

SHOWN = 50
"""Operations that are named of those let through more easily; all of them with `--json`."""
EVERY = 1_000
"""Operations between two words about progress."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A simulation with what it was made of; no `old` is the ruling without a policy."""

    old: Policy | None
    new: Policy
    since: datetime
    result: Simulation


@click.command()
@click.argument("name", metavar="[POLICY]", default=SHADOW)
@click.option("--since", metavar="DURATION", help="How far back; 30d, or since it is shadowed, unless given.")
@click.option("--against", metavar="POLICY", help="What to compare with; the active policy unless given.")
@options.as_json
def simulate(name: str, since: str | None, against: str | None, is_json: bool) -> int:
    """Try POLICY on what happened: tiers and cards then and now, what changes, and what would be let through.

    Without POLICY it is the one that is shadowed, since it is. Nothing is changed, and nobody is asked.
    """
    length = None if since is None else parse_duration(since)
    tried = carry_out(_simulate(name, length, against))
    say_json(_as_json(tried)) if is_json else _tell(tried)
    return Exit.FINE


async def _simulate(name: str, since: timedelta | None, against: str | None) -> Tried:
    async with open_client() as client:
        new = await find_policy(client, name)
        begin = await _begin(client, name, since)
        old = await _old(client, against)
        operations = await client.policies.list_operations(
            begin, lambda count: _progress(f"{count:,} operations read")
        )
        members = await client.policies.members()
    result = try_on(old, new, _telling(operations), members=members)
    _end_progress()
    return Tried(old, new, begin, result)


async def _begin(client: Client, name: str, since: timedelta | None) -> datetime:
    if since is None and name == SHADOW:
        marked = (await client.policies.get(SHADOW)).shadow_since
        if marked is not None:
            return marked
    return await client.store.read_clock() - (timedelta(days=30) if since is None else since)


async def _old(client: Client, against: str | None) -> Policy | None:
    try:
        return await find_policy(client, against or ACTIVE)
    except NotFound:
        if against is not None:
            raise
        return None


def _telling(operations: Sequence[Past]) -> Iterator[Past]:
    for number, past in enumerate(operations):
        if number % EVERY == 0:
            _progress(f"{number:,} of {len(operations):,} operations ruled on")
        yield past


def _progress(said: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{said}", end="", file=sys.stderr, flush=True)


def _end_progress() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _tell(tried: Tried) -> None:
    result = tried.result
    old = "no policy" if tried.old is None else name_of(tried.old)
    since = tried.since.astimezone().strftime("%Y-%m-%d %H:%M")
    say(f"{result.operations:,} operations since {since}; then: {old}; now: {name_of(tried.new)}", HEADING)
    if not result.operations:
        say("nothing was ruled in that time: look further back with --since")
        return
    say_all(table(_numbers(result), ["", "then", "now"], columns()))
    _tell_load(result)
    if result.changes:
        say(f"{result.changed:,} would be ruled otherwise; the most frequent ones:", HEADING)
    for one in result.changes:
        said = (
            f"{neutral(one.kind)}: {neutral(one.then)} → {neutral(one.now)} (such as {neutral(one.example)})"
        )
        say_all(indent(said, f"{one.count:>9,}  ", " " * 11, columns()))
    _tell_drops(result)


def _numbers(result: Simulation) -> list[list[str]]:
    tiers = ("tier 0", "tier 1", "tier 2", "denied")
    rows = [[tier, *(f"{side.tiers.get(tier, 0):,}" for side in (result.then, result.now))] for tier in tiers]
    return [*rows, ["cards", f"{result.then.prompts:,}", f"{result.now.prompts:,}"]]


def _tell_load(result: Simulation) -> None:
    then, now = result.prompts_per_day(result.then), result.prompts_per_day(result.now)
    people = sorted({*then, *now}, key=lambda who: (-now.get(who, 0), -then.get(who, 0), who))
    if people:
        rows = [[neutral(who), f"{then.get(who, 0):.1f}", f"{now.get(who, 0):.1f}"] for who in people]
        say_all(table(rows, ["cards a day", "then", "now"], columns()))


def _tell_drops(result: Simulation) -> None:
    if not result.drops:
        say("nothing would be let through more easily", GOOD)
        return
    say(f"{len(result.drops):,} would be let through more easily:", BAD)
    for one in result.drops[:SHOWN]:
        said = f"{neutral(one.kind)}: {neutral(one.then)} → {neutral(one.now)}"
        say_all(indent(said, f"  {neutral(one.id)}  ", "    ", columns()))
    if len(result.drops) > SHOWN:
        say(f"… {len(result.drops) - SHOWN:,} more: `--json` names them all")


def _as_json(tried: Tried) -> dict[str, Any]:
    return {
        "old": None if tried.old is None else tried.old.policy_hash.hex(),
        "new": tried.new.policy_hash.hex(),
        "since": instant(tried.since),
        **asdict(tried.result),
        "prompts_per_day": {
            "then": tried.result.prompts_per_day(tried.result.then),
            "now": tried.result.prompts_per_day(tried.result.now),
        },
    }
