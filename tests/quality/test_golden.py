"""Queries, rollup and an independent calculation agree to the last digit, over histories of every family."""

from __future__ import annotations

import gc
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any

import counted
import golden
import pytest

from actum.client.latency import read_latency
from actum.client.metrics import BACK, TIMED, USED, write_metrics
from actum.client.quality import read_ids, read_report
from actum.model.quality import FACTS as FACT_NAMES
from actum.model.quality import Family
from actum.store.quality import Span
from actum.store.rollups import BOUNDS, SPREAD
from actum.store.store import Store

FACTS = """
select date_trunc('hour', f.at, 'UTC') as hour, f.measure, f.contract, coalesce(f.team, '') as team,
       coalesce(f.outcome, '') as outcome, coalesce(f.reason, '') as reason, coalesce(f.kind, '') as kind,
       coalesce(f.model, '') as model,
       case when f.measure = any($1) then width_bucket(f.us - 1, $2::bigint[]) else -1 end as bucket,
       sum(f.count)::bigint as count, sum(f.us)::bigint as us, sum(f.money) as money
  from actum.facts f
 where f.measure <> 'verdicts_given'
 group by 1, 2, 3, 4, 5, 6, 7, 8, 9
"""
ROLLUPS = """
select hour, measure, contract, team, outcome, reason, kind, model, bucket::int, count, us, money
  from actum.rollups
 where $1::text[] is not null
   and $2::bigint[] is not null
"""


EVER = Span.of(golden.START, golden.START + timedelta(days=400))


async def summed(connection: Any, query: str) -> dict[Any, tuple[Any, ...]]:
    rows = [tuple(row) for row in await connection.fetch(query, SPREAD, BOUNDS)]
    return {(row[0], row[1:9]): row[9:] for row in rows if any(row[9:])}


async def exported(connection: Any) -> counted.Sums:
    """Count what is in the log, in Python."""
    columns = ", ".join(golden.EVENT_COLUMNS[:-1])
    events = await connection.fetch(f"select {columns} from actum.events")  # noqa: S608
    verdicts = await connection.fetch("select * from actum.verdicts")
    decisions = await connection.fetch("select * from actum.decisions")
    return counted.count(events, verdicts, decisions)


async def fill(store: Store, lives: Sequence[golden.Life], pieces: int) -> None:
    """Write lives in pieces, with a refresh after each; legal they are: `Life` asked the table of transitions."""
    async with store.pool.connection() as connection:
        await connection.execute("set session_replication_role = replica")
        await golden.make_weeks(connection, lives)
        for piece in range(pieces):
            async with connection.transaction():
                await golden.write(connection, lives[piece::pieces])
            if piece == 0:
                await connection.execute("analyze actum.events")
            await store.rollups.refresh()
        await connection.execute("set session_replication_role = default")
    await golden.catch_up(store)


async def check(store: Store, seed: int, workflows: int, pieces: int) -> Counter[str]:
    """Compare every way to every number over a history made from a seed; return the kinds of events there were."""
    lives = list(golden.Author(seed).lives(workflows))
    await fill(store, lives, pieces)
    async with store.pool.connection() as connection:
        by_hand = await exported(connection)
        added = await summed(connection, ROLLUPS)
    assert by_the_hour(by_hand) == added
    span = Span.of(golden.START + timedelta(days=9), golden.START + timedelta(days=40), team="garden")
    tallied = await store.quality.tally(span, list(FACT_NAMES))
    assert told(by_hand, span) == {
        (row.measure, row.outcome, row.reason): (row.count, row.us) for row in tallied
    }
    assert exposed(by_hand) == parsed(await write_metrics(store))
    return Counter(event[3] for life in lives for event in life.events)


def by_the_hour(sums: counted.Sums) -> dict[Any, tuple[int, int, Decimal]]:
    """Return what the rollup has to hold: without step and tier."""
    found: defaultdict[Any, Any] = defaultdict(lambda: (0, 0, Decimal(0)))
    for (hour, (measure, contract, team, _, outcome, reason, _, *rest)), values in sums.items():
        key = hour, (measure, contract, team, outcome, reason, *rest)
        found[key] = tuple(one + other for one, other in zip(found[key], values, strict=True))
    return {key: value for key, value in found.items() if any(value)}


