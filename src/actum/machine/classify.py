"""From an exception to a reason of the closed list, by names alone: no library needs to be installed to be known.

A guess for people and dashboards. Whether an effect happened is never decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from actum.model.events import Reason

BY_STATUS: Final[Mapping[int, Reason]] = {
    401: Reason.PERMISSION,
    402: Reason.PROVIDER_REFUSED,
    403: Reason.PERMISSION,
    407: Reason.PERMISSION,
    408: Reason.TIMEOUT_ATTEMPT,
    409: Reason.CONFLICT,
    412: Reason.CONFLICT,
    413: Reason.CONTEXT_TOO_LONG,
    422: Reason.SCHEMA_INVALID,
    423: Reason.CONFLICT,
    429: Reason.PROVIDER_RATE_LIMITED,
    451: Reason.PROVIDER_REFUSED,
}
"""HTTP codes with a meaning of their own; other 4xx are the tool's error, every 5xx is the provider's outage."""

BY_NAME: Final[Mapping[str, Reason]] = {
    # time and load
    "TimeoutError": Reason.TIMEOUT_ATTEMPT,
    "TimeoutException": Reason.TIMEOUT_ATTEMPT,
    "APITimeoutError": Reason.TIMEOUT_ATTEMPT,
    "Timeout": Reason.TIMEOUT_ATTEMPT,
    "TimeoutExpired": Reason.TIMEOUT_ATTEMPT,
    "RateLimitError": Reason.PROVIDER_RATE_LIMITED,
    "TooManyRequests": Reason.PROVIDER_RATE_LIMITED,
    "ResourceExhausted": Reason.PROVIDER_RATE_LIMITED,
    "ThrottlingException": Reason.PROVIDER_RATE_LIMITED,
    # the model's provider
    "APIConnectionError": Reason.PROVIDER_UNAVAILABLE,
    "InternalServerError": Reason.PROVIDER_UNAVAILABLE,
    "ServiceUnavailableError": Reason.PROVIDER_UNAVAILABLE,
    "ServiceUnavailable": Reason.PROVIDER_UNAVAILABLE,
    "OverloadedError": Reason.PROVIDER_UNAVAILABLE,
    "ContentPolicyViolationError": Reason.PROVIDER_REFUSED,
    "ContentFilterFinishReasonError": Reason.PROVIDER_REFUSED,
    "ContextWindowExceededError": Reason.CONTEXT_TOO_LONG,
    # rights, shapes and checks
    "PermissionError": Reason.PERMISSION,
    "PermissionDeniedError": Reason.PERMISSION,
    "AuthenticationError": Reason.PERMISSION,
    "InsufficientPrivilegeError": Reason.PERMISSION,
    "ValidationError": Reason.SCHEMA_INVALID,
    "JSONDecodeError": Reason.SCHEMA_INVALID,
    "UnicodeError": Reason.SCHEMA_INVALID,
    "AssertionError": Reason.CHECK_FAILED,
    "ConflictError": Reason.CONFLICT,
    "FileExistsError": Reason.CONFLICT,
    "UniqueViolationError": Reason.CONFLICT,
    "SerializationError": Reason.CONFLICT,
    # what the step leans on
    "ConnectionError": Reason.DEPENDENCY_DOWN,
    "ConnectError": Reason.DEPENDENCY_DOWN,
    "NetworkError": Reason.DEPENDENCY_DOWN,
    "ClientConnectionError": Reason.DEPENDENCY_DOWN,
    "PostgresConnectionError": Reason.DEPENDENCY_DOWN,
    "gaierror": Reason.DEPENDENCY_DOWN,
    "FileNotFoundError": Reason.TOOL_ERROR,
    "CalledProcessError": Reason.TOOL_ERROR,
    "ToolError": Reason.TOOL_ERROR,
    "HTTPError": Reason.TOOL_ERROR,
    "OSError": Reason.DEPENDENCY_DOWN,
    # mistakes in code
    "TypeError": Reason.BUG,
    "AttributeError": Reason.BUG,
    "NameError": Reason.BUG,
    "LookupError": Reason.BUG,
    "KeyError": Reason.BUG,
    "IndexError": Reason.BUG,
    "ArithmeticError": Reason.BUG,
    "ImportError": Reason.BUG,
    "SyntaxError": Reason.BUG,
    "NotImplementedError": Reason.BUG,
    "RecursionError": Reason.BUG,
}
"""Names of exception classes; the first in the order of the class's ancestors that is known decides."""

_TOO_LONG: Final = (
    "context length",
    "context window",
    "context_length_exceeded",
    "maximum context",
    "too many tokens",
)
_REFUSED: Final = ("content policy", "content_policy", "content filter", "content_filter")
_LONGEST_WAIT: Final = timedelta(days=1)


def classify(error_type_names: Sequence[str], message: str, status_code: int | None = None) -> Reason:
    """Return the reason for a failure, `other` when nothing is known.

    `error_type_names` are the class and its ancestors, nearest first, with or without their modules;
    `status_code` is the HTTP answer where there was one, and says more than a class. Never raises.
    """
    names = [name.rpartition(".")[2] for name in error_type_names]
    if status_code is not None and 400 <= status_code <= 599:
        return _of_status(status_code, message)
    known = next((BY_NAME[name] for name in names if name in BY_NAME), None)
    return known or _of_message(message) or Reason.OTHER


def _of_status(status_code: int, message: str) -> Reason:
    if status_code >= 500:
        return Reason.PROVIDER_UNAVAILABLE
    if status_code in (400, 422):
        told = _of_message(message)
        if told is not None:
            return told
    return BY_STATUS.get(status_code, Reason.TOOL_ERROR)


def _of_message(message: str) -> Reason | None:
    text = message.lower()
    if any(phrase in text for phrase in _TOO_LONG):
        return Reason.CONTEXT_TOO_LONG
    if any(phrase in text for phrase in _REFUSED):
        return Reason.PROVIDER_REFUSED
    return None


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Return the pause that a `Retry-After` header asks for: seconds, or an HTTP date compared with `now` (aware).

    None when it is absent or not understood; never negative; more than a day is taken for a day. Never raises.
    """
    if value is None:
        return None
    text = value.strip()
    wait = _seconds(text) if text[:1].isdigit() else _until(text, now)
    return None if wait is None else _bounded(wait)


def pause_of(value: object) -> timedelta | None:
    """Return the pause that an exception's `retry_after` asks for: a timedelta, or seconds.

    None for anything else, for NaN and for negative seconds; more than a day is taken for a day. Never raises.
    """
    if isinstance(value, timedelta):
        return _bounded(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return timedelta(seconds=float(min(value, _LONGEST_WAIT.total_seconds())))


def _bounded(wait: timedelta) -> timedelta:
    return min(max(wait, timedelta(0)), _LONGEST_WAIT)


def _seconds(text: str) -> timedelta | None:
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        return None
    return timedelta(seconds=min(float(text), _LONGEST_WAIT.total_seconds()))


def _until(text: str, now: datetime) -> timedelta | None:
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)) - now
