"""`actum verdict`: say whether an output was of use, or read what was said."""

from __future__ import annotations

from typing import Any

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import DIM, say, say_all, say_json
from actum.cli.text import columns, indent, local, neutral
from actum.errors import InvalidInput
from actum.model.ids import short
from actum.model.quality import Judge, Verdict
from actum.store.verdicts import VerdictRow


@click.command()
@options.workflow
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
@options.acts_as(options.REVIEWER)
@options.as_json
def verdict(workflow: str, word: str | None, why: str, by: str, who: str | None, is_json: bool) -> int:
    """Say whether a completed workflow's output was usable, now or months later; alone, show what was said.

    The last word counts, a judge's only where nobody else has spoken. Silence is never counted as good.

    \b
      actum verdict 7c1e90ab unusable --why "the second file was not compiled"
    """
    return carry_out(_verdict(workflow, word, why, by, who, is_json))


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
