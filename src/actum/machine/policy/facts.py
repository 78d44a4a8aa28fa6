"""Facts: their declared types, and how a given value is read, or found unknown.

A fact is *unknown* if it is missing, null, of another type than declared, not finite, or not among its `values`.
Nothing is converted out of kindness: `"90"` is no int, `90.0` is no int, and true is no number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

Value: TypeAlias = str | int | float | Decimal | datetime
Reader: TypeAlias = Callable[[object], Value | None]
"""What turns a given value into one that clauses compare; None is unknown."""

_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,60}(\.[0-9]{1,60})?")


class FactType(StrEnum):
    """What a fact may be declared as."""

    TEXT = "text"
    INT = "int"
    NUMBER = "number"
    DECIMAL = "decimal"
    BOOL = "bool"
    INSTANT = "instant"


TYPES: Final[Mapping[FactType, str]] = MappingProxyType(
    {
        FactType.TEXT: "a text, compared letter by letter",
        FactType.INT: "a whole number",
        FactType.NUMBER: "a whole or a floating-point number",
        FactType.DECIMAL: 'an exact decimal number, given as a number or as text such as "12.50"',
        FactType.BOOL: "true or false",
        FactType.INSTANT: "a date and time with its offset, given as such or as ISO 8601 text",
    }
)
ORDERED: Final = frozenset({FactType.INT, FactType.NUMBER, FactType.DECIMAL, FactType.INSTANT})
SUMMABLE: Final = frozenset({FactType.INT, FactType.NUMBER, FactType.DECIMAL})


@dataclass(frozen=True, slots=True)
class Fact:
    """A declared fact; `values` are the only ones it can have, empty for no limit. `is_own` is one of Actum's."""

    name: str
    type: FactType
    values: tuple[Value, ...] = ()
    is_own: bool = False


REVERSIBILITIES: Final = ("undoable", "compensable", "final")
OWN: Final[Mapping[str, Fact]] = MappingProxyType(
    {
        fact.name: fact
        for fact in (
            Fact("kind", FactType.TEXT, is_own=True),
            Fact("contract", FactType.TEXT, is_own=True),
            Fact("team", FactType.TEXT, is_own=True),
            Fact("reversibility", FactType.TEXT, REVERSIBILITIES, is_own=True),
            Fact("environment", FactType.TEXT, is_own=True),
            Fact("at", FactType.INSTANT, is_own=True),
        )
    }
)
"""What Actum itself knows of every operation; a preview cannot set these."""


def _text(given: object) -> str | None:
    return given if isinstance(given, str) else None


def _int(given: object) -> int | None:
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _number(given: object) -> int | float | None:
    if isinstance(given, float):
        return given if math.isfinite(given) else None
    return _int(given)


def _decimal(given: object) -> Decimal | None:
    if isinstance(given, str):
        return Decimal(given) if _DECIMAL.fullmatch(given) else None
    if isinstance(given, Decimal):
        return given if given.is_finite() else None
    number = _number(given)
    return None if number is None else Decimal(repr(number) if isinstance(number, float) else number)


def _bool(given: object) -> bool | None:
    return given if isinstance(given, bool) else None


def _instant(given: object) -> datetime | None:
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            return None
    if not isinstance(given, datetime) or given.utcoffset() is None:
        return None
    return given if 1 < given.year < 9999 else None  # at the ends of time another zone's date does not exist


_READERS: Final[Mapping[FactType, Reader]] = MappingProxyType(
    {
        FactType.TEXT: _text,
        FactType.INT: _int,
        FactType.NUMBER: _number,
        FactType.DECIMAL: _decimal,
        FactType.BOOL: _bool,
        FactType.INSTANT: _instant,
    }
)


def make_reader(fact: Fact) -> Reader:
    """Return the function that reads values given for `fact`."""
    read = _READERS[fact.type]
    if not fact.values:
        return read
    known = frozenset(fact.values)

    def read_known(given: object) -> Value | None:
        value = read(given)
        return value if value in known else None

    return read_known


def _is_no_number(given: object) -> bool:
    if isinstance(given, Decimal):
        return not given.is_finite()
    return isinstance(given, float) and not math.isfinite(given)


def why_unknown(fact: Fact, given: object, *, is_there: bool) -> str:
    """Return in words why `given` leaves `fact` unknown."""
    if not is_there:
        return f"{fact.name} is missing"
    if given is None:
        return f"{fact.name} is null"
    if _is_no_number(given):
        return f"{fact.name} is {given}, which is no number to compare"
    if _READERS[fact.type](given) is None:
        return f"{fact.name} is {type(given).__name__}, and not {fact.type} as declared"
    return f"{fact.name} is none of {', '.join(map(str, fact.values))}"
