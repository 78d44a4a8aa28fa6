"""`actum freeze` and `actum unfreeze`: the kill switch, and what it no longer reaches."""

from __future__ import annotations

from collections.abc import Sequence

import click

from actum.cli import options
from actum.cli.as_json import instant
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.outcome import tell_outcome
from actum.cli.printing import BAD, GOOD, WARN, say, say_json
from actum.cli.text import neutral, since
from actum.model.ids import short
from actum.store.freezes import FreezeRow, InFlightRow

MODES = {"deny": "deny", "tier2": "force_tier_2", "hold-starts": "hold_starts"}
_SAID = {
    "deny": "no effect begins",
    "force_tier_2": "every effect is decided by a person",
    "hold_starts": "no workflow is started",
}


@click.command()
@click.option("--kind", metavar="KIND", help="Effects of this kind.")
@click.option("--contract", metavar="NAME", help="Workflows of this contract.")
@click.option("--environment", metavar="NAME", help="Workers of this environment.")
@click.option("--everything", is_flag=True, help="Everything.")
@click.option("--mode", type=click.Choice(list(MODES)), help="What is frozen: deny unless given.")
@options.reason
@options.acts_as(options.REVIEWER)
@options.dry_run
@options.as_json
def freeze(
    kind: str | None,
    contract: str | None,
    environment: str | None,
    everything: bool,
    mode: str | None,
    reason: str,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    """Throw the kill switch, and list the effects already in flight, which it no longer reaches.

    It holds for every effect whose intent is asked for after this command has returned. Without a scope: list the
    freezes that hold.
    """
    scopes = [("kind", kind), ("contract", contract), ("environment", environment)]
    chosen: list[tuple[str, str | None]] = [one for one in scopes if one[1] is not None]
    chosen += [("everything", None)] if everything else []
    if len(chosen) > 1:
        raise click.UsageError(
            "freeze one scope at a time: --kind, --contract, --environment or --everything"
        )
    if chosen:
        return carry_out(_freeze(*chosen[0], MODES[mode or "deny"], reason, who, dry_run, is_json))
    if mode or reason or dry_run:
        raise click.UsageError("say what to freeze: --kind, --contract, --environment or --everything")
    return carry_out(_list(is_json))


async def _freeze(
    scope: str, subject: str | None, mode: str, reason: str, who: str | None, dry_run: bool, is_json: bool
) -> int:
    what = scope if subject is None else f"{scope} {neutral(subject)}"
    async with open_client(who, options.REVIEWER) as client:
        if dry_run:
            freeze_id, in_flight = None, await client.freezes.list_in_flight(scope, subject)
        else:
            freeze_id, in_flight = await client.freezes.freeze(scope, subject, mode=mode, reason=reason)
        odd = await client.freezes.find_oddity(scope, subject)
    said = f"would freeze {what}: {_SAID[mode]}; nothing was done"
    if freeze_id is not None:
        said = f"frozen: {what}, {_SAID[mode]}; `actum unfreeze {short(freeze_id)}` lifts it"
    facts = {
        "freeze": freeze_id,
        "scope": scope,
        "subject": subject,
        "mode": mode,
        "reason": reason or None,
        "warning": odd,
        "in_flight": [_flight_as_json(one) for one in in_flight],
    }
    style = "" if dry_run else BAD
    tell_outcome("freeze", said, facts, actor=client.actor, is_json=is_json, dry_run=dry_run, style=style)
    if not is_json:
        if odd is not None:
            say(neutral(odd), WARN)
        _tell_in_flight(in_flight)
    return Exit.FINE


def _tell_in_flight(rows: Sequence[InFlightRow]) -> None:
    if not rows:
        say("no effect is in flight")
        return
    say(f"{len(rows)} already in flight, which it no longer reaches:", WARN)
    for one in rows:
        name = f"{neutral(one.contract)} {short(one.workflow_id)}"
        say(f"  {neutral(one.kind)} {neutral(one.key)} of {name} at {neutral(one.address)}: {one.state}")


def _flight_as_json(one: InFlightRow) -> dict[str, object]:
    return {
        "kind": one.kind,
        "key": one.key,
        "workflow": str(one.workflow_id),
        "contract": one.contract,
        "address": one.address,
        "state": one.state,
        "attempt": one.attempt,
        "started_at": instant(one.started_at),
    }


async def _list(is_json: bool) -> int:
    async with open_client() as client:
        rows = await client.freezes.list()
        now = await client.store.read_clock()
    if is_json:
        say_json([_freeze_as_json(row) for row in rows])
        return Exit.FINE
    for row in rows:
        what = row.scope if row.subject is None else f"{row.scope} {neutral(row.subject)}"
        say(f"{short(row.id)}  {what}: {_SAID[row.mode]}, {since(row.created_at, now)}", BAD)
        say(f"  by {neutral(row.actor)}: {neutral(row.reason)}")
    if not rows:
        say("nothing is frozen", GOOD)
    return Exit.FINE


def _freeze_as_json(row: FreezeRow) -> dict[str, object]:
    return {
        "id": str(row.id),
        "scope": row.scope,
        "subject": row.subject,
        "mode": row.mode,
        "actor": row.actor,
        "reason": row.reason,
        "created_at": instant(row.created_at),
    }


@click.command()
@click.argument("name", metavar="FREEZE")
@options.acts_as(options.REVIEWER)
@options.dry_run
@options.as_json
def unfreeze(name: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Lift a freeze, named by the last digits of its id."""
    return carry_out(_unfreeze(name, who, dry_run, is_json))


async def _unfreeze(name: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    async with open_client(who, options.REVIEWER) as client:
        freeze_id = await client.freezes.find(name)
        if not dry_run:
            await client.freezes.unfreeze(freeze_id)
    said = f"freeze {short(freeze_id)} is lifted"
    if dry_run:
        said = f"would lift freeze {short(freeze_id)}; nothing was done"
    facts = {"freeze": freeze_id}
    return tell_outcome(
        "unfreeze", said, facts, actor=client.actor, is_json=is_json, dry_run=dry_run, style=GOOD
    )
