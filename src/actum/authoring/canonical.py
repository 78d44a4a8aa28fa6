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

DEEPEST = 254
"""The most lists and objects that may stand within each other: the serializer writes no more."""

_SHOWN = 60
"""The characters shown of a path that leads too deep."""
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
    # one result stands in an object of its own here, and without it in `canonical`, which refuses what is too deep
    fault = find_fault(value, deepest=DEEPEST + 1) if suspect else None
    if fault is not None:
        raise _refused(title, *fault)


def refusal(value: object, title: str, why: str) -> InvalidInput:
    """Return the InvalidInput that says where in `value` the trouble lies, or `why` when it cannot be found."""
    try:
        fault = find_fault(value)
    except Exception:  # a mapping or a key with code of its own
        fault = None
    return _refused(title, *fault) if fault else InvalidInput(f"{title}: cannot be stored: {why}")


def find_fault(value: object, *, deepest: int = DEEPEST) -> tuple[str, str] | None:
    """Return the path of the first thing in `value` that JSON cannot hold, with what is wrong with it.

    Works without recursion, so nothing is too deep for it, nor is a value that contains itself.
    """
    waiting = [("", value, 1)]
    while waiting:
        place, item, depth = waiting.pop()
        parts = _parts(item, place)
        if parts is None:
            fault = _fault(item, place)
            if fault is not None:
                return fault
        elif depth > deepest:
            shown = place if len(place) <= _SHOWN else place[:_SHOWN] + "…"
            return shown, f"is nested more than {DEEPEST} deep, which cannot be stored: make it flatter"
        else:
            waiting += [(inner, part, depth + 1) for inner, part in reversed(parts)]
    return None


def _parts(value: object, path: str) -> list[tuple[str, object]] | None:
    """Return what stands in an object (its keys too, at its own path) or a list, in order; None for other values."""
    match value:
        case Enum():
            return None
        case Mapping():
            parts: list[tuple[str, object]] = []
            for key, item in value.items():
                if isinstance(key, str):
                    parts.append((path, key))
                parts.append((f"{path}.{key}" if path else str(key), item))
            return parts
        case list() | tuple():
            return [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    return None


def _fault(value: object, path: str) -> tuple[str, str] | None:
    """Return what is wrong with a value in which nothing else stands."""
    match value:
        case Enum():
            return None
        case str():
            return _text_fault(value, path)
        case float() if not math.isfinite(value):
            return path, f"is {value}, which JSON cannot hold: use None or text"
        case int() if not -(2**63) <= value < 2**64:
            return path, "is an integer beyond 64 bits: pass it as text"
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


def _refuse_set(value: object) -> str:
    if isinstance(value, (set, frozenset)):
        raise TypeError
    return ""


def _refused(title: str, path: str, what: str) -> InvalidInput:
    return InvalidInput(f"{title}: {path or 'the value'} {what}", path=path)
