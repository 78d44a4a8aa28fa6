"""When a batch closes, what fits it, what does not belong; and what a grant covers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from actum.errors import InvalidInput
from actum.machine.amounts import exact, exact_amounts, read_amounts, write_amounts
from actum.machine.batches import (
    Close,
    CloseReason,
    Item,
    KeepOpen,
    OpenBatch,
    consider_closing,
    find_outliers,
)
from actum.machine.grants import check_matcher, covers

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
BATCH = OpenBatch(
    closes_at=NOON + timedelta(minutes=30),
    count=2,
    max_items=5,
    sums=exact_amounts({"rows": 20}),
    max_sums=exact_amounts({"rows": 100}),
    all_parked=False,
)
ITEM = Item("a", has_failed_check=False, is_first_of_its_shape=False, amounts={"rows": Decimal(10)})


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
    ("given", "amount"),
    [
        (7, "7"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        ("12.50", "12.50"),
        (Decimal("0.30"), "0.30"),
        (2**70, "1180591620717411303424"),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (Decimal("NaN"), None),
        ("1e3", None),
        ("\u0661\u0662", None),
        ("12 EUR", None),
        (None, None),
        ([1], None),
    ],
)
def test_an_amount_is_what_is_written(given: Any, amount: str | None) -> None:
    assert exact(given) == (None if amount is None else Decimal(amount))
    if amount is None:
        with pytest.raises(ValueError, match="is no amount"):
            write_amounts({"n": given})
    else:
        assert {"n": Decimal(amount)} == read_amounts(write_amounts({"n": given}))


def test_a_batch_whose_tenths_add_up_to_its_limit_is_complete() -> None:
    tenths = replace(BATCH, sums=exact_amounts({"x": "0.3"}), max_sums=exact_amounts({"x": 0.3}))
    assert Close(CloseReason.SUM) == consider_closing(tenths, NOON)


def test_a_failed_check_a_first_of_its_shape_and_what_is_far_beyond_stand_alone() -> None:
    group = [replace(ITEM, name=f"{number}") for number in range(5)]
    odd = [
        replace(ITEM, name="failed", has_failed_check=True),
        replace(ITEM, name="first", is_first_of_its_shape=True),
        replace(ITEM, name="far", amounts={"rows": Decimal(101)}),
    ]
    assert ["failed", "first", "far"] == list(find_outliers([*group, *odd]))
    assert {} == find_outliers([*group[:3], odd[2]])
    assert {} == find_outliers([*group, replace(odd[2], amounts={"rows": Decimal(100)})])


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
