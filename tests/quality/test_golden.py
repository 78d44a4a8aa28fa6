"""Queries, rollup and an independent calculation agree to the last digit, over histories of every family."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import counted
import golden
import pytest

from actum.model.quality import FACTS as FACT_NAMES
from actum.store.store import Store

FACTS = """
select date_trunc('hour', f.at, 'UTC') as hour, f.measure, f.contract, coalesce(f.team, '') as team,
       coalesce(f.step, '') as step, coalesce(f.outcome, '') as outcome, coalesce(f.reason, '') as reason,
       coalesce(f.tier, -1)::int as tier, sum(f.count)::bigint as count, sum(f.us)::bigint as us
  from actum.facts f group by 1, 2, 3, 4, 5, 6, 7, 8
"""
ROLLUPS = (
    "select hour, measure, contract, team, step, outcome, reason, tier::int, count, us from actum.rollups"
)


async def summed(connection: Any, query: str) -> counted.Sums:
    rows = [tuple(row) for row in await connection.fetch(query)]
    return {(row[0], row[1:8]): (row[8], row[9]) for row in rows if (row[8], row[9]) != (0, 0)}


async def exported(connection: Any) -> counted.Sums:
    """Count what is in the log, in Python."""
    events = await connection.fetch("select * from actum.events")
    verdicts = await connection.fetch("select * from actum.verdicts")
    decisions = await connection.fetch("select * from actum.decisions")
    return counted.count(events, verdicts, decisions)


async def check(store: Store, seed: int, workflows: int, pieces: int) -> Counter[str]:
    """Write a history in pieces with refreshes between, compare all three, and return the kinds there were."""
    lives = list(golden.Author(seed).lives(workflows))
    kinds = Counter(event[3] for life in lives for event in life.events)
    async with store.pool.connection() as connection:
        await connection.execute(
            "set session_replication_role = replica"
        )  # no referee: each kind was judged already
        await golden.make_weeks(connection)
        for piece in range(pieces):
            async with connection.transaction():
                await golden.write(connection, lives[piece::pieces])
            await store.rollups.refresh()
        await connection.execute("set session_replication_role = default")
        await connection.execute("analyze actum.events")
        by_hand, asked, added = (
            await exported(connection),
            await summed(connection, FACTS),
            await summed(connection, ROLLUPS),
        )
    assert by_hand == asked
    assert by_hand == added
    return kinds


async def test_a_history_of_every_family_is_counted_alike_by_query_rollup_and_hand(store: Store) -> None:
    kinds = await check(store, seed=20_260_105, workflows=600, pieces=3)
    assert sum(kinds.values()) > 6_000
    async with store.pool.connection() as connection:
        rows = await connection.fetch("select distinct measure from actum.rollups")
    assert set(FACT_NAMES) == {row["measure"] for row in rows}


@pytest.mark.campaign
async def test_the_golden_history_of_25_000_workflows_is_counted_alike(store: Store) -> None:
    kinds = await check(store, seed=7, workflows=25_000, pieces=10)
    assert sum(kinds.values()) >= 400_000


def test_a_seed_always_gives_the_same_history() -> None:
    def told(seed: int) -> list[tuple[str, datetime]]:
        return [(event[3], event[2]) for life in golden.Author(seed).lives(20) for event in life.events]

    assert told(3) == told(3)
    assert told(3) != told(4)
