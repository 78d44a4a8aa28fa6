"""`actum quality`: how well it goes, in numbers that name what stands behind them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.opening import carry_out, open_client
from actum.cli.printing import DIM, HEADING, WARN, say, say_all, say_json
from actum.cli.quality_people import tell_people
from actum.cli.text import columns, duration, indent, local, neutral, table
from actum.client import Client
from actum.client.fatigue import Fatigue, read_fatigue
from actum.client.quality import Report, read_ids, read_prompts, read_report
from actum.errors import InvalidInput
from actum.model.contract import parse_duration
from actum.model.quality import TITLES, Family, Good, Reading, Unit
from actum.store.quality import BehindRow, PromptRow, Span

EVERYTHING = "*"
MACHINES = tuple(one for one in Family if one is not Family.PEOPLE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be measured."""

    families: tuple[Family, ...]
    length: timedelta
    contract: str | None
    team: str | None
    compares: bool
    ids: str | None
    by_prompt: bool
    limit: int
    is_json: bool


@click.command()
@click.option(
    "--family",
    type=click.Choice([one.value for one in Family]),
    help="Only these measures; all unless given.",
)
@click.option("--contract", metavar="NAME", help="Only this contract's workflows.")
@click.option("--team", metavar="NAME", help="Only this team's, as the owner was at the time.")
@click.option("--since", default="7d", show_default=True, metavar="DURATION", help="How far to look back.")
@click.option(
    "--compare", type=click.Choice(["previous"]), help="Also say how it was in the same time before that."
)
@click.option("--by", "by", type=click.Choice(["prompt"]), help="Outputs by prompt version (tag `prompt`).")
@click.option(
    "--ids",
    metavar="[MEASURE]",
    is_flag=False,
    flag_value=EVERYTHING,
    help="Name the events behind a measure, the longest first; alone, what stands behind each of people's.",
)
@options.limit(20)
@options.as_json
def quality(
    family: str | None,
    contract: str | None,
    team: str | None,
    since: str,
    compare: str | None,
    by: str | None,
    ids: str | None,
    limit: int,
    is_json: bool,
) -> int:
    """Measure how well it goes: time-outs, retries, people, rollbacks, outputs.

    Machine time and people's time are never added up. What the numbers mean and what to do is in the documentation.

    \b
      actum quality --since 30d --compare previous
      actum quality --contract change_repository --ids time_wasted
    """
    families = tuple(Family) if family is None else (Family(family),)
    length = parse_duration(since)
    asked = Asked(families, length, contract, team, compare is not None, ids, by is not None, limit, is_json)
    return carry_out(_quality(asked))


async def _quality(asked: Asked) -> int:
    if asked.contract is not None and asked.families == (Family.PEOPLE,):
        raise InvalidInput(
            "people are measured by team, not by contract: leave --contract out, or give --team"
        )
    async with open_client() as client:
        if asked.by_prompt:
            return await _by_prompt(client, asked)
        if asked.ids not in (None, EVERYTHING):
            return await _ids(client, asked)
        return await _report(client, asked)


async def _report(client: Client, asked: Asked) -> int:
    now = await client.store.read_clock()
    machines = [one for one in asked.families if one is not Family.PEOPLE]
    people = report = None
    if machines:
        report = await read_report(
            client.store,
            machines,
            since=now - asked.length,
            until=now,
            contract=asked.contract,
            team=asked.team,
            compares=asked.compares,
        )
    if Family.PEOPLE in asked.families and asked.contract is None:
        people = await read_fatigue(client.store, since=now - asked.length, team=asked.team)
    if asked.is_json:
        say_json(_as_json(report, people))
    else:
        _tell(report, people, asked)
    return Exit.FINE


def _as_json(report: Report | None, people: Fatigue | None) -> dict[str, Any]:
    if report is None and people is not None:
        return people.as_data()
    return (report.as_data() if report else {}) | ({"people": people.as_data()} if people else {})


def _tell(report: Report | None, people: Fatigue | None, asked: Asked) -> None:
    if report is not None:
        _tell_span(report.span)
    for family in asked.families:
        if family is not Family.PEOPLE and report is not None:
            say()
            _tell_family(report, family)
        elif people is not None:
            say()
            tell_people(people, asked.ids is not None)
    if asked.contract is not None and Family.PEOPLE in asked.families:
        say()
        say_all(
            indent("People are measured by team: leave --contract out to see them.", "", "", columns()), DIM
        )


def _tell_span(span: Span) -> None:
    whose = f" of {neutral(span.contract)}" if span.contract else ""
    whose += f", team {neutral(span.team)}" if span.team else ""
    since = span.since.astimezone()
    say(f"Quality{whose}, since {since:%Y-%m-%d %H:%M}", HEADING)


