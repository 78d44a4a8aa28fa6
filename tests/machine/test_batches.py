"""When a batch closes, what fits it, what does not belong; and what a grant covers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actum.errors import InvalidInput
from actum.machine.batches import Close, Item, KeepOpen, OpenBatch, consider_closing, find_outliers, has_room
from actum.machine.grants import check_matcher, covers

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
BATCH = OpenBatch(
    closes_at=NOON + timedelta(minutes=30),
    count=2,
    max_items=5,
    sums={"rows": 20},
    max_sums={"rows": 100},
    all_parked=False,
)
ITEM = Item("a", has_failed_check=False, is_first_of_its_shape=False, amounts={"rows": 10})


@pytest.mark.parametrize(
    ("changed", "minutes", "why"),
    [
        ({}, 29, None),
        ({}, 30, "window"),
        ({"count": 5}, 0, "size"),
        ({"sums": {"rows": 100}}, 0, "sum"),
        ({"all_parked": True}, 0, "parked"),
        ({"all_parked": True, "count": 0}, 0, None),
        ({"all_parked": True, "count": 5}, 30, "window"),
    ],
)
def test_a_batch_closes_by_the_first_of_its_ends(
    changed: dict[str, Any], minutes: int, why: str | None
) -> None:
    said = consider_closing(replace(BATCH, **changed), NOON + timedelta(minutes=minutes))
    assert said == (KeepOpen(BATCH.closes_at) if why is None else Close(why))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("amounts", "fits"),
    [
        ({"rows": 80}, True),
        ({"rows": 81}, False),
        ({}, False),
        ({"rows": -1}, False),
        ({"rows": float("nan")}, False),
        ({"rows": float("inf")}, False),
        ({"rows": True}, False),
        ({"rows": "10"}, False),
    ],
)
def test_what_is_not_certainly_within_the_sums_has_no_room(amounts: dict[str, Any], fits: bool) -> None:
    assert fits is has_room(BATCH, amounts)
    assert not has_room(replace(BATCH, count=5), {"rows": 1})


def test_a_failed_check_a_first_of_its_shape_and_what_is_far_beyond_stand_alone() -> None:
    group = [replace(ITEM, name=f"{number}") for number in range(5)]
    odd = [
        replace(ITEM, name="failed", has_failed_check=True),
        replace(ITEM, name="first", is_first_of_its_shape=True),
        replace(ITEM, name="far", amounts={"rows": 101}),
    ]
    assert ["failed", "first", "far"] == list(find_outliers([*group, *odd]))
    assert {} == find_outliers([*group[:3], odd[2]])
    assert {} == find_outliers([*group, replace(odd[2], amounts={"rows": 100})])


OWN = {"kind": "db.write", "contract": "load", "team": None, "environment": "prod"}


@pytest.mark.parametrize(
    ("matcher", "facts", "is_covered"),
    [
        ({"kind": "db.write"}, {}, True),
        ({"kind": "db.read"}, {}, False),
        ({"kind": "db.write", "team": "web"}, {}, False),
        ({"kind": "db.write", "rows": {"le": 100}}, {"rows": 100}, True),
        ({"kind": "db.write", "rows": {"le": 100}}, {"rows": 101}, False),
        ({"kind": "db.write", "rows": {"le": 100}}, {"rows": "1"}, False),
        ({"kind": "db.write", "rows": {"le": 100}}, {"rows": None}, False),
        ({"kind": "db.write", "rows": {"le": 100}}, {"rows": True}, False),
        ({"kind": "db.write", "rows": {"le": 100}}, {"rows": float("nan")}, False),
        ({"kind": "db.write", "rows": {"le": 100}}, {}, False),
        ({"kind": "db.write", "rows": {"ge": 1, "lt": 5}}, {"rows": 5}, False),
        ({"kind": "db.write", "table": {"in": ["a", "b"]}}, {"table": "b"}, True),
        ({"kind": "db.write", "flag": 1}, {"flag": True}, False),
        ({"kind": "db.write", "kind_of": "db.write"}, {"kind": "db.write"}, False),
    ],
)
def test_a_grant_covers_only_what_is_certainly_so(
    matcher: dict[str, Any], facts: dict[str, Any], is_covered: bool
) -> None:
    check_matcher(matcher)
    assert is_covered is covers(matcher, OWN, facts)


@pytest.mark.parametrize(
    "matcher",
    [
        {},
        {"kind": {"in": ["a"]}},
        {"kind": "a", "team": 1},
        {"kind": "a", "rows": None},
        {"kind": "a", "rows": [1]},
        {"kind": "a", "rows": {}},
        {"kind": "a", "rows": {"about": 1}},
        {"kind": "a", "rows": {"le": "x"}},
        {"kind": "a", "rows": {"in": 1}},
    ],
)
def test_a_matcher_that_cannot_be_meant_is_refused(matcher: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        check_matcher(matcher)
