"""The families that are added up from facts, told on a terminal: each number, how it was before, and where that is worse."""

from __future__ import annotations

from actum.cli.printing import DIM, HEADING, WARN, say, say_all
from actum.cli.text import columns, duration, indent, neutral, table
from actum.client import Client
from actum.client.quality import Report, read_ids
from actum.model.ids import short
from actum.model.quality import TITLES, Family, Good, Reading, Unit


def tell_family(report: Report, family: Family) -> None:
    """Print the numbers of one family, those before and the change where both are known."""
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
    if family is Family.OUTPUTS and report.sample is not None:
        said = f"the sample that contracts ask for: {report.sample.describe()} (`actum verdict --due`)"
        say_all(indent(said, "  ", "  ", columns()), WARN if report.sample.overdue else "")


async def tell_ids(client: Client, report: Report, family: Family, limit: int) -> None:
    """Print what each number of a family is called, with the workflows behind it."""
    for reading, _ in report.of(family):
        name = reading.measure.name
        rows = await read_ids(client.store, name, report.span, count=limit + 1) if reading.some else []
        found = list(dict.fromkeys(short(row.workflow_id) for row in rows[:limit]))
        more = ["…"] if len(rows) > limit else []
        said = " ".join([*found, *more]) or "nothing"
        say_all(indent(said, f"  {name}: ", "    ", columns()), DIM)


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
