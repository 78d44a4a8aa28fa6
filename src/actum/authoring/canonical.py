"""Canonical JSON: one value, one sequence of bytes, in every process and on every Python.

Keys are sorted, nothing is indented, text is UTF-8. What has no such form is refused with the place where it
stands. The forms are written down in `docs/reference/bytes.md`: they last as long as the databases that hold them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from uuid import UUID

import orjson

from actum.errors import InvalidInput

MAX_PAYLOAD = 1_048_576
"""The longest payload in bytes; what is longer belongs in a store of its own, and its reference in here."""

_SORTED = orjson.OPT_SORT_KEYS
_LOOSE = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
_SCALARS = (datetime, date, time, timedelta, Decimal, UUID, bytes, bytearray, PurePath, Enum)


def canonical(tree: object, title: str) -> bytes:
    """Return the one JSON form of `tree`, which holds nothing but JSON values; `title` opens the refusal.

    Raises InvalidInput, with the path, for NaN, infinity, NUL characters, integers beyond 64 bits and more than
    MAX_PAYLOAD bytes.
    """
    try:
        body = orjson.dumps(tree, option=_SORTED)
    except TypeError as error:
        raise refusal(tree, title, str(error)) from None
    # orjson writes NaN and infinity as null and NUL as \u0000: only a body with either is worth a closer look.
    if b"\\u0000" in body or (b"null" in body and _holds_infinite(tree)):
        fault = find_fault(tree)
        if fault is not None:
            raise _refused(title, *fault)
    if len(body) > MAX_PAYLOAD:
        raise InvalidInput(
            f"{title}: {len(body):,} bytes is more than a payload may hold ({MAX_PAYLOAD:,}): "
            "store it elsewhere and pass a reference"
        )
    return body


def check_loose(value: object, title: str) -> None:
    """Raise InvalidInput when `value`, unannotated and in Python form, holds a set, NaN or infinity.

    A serializer would quietly make a list of the one (in an order that differs between processes) and null of the
    other.
    """
    try:
        suspect = b"null" in orjson.dumps(value, default=_refuse_set, option=_LOOSE)
    except TypeError:
        suspect = True
    fault = find_fault(value) if suspect else None
    if fault is not None:
        raise _refused(title, *fault)


def refusal(value: object, title: str, why: str) -> InvalidInput:
    """Return the InvalidInput that says where in `value` the trouble lies, or `why` when it cannot be found."""
    try:
        fault = find_fault(value)
    except RecursionError:
        return InvalidInput(f"{title}: it is nested too deeply to be stored: make it flatter")
    return _refused(title, *fault) if fault else InvalidInput(f"{title}: cannot be stored: {why}")


def find_fault(value: object, path: str = "") -> tuple[str, str] | None:
    """Return the path of the first thing in `value` that JSON cannot hold, with what is wrong with it."""
    match value:
        case Enum():
            return None
        case str():
            return _text_fault(value, path)
        case float() if not math.isfinite(value):
            return path, f"is {value}, which JSON cannot hold: use None or text"
        case int() if not -(2**63) <= value < 2**64:
            return path, "is an integer beyond 64 bits: pass it as text"
        case Mapping():
            return _mapping_fault(value, path)
        case list() | tuple():
            faults = (find_fault(item, f"{path}[{index}]") for index, item in enumerate(value))
            return next((fault for fault in faults if fault), None)
        case set() | frozenset():
            return path, "is a set, and a set has no order to record: use a sorted list"
        case None | bool() | int() | float():
            return None
    if isinstance(value, _SCALARS):
        return None
    return (
        path,
        f"is of type {type(value).__name__}, which cannot be stored: use a pydantic model or a dataclass",
    )


def _holds_infinite(tree: object) -> bool:
    """Whether plain JSON values hold a NaN or infinity; kept lean, since every body with a null comes here."""
    if isinstance(tree, dict):
        parts = tree.values()
    elif isinstance(tree, list):
        parts = tree  # type: ignore[assignment]
    else:
        return isinstance(tree, float) and not math.isfinite(tree)
    for part in parts:
        kind = type(part)
        if kind is float:
            if not math.isfinite(part):
                return True
        elif (kind is dict or kind is list) and _holds_infinite(part):
            return True
    return False


def _text_fault(value: str, path: str) -> tuple[str, str] | None:
    if "\0" in value:
        return path, "holds a NUL character, which Postgres cannot store: remove it, or pass bytes"
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return path, "is text that is not valid Unicode (a lone surrogate): clean it, or pass bytes"
    return None


def _mapping_fault(value: Mapping[object, object], path: str) -> tuple[str, str] | None:
    for key, item in value.items():
        inner = f"{path}.{key}" if path else str(key)
        fault = (find_fault(key, path) if isinstance(key, str) else None) or find_fault(item, inner)
        if fault:
            return fault
    return None


def _refuse_set(value: object) -> str:
    if isinstance(value, (set, frozenset)):
        raise TypeError
    return ""


def _refused(title: str, path: str, what: str) -> InvalidInput:
    return InvalidInput(f"{title}: {path or 'the value'} {what}", path=path)
