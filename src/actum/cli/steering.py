"""`actum cancel`, `pause`, `resume`, `signal`, `settle`: a person acts on workflows."""

from __future__ import annotations

from typing import Any

import click
import orjson

from actum.authoring.names import check_name
from actum.cli import bulk, options
from actum.cli.inputs import encode_json, read_json
from actum.cli.opening import carry_out, open_client
from actum.cli.outcome import tell_outcome
from actum.cli.text import neutral
from actum.client import Client
from actum.client.fitting import require_fit
from actum.errors import InvalidInput, NotPossible
from actum.model.ids import short
from actum.model.workflow import Cause, Status
from actum.store.rows import WorkflowRow


@click.command()
@bulk.workflow
@options.reason
@bulk.where
@bulk.confirm
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def cancel(
    workflow: str | None,
    reason: str,
    where: tuple[str, ...],
    confirm: int | None,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    """Ask a workflow to end: its body is cancelled, effects that started are waited for. Or many, by --where."""
    if workflow is None or where:
        return bulk.intervene("cancel", workflow, where, confirm, reason, who, dry_run, is_json)
    return carry_out(_intervene("cancel", workflow, reason, who, dry_run, is_json))


@click.command()
@bulk.workflow
@options.reason
@bulk.where
@bulk.confirm
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def pause(
    workflow: str | None,
    reason: str,
    where: tuple[str, ...],
    confirm: int | None,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    """Have a workflow take in nothing new until it is resumed. Or many, by --where."""
    if workflow is None or where:
        return bulk.intervene("pause", workflow, where, confirm, reason, who, dry_run, is_json)
    return carry_out(_intervene("pause", workflow, reason, who, dry_run, is_json))


@click.command()
@bulk.workflow
@options.reason
@bulk.where
@bulk.confirm
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def resume(
    workflow: str | None,
    reason: str,
    where: tuple[str, ...],
    confirm: int | None,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    """Let a paused workflow, or one that crashed its workers too often, go on. Or many, by --where."""
    if workflow is None or where:
        return bulk.intervene("resume", workflow, where, confirm, reason, who, dry_run, is_json)
    return carry_out(_intervene("resume", workflow, reason, who, dry_run, is_json))


async def _intervene(
    verb: str, workflow: str, reason: str, who: str | None, dry_run: bool, is_json: bool
) -> int:
    async with open_client(who) as client:
        row = await client.get(await client.find(workflow))
        _require_possible(verb, row)
        if not dry_run:
            await client.send(row.id, verb, reason=reason or None)
    return _done(verb, f"{verb} workflow", row, client, dry_run, is_json, reason=reason or None)


def _require_possible(verb: str, row: WorkflowRow) -> None:
    name, status = short(row.id), row.status.replace("_", " ")
    if row.finished_at is not None:
        raise NotPossible(f"workflow {name} has ended ({status}): nothing can reach it any more")
    helped = (Cause.CRASH_LOOP, Cause.REFUSED, Cause.UNDO_FAILED)
    if verb == "resume" and row.status == Status.BLOCKED and row.cause not in helped:
        raise NotPossible(f"workflow {name} is blocked, not paused: `actum show {name}` says what helps")
    if verb == "pause" and row.status in (Status.BLOCKED, Status.PAUSED):
        raise NotPossible(f"workflow {name} is {status} already and takes in nothing: `actum show {name}`")


def _done(
    verb: str, what: str, row: WorkflowRow, client: Client, dry_run: bool, is_json: bool, **facts: object
) -> int:
    name, actor = f"{neutral(row.contract)} {short(row.id)}", neutral(client.actor)
    said = f"asked to {what} {name}; `actum watch {short(row.id)}` follows it"
    if dry_run:
        said = f"would {what} {name} ({row.status}) as {actor}; nothing was done"
    told = {"workflow_id": row.id, "contract": row.contract, "status": row.status, "asked": not dry_run}
    return tell_outcome(verb, said, {**told, **facts}, actor=client.actor, is_json=is_json, dry_run=dry_run)


@click.command()
@options.workflow
@click.argument("name", metavar="NAME")
@click.option(
    "--value",
    "text",
    default="null",
    metavar="JSON|@FILE|-",
    help="What the signal carries; null unless given.",
)
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def signal(workflow: str, name: str, text: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    """Deliver the signal NAME to a workflow; it is kept until the workflow takes it.

    Only the contract's code knows what type NAME has, and this command does not have it: a value that does not fit is
    taken all the same, and raises InvalidInput in the body, which then fails unless it catches that.
    """
    return carry_out(_signal(workflow, name, text, who, dry_run, is_json))


async def _signal(workflow: str, name: str, text: str, who: str | None, dry_run: bool, is_json: bool) -> int:
    check_name("a signal", name)
    body = encode_json(text, "--value")
    async with open_client(who) as client:
        row = await client.get(await client.find(workflow))
        _require_possible("signal", row)
        if not dry_run:
            await client.send(row.id, "signal", name=name, body=body)
    what = f"deliver the signal {neutral(name)} to"
    return _done("signal", what, row, client, dry_run, is_json, signal=name, value=orjson.loads(body))


@click.command()
@options.workflow
@click.argument("address", metavar="ADDRESS")
@click.option("--happened", "result", metavar="JSON|@FILE|-", help="It happened, with this result.")
@click.option("--did-not-happen", "did_not", is_flag=True, help="It did not happen: it is tried again.")
@click.option("--abandon", "gives_up", is_flag=True, help="Nobody will know: the effect counts as failed.")
@options.reason
@options.acts_as(options.AUTHOR)
@options.dry_run
@options.as_json
def settle(
    workflow: str,
    address: str,
    result: str | None,
    did_not: bool,
    gives_up: bool,
    reason: str,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    """Say what became of the effect in doubt at ADDRESS, after having looked."""
    said = [result is not None, did_not, gives_up]
    if sum(said) != 1:
        raise click.UsageError("say exactly one of --happened JSON, --did-not-happen and --abandon")
    if gives_up and not reason.strip():
        raise InvalidInput(
            "--abandon needs its --reason: say in a few words why nobody will know", path="reason"
        )
    outcome = ("happened", "did_not_happen", "abandon")[said.index(True)]
    value = read_json(result, "--happened") if result is not None else None
    return carry_out(_settle(workflow, address, outcome, value, reason, who, dry_run, is_json))


async def _settle(
    workflow: str,
    address: str,
    outcome: str,
    value: Any,
    reason: str,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    async with open_client(who) as client:
        row = await client.get(await client.find(workflow))
        effects = [one for one in await client.store.effects.list_of(row.id) if one.workflow_id == row.id]
        doubted = [one for one in effects if one.state == "in_doubt" and one.address == address]
        if not doubted or row.finished_at is not None:
            others = [neutral(one.address) for one in effects if one.state == "in_doubt"]
            hint = (
                f"in doubt is what stands at {', '.join(others)}" if others else "nothing of it is in doubt"
            )
            raise NotPossible(f"no effect is in doubt at {address!r} of workflow {short(row.id)}: {hint}")
        if outcome == "happened":
            require_fit(value, await _schema_of(client, row, doubted[0].step), "--happened")
        if not dry_run:
            await client.settle(row.id, address, outcome, result=value, reason=reason)
    what = f"settle {neutral(address)} as {outcome.replace('_', ' ')} in"
    told = {"address": address, "outcome": outcome, "result": value, "reason": reason or None}
    return _done("settle", what, row, client, dry_run, is_json, **told)


async def _schema_of(client: Client, row: WorkflowRow, step: str) -> str:
    found = await client.store.contracts.get(row.contract, row.document_hash)
    steps = orjson.loads(found["document"])["steps"] if found else []
    schema: dict[str, Any] = next((one.get("output", {}) for one in steps if one["name"] == step), {})
    return orjson.dumps(schema).decode()
