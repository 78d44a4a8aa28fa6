"""`actum list`: a page of workflows."""

from __future__ import annotations

from datetime import datetime

import click

from actum.cli import options
from actum.cli.as_json import workflow_as_json
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import DIM, say, say_all, say_json
from actum.cli.text import age, columns, neutral, table
from actum.model.ids import short
from actum.model.workflow import Status
from actum.store.rows import WorkflowRow


@click.command("list")
@click.option("--contract", metavar="NAME", help="Only workflows of this contract.")
@click.option(
    "--status", type=click.Choice([status.value for status in Status]), help="Only workflows in this status."
)
@click.option("--before", metavar="WORKFLOW", help="Go on after this one: the page before ended with it.")
@options.limit(20)
@options.as_json
def list_workflows(
    contract: str | None, status: str | None, before: str | None, limit: int, is_json: bool
) -> int:
    """List workflows, newest first."""
    return carry_out(_list(contract, status, before, limit, is_json))


async def _list(
    contract: str | None, status: str | None, before: str | None, limit: int, is_json: bool
) -> int:
    async with open_client() as client:
        last = await client.find(before) if before else None
        found = await client.list(contract=contract, status=status, before=last, count=limit + 1)
        now = await client.store.read_clock()
    rows, has_more = found[:limit], len(found) > limit
    if is_json:
        say_json([workflow_as_json(row) for row in rows])
        return Exit.FINE
    if not rows:
        say(
            "no workflows"
            + (" that fit" if contract or status or before else " yet: `actum start MODULE:CONTRACT`")
        )
        return Exit.FINE
    say_all(table([_row(row, now) for row in rows], ["ID", "STATUS", "AGE", "CONTRACT"], columns()))
    if has_more:
        say(f"… {limit} shown, and there are more: add --before {short(rows[-1].id)}, or raise --limit", DIM)
    return Exit.FINE


def _row(row: WorkflowRow, now: datetime) -> list[str]:
    state = row.status.replace("_", " ") + (f" ({row.cause.replace('_', ' ')})" if row.cause else "")
    what = neutral(row.contract) + (f"  {neutral(row.key)}" if row.key else "")
    if row.current_step and row.finished_at is None:
        what += f"  at {neutral(row.current_step)}"
        what += f", attempt {row.attempt_count}" if row.attempt_count > 1 else ""
    return [short(row.id), state, age(now - row.created_at), what]
