"""`actum retry`, `skip`, `edit`: what a person does about the failure that a workflow is held for."""

from __future__ import annotations

from typing import Any

import click

from actum.cli import bulk, options
from actum.cli.inputs import read_json
from actum.cli.opening import carry_out, open_client
from actum.cli.outcome import tell_outcome
from actum.cli.text import neutral
from actum.client.holding import plan_reopening, reopen
from actum.errors import InvalidInput
from actum.machine.holding import Failure, Verb
from actum.model.ids import short
from actum.store.rows import WorkflowRow

address = click.argument("address", metavar="[ADDRESS]", required=False)
_VALUE = "JSON|@FILE|-"


@click.command()
@bulk.workflow
@address
@options.reason
@bulk.where
@bulk.confirm
@options.as_json
@options.acts_as(options.AUTHOR)
@options.dry_run
def retry(
    workflow: str | None,
    address: str | None,
    reason: str,
    where: tuple[str, ...],
    confirm: int | None,
    is_json: bool,
    who: str | None,
    dry_run: bool,
) -> int:
    """Let a held workflow try again what failed: at ADDRESS, else where it is held.

    Attempts are counted on, the retry begins anew, and an effect keeps its key. Where no call failed, the body itself
    is driven again: for code that was mended. With --where many held workflows are, each where it is held.
    """
    if workflow is None or where:
        return bulk.intervene("retry", workflow, where, confirm, reason, who, dry_run, is_json)
    return carry_out(_reopen(Verb.RETRY, workflow, address, None, reason, who, is_json, dry_run))


@click.command()
@options.workflow
@address
@click.option("--output", required=True, metavar=_VALUE, help="What the call is to have returned.")
@options.reason
@options.as_json
@options.acts_as(options.AUTHOR)
@options.dry_run
def skip(
    workflow: str,
    address: str | None,
    output: str,
    reason: str,
    is_json: bool,
    who: str | None,
    dry_run: bool,
) -> int:
    """Let a held workflow go on as if the failed call had returned --output. Nothing is done for it."""
    value = read_json(output, "--output")
    return carry_out(_reopen(Verb.SKIP, workflow, address, value, reason, who, is_json, dry_run))


@click.command()
@options.workflow
@address
@click.option(
    "--input", "given", required=True, metavar=_VALUE, help="The parameters to change; the others stay."
)
@options.reason
@options.as_json
@options.acts_as(options.AUTHOR)
@options.dry_run
def edit(
    workflow: str,
    address: str | None,
    given: str,
    reason: str,
    is_json: bool,
    who: str | None,
    dry_run: bool,
) -> int:
    """Let a held workflow try the failed call with other arguments. An edited effect is approved anew."""
    value = read_json(given, "--input")
    return carry_out(_reopen(Verb.EDIT, workflow, address, value, reason, who, is_json, dry_run))


async def _reopen(
    verb: Verb,
    workflow: str,
    address: str | None,
    value: Any,
    reason: str,
    who: str | None,
    is_json: bool,
    dry_run: bool,
) -> int:
    if not (dry_run or reason.strip()):
        raise InvalidInput(f"{verb.value} needs its --reason: say in a few words why", path="reason")
    async with open_client(who) as client:
        row = await client.get(await client.find(workflow))
        if dry_run:
            failure = await plan_reopening(client, row.id, verb, address, value)
        else:
            failure = await reopen(client, row.id, verb, address, value=value, reason=reason)
    return tell_outcome(
        verb.value,
        _told(verb, row, failure, client.actor, dry_run),
        _as_json(row, failure, dry_run),
        actor=client.actor,
        is_json=is_json,
        dry_run=dry_run,
    )


def _told(verb: Verb, row: WorkflowRow, failure: Failure, actor: str, dry_run: bool) -> str:
    what = f"{neutral(failure.step)} at {neutral(failure.address)}" if failure.address else "the body"
    workflow = f"{neutral(row.contract)} {short(row.id)}"
    if dry_run:
        return f"would {verb.value} {what} of {workflow} as {neutral(actor)}; nothing was done"
    return f"asked to {verb.value} {what} of {workflow}; `actum watch {short(row.id)}` follows it"


def _as_json(row: WorkflowRow, failure: Failure, dry_run: bool) -> dict[str, object]:
    return {
        "workflow_id": str(row.id),
        "address": failure.address,
        "step": failure.step or None,
        "failed_as": failure.word,
        "attempts": failure.attempts,
        "asked": not dry_run,
    }
