"""From exceptions, as they are raised, to reasons."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from actum.errors import InvalidInput
from actum.machine.classify import BY_NAME, classify, pause_of, retry_after
from actum.model.events import Reason

NOW = datetime(2025, 10, 21, 7, 28, tzinfo=UTC)


class Overloaded(ConnectionResetError):
    """A library's own class, known by its ancestors only."""


def names(error: BaseException) -> list[str]:
    return [cls.__name__ for cls in type(error).__mro__]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), Reason.TIMEOUT_ATTEMPT),
        (ConnectionRefusedError(), Reason.DEPENDENCY_DOWN),
        (Overloaded(), Reason.DEPENDENCY_DOWN),
        (PermissionError(), Reason.PERMISSION),
        (FileNotFoundError(), Reason.TOOL_ERROR),
        (OSError(), Reason.DEPENDENCY_DOWN),
        (subprocess.CalledProcessError(1, "git"), Reason.TOOL_ERROR),
        (subprocess.TimeoutExpired("git", 1), Reason.TIMEOUT_ATTEMPT),
        (json.JSONDecodeError("bad", "{", 0), Reason.SCHEMA_INVALID),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), Reason.SCHEMA_INVALID),
        (AssertionError(), Reason.CHECK_FAILED),
        (TypeError(), Reason.BUG),
        (KeyError(), Reason.BUG),
        (IndexError(), Reason.BUG),
        (AttributeError(), Reason.BUG),
        (UnboundLocalError(), Reason.BUG),
        (ZeroDivisionError(), Reason.BUG),
        (ModuleNotFoundError(), Reason.BUG),
        (ValueError(), Reason.OTHER),
        (RuntimeError(), Reason.OTHER),
        (InvalidInput("no"), Reason.OTHER),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_exception_is_known_by_its_nearest_known_ancestor(error: BaseException, reason: Reason) -> None:
    assert reason is classify(names(error), str(error), None)


def test_names_may_carry_their_modules() -> None:
    assert Reason.PROVIDER_RATE_LIMITED is classify(["openai.RateLimitError", "builtins.Exception"], "", None)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (400, Reason.TOOL_ERROR),
        (401, Reason.PERMISSION),
        (403, Reason.PERMISSION),
        (404, Reason.TOOL_ERROR),
        (408, Reason.TIMEOUT_ATTEMPT),
        (409, Reason.CONFLICT),
        (412, Reason.CONFLICT),
        (413, Reason.CONTEXT_TOO_LONG),
        (422, Reason.SCHEMA_INVALID),
        (429, Reason.PROVIDER_RATE_LIMITED),
        (451, Reason.PROVIDER_REFUSED),
        (500, Reason.PROVIDER_UNAVAILABLE),
        (503, Reason.PROVIDER_UNAVAILABLE),
        (529, Reason.PROVIDER_UNAVAILABLE),
    ],
)
def test_an_http_code_says_more_than_a_class(code: int, reason: Reason) -> None:
    assert reason is classify(["TypeError"], "", code)


def test_a_code_that_is_no_failure_says_nothing() -> None:
    assert Reason.BUG is classify(["TypeError"], "", 200)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("This model's maximum context length is 8192 tokens", Reason.CONTEXT_TOO_LONG),
        ("Rejected by our content policy", Reason.PROVIDER_REFUSED),
    ],
)
def test_a_bad_request_is_told_apart_by_its_message(message: str, reason: Reason) -> None:
    assert reason is classify(["BadRequestError", "APIStatusError"], message, 400)
    assert reason is classify(["SomeError"], message, None)


def test_nothing_known_is_other() -> None:
    assert Reason.OTHER is classify([], "", None)


def test_every_known_name_is_one_word_without_a_module() -> None:
    assert [name for name in BY_NAME if not name.isidentifier()] == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 1.5 ", 1.5),
        ("0", 0),
        ("Tue, 21 Oct 2025 07:29:00 GMT", 60),
        ("Tue, 21 Oct 2025 07:29:00 -0000", 60),
        ("Tue, 21 Oct 2025 09:29:00 +0200", 60),
        ("Tue, 21 Oct 2014 07:28:00 GMT", 0),
        ("9" * 400, 86400),
        ("Tue, 21 Oct 2099 07:28:00 GMT", 86400),
    ],
)
def test_a_requested_pause_is_read_in_both_forms(value: str, seconds: float) -> None:
    assert timedelta(seconds=seconds) == retry_after(value, NOW)


@pytest.mark.parametrize(
    "value", [None, "", "-5", "soon", "12 apples", "1.2.3", "²", "1e9", "Tue, 99 Oct 2025 07:28:00 GMT"]
)
def test_a_pause_that_is_not_understood_is_none(value: str | None) -> None:
    assert retry_after(value, NOW) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1.5, 1.5),
        (0, 0),
        (timedelta(seconds=2), 2),
        (timedelta(days=-1), 0),
        (float("inf"), 86_400),
        (1e15, 86_400),
        (10**400, 86_400),
        (timedelta(days=400), 86_400),
        (float("nan"), None),
        (-1, None),
        (True, None),
        ("5", None),
        (None, None),
    ],
)
def test_a_pause_that_an_exception_asks_for_is_a_time_of_a_day_at_most(
    value: object, seconds: float | None
) -> None:
    assert (None if seconds is None else timedelta(seconds=seconds)) == pause_of(value)
