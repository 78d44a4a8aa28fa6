"""`actum policy show`: which policies there are, and what became of one."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from actum.cli import options
from actum.cli.as_json import instant
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.policy_files import DIGITS, read_outside
from actum.cli.printing import HEADING, say, say_all, say_json
from actum.cli.text import columns, neutral, neutral_lines, table
from actum.store.policies import PolicyRow


@click.command()
@click.argument("name", metavar="[POLICY]", default="")
@click.option("--body", "only_body", is_flag=True, help="Print the text of the policy and nothing else.")
@options.as_json
def show(name: str, only_body: bool, is_json: bool) -> int:
    """List the policies that were registered, or show POLICY: its history and its text.

    `actum policy show default --body` prints a policy to begin with.
    """
    if only_body and not name:
        raise click.UsageError("--body prints one policy: name it")
    outside = read_outside(name) if name else None
    if outside is not None:
        _print_body(outside.source)
        return Exit.FINE
    rows = carry_out(_read(name))
    if only_body:
        _print_body(rows[0].body)
    elif is_json:
        say_json(_as_json(rows[0], is_full=True) if name else [_as_json(row) for row in rows])
    elif name:
        _tell(rows[0])
    elif rows:
        cells = [
            [row.hash.hex()[:DIGITS], state_of(row), str(_since(row)), neutral(row.name)] for row in rows
        ]
        say_all(table(cells, ["hash", "state", "since", "name"], columns()))
    else:
        say(
            "there are no policies: every effect is decided by the owner's team, or by anybody but the requester"
        )
    return Exit.FINE


async def _read(name: str) -> list[PolicyRow]:
    async with open_client() as client:
        return [await client.policies.get(name)] if name else list(await client.policies.list())


def state_of(row: PolicyRow) -> str:
    """Return in a word how a policy stands."""
    if row.is_active:
        return "active"
    if row.requested_at is not None:
        return "requested"
    if row.shadow_since is not None:
        return "shadow"
    return "registered" if row.retired_at is None else "retired"


def _since(row: PolicyRow) -> str | None:
    instants = {
        "active": row.activated_at,
        "requested": row.requested_at,
        "shadow": row.shadow_since,
        "retired": row.retired_at,
    }
    return instant(instants.get(state_of(row), row.registered_at))


def _tell(row: PolicyRow) -> None:
    say(f"{neutral(row.name)} {row.hash.hex()}", HEADING)
    say(f"  {state_of(row)} since {_since(row)}, registered by {neutral(row.registered_by)}")
    if row.shadow_since is not None:
        say(
            f"  shadowed since {instant(row.shadow_since)} by {neutral(row.shadow_by)}: see `actum policy simulate`"
        )
    for one in _history(row):
        because = f": {neutral(one['reason'])}" if one["reason"] else ""
        say(f"  {one['at']}  {one['act']} by {neutral(one['by'])}{because}")
    say()
    say_all(neutral_lines(row.body))


def _history(row: PolicyRow) -> list[dict[str, Any]]:
    return [
        {**one, "at": instant(datetime.fromtimestamp(one["at"], UTC))} for one in orjson.loads(row.history)
    ]


def _print_body(text: str) -> None:
    """Print a policy's text as it is where it goes to a file, and harmless where a person reads it."""
    if sys.stdout.isatty():
        say_all(neutral_lines(text))
    else:
        print(text, end="")


def _as_json(row: PolicyRow, *, is_full: bool = False) -> dict[str, Any]:
    found = {
        "hash": row.hash.hex(),
        "name": row.name,
        "state": state_of(row),
        "registered_at": instant(row.registered_at),
        "registered_by": row.registered_by,
        "requested_at": instant(row.requested_at),
        "requested_by": row.requested_by,
        "activated_at": instant(row.activated_at),
        "activated_by": row.activated_by,
        "retired_at": instant(row.retired_at),
        "shadow_since": instant(row.shadow_since),
        "agreements": orjson.loads(row.agreements),
        "history": _history(row),
    }
    return {**found, "body": row.body} if is_full else found
