"""What promises are judged by is exact in every window, whatever the rollup holds already."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import golden
import pytest

from actum.machine.slo import WINDOWS
from actum.store.store import Store

LATE = timedelta(hours=2)
INSTANTS = (
    golden.START + timedelta(days=9, hours=5, minutes=59, seconds=59.5),
    golden.START + timedelta(days=35, hours=12),
    golden.START + timedelta(days=61, seconds=1),
)


async def write(connection: Any, lives: list[golden.Life]) -> None:
    await connection.execute("set local session_replication_role = replica")
    await golden.write(connection, lives)


def by_hand(lives: Iterable[golden.Life], now: datetime) -> dict[tuple[str, str, timedelta], tuple[int, int]]:
    """Count what each window holds, one by one."""
    total: Counter[Any] = Counter()
    bad: Counter[Any] = Counter()

    def add(contract: str, objective: str, at: datetime, is_bad: bool) -> None:
        for window in (one for one in WINDOWS if at > now - one):
            total[contract, objective, window] += 1
            bad[contract, objective, window] += is_bad

    for life in lives:
        granted = {str(one[3]) for one in life.decisions if one[8].startswith("grant:")}
        for one in life.approvals:
            if one["ruled_at"] is not None and str(one["id"]) not in granted:
                add(life.contract, "decision", one["ruled_at"], one["ruled_at"] - one["asked_at"] > LATE)
        last = life.events[-1]
        if last[3] in ("workflow.completed", "workflow.failed", "workflow.rolled_back"):
            add(life.contract, "completion", last[2], last[3] != "workflow.completed")
        words = [one for one in life.verdicts if one[3] != "judge"] or life.verdicts
        if words:
            add(life.contract, "usability", words[-1][6], words[-1][2] == "unusable")
    return {key: (count, bad[key]) for key, count in total.items()}


@pytest.mark.parametrize("seed", range(2))
async def test_each_window_is_counted_to_the_microsecond_while_older_transactions_are_open(
    store: Store, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = list(golden.Author(seed).lives(400))
    random.Random(seed).shuffle(lives)
    early, late, unseen = lives[:200], lives[200:300], lives[300:]
    targets = dict.fromkeys(golden.CONTRACTS, LATE)
    writer = await asyncpg.connect(store.pool.dsn)
    try:
        await golden.make_weeks(writer, lives)
        async with writer.transaction():
            await write(writer, early)
        await store.rollups.refresh()
        open_one = writer.transaction()
        await open_one.start()
        await write(writer, late)
        async with store.pool.connection() as connection, connection.transaction():
            await write(connection, unseen)  # younger than what is open, so no refresh adds it
        await store.rollups.refresh()
        for there in (early + unseen, lives):
            if there is lives:
                await open_one.commit()
            for now in INSTANTS:
                monkeypatch.setattr(store.pool, "now", lambda now=now: now)
                found = await store.incidents.count_outcomes(targets)
                counts = {
                    (*key, window): (count.total, count.bad)
                    for key, one in found.items()
                    for window, count in one.counts.items()
                }
                assert by_hand(there, now) == counts
        await store.rollups.refresh()
        assert by_hand(lives, now) == {
            (*key, window): (count.total, count.bad)
            for key, one in (await store.incidents.count_outcomes(targets)).items()
            for window, count in one.counts.items()
        }
    finally:
        await writer.close()
