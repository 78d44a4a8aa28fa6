"""What clauses leave possible: whether a match can hold at all, and whether it holds wherever another does.

Both questions are answered carefully: "no value" and "everywhere" are only said where they are sure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias

from actum.machine.policy.calendars import Calendar
from actum.machine.policy.clauses import Clause, Operator, make_test
from actum.machine.policy.facts import Fact, FactType, Value
from actum.machine.policy.rules import Document

Number: TypeAlias = int | float | Decimal | datetime
_LOWER: Final = frozenset({Operator.GT, Operator.GE})
_UPPER: Final = frozenset({Operator.LT, Operator.LE})


@dataclass(frozen=True, slots=True)
class Bound:
    """An end of a range; `is_open` excludes the limit itself."""

    limit: Number
    is_open: bool


@dataclass(frozen=True, slots=True)
class Allowed:
    """What is left of one fact: these `values` only, or (None) anything between `low` and `high`."""

    values: frozenset[Value] | None
    low: Bound | None
    high: Bound | None

    @property
    def is_empty(self) -> bool:
        """Whether certainly nothing is left."""
        if self.values is not None:
            return not self.values
        if self.low is None or self.high is None:
            return False
        if _is_less(self.high.limit, self.low.limit):
            return True
        return self.low.limit == self.high.limit and (self.low.is_open or self.high.is_open)


def impossible_fact(clauses: Iterable[Clause], document: Document) -> str | None:
    """Return a fact of which no value fulfils its clauses; None if there may be one for each."""
    for name, asked in _by_fact(clauses).items():
        places = [(one.operator, one.operand) for one in asked]
        closed = any(
            (Operator.OUTSIDE, one) in places for operator, one in places if operator is Operator.INSIDE
        )
        if closed or allow(document.facts[name], asked, document.calendars).is_empty:
            return name
    return None


def is_ever_certain(clauses: Iterable[Clause], document: Document) -> bool:
    """Whether a match of these clauses may ever be true, and not only unknown."""
    kept = list(clauses)
    never = any(one.operator is Operator.EXISTS and one.operand is False for one in kept)
    return not never and impossible_fact(kept, document) is None


def holds_wherever(clauses: Iterable[Clause], within: Iterable[Clause], document: Document) -> bool:
    """Whether each of `clauses` is not false wherever all of `within` are certain."""
    given = _by_fact(within)
    return all(_is_implied(one, given.get(one.fact, []), document) for one in clauses)


def allow(fact: Fact, clauses: Iterable[Clause], calendars: Mapping[str, Calendar]) -> Allowed:
    """Return what `clauses`, all about `fact`, leave of its values."""
    asked = [one for one in clauses if one.operator is not Operator.EXISTS]
    values = _finite(fact, asked)
    if values is not None:
        tests = [make_test(one, calendars) for one in asked]
        return Allowed(frozenset(value for value in values if all(test(value) for test in tests)), None, None)
    low = [_bound(one, fact) for one in asked if one.operator in _LOWER]
    high = [_bound(one, fact) for one in asked if one.operator in _UPPER]
    return Allowed(None, _tightest(low, is_low=True), _tightest(high, is_low=False))


def _by_fact(clauses: Iterable[Clause]) -> dict[str, list[Clause]]:
    found: dict[str, list[Clause]] = defaultdict(list)
    for one in clauses:
        found[one.fact].append(one)
    return found


def _finite(fact: Fact, clauses: list[Clause]) -> Iterable[Value] | None:
    for one in clauses:
        if one.operator is Operator.EQUALS and not isinstance(one.operand, tuple):
            return (one.operand,)
        if one.operator is Operator.IN and isinstance(one.operand, tuple):
            return one.operand
    if fact.values:
        return fact.values
    return (True, False) if fact.type is FactType.BOOL else None


def _bound(clause: Clause, fact: Fact) -> Bound:
    limit, is_open = clause.operand, clause.operator in (Operator.GT, Operator.LT)
    assert not isinstance(limit, str | tuple)  # noqa: S101  # the document has checked the type
    if is_open and fact.type is FactType.INT and isinstance(limit, int):
        return Bound(limit + (1 if clause.operator is Operator.GT else -1), is_open=False)
    return Bound(limit, is_open)


def _tightest(bounds: list[Bound], *, is_low: bool) -> Bound | None:
    found: Bound | None = None
    for one in bounds:
        if found is None or _reaches(one, found, is_low=is_low):
            found = one
    return found


def _is_less(one: Number, other: Number) -> bool:
    if isinstance(one, datetime) or isinstance(other, datetime):
        return isinstance(one, datetime) and isinstance(other, datetime) and one < other
    return one < other


def _is_implied(clause: Clause, given: list[Clause], document: Document) -> bool:
    if clause in given:
        return True
    if clause.operator is Operator.EXISTS:
        return clause.operand is True and bool(given)
    fact = document.facts[clause.fact]
    left = allow(fact, given, document.calendars)
    if left.values is not None:
        test = make_test(clause, document.calendars)
        return all(test(value) for value in left.values)
    if clause.operator in _LOWER:
        return left.low is not None and _reaches(left.low, _bound(clause, fact), is_low=True)
    if clause.operator in _UPPER:
        return left.high is not None and _reaches(left.high, _bound(clause, fact), is_low=False)
    return False


def _reaches(inner: Bound, outer: Bound, *, is_low: bool) -> bool:
    """Whether a range that ends at `inner` lies within one that ends at `outer`."""
    if inner.limit == outer.limit:
        return inner.is_open or not outer.is_open
    return _is_less(outer.limit, inner.limit) is is_low
