"""Failures as records: bounded, clean, and the same after the round trip."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actum.authoring.failures import LONGEST_MESSAGE, Failure, decode_failure, encode_failure
from actum.errors import InvalidInput


class Detailed(Exception):
    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.__dict__.update(details)


class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text today")


def record(error: BaseException) -> Failure:
    return decode_failure(encode_failure("fetch", "tool.error", error, 2))


def test_a_failure_keeps_type_message_and_json_attributes() -> None:
    failure = record(Detailed("gone", status=404, body={"a": [1]}, socket=object(), _secret="x"))
    assert (
        Failure("fetch", "tool.error", "gone", 2, "Detailed", {"status": 404, "body": {"a": [1]}}) == failure
    )


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters()), st.dictionaries(st.text(min_size=1), st.floats() | st.text(st.characters())))
def test_any_exception_can_be_recorded(message: str, details: dict[str, Any]) -> None:
    failure = record(Detailed(message, **details))
    assert 2 == failure.attempts
    assert "\0" not in failure.message


def test_a_long_message_is_cut_and_large_attributes_are_left_out() -> None:
    failure = record(Detailed("x" * 20_000, large="y" * 20_000, small=1))
    assert "x" * LONGEST_MESSAGE == failure.message
    assert {"small": 1} == failure.details


class Guarded(Exception):
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("not for you")


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_an_exception_that_cannot_be_looked_at_or_holds_too_much_is_recorded_all_the_same() -> None:
    assert {} == record(Guarded("closed")).details
    assert ["edge", "small"] == sorted(
        record(Detailed("x", edge=nested(252), deep=nested(253), small=1)).details
    )
    assert {} == record(Detailed("x", deep=nested(5_000))).details


def test_an_exception_that_cannot_speak_is_named() -> None:
    assert "its text cannot be read: reading it raised RuntimeError" == record(Broken()).message
    assert "TimeoutError" == record(TimeoutError()).message


def test_a_record_of_another_version_is_still_read() -> None:
    assert Failure("a", "other", "") == decode_failure(b'{"step":"a","added_later":1}')
    assert Failure("", "other", "") == decode_failure(None)


@pytest.mark.parametrize("body", [b"{", b"[]"])
def test_what_is_no_failure_record_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="a failure record is"):
        decode_failure(body)
