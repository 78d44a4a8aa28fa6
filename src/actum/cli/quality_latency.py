"""How long it took and what it cost, told on a terminal: the last section of `actum quality`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from actum.cli.printing import DIM, HEADING, WARN, say, say_all
from actum.cli.text import columns, duration, indent, neutral, table
from actum.cli.usage import tell_cost
from actum.client import Client
from actum.client.latency import LatencyReport
from actum.client.quality import read_ids
from actum.model.ids import short
from actum.model.latency import LATENCY
from actum.model.quality import TITLES, Family
from actum.store.latency import CompletionRow, SpentRow, StepRow

R = TypeVar("R")
MOST_STEPS = 6


def tell_latency(found: LatencyReport, before: LatencyReport | None) -> None:
    """Print times and usage, each time with what it was before where that is known."""
    say(TITLES[Family.LATENCY], HEADING)
    if not found.completions and not found.steps:
        say("  nothing was completed")
    _tell_completions(found, before)
    _tell_steps(found, before)
    _tell_usage(found)


async def tell_latency_ids(client: Client, found: LatencyReport, limit: int) -> None:
    """Print what each measure of the section is called, with the workflows behind it."""
    known = {"machine_times": found.completions, "human_times": found.completions, "step_times": found.steps}
    for name in LATENCY:
        has_any = bool(known.get(name, found.usage))
        rows = await read_ids(client.store, name, found.span, count=limit + 1) if has_any else []
        ids = list(dict.fromkeys(short(row.workflow_id) for row in rows[:limit]))
        said = " ".join([*ids, *(["…"] if len(rows) > limit else [])]) or "nothing"
        say_all(indent(said, f"  {name}: ", "    ", columns()), DIM)


def _tell_completions(found: LatencyReport, before: LatencyReport | None) -> None:
    if not found.completions:
        return
    past = {row.name: row for row in before.completions} if before else {}
    rows = [
        [f"  {_name(row)}", str(row.count), *_times(_of_completion, row, past.get(row.name))]
        for row in found.completions
    ]
    heads = [f"  {found.by.upper()}", "COMPLETED", "MACHINE P50", "P95", "PEOPLE P50", "P95"]
    _say_table(rows, heads)


def _tell_steps(found: LatencyReport, before: LatencyReport | None) -> None:
    if not found.steps:
        return
    past = {(row.name, row.step): row for row in before.steps} if before else {}
    rows: list[list[str]] = []
    left_out = 0
    for name in dict.fromkeys(row.name for row in found.steps):
        steps = [row for row in found.steps if row.name == name]
        rows.append([f"  {_name(steps[0])}", "", "", "", ""])
        for row in steps[:MOST_STEPS]:
            times = _times(_of_step, row, past.get((name, row.step)))
            rows.append([f"    {neutral(row.step or '-')}", str(row.count), *times, duration(row.us)])
        left_out += len(steps[MOST_STEPS:])
    _say_table(rows, ["  STEP", "SUCCEEDED", "MACHINE P50", "P95", "IN ALL"])
    if left_out:
        say(f"  … and {left_out} steps that took less in all: --json has them", DIM)


def _tell_usage(found: LatencyReport) -> None:
    if not found.usage:
        say("  no tokens, calls or money were reported; steps do it with report_usage(…)", DIM)
        return
    rows = [
        [
            f"  {_name(row)}",
            str(row.input_tokens),
            str(row.output_tokens),
            str(row.model_calls),
            str(row.tool_calls),
            tell_cost(row),
        ]
        for row in found.usage
    ]
    _say_table(rows, [f"  {found.by.upper()}", "TOKENS IN", "TOKENS OUT", "CALLS", "TOOLS", "COST"])
    unpriced = sum(row.unpriced for row in found.usage)
    if unpriced:
        say(f"  {unpriced} model calls have no known cost", WARN)


def _name(row: CompletionRow | StepRow | SpentRow) -> str:
    return "none named" if row.name is None else neutral(row.name)


def _say_table(rows: list[list[str]], heads: list[str]) -> None:
    lines = table(rows, heads, columns())
    say(lines[0], DIM)
    say_all(lines[1:])


def _of_completion(row: CompletionRow) -> tuple[int, ...]:
    return row.median, row.ninety_fifth, row.people_median, row.people_ninety_fifth


def _of_step(row: StepRow) -> tuple[int, ...]:
    return row.median, row.ninety_fifth


def _times(read: Callable[[R], tuple[int, ...]], now: R, before: R | None) -> list[str]:
    if before is None:
        return [duration(one) for one in read(now)]
    return [
        f"{duration(one)} (was {duration(was)})" for one, was in zip(read(now), read(before), strict=True)
    ]
