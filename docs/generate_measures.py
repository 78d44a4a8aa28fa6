"""The page of measures, from `actum.model.quality`: facts, families, what each number means and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

from actum.client.metrics import BACK, MODELS, TIMED
from actum.model.latency import LATENCY
from actum.model.quality import FACTS, MEASURES, PEOPLE, TITLES, Family, Measure, Part, Unit
from actum.store.rollups import SPREAD

UNITS = {Unit.COUNT: "count", Unit.SHARE: "share", Unit.SECONDS: "mean time", Unit.MEAN: "mean"}


def write_measures() -> list[str]:
    """Return the lines of the page below its note."""
    lines = [
        "# Measures",
        "",
        "What `actum quality` shows, and how each number comes about.",
        "How to read them and where to begin is in [Reading quality](../howto/reading-quality.md).",
        "",
        "Every number is a sum of *facts*, or one sum divided by another.",
        "A fact is what one event or verdict adds; which events do is said once, in the view `actum.facts` of the schema.",
        "A fact follows from its event and those before it in the same workflow, so it never changes.",
        "`actum quality --ids MEASURE` names the events behind a number.",
        "",
        "*Machine time* is the time between two events of a workflow without that in which it was paused or blocked, an "
        "approval of that step was open, or a doubt stood that a person settled.",
        "A person is whoever is no worker, no workflow that acts on another, and no probe: what a probe settles is machine time.",
        "It is never added to human time.",
    ]
    for family in Family:
        lines += ["", f"## {TITLES[family]}", ""]
        match family:
            case Family.PEOPLE:
                lines += _people()
            case Family.LATENCY:
                lines += _latency()
            case _:
                lines += _family(family)
    return [*lines, *_facts()]


def _family(family: Family) -> list[str]:
    lines = ["| measure | unit | means | when it is bad |", "|---|---|---|---|"]
    lines += [
        f"| `{one.name}` | {UNITS[one.unit]} | {one.about} | {one.cure} |"
        for one in MEASURES
        if one.family is family
    ]
    lines += ["", "They are made of:", ""]
    lines += [f"- `{one.name}`: {_parts(one)}" for one in MEASURES if one.family is family]
    return lines


def _parts(measure: Measure) -> str:
    of = "" if measure.of is None else f", of {_part(measure.of)}"
    return f"{_part(measure.some)}{of}."


def _part(part: Part) -> str:
    words = [*(f"`{one}`" for one in part.outcomes), *(f"`{one}`" for one in part.reasons)]
    return f"`{part.fact}`" + (f" ({' or '.join(words)})" if words else "")


def _people() -> list[str]:
    return [
        "These are measured over approvals, decisions and questions.",
        "",
        *_table(PEOPLE),
    ]


def _latency() -> list[str]:
    return [
        "Not one of the five families, and last: fast and cheap is worth nothing where the output is not.",
        "By contract, or with `--by prompt` by the tag `prompt`.",
        "Every time is one that was measured, never a mean of two: the middle is the smallest that half of all stay within.",
        "It is read from the events of the span, not from the rollup, to the instant and not by the hour.",
        "",
        *_table(LATENCY),
    ]


def _table(measures: Mapping[str, tuple[str, str]]) -> list[str]:
    rows = [f"| `{name}` | {about} | {cure} |" for name, (about, cure) in measures.items()]
    return ["| measure | means | when it is bad |", "|---|---|---|", *rows]


def _facts() -> list[str]:
    lines = [
        "",
        "## Metrics",
        "",
        "`actum metrics`, and `actum worker --metrics-port`, give every fact as counters for Prometheus, from the rollup.",
        "They count the whole database since its first event: take `max`, never `sum`, over replicas.",
        "Labels are `contract`, `step`, `outcome`, `reason`, `tier`, `kind` and `model`.",
        "`kind` is `step` or `effect` of times, `input` or `output` of tokens.",
        f"The first {MODELS} models that were used have a name in `model`; all others, and usage without one, are `other`.",
        "What a later verdict can take back is a gauge.",
        "",
        "| metric | time | counts |",
        "|---|---|---|",
    ]
    for fact, about in FACTS.items():
        if fact in SPREAD:
            lines.append(f"| | histogram `actum_{fact}_seconds` | {about} |")
            continue
        end = "" if fact in BACK else "_total"
        time = f"`actum_{fact}_seconds{end}`" if fact in TIMED else ""
        lines.append(f"| `actum_{fact}{end}` | {time} | {about} |")
    return [
        *lines,
        "",
        "`actum_rollup_waiting` and `actum_rollup_lag_seconds` say how many facts are not in these numbers yet, and how old "
        "the oldest is.",
        "A transaction that stays open for long holds them back; none is lost by it, and none is counted twice.",
        "`actum_metrics_dropped` says how many lines are left out, because a metric has more than a scrape should carry: it is 0 "
        "unless something names steps or contracts by data.",
    ]
