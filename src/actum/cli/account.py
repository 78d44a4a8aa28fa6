"""`actum account …`: who people are, which groups they are in, what they sign in with, and who stands in for whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import click

from actum.cli import options
from actum.cli.as_json import instant
from actum.cli.exits import Exit
from actum.cli.lazy import LazyGroup, Place
from actum.cli.opening import carry_out, open_client
from actum.cli.outcome import tell_outcome
from actum.cli.printing import BAD, DIM, say, say_all, say_json
from actum.cli.text import columns, neutral, table
from actum.client import Client
from actum.client.accounts import ROLES
from actum.errors import InvalidInput
from actum.machine.approvals import identity
from actum.model.contract import parse_duration
from actum.store.accounts import AccountRow

_HEADING = "Commands"

PLACES = {
    "add": Place("account:add", _HEADING, "Make an account."),
    "group": Place("account:group", _HEADING, "Put an account into a group or team, or take it out."),
    "token": Place("account:token", _HEADING, "Make an API token, shown once, or end one."),
    "list": Place("account:list_accounts", _HEADING, "List accounts, tokens, delegations and broken glass."),
    "disable": Place("account:disable", _HEADING, "Disable an account: it decides nothing any more."),
    "delegate": Place("account:delegate", _HEADING, "Have another person decide in one's place for a while."),
    "break-glass": Place("account:break_glass", _HEADING, "Decide for an hour what one otherwise may not."),
}

_name = click.argument("name", metavar="NAME")


@click.group(cls=LazyGroup, places=PLACES)
def account() -> None:
    """Look after accounts: with the first one, only those decide whom an approval names."""


@click.command()
@_name
@click.option("--display-name", default="", metavar="TEXT", help="How the person is shown.")
@click.option(
    "--role", "roles", multiple=True, type=click.Choice(ROLES), help="May be repeated; approver unless given."
)
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def add(
    name: str, display_name: str, roles: tuple[str, ...], who: str | None, dry_run: bool, is_json: bool
) -> int:
    """Make an account for NAME, `user:NAME` or `service:NAME`; the first one has to be an admin."""
    return carry_out(_add(name, display_name, roles or ("approver",), who, dry_run, is_json))


async def _add(
    name: str, display_name: str, roles: tuple[str, ...], who: str | None, dry_run: bool, is_json: bool
) -> int:
    async with open_client(who) as client:
        if dry_run:
            said = f"would make an account for {neutral(name)} with {', '.join(roles)}; nothing was done"
            facts: dict[str, Any] = {"identity": identity(name), "roles": roles}
        else:
            row = await client.accounts.add(name, display_name=display_name, roles=roles)
            said, facts = f"{neutral(row.identity)} has an account: {', '.join(row.roles)}", _as_json(row)
    return tell_outcome("account add", said, facts, actor=client.actor, is_json=is_json, dry_run=dry_run)


@click.command()
@click.argument("group_name", metavar="GROUP")
@_name
@click.option("--remove", "leaves", is_flag=True, help="Take the account out.")
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def group(group_name: str, name: str, leaves: bool, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Put the account NAME into GROUP, `group:NAME` or `team:NAME`; a group is there once somebody is in it."""
    return carry_out(_group(group_name, name, leaves, who, dry_run, is_json))


async def _group(
    group_name: str, name: str, leaves: bool, who: str | None, dry_run: bool, is_json: bool
) -> int:
    said = f"{neutral(name)} {'out of' if leaves else 'in'} {neutral(group_name)}"
    async with open_client(who) as client:
        if not dry_run:
            await (client.accounts.leave_group if leaves else client.accounts.join_group)(group_name, name)
    said = f"would have {said}; nothing was done" if dry_run else f"{said} now"
    facts = {"group": group_name, "identity": identity(name), "is_member": not leaves}
    return tell_outcome("account group", said, facts, actor=client.actor, is_json=is_json, dry_run=dry_run)


