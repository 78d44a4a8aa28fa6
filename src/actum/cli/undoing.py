"""`actum rollback`: undo what a workflow did, after having looked at the plan."""

from __future__ import annotations

from collections.abc import Sequence

import click
import orjson

from actum.cli import bulk, options
from actum.cli.aftermath import as_markdown, read_aftermath
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import say, say_all, say_json
from actum.cli.text import neutral
from actum.client.client import Client
from actum.errors import InvalidInput, NotPossible
from actum.machine.rollback import Action, Entry
from actum.model.ids import short
from actum.model.workflow import Cause, Status
from actum.store.rows import WorkflowRow


@click.command()
@bulk.workflow
@options.reason
@bulk.where
@bulk.confirm
@click.option("--to", metavar="ADDRESS", help="Undo only what was done after the step at ADDRESS ended.")
@click.option("--resume", "resumes", is_flag=True, help="Go on with a plan that a failed undo stopped.")
@click.option("--report", "tells", is_flag=True, help="Only tell, in Markdown, what became of a rollback.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan, or the report, as JSON.")
@options.acts_as(options.AUTHOR)
@options.dry_run
def rollback(
    workflow: str | None,
    reason: str,
    where: tuple[str, ...],
    confirm: int | None,
    to: str | None,
    resumes: bool,
    tells: bool,
    as_json: bool,
    who: str | None,
    dry_run: bool,
) -> int:
    """Cancel a workflow and undo what it did, newest first; --dry-run shows the plan, --report what came of it."""
    if workflow is None or where:
        if to or resumes or tells:
            raise InvalidInput("--to, --resume and --report are for one workflow: leave --where out")
        return bulk.intervene("rollback", workflow, where, confirm, reason, who, dry_run, as_json)
    if tells:
        if reason.strip() or to or resumes or dry_run:
            raise InvalidInput("--report only tells: leave --reason, --to, --resume and --dry-run out")
        return carry_out(_report(workflow, as_json))
    if not (dry_run or resumes or reason.strip()):
        raise InvalidInput("a rollback needs its --reason: say in a few words why", path="reason")
    return carry_out(_rollback(workflow, reason, to, resumes, as_json, who, dry_run))


async def _rollback(
    workflow: str, reason: str, to: str | None, resumes: bool, as_json: bool, who: str | None, dry_run: bool
) -> int:
    async with open_client(who) as client:
        row = await client.get(await client.find(workflow))
        _require_possible(row, resumes)
        plan = await client.plan_rollback(row.id, to=to)
        _show(row, plan, as_json)
        if dry_run:
            return Exit.FINE
        await _ask(client, row, reason, to, resumes)
    if not as_json:
        say(
            f"asked to roll back {neutral(row.contract)} {short(row.id)}; `actum watch {short(row.id)}` follows it"
        )
    return Exit.FINE


async def _report(workflow: str, as_json: bool) -> int:
    async with open_client() as client:
        row = await client.get(await client.find(workflow))
        found = read_aftermath(row, await client.store.records.read_events(row.id))
    if as_json:
        say_json(found.as_json())
    else:
        say_all(as_markdown(found))
    return Exit.FINE


async def _ask(client: Client, row: WorkflowRow, reason: str, to: str | None, resumes: bool) -> None:
    if resumes:
        await client.send(row.id, "resume", reason=reason or None)
    else:
        await client.send(row.id, "rollback", address=to, reason=reason)


def _require_possible(row: WorkflowRow, resumes: bool) -> None:
    name = short(row.id)
    if row.finished_at is not None:
        raise NotPossible(
            f"workflow {name} has ended ({row.status.replace('_', ' ')}): an ending is not undone"
        )
    is_stopped = row.status == Status.BLOCKED and row.cause == Cause.UNDO_FAILED
    if resumes and not is_stopped:
        raise NotPossible(f"no failed undo stops workflow {name}: `actum show {name}` says what helps")
    if is_stopped and not resumes:
        raise NotPossible(f"workflow {name} is stopped by a failed undo: mend the cause, then add --resume")


def _show(row: WorkflowRow, plan: Sequence[Entry], as_json: bool) -> None:
    if as_json:
        entries = [_as_json(entry) for entry in plan]
        say(orjson.dumps({"workflow_id": str(row.id), "plan": entries}).decode())
        return
    if not plan:
        say("nothing stands that could be undone")
    for entry in plan:
        verb = {Action.UNDO: "undo", Action.COMPENSATE: "compensate", Action.LEAVE: "leave standing"}[
            entry.action
        ]
        of = entry.of
        say(
            f"  {entry.address:<8} {verb:<14} {neutral(of.step)} ({neutral(of.kind)}) at {of.address}: {entry.why}"
        )


def _as_json(entry: Entry) -> dict[str, object]:
    of = entry.of
    return {
        "address": entry.address,
        "action": entry.action.value,
        "why": entry.why,
        "workflow_id": of.workflow_id,
        "step": of.step,
        "kind": of.kind,
        "key": of.key,
        "of": of.address,
    }