def told(sums: counted.Sums, span: Span) -> dict[tuple[str, str | None, str | None], tuple[int, int]]:
    """Return what a tally of a span has to say."""
    found: defaultdict[Any, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for (hour, (measure, _, team, _, outcome, reason, *_)), (count, us, _) in sums.items():
        if span.since <= hour < span.until and team == span.team:
            so_far = found[measure, outcome or None, reason or None]
            found[measure, outcome or None, reason or None] = (so_far[0] + count, so_far[1] + us)
    return dict(found)


def exposed(sums: counted.Sums) -> dict[tuple[str, frozenset[tuple[str, str]]], Decimal]:
    """Return what the metrics have to say: over all hours and teams."""
    found: defaultdict[Any, Decimal] = defaultdict(Decimal)
    for (measure, *names, tier, kind, model, bucket), (count, us, money) in over_all(sums).items():
        contract, step, outcome, reason = names
        end = "" if measure in BACK else "_total"
        labels = {"contract": contract, "step": step, "outcome": outcome, "reason": reason, "kind": kind}
        labels["tier"] = "" if tier < 0 else str(tier)
        labels["model"] = model or ("other" if measure in USED else "")
        key = frozenset((name, value) for name, value in labels.items() if value)
        seconds = Decimal(us) / 1_000_000
        if measure in SPREAD:
            bounds = [f"{bound:g}" for bound in counted.BOUNDS] + ["+Inf"]
            for place, bound in enumerate(bounds):
                found[f"actum_{measure}_seconds_bucket", key | {("le", bound)}] += count * (bucket <= place)
            found[f"actum_{measure}_seconds_count", key] += count
            found[f"actum_{measure}_seconds_sum", key] += seconds
            continue
        found[f"actum_{measure}{end}", key] += money if measure == "costs" else count
        if measure in TIMED:
            found[f"actum_{measure}_seconds{end}", key] += seconds
    return dict(found)


def over_all(sums: counted.Sums) -> dict[Any, tuple[int, int, Decimal]]:
    """Return sums over all hours and teams."""
    found: defaultdict[Any, tuple[int, int, Decimal]] = defaultdict(lambda: (0, 0, Decimal(0)))
    for (_, labels), (count, us, money) in sums.items():
        key = labels[:2] + labels[3:]
        so_far = found[key]
        found[key] = so_far[0] + count, so_far[1] + us, so_far[2] + money
    return found


def parsed(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], Decimal]:
    """Read the text format of Prometheus: every line is a comment or a sample."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# "):
            assert line.split(" ")[1] in ("HELP", "TYPE")
            continue
        match = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? (-?[0-9.]+)", line)
        assert match, line
        if match[2] is not None:
            found[match[1], frozenset(re.findall(r'([a-z]+)="([^"]*)"', match[2]))] = Decimal(match[3])
    return found


async def test_a_history_of_every_family_is_counted_alike_by_query_rollup_and_hand(store: Store) -> None:
    kinds = await check(store, seed=20_260_105, workflows=600, pieces=3)
    assert sum(kinds.values()) > 6_000
    async with store.pool.connection() as connection:
        asked, added = await summed(connection, FACTS), await summed(connection, ROLLUPS)
    assert asked == added
    assert set(FACT_NAMES) == {labels[0] for _, labels in added}
    await check_latency(store)
    await check_regret(store)
    await check_words(store)


async def check_latency(store: Store) -> None:
    """Compare the middle and the ninety-fifth of each contract and step with the values themselves, sorted."""
    values: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    used: Counter[tuple[str, str]] = Counter()
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)

    def add(at: datetime, labels: counted.Labels, count: int, us: int, money: Decimal) -> None:
        measure, contract, _, step, outcome, _, _, kind, *_ = labels
        if measure == "step_times" or (measure in counted.SPREAD and outcome == "completed"):
            values[measure, contract, step].append(us)
        used[contract, measure + kind] += count
        costs[contract] += money

    async with store.pool.connection() as connection:
        counted.walk_all(await connection.fetch("select * from actum.events"), (), (), add)

    def place(share: float, *names: str) -> int:
        return sorted(values[names])[ceil(share * len(values[names])) - 1]

    found = await read_latency(store, EVER)
    assert set(golden.CONTRACTS) == {row.name for row in found.completions}
    for row in found.completions:
        contract = row.name or ""
        machine, human = ("machine_times", contract, ""), ("human_times", contract, "")
        assert (len(values[machine]), place(0.5, *machine), place(0.95, *machine)) == (
            row.count, row.median, row.ninety_fifth,
        )  # fmt: skip
        assert (place(0.5, *human), place(0.95, *human)) == (row.people_median, row.people_ninety_fifth)
    for one in found.steps:
        names = "step_times", one.name or "", one.step or ""
        assert (len(values[names]), sum(values[names]), place(0.5, *names), place(0.95, *names)) == (
            one.count, one.us, one.median, one.ninety_fifth,
        )  # fmt: skip
    assert len([one for one in values if one[0] == "step_times"]) == len(found.steps)
    for spent in found.usage:
        assert (
            spent.input_tokens,
            spent.output_tokens,
            spent.model_calls,
            spent.tool_calls,
            spent.unpriced,
        ) == tuple(
            used[spent.name or "", name]
            for name in ("tokensinput", "tokensoutput", "model_calls", "tool_calls", "unpriced_calls")
        )
        assert costs[spent.name or ""] == spent.cost
    assert len(golden.CONTRACTS) == len(found.usage)


async def check_regret(store: Store) -> None:
    """Compare regret with what the log says."""
    async with store.pool.connection() as connection:
        events = await connection.fetch("select * from actum.events")
        verdicts = await connection.fetch("select * from actum.verdicts")
    used, regretted = counted.count_regret(events, verdicts)
    found = await store.people.regret(EVER)
    assert 0 < regretted < used
    assert (used, regretted, regretted) == (found.count, found.some, len(set(found.ids)))


async def check_words(store: Store) -> None:
    """Compare the outputs behind each measure of verdicts with the number: each stands there once."""
    report = await read_report(store, [Family.OUTPUTS], since=EVER.since, until=EVER.until)
    for name in ("usable", "unusable", "judged", "disagreements"):
        rows = await read_ids(store, name, EVER, count=1_000)
        assert 0 < report.reading(name).some == len(rows) == len({row.workflow_id for row in rows}), name


@pytest.mark.crash
async def test_the_golden_history_of_25_000_workflows_is_counted_alike(store: Store) -> None:
    gc.disable()  # millions of rows that stay to the end: there is nothing to collect
    try:
        kinds = await check(store, seed=7, workflows=25_000, pieces=4)
    finally:
        gc.enable()
    assert sum(kinds.values()) >= 400_000


def test_a_seed_always_gives_the_same_history() -> None:
    def lived(seed: int) -> list[tuple[str, datetime]]:
        return [(event[3], event[2]) for life in golden.Author(seed).lives(20) for event in life.events]

    assert lived(3) == lived(3)
    assert lived(3) != lived(4)
