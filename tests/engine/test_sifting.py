"""Outliers leave their batch, whatever closed it, before anybody is told of the rest or reads it."""

from __future__ import annotations

import orjson
import pytest
from ruled import POLICY

from actum import Preview, contract, effect
from actum.client.reviews import read_review
from actum.engine.attending import Attendant
from actum.testing.harness import Harness

FAILS = 66
"""So many rows are seen by a check that has failed."""


@effect("db.write")
async def copy(table: str, rows: int) -> str:
    return f"{rows} rows of {table}"


@copy.preview
async def _(table: str, rows: int) -> Preview:
    said = "failed" if rows == FAILS else "passed"
    facts = {"rows": rows, "table": table}
    return Preview(f"Copy {rows} rows of {table}", target=table, facts=facts, checks=[f"backup: {said}"])


@contract(on_failure="fail")
async def copies(table: str, rows: int) -> str:
    return await copy(table, rows)


async def tiers(actum: Harness) -> dict[str, int]:
    """Return the tier of each open approval by its sentence."""
    return {orjson.loads(one.preview or "{}")["sentence"]: one.tier for one in (await actum.inbox())[0]}


@pytest.mark.parametrize("closed_by", ["size", "window", "shown"])
async def test_an_outlier_leaves_its_batch_whatever_closed_it(actum: Harness, closed_by: str) -> None:
    await actum.activate(POLICY)
    await actum.worker([copies])
    for rows in (FAILS, 20, 30)[: 3 if closed_by == "size" else 2]:
        await actum.start(copies("orders", rows))
    await actum.run_until_idle()
    if closed_by == "window":
        actum.clock.advance("31m")
        await actum.start(copies("orders", 40))
        await actum.run_until_idle()
    (batch, *_) = await actum.store.batches.list()
    if closed_by == "shown":
        review = await read_review(actum.store, batch)
        assert ["Copy 20 rows of orders"] == [card.sentence for card in review.cards]
    await Attendant(actum.store).attend_once()
    assert closed_by == next(b.close_reason for b in await actum.store.batches.list() if b.id == batch.id)
    found = await tiers(actum)
    assert [f"Copy {FAILS} rows of orders"] == [sentence for sentence, tier in found.items() if tier == 2]
    assert len(found) == sum(b.count for b in await actum.store.batches.list()) + 1


async def test_a_batch_that_was_sifted_loses_no_second_item(actum: Harness) -> None:
    await actum.activate(POLICY)
    await actum.worker([copies])
    for rows in (FAILS, 20, 30):
        await actum.start(copies("orders", rows))
    await actum.run_until_idle()
    await Attendant(actum.store).close_batches_once()
    (batch,) = await actum.store.batches.list()
    assert [] == list(await actum.store.batches.list_unsifted())
    (other,) = (one for one in (await actum.inbox())[0] if "20 rows" in (one.preview or ""))
    assert not await actum.store.batches.sift(batch.id, {other.id: "again"})
    assert [2] == [one.count for one in await actum.store.batches.list()]
