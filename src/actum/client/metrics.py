"""Metrics as text: every fact as counters, from the rollup, in the format that Prometheus reads.

Counters are of the whole database since its first event: every replica says the same, so take `max`, never `sum`, over
them. Labels are contract, step, outcome, reason and tier; never an id or text from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from actum.model.quality import FACTS
from actum.store.rollups import LagRow, TotalRow
from actum.store.store import Store

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TIMED = frozenset({"recoveries", "retries", "rescues", "rollbacks_ended", "verdicts", "approvals_ended"})
"""The facts that have a time; that of approvals is human, all others machine's, but for how long bad output lived."""
BACK = frozenset({"verdicts", "disagreements"})
"""The facts that may be taken back: a later word counts instead. They go down, so they are gauges."""
MOST = 10_000
"""Lines of one metric; what is beyond is dropped and counted, for a scrape must stay bounded."""


async def write_metrics(store: Store) -> str:
    """Add what is new to the rollup and return all metrics as text; raises DatabaseUnavailable."""
    await store.rollups.refresh()
    return format_metrics(await store.rollups.totals(), await store.rollups.lag())


def format_metrics(totals: Sequence[TotalRow], lag: LagRow) -> str:
    """Return metrics in the text format 0.0.4, sorted, each with its help and type."""
    lines: list[str] = []
    dropped = 0
    known = sorted((row for row in totals if row.measure in FACTS), key=lambda row: row.measure)
    for measure, group in groupby(known, key=lambda row: row.measure):
        rows = list(group)
        dropped += max(len(rows) - MOST, 0)
        rows = rows[:MOST]
        kind, end = ("gauge", "") if measure in BACK else ("counter", "_total")
        lines += _metric(
            f"actum_{measure}{end}", kind, FACTS[measure], ((row, str(row.count)) for row in rows)
        )
        if measure in TIMED:
            lines += _metric(
                f"actum_{measure}_seconds{end}",
                kind,
                f"Seconds of these: {FACTS[measure]}",
                ((row, _seconds(row.us)) for row in rows),
            )
    lines += _plain("actum_rollup_waiting", "Facts that are not in these numbers yet.", str(lag.facts))
    lines += _plain("actum_rollup_lag_seconds", "Age of the oldest of them.", f"{lag.seconds:.6f}")
    lines += _plain("actum_metrics_dropped", "Lines left out, because there were too many.", str(dropped))
    return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, about: str, samples: Iterable[tuple[TotalRow, str]]) -> list[str]:
    return [
        f"# HELP {name} {_escaped(about)}",
        f"# TYPE {name} {kind}",
        *(f"{name}{{{_labels(row)}}} {value}" for row, value in samples),
    ]


def _plain(name: str, about: str, value: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} gauge", f"{name} {value}"]


def _labels(row: TotalRow) -> str:
    values = {"contract": row.contract, "step": row.step, "outcome": row.outcome, "reason": row.reason}
    if row.tier >= 0:
        values["tier"] = str(row.tier)
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in values.items() if value)


def _seconds(us: int) -> str:
    """Return microseconds as seconds, exactly."""
    sign, us = ("-", -us) if us < 0 else ("", us)
    return f"{sign}{us // 1_000_000}.{us % 1_000_000:06d}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
