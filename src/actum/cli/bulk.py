"""`--where`: one intervention on many workflows, looked at first and confirmed by their number."""

from __future__ import annotations

from collections.abc import Sequence

import click

from actum.cli import options
from actum.cli.attention import ask_line, is_attended
from actum.cli.opening import carry_out, open_client
from actum.cli.outcome import tell_outcome
from actum.cli.printing import DIM, say, say_all
from actum.cli.text import age, columns, neutral, table
from actum.client.bulk import MOST, NAMES, Plan, carry_out_bulk, plan_bulk, read_filter
from actum.client.client import Client
from actum.errors import InvalidInput
from actum.model.ids import short

SHOWN = 10

workflow = click.argument("workflow", metavar="[WORKFLOW]", required=False)
where = click.option(
    "--where",
    multiple=True,
    metavar="NAME=VALUE",
    help=f"Many workflows instead of one; repeated, all conditions hold. NAME: {', '.join(NAMES)}, tag.NAME.",
)
confirm = click.option(
    "--confirm", type=click.IntRange(min=0), metavar="COUNT", help="How many --where is meant to reach."
)


def intervene(
    verb: str,
    name: str | None,
    conditions: Sequence[str],
    count: int | None,
    reason: str,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    """Carry out `verb` on every workflow that fits, or show them; raises UsageError for one and many at once."""
    if name is not None:
        raise click.UsageError("name one workflow, or many with --where, not both")
    if not conditions:
        raise click.UsageError("name a workflow, or many with --where NAME=VALUE")
    if not dry_run and not reason.strip():
        raise InvalidInput(f"{verb} needs its --reason: say in a few words why", path="reason")
    return carry_out(_intervene(verb, conditions, count, reason, who, dry_run, is_json))


async def _intervene(
    verb: str,
    conditions: Sequence[str],
    count: int | None,
    reason: str,
    who: str | None,
    dry_run: bool,
    is_json: bool,
) -> int:
    async with open_client(who, options.AUTHOR) as client:
        plan = await plan_bulk(client, verb, await read_filter(client, conditions))
        if not is_json:
            await _show(client, plan)
        if dry_run or not plan.total:
            said = f"would {verb} {plan.total}; nothing was done: to do it, add --confirm {plan.total}"
            facts = _as_json(plan, None, ())
            return tell_outcome(
                verb, said if plan.total else [], facts, actor=client.actor, is_json=is_json, dry_run=dry_run
            )
        bulk, reached = await carry_out_bulk(
            client, plan, reason=reason, count=_confirmed(plan, count, is_json=is_json)
        )
    left = plan.total - len(reached)
    said = f"asked to {verb} {len(reached)}" + (f"; {left} had moved on" if left else "")
    facts = _as_json(plan, str(bulk), [str(one) for one in reached])
    return tell_outcome(verb, said, facts, actor=client.actor, is_json=is_json)


def _confirmed(plan: Plan, count: int | None, *, is_json: bool) -> int:
    """Return how many were meant, asked of a person where nothing was given."""
    if count is not None:
        return count
    answer = ask_line(f"To {plan.verb} them, type how many:") if is_attended(is_json=is_json) else ""
    if not answer.isdecimal():
        raise InvalidInput(
            f"{plan.total} workflows fit: add --confirm {plan.total} to {plan.verb} them; nothing was done",
            path="--confirm",
        )
    return int(answer)


async def _show(client: Client, plan: Plan) -> None:
    if plan.unnamed:
        said = f"the incident affects {plan.unnamed} more than the {MOST} that it names"
        say(f"{said}: it names them once others have moved on, so look again in a minute", DIM)
    if not plan.total:
        say(f"no workflow fits that {plan.verb} could reach")
        return
    now = await client.store.read_clock()
    rows = [
        [
            short(row.id),
            row.status.replace("_", " ") + (f" ({row.cause.replace('_', ' ')})" if row.cause else ""),
            age(now - row.created_at),
            neutral(row.contract) + (f"  {neutral(row.key)}" if row.key else ""),
        ]
        for row in plan.rows[:SHOWN]
    ]
    say_all(table(rows, ["ID", "STATUS", "AGE", "CONTRACT"], columns()))
    if plan.total > SHOWN:
        say(f"… and {plan.total - SHOWN} more", DIM)


def _as_json(plan: Plan, bulk: str | None, reached: Sequence[str]) -> dict[str, object]:
    return {
        "where": plan.filter.text,
        "total": plan.total,
        "unnamed": plan.unnamed,
        "workflows": [str(row.id) for row in plan.rows],
        "bulk": bulk,
        "asked": list(reached),
    }
