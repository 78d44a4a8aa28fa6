"""Clauses: what a match says about one fact, as a record and as a function of a known value.

A clause is only asked about known values. About an unknown one it says nothing: it is unknown, whatever its operator,
`exists` included, so that leaving a fact out can never make a clause true that was false, or false that was true.
"""

from __future__ import annotations

import operator as compare
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Final, TypeAlias

from actum.machine.policy.calendars import Calendar
from actum.machine.policy.facts import ORDERED, FactType, Value

Test: TypeAlias = Callable[[Value], bool]


class Operator(StrEnum):
    """What a clause may ask of a fact."""

    EQUALS = "="
    IN = "in"
    NOT_IN = "not_in"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    GLOB = "glob"
    INSIDE = "inside"
    OUTSIDE = "outside"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class About:
    """An operator: the types of fact it is for, what stands after it, and what it means."""

    types: frozenset[FactType]
    operand: str
    meaning: str


_ANY: Final = frozenset(FactType)
_VALUED: Final = _ANY - {FactType.INSTANT}
_TIMED: Final = frozenset({FactType.INSTANT})

OPERATORS: Final[Mapping[Operator, About]] = MappingProxyType(
    {
        Operator.EQUALS: About(_VALUED, "a value", "is exactly this; written as the bare value"),
        Operator.IN: About(_VALUED, "a list of values", "is one of these"),
        Operator.NOT_IN: About(_VALUED, "a list of values", "is known and none of these"),
        Operator.LT: About(ORDERED, "a value", "is less than this, or earlier"),
        Operator.LE: About(ORDERED, "a value", "is this or less"),
        Operator.GT: About(ORDERED, "a value", "is more than this, or later"),
        Operator.GE: About(ORDERED, "a value", "is this or more"),
        Operator.GLOB: About(
            frozenset({FactType.TEXT}),
            "a pattern",
            "matches as a whole: `*` is any run of characters, `?` any one",
        ),
        Operator.INSIDE: About(_TIMED, "the name of a calendar", "lies inside the calendar"),
        Operator.OUTSIDE: About(_TIMED, "the name of a calendar", "lies outside the calendar"),
        Operator.EXISTS: About(
            _ANY,
            "true or false",
            "is known at all; false is never certain, so it is only of use in a floor or a deny",
        ),
    }
)

_COMPARE: Final[Mapping[Operator, Callable[..., bool]]] = MappingProxyType(
    {Operator.LT: compare.gt, Operator.LE: compare.ge, Operator.GT: compare.lt, Operator.GE: compare.le}
)
"""With the operand first, as `partial` has it."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition on one fact. `operand` is a value, a sorted tuple of values, or the name of a calendar."""

    fact: str
    operator: Operator
    operand: Value | tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.fact} {self.operator} {write_operand(self.operand)}"


def write_operand(operand: Value | tuple[Value, ...]) -> str:
    """Return an operand as the file has it."""
    if isinstance(operand, tuple):
        return f"[{', '.join(map(write_operand, operand))}]"
    if isinstance(operand, bool):
        return "true" if operand else "false"
    return f'"{operand}"' if isinstance(operand, str) else str(operand)


def make_test(clause: Clause, calendars: Mapping[str, Calendar]) -> Test:
    """Return the function that says whether a known value fulfils `clause`."""
    operand = clause.operand
    match clause.operator:
        case Operator.IN if isinstance(operand, tuple):
            return frozenset(operand).__contains__
        case Operator.NOT_IN if isinstance(operand, tuple):
            return _is_none_of(frozenset(operand))
        case Operator.GLOB:
            return make_glob(str(operand))
        case Operator.INSIDE:
            return _as_test(calendars[str(operand)].holds)
        case Operator.OUTSIDE:
            return _is_outside(calendars[str(operand)])
        case Operator.EXISTS:
            return _always if operand else _never
        case Operator.LT | Operator.LE | Operator.GT | Operator.GE:
            return partial(_COMPARE[clause.operator], operand)
        case _:
            return partial(compare.eq, operand)


def make_glob(pattern: str) -> Test:
    """Return the test of a pattern of `*` and `?`, case-sensitive, in time proportional to text times pattern."""
    first, *middle = (_piece(part) for part in re.split(r"\*+", pattern))
    if not middle:
        return lambda value: isinstance(value, str) and first.fullmatch(value) is not None
    last = middle.pop()
    width = len(re.split(r"\*+", pattern)[-1])

    def matches(value: Value) -> bool:
        if not isinstance(value, str):
            return False
        begin = first.match(value)
        at = begin.end() if begin else -1
        for piece in middle:
            if at < 0:
                return False
            found = piece.search(value, at)
            at = found.end() if found else -1
        return 0 <= at <= len(value) - width and last.fullmatch(value, len(value) - width) is not None

    return matches


def _piece(part: str) -> re.Pattern[str]:
    return re.compile("".join("." if mark == "?" else re.escape(mark) for mark in part), re.DOTALL)


def _as_test(holds: Callable[[datetime], bool]) -> Test:
    return lambda value: isinstance(value, datetime) and holds(value)


def _is_outside(calendar: Calendar) -> Test:
    return lambda value: isinstance(value, datetime) and not calendar.holds(value)


def _is_none_of(values: frozenset[Value]) -> Test:
    return lambda value: value not in values


def _always(_: Value) -> bool:
    return True


def _never(_: Value) -> bool:
    return False
