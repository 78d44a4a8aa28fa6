"""How well it goes: the measures of a span, those of the span before, and what stands behind each number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from actum.errors import InvalidInput
from actum.model.latency import LATENCY
from actum.model.quality import BY_NAME, MEASURES, PEOPLE, Family, Measure, Part, Reading, facts_of
from actum.store.quality import BehindRow, PromptRow, Span, TallyRow
from actum.store.store import Store
from actum.store.verdicts import SampleCount

UNJUDGED = "unjudged"
"""What `--ids` calls outputs without a verdict: nothing stands behind silence but its absence."""

TAKEN_BACK = ("verdicts", "disagreements")
"""The facts that a later verdict on the same output can take back."""


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """What became of steps that were tried again for one first reason; `us` is machine time since it."""

    reason: str
    recovered: int
    exhausted: int
    abandoned: int
    us: int


@dataclass(frozen=True, slots=True)
class Report:
    """The readings of some families over a span, and over the one before where that was asked for.

    `sample` is how the outputs stand on which contracts want a word, None where there are none or outputs are left out.
    """

    span: Span
    families: tuple[Family, ...]
    readings: tuple[Reading, ...]
    before: tuple[Reading, ...] | None
    reasons: tuple[ReasonRow, ...]
    facts: tuple[TallyRow, ...]
    sample: SampleCount | None = None

    def of(self, family: Family) -> list[tuple[Reading, Reading | None]]:
        """Return the readings of one family, each with the one before."""
        earlier = self.before or (None,) * len(self.readings)
        return [
            (one, other)
            for one, other in zip(self.readings, earlier, strict=True)
            if one.measure.family is family
        ]

    def reading(self, name: str) -> Reading:
        """Return the reading of one measure; raises InvalidInput when there is none of that name."""
        return next(one for one in self.readings if one.measure is find_measure(name))

    def as_data(self) -> dict[str, Any]:
        """Return this as JSON values: whole numbers, and the value that follows from them (None of nothing)."""
        earlier = self.before or (None,) * len(self.readings)
        return {
            "since": self.span.since.isoformat(),
            "until": self.span.until.isoformat(),
            "contract": self.span.contract,
            "team": self.span.team,
            "sample": None if self.sample is None else self.sample.as_data(),
            "measures": {
                one.measure.name: _as_data(one) | ({} if other is None else {"before": _as_data(other)})
                for one, other in zip(self.readings, earlier, strict=True)
            },
            "reasons": [
                {
                    "reason": one.reason,
                    "recovered": one.recovered,
                    "exhausted": one.exhausted,
                    "abandoned": one.abandoned,
                    "microseconds": one.us,
                }
                for one in self.reasons
            ],
        }


def _as_data(reading: Reading) -> dict[str, Any]:
    return {
        "family": reading.measure.family.value,
        "unit": reading.measure.unit.value,
        "value": reading.value,
        "some": reading.some,
        "of": reading.of,
        "microseconds": reading.us,
    }


async def read_report(
    store: Store,
    families: Iterable[Family],
    *,
    since: datetime,
    until: datetime | None = None,
    contract: str | None = None,
    team: str | None = None,
    workflows: Sequence[UUID] | None = None,
    compares: bool = False,
) -> Report:
    """Return the measures of these families since an instant; whole hours, so the first may begin a little earlier.

    What the rollup does not hold yet is added to it first, where this account may, and counted in any case. Raises
    InvalidInput for a span that ends before it begins.
    """
    wanted = tuple(dict.fromkeys(families))
    until = until or await store.read_clock()
    if since >= until:
        raise InvalidInput(f"the span from {since} to {until} holds nothing: let it begin before it ends")
    span = Span.of(since, until, contract, team, None if workflows is None else tuple(workflows))
    await store.rollups.refresh()
    facts = facts_of(wanted)
    rows = await store.quality.tally(span, facts)
    earlier = await store.quality.tally(span.previous(), facts) if compares else None
    sample = None
    if Family.OUTPUTS in wanted:
        sample = await store.verdicts.count_sample(
            since=span.since, until=span.until, contract=contract, team=team, workflows=span.workflows
        )
    return Report(
        span=span,
        families=wanted,
        readings=read_measures(wanted, rows),
        before=None if earlier is None else read_measures(wanted, earlier),
        reasons=list_reasons(rows),
        facts=tuple(rows),
        sample=sample if sample is not None and sample.sampled else None,
    )


def read_measures(families: Iterable[Family], rows: Sequence[TallyRow]) -> tuple[Reading, ...]:
    """Return the measures of these families over facts that were added up."""
    wanted = set(families)
    return tuple(one.read(rows) for one in MEASURES if one.family in wanted)


def list_reasons(rows: Sequence[TallyRow]) -> tuple[ReasonRow, ...]:
    """Return what became of steps that were tried again, by their first reason, the most frequent first."""
    retries = [row for row in rows if row.measure == "retries"]
    found = []
    for reason in dict.fromkeys(row.reason or "" for row in retries):
        some = [row for row in retries if (row.reason or "") == reason]
        ended = {
            ending: sum(row.count for row in some if row.outcome == ending)
            for ending in ("recovered", "exhausted", "abandoned")
        }
        found.append(ReasonRow(reason, **ended, us=sum(row.us for row in some)))
    return tuple(sorted(found, key=lambda one: (-one.recovered - one.exhausted - one.abandoned, one.reason)))


def find_measure(name: str) -> Measure:
    """Return the measure of a name; raises InvalidInput, with the names there are, for any other."""
    if name not in BY_NAME:
        raise InvalidInput(
            f"{name!r} is no measure: it is one of {', '.join(sorted({*BY_NAME, *PEOPLE, *LATENCY, UNJUDGED}))}"
        )
    return BY_NAME[name]


async def read_ids(store: Store, name: str, span: Span, *, count: int) -> list[BehindRow]:
    """Return the events behind a measure, those that took longest first; `unjudged` are outputs without a verdict.

    Their counts add up to the measure: an output that was called unusable and is called usable since is behind `usable`.
    Raises InvalidInput for a name that is no measure.
    """
    if name == UNJUDGED:
        return await store.quality.unjudged(span, count=count)
    if name in LATENCY:
        outcomes = ("completed",) if name in ("machine_times", "human_times") else None
        return await store.quality.behind(span, name, outcomes=outcomes, count=count)
    part: Part = find_measure(name).some
    look = store.quality.words if part.fact in TAKEN_BACK else store.quality.behind
    return await look(
        span, part.fact, outcomes=part.outcomes or None, reasons=part.reasons or None, count=count
    )


async def read_prompts(store: Store, span: Span) -> list[PromptRow]:
    """Return what became of the outputs of each prompt version: the tag `prompt` that workflows were started with."""
    return await store.quality.prompts(span)
