"""How long it took and what it cost: completed workflows, steps and usage, by contract or by prompt version."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from actum.store.latency import By, CompletionRow, SpentRow, StepRow
from actum.store.quality import Span

if TYPE_CHECKING:
    from actum.store.store import Store


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """The times and the usage of a span; machine time and people's time are never added up."""

    span: Span
    by: By
    completions: tuple[CompletionRow, ...]
    steps: tuple[StepRow, ...]
    usage: tuple[SpentRow, ...]

    def as_data(self) -> dict[str, Any]:
        """Return this as JSON values: times in microseconds, money a decimal number as text, None where not known."""
        return {
            "by": self.by,
            "completions": [_with_units(asdict(row)) for row in self.completions],
            "steps": [_with_units(asdict(row)) for row in self.steps],
            "usage": [
                asdict(row) | {"cost": None if row.cost is None else f"{row.cost:f}"} for row in self.usage
            ],
        }


def _with_units(values: dict[str, Any]) -> dict[str, Any]:
    times = {"median", "ninety_fifth", "people_median", "people_ninety_fifth"}
    names = {"us": "microseconds"} | {name: f"{name}_microseconds" for name in times}
    return {names.get(name, name): value for name, value in values.items()}


async def read_latency(store: Store, span: Span, by: By = "contract") -> LatencyReport:
    """Return how long what was done in a span took, and what it used; to the instant, not by the hour."""
    return LatencyReport(
        span=span,
        by=by,
        completions=tuple(await store.latency.completions(span, by)),
        steps=tuple(await store.latency.steps(span, by)),
        usage=tuple(await store.latency.usage(span, by)),
    )
