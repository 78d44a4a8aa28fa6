"""`actum policy explain` and `actum policy diff`: why one operation is ruled as it is, and what a change means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import click

from actum.cli import options
from actum.cli.as_json import instant
from actum.cli.exits import Exit
from actum.cli.inputs import read_json
from actum.cli.opening import carry_out, open_client
from actum.cli.policy_files import find_policies, find_policy, name_of, policy_argument
from actum.cli.printing import say, say_all, say_json
from actum.cli.text import neutral
from actum.errors import InvalidInput
from actum.machine.policy import Operation, Policy, difference
from actum.machine.policy.reading import nearest

_TEXTS = ("kind", "contract", "team", "reversibility", "environment")
_KEYS = (*_TEXTS, "at", "facts")


@click.command()
@policy_argument
@click.option(
    "--operation",
    "text",
    metavar="JSON|@FILE|-",
    help='Such as {"kind": "db.write", "environment": "prod", "facts": {"rows": 3}}.',
)
@click.option("--approval", metavar="ID", help="What this approval was asked for, ruled at that instant.")
@options.as_json
def explain(name: str, text: str | None, approval: str | None, is_json: bool) -> int:
    """Say how POLICY rules one operation: the tier, who decides, and every clause with its value.

    An operation has a kind, and may have contract, team, reversibility, environment, at and facts; what is left out is
    not known, and `at` is now.
    """
    if (text is None) == (approval is None):
        raise click.UsageError("say which operation: --operation or --approval, one of them")
    if approval is not None:
        policy, operation = carry_out(_asked(name, approval))
    else:
        operation = read_operation(read_json(text or "", "--operation"))
        (policy,) = carry_out(find_policies([name]))
    ruling = policy.rule(operation)
    if is_json:
        trace = [one.as_data() for one in ruling.trace]
        say_json({"operation": _as_json(operation), **ruling.as_data(), "trace": trace})
    else:
        say_all(neutral(line) for line in ruling.explain().split("\n"))
    return Exit.FINE


async def _asked(name: str, approval: str) -> tuple[Policy, Operation]:
    async with open_client() as client:
        return await find_policy(client, name), await client.policies.find_operation(approval)


def read_operation(given: Any) -> Operation:
    """Return the operation in JSON values; raises InvalidInput, naming the nearest key."""
    if not isinstance(given, dict):
        raise InvalidInput(
            '--operation has to be a JSON object, such as {"kind": "db.write"}', path="--operation"
        )
    for key in given:
        if key not in _KEYS:
            raise InvalidInput(
                f"--operation has {key!r}, which is none of its keys{nearest(key, _KEYS)}", path=key
            )
    for key in _TEXTS:
        if given.get(key) is not None and not isinstance(given[key], str):
            raise InvalidInput(f"{key} of --operation is {given[key]!r}: write a text", path=key)
    if not given.get("kind"):
        raise InvalidInput('--operation lacks its kind: write "kind": "db.write"', path="kind")
    facts = given.get("facts")
    if facts is not None and not isinstance(facts, dict):
        raise InvalidInput('facts of --operation has to be an object, such as {"rows": 3}', path="facts")
    operation = Operation(**{key: given.get(key) for key in _TEXTS}, facts=facts)
    return replace(operation, at=_read_instant(given.get("at")))


def _read_instant(given: object) -> datetime:
    if given is None:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None:
        raise InvalidInput(
            f'at of --operation is {given!r}: write an instant with its offset, such as "2030-01-31T12:00:00Z"',
            path="at",
        )
    return found


def _as_json(operation: Operation) -> dict[str, Any]:
    texts = {key: getattr(operation, key) for key in _TEXTS}
    return {**texts, "at": instant(operation.at), "facts": dict(operation.facts or {})}


@click.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@options.as_json
def diff(old: str, new: str, is_json: bool) -> int:
    """Say in sentences what the policy NEW means otherwise than OLD; the order of rules and comments mean nothing."""
    before, after = carry_out(find_policies([old, new]))
    sentences = difference(before, after)
    if is_json:
        say_json({"old": before.policy_hash.hex(), "new": after.policy_hash.hex(), "differences": sentences})
        return Exit.FINE
    say_all(map(neutral, sentences))
    if not sentences:
        same = before.policy_hash == after.policy_hash
        say("they are the same text" if same else f"{name_of(after)} means the same as {name_of(before)}")
    return Exit.FINE
