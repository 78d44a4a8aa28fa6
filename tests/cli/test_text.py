"""Text for people: harmless, wrapped without loss, folded with a count; and values held against their schema."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from actum.cli.text import age, ago, duration, fold, measure, neutral, neutral_lines, table, wrap
from actum.client.fitting import require_fit
from actum.errors import InvalidInput

hidden = st.characters(categories=("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
common = st.sampled_from("  abc日\u0301")
anything = st.text(st.one_of(common, hidden, st.characters(exclude_categories=())), max_size=80)


@given(anything)
def test_no_text_keeps_a_mark_that_cannot_be_seen(text: str) -> None:
    shown = neutral(text) + "".join(neutral_lines(text))
    assert set() == {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P"))))
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    assert text == neutral(text)


@given(anything.map(neutral), st.integers(4, 40))
def test_wrapping_keeps_to_the_width_and_drops_nothing(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(measure(line) <= width for line in lines)
    assert text.replace(" ", "") == "".join(lines).replace(" ", "")


@given(st.lists(st.lists(anything.map(neutral), min_size=3, max_size=3), min_size=1, max_size=4))
def test_a_table_keeps_to_the_width_and_drops_nothing(rows: list[list[str]]) -> None:
    lines = table(rows, ["ONE", "TWO", "THREE"], 100)
    assert all(measure(line) <= 100 for line in lines)
    said = sorted("".join(lines[1:]).replace(" ", ""))
    assert sorted("".join("".join(row) for row in rows).replace(" ", "")) == said


def test_a_fold_says_how_much_it_hides() -> None:
    lines = [str(number) for number in range(10)]
    assert lines == fold(lines, 10, "--full")
    assert ["0", "1", "… 8 more lines: --full"] == fold(lines, 2, "--full")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "now"), (45, "45 s"), (180, "3 m"), (7199, "119 m"), (10_800, "3 h"), (172_800, "2 d")],
)
def test_ages_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert said == age(timedelta(seconds=seconds))


def test_what_just_happened_is_not_now_ago() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert "just now" == ago(now, now)
    assert "just now" == ago(now + timedelta(seconds=1), now)
    assert "3 m ago" == ago(now - timedelta(minutes=3), now)


@pytest.mark.parametrize(
    ("microseconds", "said"), [(1500, "1 ms"), (1_300_000, "1.3 s"), (190_000_000, "3 m 10 s")]
)
def test_durations_have_their_unit(microseconds: int, said: str) -> None:
    assert said == duration(microseconds)


class Item(BaseModel):
    name: str
    count: int | None = None


class Order(BaseModel):
    items: list[Item]
    total: float = 0.0


SCHEMA = orjson.dumps(TypeAdapter(Order).json_schema()).decode()


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({}, ""),
        ([], ""),
        ({"items": {}}, "items"),
        ({"items": [{"name": "a"}, {"count": 1}]}, "items[1]"),
        ({"items": [{"name": 7}]}, "items[0].name"),
        ({"items": [{"name": "a", "count": "x"}]}, "items[0].count"),
        ({"items": [], "total": True}, "total"),
    ],
)
def test_a_value_that_does_not_fit_its_schema_is_refused_with_the_path(value: object, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        require_fit(value, SCHEMA, "--value")
    assert path == refused.value.path
    assert "--value does not fit" in str(refused.value)


@pytest.mark.parametrize(
    "value", [{"items": []}, {"items": [{"name": "a", "count": None}, {"name": "b", "count": 2}], "total": 3}]
)
def test_a_value_that_fits_its_schema_passes(value: object) -> None:
    require_fit(value, SCHEMA, "--value")
