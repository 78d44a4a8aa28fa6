"""`actum verdict`: say whether an output was of use, read what was said, or see what waits for a word."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import DIM, say, say_all, say_json
from actum.cli.text import age, columns, indent, local, neutral, table
from actum.errors import InvalidInput
from actum.model.ids import short
from actum.model.quality import Judge, Verdict
from actum.store.verdicts import DueRow, VerdictRow


@click.command()
@click.argument("workflow", metavar="[WORKFLOW]", required=False)
@click.argument(
    "word", metavar="[usable|unusable]", type=click.Choice([one.value for one in Verdict]), required=False
)
@click.option("--why", default="", metavar="TEXT", help="What makes it so; it is kept for ever.")
@click.option(
    "--by",
    type=click.Choice([one.value for one in Judge]),
    default=Judge.PERSON.value,
    show_default=True,
    help="Who says so: a model, a person, or work that came later and stood on the output.",
)
@click.option("--due", is_flag=True, help="List the outputs that contracts want a word on and have none.")
@click.option("--contract", metavar="NAME", help="With --due: only this contract's.")
@options.limit(50)
@options.acts_as(options.REVIEWER)
@options.as_json
def verdict(
    workflow: str | None,
    word: str | None,
    why: str,
    by: str,
    due: bool,
    contract: str | None,
    limit: int,
    who: str | None,
    is_json: bool,
) -> int:
    """Say whether a completed workflow's output was usable, now or months later; alone, show what was said.

    The last word counts, a judge's only where nobody else has spoken. Silence is never counted as good. With --due,
    list the outputs of samples (`verdicts=Sample(…)` of a contract) that wait for a word, the oldest first.

    \b
      actum verdict 7c1e90ab unusable --why "the second file was not compiled"
      actum verdict --due --contract change_repository
    """
    if due:
        if workflow is not None:
            raise InvalidInput("--due lists what waits for a word: leave the workflow out")
        return carry_out(_due(contract, limit, who, is_json))
    if workflow is None or contract is not None:
        raise InvalidInput(
            "name a workflow, as `actum list` shows it, or say --due for those that wait for a word"
        )
    return carry_out(_verdict(workflow, word, why, by, who, is_json))


async def _due(contract: str | None, count: int, who: str | None, is_json: bool) -> int:
    async with open_client(who, options.REVIEWER) as client:
        rows = await client.verdicts.due(contract=contract, count=count)
        now = await client.store.read_clock()
    if is_json:
        say_json([_due_as_json(row, now) for row in rows])
        return Exit.FINE
    if not rows:
        say("no output waits for a verdict")
        return Exit.FINE
    cells = [
        [short(row.workflow_id), row.contract, row.team or "-", age(now - row.finished_at), _is_due(row, now)]
        for row in rows
    ]
    say_all(table(cells, ["WORKFLOW", "CONTRACT", "TEAM", "AGE", "DUE"], columns()))
    say(
        f"look with `actum show {short(rows[0].workflow_id)}`, then `actum verdict {short(rows[0].workflow_id)} …`",
        DIM,
    )
    return Exit.FINE


def _is_due(row: DueRow, now: datetime) -> str:
    return f"{age(now - row.due_at)} overdue" if row.due_at <= now else f"in {age(row.due_at - now)}"


async def _verdict(workflow: str, word: str | None, why: str, by: str, who: str | None, is_json: bool) -> int:
    if word is None and why:
        raise InvalidInput("--why goes with a word: say usable or unusable before it")
    async with open_client(who, options.REVIEWER) as client:
        workflow_id = await client.find(workflow)
        is_new = await client.verdicts.give(workflow_id, word, why, by=by) if word else False
        rows = await client.verdicts.list_of(workflow_id)
        now = await client.store.read_clock()
    if is_json:
        say_json([_as_json(row) for row in rows])
        return Exit.FINE
    if word is not None:
        said = "is" if is_new else "was already"
        say(f"the output of {short(workflow_id)} {said} called {word}")
        return Exit.FINE
    if not rows:
        say(f"nobody has judged the output of {short(workflow_id)}")
    for row in rows:
        say(f"{local(row.given_at, now)}  {row.verdict}, by {neutral(row.actor)} ({row.by})")
        say_all(indent(neutral(row.why), "  ", "  ", columns()), DIM)
    return Exit.FINE


def _as_json(row: VerdictRow) -> dict[str, Any]:
    return {
        "number": row.number,
        "verdict": row.verdict,
        "by": row.by,
        "actor": row.actor,
        "why": row.why,
        "given_at": row.given_at.isoformat(),
    }


def _due_as_json(row: DueRow, now: datetime) -> dict[str, Any]:
    return {
        "workflow_id": str(row.workflow_id),
        "contract": row.contract,
        "team": row.team,
        "finished_at": row.finished_at.isoformat(),
        "due_at": row.due_at.isoformat(),
        "is_overdue": row.due_at <= now,
    }