def _tell_family(report: Report, family: Family) -> None:
    say(TITLES[family], HEADING)
    headings = ["", "NOW", *(["BEFORE", "CHANGE"] if report.before else [])]
    rows, styles = [], []
    for reading, before in report.of(family):
        row = [f"  {reading.measure.title}", tell(reading)]
        if report.before:
            row += ["-" if before is None else tell(before), tell_change(reading, before)]
        rows.append(row)
        styles.append(WARN if is_worse(reading, before) else "")
    lines = table(rows, headings, columns())
    say(lines[0], DIM)
    if len(lines) != len(rows) + 1:  # wrapped on a narrow terminal
        say_all(lines[1:])
    else:
        for line, style in zip(lines[1:], styles, strict=True):
            say(line, style)
    if family is Family.RETRIES and report.reasons:
        _tell_reasons(report)


def _tell_reasons(report: Report) -> None:
    rows = [
        [
            f"  {neutral(one.reason) or 'unknown'}",
            str(one.recovered),
            str(one.exhausted),
            str(one.abandoned),
            duration(one.us),
        ]
        for one in report.reasons
    ]
    lines = table(rows, ["  FIRST REASON", "RECOVERED", "EXHAUSTED", "ABANDONED", "MACHINE TIME"], columns())
    say(lines[0], DIM)
    say_all(lines[1:])


def tell(reading: Reading) -> str:
    """Return a reading in words: a share with what it is of, a time as people say it, a hyphen for nothing."""
    value = reading.value
    if value is None:
        return "-"
    match reading.measure.unit:
        case Unit.COUNT:
            return str(reading.some)
        case Unit.SHARE:
            return f"{value:.0%} ({reading.some} of {reading.of})"
        case Unit.SECONDS:
            return duration(round(value * 1e6))
        case Unit.MEAN:
            return f"{value:.1f}"


def tell_change(reading: Reading, before: Reading | None) -> str:
    """Return how a number has changed, with its sign; a hyphen where one of both says nothing."""
    now, then = reading.value, before.value if before is not None else None
    if now is None or then is None:
        return "-"
    if reading.measure.unit is Unit.SHARE:
        return f"{(now - then) * 100:+.0f} points"
    if reading.measure.unit is Unit.SECONDS:
        sign = "-" if now < then else "+"
        return sign + duration(round(abs(now - then) * 1e6))
    return f"{now - then:+.1f}" if reading.measure.unit is Unit.MEAN else f"{round(now - then):+d}"


def is_worse(reading: Reading, before: Reading | None) -> bool:
    """Whether a number has gone the wrong way."""
    now, then = reading.value, before.value if before is not None else None
    if now is None or then is None:
        return False
    return (
        now > then if reading.measure.good is Good.LESS else now < then and reading.measure.good is Good.MORE
    )


# behind the numbers


async def _ids(client: Client, asked: Asked) -> int:
    now = await client.store.read_clock()
    span = Span.of(now - asked.length, now, asked.contract, asked.team)
    rows = await read_ids(client.store, asked.ids or "", span, count=asked.limit + 1)
    shown, has_more = rows[: asked.limit], len(rows) > asked.limit
    if asked.is_json:
        say_json([_behind_as_json(row) for row in shown])
        return Exit.FINE
    if not shown:
        say(f"nothing stands behind {asked.ids} in that time")
        return Exit.FINE
    cells = [
        [
            str(row.workflow_id),
            str(row.seq),
            local(row.at, now),
            " ".join(neutral(one) for one in (row.step, row.outcome, row.reason) if one)
            + (f"  {duration(row.us)}" if row.us else ""),
        ]
        for row in shown
    ]
    for line in table([[one[1], one[2], one[3]] for one in cells], ["EVENT", "AT", "WHAT"], columns())[:1]:
        say(" " * 38 + line, DIM)
    for cell in cells:
        say("  ".join(cell))
    if has_more:
        say(f"… {asked.limit} shown, and there are more: raise --limit", DIM)
    return Exit.FINE


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


async def _by_prompt(client: Client, asked: Asked) -> int:
    now = await client.store.read_clock()
    span = Span.of(now - asked.length, now, asked.contract, asked.team)
    rows = await read_prompts(client.store, span)
    if asked.is_json:
        say_json([_prompt_as_json(row) for row in rows])
        return Exit.FINE
    _tell_span(replace(span))
    if not rows:
        say("no outputs in that time")
        return Exit.FINE
    cells = [[_prompt_of(row), *_numbers_of(row)] for row in rows]
    say_all(
        table(cells, ["PROMPT", "OUTPUTS", "JUDGED", "USABLE", "UNUSABLE", "CAUGHT BY CHECKS"], columns())
    )
    return Exit.FINE


def _prompt_of(row: PromptRow) -> str:
    return "none named" if row.prompt is None else neutral(row.prompt)


def _numbers_of(row: PromptRow) -> list[str]:
    judged = row.usable + row.unusable
    usable = f"{row.usable / judged:.0%}" if judged else "-"
    return [str(row.outputs), str(judged), usable, str(row.unusable), str(row.caught)]


def _prompt_as_json(row: PromptRow) -> dict[str, Any]:
    judged = row.usable + row.unusable
    return {
        "prompt": row.prompt,
        "outputs": row.outputs,
        "judged": judged,
        "usable": row.usable,
        "unusable": row.unusable,
        "share": row.usable / judged if judged else None,
        "caught": row.caught,
    }
