"""Arguments and results as canonical bytes: what comes back, what is refused, and where."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, Field, computed_field, field_serializer

from actum.authoring.payload import MAX_PAYLOAD, Codec
from actum.errors import InvalidContract, InvalidInput


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Part:
    data: bytes
    lasts: timedelta


class Item(BaseModel):
    name: str
    price: Decimal | None = None
    weight: float | None = None
    extra: Any = None
    at: datetime | None = None


class Order(BaseModel):
    items: list[Item]
    colour: Colour = Colour.RED


class Aliased(BaseModel):
    number: int = Field(
        alias="theNumber", serialization_alias="n", validation_alias=AliasChoices("theNumber")
    )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return self.number * 2


class Sorted(BaseModel):
    tags: set[str]

    @field_serializer("tags")
    def in_order(self, tags: set[str]) -> list[str]:
        return sorted(tags)


class WithSet(BaseModel):
    tags: set[str]


def order(order: Order, count: int = 1, *, note: str = "") -> Order:
    return order


def spread(first: int, /, second: str, *rest: float, flag: bool = False, **more: int) -> None: ...


def loose(value, other=None): ...  # type: ignore[no-untyped-def]


@cache
def typed(annotation: Any) -> Codec:
    def function(value): ...  # type: ignore[no-untyped-def]

    function.__annotations__ = {"value": annotation, "return": annotation}
    return Codec(function)


def round_trip(annotation: Any, value: Any) -> Any:
    codec = typed(annotation)
    body = codec.encode_arguments((value,), {})
    (back,), kwargs = codec.decode_arguments(body)
    assert {} == kwargs
    assert body == codec.encode_arguments((back,), {})
    assert codec.encode_result(value) == codec.encode_result(codec.decode_result(codec.encode_result(value)))
    return back


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
INTEGERS = st.integers(-(2**63), 2**64 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(JSON)
def test_unannotated_json_comes_back_equal(value: Any) -> None:
    assert value == round_trip(Any, value)


@settings(max_examples=40, deadline=None)
@given(
    st.datetimes(timezones=OFFSETS | st.just(UTC) | st.none()),
    st.timedeltas(timedelta(days=-9000), timedelta(days=9000)),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.uuids(),
    st.binary(max_size=40),
)
def test_every_fixed_form_comes_back_equal(
    at: datetime, lasts: timedelta, price: Decimal, name: UUID, data: bytes
) -> None:
    assert at == round_trip(datetime, at)
    assert at.utcoffset() == round_trip(datetime, at).utcoffset()
    assert lasts == round_trip(timedelta, lasts)
    assert str(price) == str(round_trip(Decimal, price))
    assert name == round_trip(UUID, name)
    assert data == round_trip(bytes, data)
    assert Part(data, lasts) == round_trip(Part, Part(data, lasts))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.builds(Item, name=TEXT, weight=st.none() | FLOATS, extra=JSON)), st.sampled_from(Colour))
def test_models_come_back_equal(items: list[Item], colour: Colour) -> None:
    value = Order(items=items, colour=colour)
    assert value == round_trip(Order, value)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(TEXT, JSON, max_size=6))
def test_the_order_of_keys_leaves_no_trace(values: dict[str, Any]) -> None:
    backwards = dict(reversed(values.items()))
    assert typed(Any).encode_arguments((values,), {}) == typed(Any).encode_arguments((backwards,), {})


@pytest.mark.parametrize(
    ("annotation", "value", "body"),
    [
        (str, "é", '{"value":"é"}'),
        (float, 3, '{"value":3.0}'),
        (Decimal, Decimal("1.50"), '{"value":"1.50"}'),
        (datetime, datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC), '{"value":"2024-01-02T03:04:05.000006Z"}'),
        (
            datetime,
            datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=2))),
            '{"value":"2024-01-02T00:00:00+02:00"}',
        ),
        (datetime, datetime(2024, 1, 2), '{"value":"2024-01-02T00:00:00"}'),
        (date, date(2024, 1, 2), '{"value":"2024-01-02"}'),
        (time, time(1, 2), '{"value":"01:02:00"}'),
        (timedelta, timedelta(days=1, seconds=1.5), '{"value":"P1DT1.5S"}'),
        (UUID, UUID(int=1), '{"value":"00000000-0000-0000-0000-000000000001"}'),
        (bytes, b"\xff\x00", '{"value":"_wA="}'),
        (Path, Path("a/b"), '{"value":"a/b"}'),
        (Colour, Colour.BLUE, '{"value":"blue"}'),
        (Part, Part(b"a", timedelta(0)), '{"value":{"data":"YQ==","lasts":"PT0S"}}'),
        (tuple[int, str], (1, "a"), '{"value":[1,"a"]}'),
        (dict[str, int], {"b": 1, "a": 2}, '{"value":{"a":2,"b":1}}'),
        (dict[int, str], {2: "b", 10: "a"}, '{"value":{"10":"a","2":"b"}}'),
        (Literal["a", "b"], "a", '{"value":"a"}'),
        (Sequence[int], [1, 2], '{"value":[1,2]}'),
        (None, None, '{"value":null}'),
    ],
)
def test_the_written_form_stays_as_documented(annotation: Any, value: Any, body: str) -> None:
    assert body == typed(annotation).encode_arguments((value,), {}).decode()
    assert value == round_trip(annotation, value)


def test_equal_calls_have_equal_bytes_however_they_are_written() -> None:
    codec = Codec(order)
    value = Order(items=[])
    expected = b'{"count":1,"note":"","order":{"colour":"red","items":[]}}'
    assert expected == codec.encode_arguments((value,), {})
    assert expected == codec.encode_arguments((), {"note": "", "order": value, "count": 1})
    assert ((value, 1), {"note": ""}) == codec.decode_arguments(expected)


def test_every_kind_of_parameter_comes_back_in_its_place() -> None:
    codec = Codec(spread)
    body = codec.encode_arguments((1, "b", 2.5, 3.5), {"flag": True, "x": 7})
    assert b'{"first":1,"flag":true,"more":{"x":7},"rest":[2.5,3.5],"second":"b"}' == body
    assert ((1, "b", 2.5, 3.5), {"flag": True, "x": 7}) == codec.decode_arguments(body)


def test_each_decoding_is_a_fresh_copy() -> None:
    codec = Codec(loose)
    body = codec.encode_arguments(([1],), {})
    codec.decode_arguments(body)[0][0].append(2)
    assert (([1], None), {}) == codec.decode_arguments(body)


def test_aliases_and_computed_fields_survive_the_round_trip() -> None:
    value = Aliased(theNumber=4)
    assert b'{"value":{"number":4}}' == typed(Aliased).encode_arguments((value,), {})
    assert value == round_trip(Aliased, value)
    assert ((value,), {}) == typed(Aliased).decode_arguments(b'{"value":{"theNumber":4}}')


def test_a_set_that_its_model_sorts_is_accepted() -> None:
    assert b'{"value":{"tags":["a","b","c"]}}' == typed(Sorted).encode_arguments(
        (Sorted(tags={"c", "a", "b"}),), {}
    )


@pytest.mark.parametrize(
    "annotation", [set[int], frozenset[str], list[set[int]], WithSet, dict[str, WithSet]]
)
def test_an_annotated_set_is_refused(annotation: Any) -> None:
    with pytest.raises(InvalidContract, match="a set has no order"):
        typed(annotation).encode_result(set())


@pytest.mark.parametrize(
    ("annotation", "value", "path", "sentence"),
    [
        (Any, math.nan, "value", "is nan"),
        (Any, {"a": [1, math.inf]}, "value.a[1]", "is inf"),
        (float, math.nan, "value", "finite number"),
        (list[float], [1.0, -math.inf], "value[1]", "finite number"),
        (Item, Item(name="a", weight=math.nan), "value.weight", "is nan"),
        (Item, Item(name="a", extra=math.nan), "value.extra", "is nan"),
        (Order, Order(items=[Item(name="a"), Item(name="b\0")]), "value.items[1].name", "NUL"),
        (Any, {"a\0": 1}, "value", "NUL"),
        (Any, ["\ud800"], "value[0]", "surrogate"),
        (Any, {"a": {1, 2}}, "value.a", "is a set"),
        (Item, Item(name="a", extra=frozenset("ab")), "value.extra", "is a set"),
        (Any, [object()], "value[0]", "of type object"),
        (Any, {"n": 2**64}, "value.n", "64 bits"),
        (int, -(2**63) - 1, "value", "64 bits"),
        (int, "many", "value", "got 'many'"),
        (dict[str, list[int]], {"a": [1, "x"]}, "value.a[1]", "valid integer"),
        (Annotated[int, Field(gt=0)], 0, "value", "greater than 0"),
        (Order, {"items": [{"name": 5}]}, "value.items[0].name", "valid string"),
        (UUID, "no", "value", "valid UUID"),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_its_path(
    annotation: Any, value: Any, path: str, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence) as refused:
        typed(annotation).encode_arguments((value,), {})
    assert path == refused.value.path
    assert str(refused.value).startswith("function: ")
    with pytest.raises(InvalidInput, match=sentence):
        typed(annotation).encode_result(value)


def test_a_model_changed_behind_its_annotations_is_refused() -> None:
    item = Item(name="a")
    item.name = 5  # type: ignore[assignment]
    with pytest.raises(InvalidInput, match="cannot be stored"):
        typed(Item).encode_result(item)


def test_a_value_that_contains_itself_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(InvalidInput, match="contains itself"):
        typed(Any).encode_result(circle)


def test_text_that_only_looks_like_a_nul_or_a_nan_is_accepted() -> None:
    assert "\\u0000 null NaN" == round_trip(str, "\\u0000 null NaN")


def test_a_payload_at_the_limit_is_accepted_and_one_byte_more_is_refused() -> None:
    fits = "x" * (MAX_PAYLOAD - 2)
    assert MAX_PAYLOAD == len(typed(str).encode_result(fits))
    with pytest.raises(InvalidInput, match="store it elsewhere and pass a reference"):
        typed(str).encode_result(fits + "x")


@pytest.mark.parametrize(
    ("body", "path", "sentence"),
    [
        (b"{", "", "not JSON"),
        (b"[]", "", "should be an object"),
        (b'{"count":1,"note":""}', "order", "Field required"),
        (b'{"order":{"items":[{"name":1}]},"count":1,"note":""}', "order.items[0].name", "valid string"),
    ],
)
def test_bytes_that_do_not_fit_are_refused_with_their_path(body: bytes, path: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as refused:
        Codec(order).decode_arguments(body)
    assert path == refused.value.path


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2, 3, 4), {}), ((1,), {"colour": 1})])
def test_arguments_that_the_function_does_not_take_are_refused(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match="it takes"):
        Codec(order).encode_arguments(args, kwargs)


def test_annotations_may_speak_of_types_defined_later() -> None:
    assert b'{"later":{"word":"a"}}' == Codec(forward).encode_arguments((Later(word="a"),), {})


def test_an_annotation_that_cannot_be_resolved_is_named() -> None:
    codec = Codec(unresolved)
    with pytest.raises(InvalidContract, match="'Nowhere' cannot be resolved"):
        codec.encode_arguments((1,), {})


def test_an_annotation_that_cannot_be_stored_is_named() -> None:
    with pytest.raises(InvalidContract, match="an annotation cannot be stored"):
        typed(Opaque).encode_result(Opaque())


def test_types_without_a_json_schema_have_an_empty_one() -> None:
    assert {} == typed(Callable[[int], int]).output_schema()
    assert {"type": "integer"} == typed(int).output_schema()
    assert {"count", "note", "order"} == set(Codec(order).input_schema()["properties"])


@settings(max_examples=40, deadline=None)
@given(st.lists(JSON, max_size=3))
def test_decoding_what_was_encoded_never_changes_the_bytes(values: list[Any]) -> None:
    body = typed(Any).encode_result(values)
    assert body == typed(Any).encode_result(typed(Any).decode_result(body))


class Opaque: ...


def unresolved(value: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def forward(later: Later) -> None: ...


class Later(BaseModel):
    word: str