@click.command()
@_name
@click.option("--label", default="", metavar="TEXT", help="What the token is for.")
@click.option("--expires", metavar="DURATION", help="When it ends, such as 90d; never unless given.")
@click.option("--revoke", "ended", metavar="TOKEN", help="End the token with this id instead.")
@options.acts_as(options.AUTHOR)
@options.as_json
def token(
    name: str, label: str, expires: str | None, ended: str | None, who: str | None, is_json: bool
) -> int:
    """Make an API token for the account NAME: it is shown once, and only its hash is kept."""
    return carry_out(_token(name, label, expires, ended, who, is_json))


async def _token(
    name: str, label: str, expires: str | None, ended: str | None, who: str | None, is_json: bool
) -> int:
    async with open_client(who) as client:
        if ended is not None:
            await client.accounts.revoke_token(_token_id(ended))
            told = f"the token {neutral(ended)} is good for nothing any more"
            facts: dict[str, object] = {"id": _token_id(ended), "is_revoked": True}
            return tell_outcome("account token", told, facts, actor=client.actor, is_json=is_json)
        text, row = await client.accounts.make_token(name, label=label, expires=expires)
    until = f"until {instant(row.expires_at)}" if row.expires_at else "until it is revoked"
    if not is_json:
        of = f"token {row.id} of {neutral(row.identity)}"
        say(f"{of}, {until}; it is shown this once. To sign in, type:", DIM)
    facts = {"id": row.id, "identity": row.identity, "expires_at": instant(row.expires_at), "token": text}
    told = f"export ACTUM_TOKEN={text}"
    return tell_outcome("account token", told, facts, actor=client.actor, is_json=is_json)


def _token_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput(
            f"{text!r} is no token's id: `actum account list` shows them", path="--revoke"
        ) from None


@click.command("list")
@options.as_json
def list_accounts(is_json: bool) -> int:
    """List accounts with their groups, tokens and delegations; glass that was broken is always named."""
    return carry_out(_list(is_json))


async def _list(is_json: bool) -> int:
    async with open_client() as client:
        rows = await client.accounts.list()
        found = await _beside(client)
    if is_json:
        say_json({"accounts": [_as_json(row) for row in rows], **found})
        return Exit.FINE
    if not rows:
        say("there are no accounts: anybody but the requester decides; `actum account add` makes the first")
    else:
        cells = [
            [neutral(row.identity), ", ".join(row.roles), ", ".join(map(neutral, row.groups)), _standing(row)]
            for row in rows
        ]
        say_all(table(cells, ["identity", "roles", "groups", "since"], columns()))
    for name, style in (("tokens", ""), ("delegations", ""), ("broken_glass", BAD)):
        for one in found[name]:
            said = ", ".join(f"{key} {neutral(value)}" for key, value in one.items() if value)
            say(f"{name.replace('_', ' ').removesuffix('s')}: {said}", style)
    return Exit.FINE


async def _beside(client: Client) -> dict[str, list[dict[str, Any]]]:
    tokens = [
        {
            "id": str(one.id),
            "identity": one.identity,
            "label": one.label,
            "expires_at": instant(one.expires_at),
            "last_used_at": instant(one.last_used_at),
        }
        for one in await client.accounts.list_tokens()
        if one.revoked_at is None
    ]
    delegations = [
        {
            "id": str(one.id),
            "delegator": one.delegator,
            "delegate": one.delegate,
            "since": instant(one.since),
            "until": instant(one.until),
            "reason": one.reason,
        }
        for one in await client.accounts.list_delegations()
        if one.revoked_at is None
    ]
    glass = [
        {
            "actor": one.actor,
            "role": one.role,
            "incident": one.incident,
            "reason": one.reason,
            "at": instant(one.opened_at),
            "until": instant(one.ended_at or one.until),
        }
        for one in await client.accounts.list_broken_glass()
    ]
    return {"tokens": tokens, "delegations": delegations, "broken_glass": glass}


