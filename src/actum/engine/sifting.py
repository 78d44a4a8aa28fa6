"""Sifts batches: what sticks out of one is decided alone, at tier 2, before anybody is told of the rest or reads it.

A closed batch is looked through once, by the Attendant or by whoever shows it first; the database lets one of them do
it. If the process dies before that, another's look finds the batch as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from actum.machine.amounts import exact_amounts
from actum.machine.batches import Item, find_outliers, looks_failed
from actum.store.pool import Row
from actum.store.store import Store


async def sift_once(store: Store, batch_id: UUID | None = None) -> int:
    """Take the outliers out of every closed batch that nobody has seen or sifted, or of one; return how many it sifted."""
    batches: dict[UUID, list[Row]] = {}
    for row in await store.batches.list_unsifted(batch_id):
        batches.setdefault(row["batch_id"], []).append(row)
    sifted = 0
    for found, rows in batches.items():
        outliers = {UUID(name): why for name, why in find_outliers(_items(rows)).items()}
        sifted += await store.batches.sift(found, outliers)
    return sifted


async def show_sifted(store: Store, batch_id: UUID) -> Sequence[UUID]:
    """Fix the items of a batch, without its outliers, and return them in the order asked; empty where nothing is in it."""
    shown = await store.batches.show(batch_id)
    if shown:
        return shown
    await sift_once(store, batch_id)
    return await store.batches.show(batch_id)


def _items(rows: Sequence[Row]) -> list[Item]:
    """Return a batch's items as far as they can stick out; what holds for most of them is no outlier."""
    news = sum(row["is_first"] for row in rows)
    items = []
    for row in rows:
        shown: dict[str, Any] = orjson.loads(row["preview"] or "{}")
        facts = shown.get("facts") if isinstance(shown.get("facts"), dict) else {}
        amounts = exact_amounts(facts or {})
        has_failed = any(looks_failed(str(check)) for check in shown.get("checks") or ())
        items.append(Item(str(row["id"]), has_failed, row["is_first"] and 2 * news <= len(rows), amounts))
    return items
