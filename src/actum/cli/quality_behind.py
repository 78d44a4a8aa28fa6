"""What stands behind the numbers of `actum quality`: the events of one measure, and outputs by prompt version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actum.cli.exits import Exit
from actum.cli.printing import DIM, say, say_all, say_json
from actum.cli.text import columns, duration, local, neutral, table
from actum.client import Client
from actum.client.fatigue import Fatigue
from actum.client.latency import LatencyReport
from actum.client.quality import read_ids
from actum.store.quality import BehindRow, PromptRow, Span


async def say_ids(client: Client, name: str, span: Span, limit: int, is_json: bool) -> int:
    """Print the events behind one measure; raises InvalidInput for a name that is none."""
    rows = await read_ids(client.store, name, span, count=limit + 1)
    shown = rows[:limit]
    if is_json:
        say_json([_behind_as_json(row) for row in shown])
        return Exit.FINE
    if not shown:
        say(f"nothing stands behind {name} in that time")
        return Exit.FINE
    now = await client.store.read_clock()
    cells = [[str(row.workflow_id), str(row.seq), local(row.at, now), _what(row)] for row in shown]
    say_all(_aligned([["WORKFLOW", "EVENT", "AT", "WHAT"], *cells])[:1], DIM)
    say_all(_aligned([["WORKFLOW", "EVENT", "AT", "WHAT"], *cells])[1:])
    _say_more(len(rows) > limit, limit)
    return Exit.FINE


def say_ids_of_people(people: Fatigue, name: str, limit: int, is_json: bool) -> int:
    """Print what stands behind one of people's measures: approvals, batches or questions; of `touchless`, workflows."""
    ids = people.ids_of(name)
    if is_json:
        say_json(list(ids[:limit]))
        return Exit.FINE
    say_all([neutral(one) for one in ids[:limit]] or [f"nothing stands behind {name} in that time"])
    _say_more(len(ids) > limit, limit)
    return Exit.FINE


def _what(row: BehindRow) -> str:
    words = " ".join(neutral(one) for one in (row.step, row.outcome, row.reason) if one)
    words += f" x{row.count}" if row.count != 1 else ""
    return words + (f"  {duration(row.us)}" if row.us else "")


def _aligned(cells: list[list[str]]) -> list[str]:
    """Return rows in columns as wide as they have to be, whatever the terminal: an id is copied whole."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _say_more(has_more: bool, limit: int) -> None:
    if has_more:
        say(f"… {limit} shown, and there are more: raise --limit", DIM)


def _behind_as_json(row: BehindRow) -> dict[str, Any]:
    return {
        "workflow_id": str(row.workflow_id),
        "seq": row.seq,
        "at": row.at.isoformat(),
        "step": row.step,
        "outcome": row.outcome,
        "reason": row.reason,
        "count": row.count,
        "microseconds": row.us,
    }


def say_by_prompt(rows: Sequence[PromptRow]) -> None:
    """Print what became of the outputs of each prompt version."""
    if not rows:
        say("no outputs in that time")
        return
    cells = [[_prompt_of(row), *_numbers_of(row)] for row in rows]
    say_all(
        table(cells, ["PROMPT", "OUTPUTS", "JUDGED", "USABLE", "UNUSABLE", "CAUGHT BY CHECKS"], columns())
    )


def _prompt_of(row: PromptRow) -> str:
    return "none named" if row.prompt is None else neutral(row.prompt)


def _numbers_of(row: PromptRow) -> list[str]:
    judged = row.usable + row.unusable
    usable = f"{row.usable / judged:.0%}" if judged else "-"
    return [str(row.outputs), str(judged), usable, str(row.unusable), str(row.caught)]


def prompt_as_data(row: PromptRow, latency: LatencyReport) -> dict[str, Any]:
    """Return a prompt version as JSON values, with how long its workflows took and what they used."""
    judged = row.usable + row.unusable
    told = latency.as_data()
    times = {
        name: [one for one in told[name] if one["name"] == row.prompt]
        for name in ("completions", "steps", "usage")
    }
    return {
        "prompt": row.prompt,
        "outputs": row.outputs,
        "judged": judged,
        "usable": row.usable,
        "unusable": row.unusable,
        "share": row.usable / judged if judged else None,
        "caught": row.caught,
        **times,
    }
