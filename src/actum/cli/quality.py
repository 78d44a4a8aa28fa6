"""`actum quality`: how well it goes, in numbers that name what stands behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import DIM, HEADING, WARN, say, say_all, say_json
from actum.cli.quality_behind import prompt_as_data, say_by_prompt, say_ids, say_ids_of_people
from actum.cli.quality_latency import tell_latency, tell_latency_ids
from actum.cli.quality_people import tell_people
from actum.cli.quality_report import tell_family, tell_ids
from actum.cli.text import columns, indent, neutral
from actum.client import Client
from actum.client.fatigue import Fatigue, read_fatigue
from actum.client.latency import LatencyReport, read_latency
from actum.client.quality import Report, read_prompts, read_report
from actum.errors import InvalidInput
from actum.model.contract import parse_duration
from actum.model.latency import LATENCY
from actum.model.quality import PEOPLE, Family
from actum.store.quality import Span

EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be measured."""

    families: tuple[Family, ...]
    length: timedelta
    contract: str | None
    team: str | None
    names: tuple[str, ...]
    compares: bool
    ids: str | None
    by_prompt: bool
    limit: int
    is_json: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured; None where it was not asked for."""

    span: Span
    report: Report | None
    people: Fatigue | None
    people_before: Fatigue | None
    latency: LatencyReport | None
    latency_before: LatencyReport | None

    def as_data(self) -> dict[str, Any]:
        """Return this as JSON values: the families of facts on top, `people` and `latency` below, or alone."""
        people = _with_before(self.people, self.people_before)
        latency = _with_before(self.latency, self.latency_before)
        if self.report is None:
            return people or latency or {}
        return (
            self.report.as_data()
            | ({"people": people} if people else {})
            | ({"latency": latency} if latency else {})
        )


def _with_before(
    now: Fatigue | LatencyReport | None, before: Fatigue | LatencyReport | None
) -> dict[str, Any] | None:
    if now is None:
        return None
    return now.as_data() | ({} if before is None else {"before": before.as_data()})


@click.command()
@click.option(
    "--family",
    type=click.Choice([one.value for one in Family]),
    help="Only these measures; all unless given.",
)
@click.option("--contract", metavar="NAME", help="Only this contract's workflows.")
@click.option("--team", metavar="NAME", help="Only this team's, as the owner was at the time.")
@click.option(
    "--workflow", "workflows", metavar="WORKFLOW", multiple=True, help="Only this one; may be given again."
)
@click.option("--since", default="7d", show_default=True, metavar="DURATION", help="How far to look back.")
@click.option(
    "--compare", type=click.Choice(["previous"]), help="Also say how it was in the same time before that."
)
@click.option(
    "--by",
    "by",
    type=click.Choice(["prompt"]),
    help="Outputs by prompt version: `actum start --tag prompt=v2`.",
)
@click.option(
    "--ids",
    metavar="[MEASURE]",
    is_flag=False,
    flag_value=EVERYTHING,
    help="Name the events behind a measure, the longest first; alone, each measure's name and what stands behind it.",
)
@options.limit(20)
@options.as_json
def quality(
    family: str | None,
    contract: str | None,
    team: str | None,
    workflows: tuple[str, ...],
    since: str,
    compare: str | None,
    by: str | None,
    ids: str | None,
    limit: int,
    is_json: bool,
) -> int:
    """Measure how well it goes: time-outs, retries, people, rollbacks, outputs; last, how long it took and its cost.

    Machine time and people's time are never added up. What the numbers mean and what to do is in the documentation.

    \b
      actum quality --since 30d --compare previous
      actum quality --contract change_repository --ids time_wasted
    """
    if by is not None and (family or compare or ids):
        raise InvalidInput(
            "--by prompt shows outputs and latency alone: leave --family, --compare and --ids out"
        )
    families = tuple(Family) if family is None else (Family(family),)
    length = parse_duration(since)
    asked = Asked(
        families, length, contract, team, workflows, compare is not None, ids, by is not None, limit, is_json
    )
    return carry_out(_quality(asked))


async def _quality(asked: Asked) -> int:
    async with open_client() as client:
        some = tuple([await client.find(name) for name in asked.names]) or None
        now = await client.store.read_clock()
        span = Span(now - asked.length, now, asked.contract, asked.team, some)
        if asked.by_prompt:
            return await _by_prompt(client, span, asked)
        if asked.ids is not None and asked.ids in PEOPLE:
            people = await _read_people(client, span.since, None, span)
            return say_ids_of_people(people, asked.ids, asked.limit, asked.is_json)
        if asked.ids not in (None, EVERYTHING):
            looked_at = span if asked.ids in LATENCY else _whole(span)
            return await say_ids(client, asked.ids, looked_at, asked.limit, asked.is_json)
        return await _report(client, span, asked)


def _whole(span: Span) -> Span:
    return Span.of(span.since, span.until, span.contract, span.team, span.workflows)


async def _report(client: Client, span: Span, asked: Asked) -> int:
    machines = [one for one in asked.families if one not in (Family.PEOPLE, Family.LATENCY)]
    report = people = people_before = latency = latency_before = None
    if machines:
        report = await read_report(
            client.store,
            machines,
            since=span.since,
            until=span.until,
            contract=span.contract,
            team=span.team,
            workflows=span.workflows,
            compares=asked.compares,
        )
    if Family.PEOPLE in asked.families:
        people = await _read_people(client, span.since, None, span)
        if asked.compares:
            people_before = await _read_people(client, span.since - asked.length, span.since, span)
    if Family.LATENCY in asked.families:
        latency = await read_latency(client.store, span)
        latency_before = await read_latency(client.store, span.previous()) if asked.compares else None
    measured = Measured(span, report, people, people_before, latency, latency_before)
    if asked.is_json:
        say_json(measured.as_data())
    else:
        _say_span(report.span if report else span, asked)
        await _say_unknown(client, asked.contract)
        await _tell(client, measured, asked)
    return Exit.FINE


async def _by_prompt(client: Client, span: Span, asked: Asked) -> int:
    rows = await read_prompts(client.store, _whole(span))
    latency = await read_latency(client.store, span, "prompt")
    if asked.is_json:
        say_json([prompt_as_data(row, latency) for row in rows])
        return Exit.FINE
    _say_span(span, asked)
    say_by_prompt(rows)
    say()
    tell_latency(latency, None)
    return Exit.FINE


async def _read_people(client: Client, since: datetime, until: datetime | None, span: Span) -> Fatigue:
    return await read_fatigue(
        client.store,
        since=since,
        until=until,
        contract=span.contract,
        team=span.team,
        workflows=span.workflows,
    )


async def _tell(client: Client, measured: Measured, asked: Asked) -> None:
    report, people = measured.report, measured.people
    for family in asked.families:
        say()
        if family is Family.PEOPLE and people is not None:
            tell_people(people, measured.people_before, asked.ids is not None)
        elif family is Family.LATENCY and measured.latency is not None:
            tell_latency(measured.latency, measured.latency_before)
            if asked.ids is not None:
                await tell_latency_ids(client, measured.latency, asked.limit)
        elif report is not None:
            tell_family(report, family)
            if asked.ids is not None:
                await tell_ids(client, report, family, asked.limit)
    if asked.ids is None:
        say()
        way = "`--ids` names each measure and what stands behind it, `--ids MEASURE` all of that."
        say_all(indent(way, "", "", columns()), DIM)


def _say_span(span: Span, asked: Asked) -> None:
    whose = f" of {neutral(span.contract)}" if span.contract else ""
    whose += f", team {neutral(span.team)}" if span.team else ""
    whose += f", {_count(span.workflows)}" if span.workflows else ""
    say(f"Quality{whose}, since {span.since.astimezone():%Y-%m-%d %H:%M}", HEADING)


async def _say_unknown(client: Client, contract: str | None) -> None:
    """Say so where a contract was never seen, for zeros alone look as if it did nothing."""
    if contract is not None and await client.store.quality.newest_document(contract) is None:
        way = f"No contract {neutral(contract)} was ever registered: `actum list` shows those that were started."
        say_all(indent(way, "", "", columns()), WARN)


def _count(workflows: tuple[UUID, ...]) -> str:
    return "one workflow" if len(workflows) == 1 else f"{len(workflows)} workflows"