def _as_json(row: AccountRow) -> dict[str, Any]:
    return {
        "identity": row.identity,
        "display_name": row.display_name,
        "roles": row.roles,
        "groups": row.groups,
        "created_at": instant(row.created_at),
        "created_by": row.created_by,
        "disabled_at": instant(row.disabled_at),
        "disabled_by": row.disabled_by,
    }


def _standing(row: AccountRow) -> str:
    if row.disabled_at is not None:
        return f"disabled {instant(row.disabled_at)} by {neutral(row.disabled_by)}"
    return str(instant(row.created_at))


@click.command()
@_name
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def disable(name: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Disable the account NAME: its tokens end and it decides nothing; the last admin stays."""
    return carry_out(_disable(name, who, dry_run, is_json))


async def _disable(name: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    async with open_client(who) as client:
        row = await client.accounts.get(name)
        if not dry_run:
            await client.accounts.disable(name)
    said = f"{neutral(row.identity)} is disabled"
    if dry_run:
        said = f"would disable {neutral(row.identity)}; nothing was done"
    facts = {"identity": row.identity}
    return tell_outcome("account disable", said, facts, actor=client.actor, is_json=is_json, dry_run=dry_run)


@click.command()
@_name
@click.option("--for", "delegator", default="", metavar="NAME", help="Whose place; one's own unless given.")
@click.option("--lasts", required=True, metavar="DURATION", help="For how long from now on, such as 7d.")
@options.decision_reason
@options.acts_as(options.REVIEWER)
@options.dry_run
@options.as_json
def delegate(
    name: str, delegator: str, lasts: str, reason: str, who: str | None, dry_run: bool, is_json: bool
) -> int:
    """Have NAME decide in one's place: together the two have one vote."""
    return carry_out(_delegate(name, delegator, parse_duration(lasts), reason, who, dry_run, is_json))


async def _delegate(
    name: str, delegator: str, lasts: timedelta, reason: str, who: str | None, dry_run: bool, is_json: bool
) -> int:
    async with open_client(who, options.REVIEWER) as client:
        now = await client.store.read_clock()
        if not dry_run:
            await client.accounts.delegate(
                name, since=now, until=now + lasts, reason=reason, delegator=delegator
            )
    place, until = delegator or client.actor, instant(now + lasts)
    said = f"{neutral(name)} decides for {neutral(place)} until {until}"
    said = f"would have it that {said}; nothing was done" if dry_run else said
    facts = {"delegator": identity(place), "delegate": identity(name), "until": until, "reason": reason}
    if place.startswith("db:"):
        facts["delegator"] = place
    return tell_outcome("account delegate", said, facts, actor=client.actor, is_json=is_json, dry_run=dry_run)


@click.command("break-glass")
@click.option("--role", required=True, type=click.Choice(ROLES), help="The role of yours that allows it.")
@click.option("--incident", required=True, metavar="TEXT", help="Which incident.")
@options.decision_reason
@options.acts_as(options.REVIEWER)
@options.as_json
def break_glass(role: str, incident: str, reason: str, who: str | None, is_json: bool) -> int:
    """Decide for an hour what you otherwise may not, but for your own work; it is listed for ever."""
    return carry_out(_break_glass(role, incident, reason, who, is_json))


async def _break_glass(role: str, incident: str, reason: str, who: str | None, is_json: bool) -> int:
    async with open_client(who, options.REVIEWER) as client:
        until = await client.accounts.break_glass(role=role, incident=incident, reason=reason)
    said = f"{neutral(client.actor)} decides as {role} until {instant(until)}; this is on record"
    facts = {"role": role, "incident": incident, "until": instant(until), "reason": reason}
    return tell_outcome("account break-glass", said, facts, actor=client.actor, is_json=is_json, style=BAD)
