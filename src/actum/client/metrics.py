"""Metrics as text: every fact as counters, from the rollup, in the format that Prometheus reads.

Counters are of the whole database since its first event: every replica says the same, so take `max`, never `sum`, over
them. Labels are contract, step, outcome, reason, tier, kind and model; never an id or text from outside, and of models
no more than `MODELS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import TypeAlias

from actum.model.quality import FACTS
from actum.model.usage import REST
from actum.store.rollups import BOUNDS, SPREAD, LagRow, TotalRow
from actum.store.store import Store

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TIMED = frozenset({"recoveries", "retries", "rescues", "rollbacks_ended", "verdicts", "approvals_ended"})
"""The facts that have a time; that of approvals is human, all others machine's, but for how long bad output lived."""
BACK = frozenset({"verdicts", "disagreements"})
"""The facts that may be taken back: a later word counts instead. They go down, so they are gauges."""
USED = frozenset({"tokens", "model_calls", "tool_calls", "unpriced_calls", "costs"})
"""The facts of models; those of a model that nobody named are told as `other`."""
MONEY = frozenset({"costs"})
"""The facts that add up money."""
MODELS = 50
"""Models that have a name in metrics: those that were used first, so that a name once told stays."""
MOST = 10_000
"""Lines of one metric; what is beyond is dropped and counted, for a scrape must stay bounded."""

Series: TypeAlias = list[str]
"""The lines of one set of labels."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name, its type, what it is, and its series, sorted by their labels."""

    name: str
    kind: str
    about: str
    series: list[Series]

    def lines(self) -> list[str]:
        """Return its text, as far as `MOST` lets it be told."""
        head = [f"# HELP {self.name} {_escaped(self.about)}", f"# TYPE {self.name} {self.kind}"]
        return [*head, *(line for one in self.series[: self._most] for line in one)]

    @property
    def dropped(self) -> int:
        """How many lines that leaves out."""
        return sum(len(one) for one in self.series[self._most :])

    @property
    def _most(self) -> int:
        return MOST // len(self.series[0])


async def write_metrics(store: Store) -> str:
    """Add what is new to the rollup and return all metrics as text; raises DatabaseUnavailable."""
    await store.rollups.refresh()
    return format_metrics(await store.rollups.totals(), await store.rollups.lag())


def format_metrics(totals: Sequence[TotalRow], lag: LagRow) -> str:
    """Return metrics in the text format 0.0.4, sorted, each with its help and type."""
    known = sorted((row for row in bound_models(totals) if row.measure in FACTS), key=_key)
    metrics = [
        metric
        for measure, rows in groupby(known, key=lambda row: row.measure)
        for metric in _metrics(measure, list(rows))
    ]
    lines = [line for metric in metrics for line in metric.lines()]
    dropped = sum(metric.dropped for metric in metrics)
    lines += _plain("actum_rollup_waiting", "Facts that are not in these numbers yet.", str(lag.facts))
    lines += _plain("actum_rollup_lag_seconds", "Age of the oldest of them.", f"{lag.seconds:.6f}")
    lines += _plain("actum_metrics_dropped", "Lines left out, because there were too many.", str(dropped))
    return "\n".join(lines) + "\n"


def bound_models(totals: Sequence[TotalRow]) -> list[TotalRow]:
    """Return totals in which the models after the first `MODELS`, and what has no model's name, are `other`.

    Rows whose labels are the same then are added up.
    """
    firsts: dict[str, datetime] = {}
    for row in totals:
        if row.model not in ("", REST):
            firsts[row.model] = min(row.first_at, firsts.get(row.model, row.first_at))
    named = set(sorted(firsts, key=lambda model: (firsts[model], model))[:MODELS])
    found: dict[tuple[object, ...], TotalRow] = {}
    for row in totals:
        told = replace(row, model=REST) if row.measure in USED and row.model not in named else row
        known = found.get(_key(told))
        found[_key(told)] = told if known is None else _add(known, told)
    return list(found.values())


def _key(row: TotalRow) -> tuple[str, str, str, str, str, int, str, str, int]:
    return (
        row.measure, row.contract, row.step, row.outcome, row.reason, row.tier, row.kind, row.model, row.bucket
    )  # fmt: skip


def _add(one: TotalRow, other: TotalRow) -> TotalRow:
    return replace(one, count=one.count + other.count, us=one.us + other.us, money=one.money + other.money)


def _metrics(measure: str, rows: list[TotalRow]) -> list[Metric]:
    about = FACTS[measure]
    if measure in SPREAD:
        groups = [list(group) for _, group in groupby(rows, key=_labels)]
        name = f"actum_{measure}_seconds"
        return [Metric(name, "histogram", about, [_histogram(name, group) for group in groups])]
    kind, end = ("gauge", "") if measure in BACK else ("counter", "_total")
    name = f"actum_{measure}{end}"
    values = [f"{row.money:f}" if measure in MONEY else str(row.count) for row in rows]
    told = [Metric(name, kind, about, _counters(name, rows, values))]
    if measure in TIMED:
        name = f"actum_{measure}_seconds{end}"
        times = _counters(name, rows, [_seconds(row.us) for row in rows])
        told.append(Metric(name, kind, f"Seconds of these: {about}", times))
    return told


def _counters(name: str, rows: Sequence[TotalRow], values: Sequence[str]) -> list[Series]:
    return [[f"{name}{{{_labels(row)}}} {value}"] for row, value in zip(rows, values, strict=True)]


def _histogram(name: str, rows: Sequence[TotalRow]) -> Series:
    """Return the lines of one series: how many took no longer than each bound, their time, and how many there are."""
    labels, counts = _labels(rows[0]), {row.bucket: row.count for row in rows}
    lines, so_far = [], 0
    for place, bound in enumerate(BOUNDS):
        so_far += counts.get(place, 0)
        lines.append(f'{name}_bucket{{{labels},le="{bound / 1_000_000:g}"}} {so_far}')
    total = sum(counts.values())
    return [
        *lines,
        f'{name}_bucket{{{labels},le="+Inf"}} {total}',
        f"{name}_sum{{{labels}}} {_seconds(sum(row.us for row in rows))}",
        f"{name}_count{{{labels}}} {total}",
    ]


def _plain(name: str, about: str, value: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} gauge", f"{name} {value}"]


def _labels(row: TotalRow) -> str:
    values = {"contract": row.contract, "step": row.step, "outcome": row.outcome, "reason": row.reason}
    values["tier"] = str(row.tier) if row.tier >= 0 else ""
    values |= {"kind": row.kind, "model": row.model}
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in values.items() if value)


def _seconds(us: int) -> str:
    """Return microseconds as seconds, exactly."""
    sign, us = ("-", -us) if us < 0 else ("", us)
    return f"{sign}{us // 1_000_000}.{us % 1_000_000:06d}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
