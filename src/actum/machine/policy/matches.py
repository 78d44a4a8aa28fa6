"""Reads facts and matches: what a file declares, and what its rules ask of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from actum.machine.policy.calendars import Calendar
from actum.machine.policy.clauses import OPERATORS, Clause, Operator
from actum.machine.policy.facts import OWN, Fact, FactType, Value, make_reader
from actum.machine.policy.grammar import names_of
from actum.machine.policy.reading import Table, nearest, shown
from actum.machine.policy.scanning import Path

_OTHER_WORDS: Final = {
    "<": "lt",
    "<=": "le",
    "lte": "le",
    ">": "gt",
    ">=": "ge",
    "gte": "ge",
    "!=": "not_in",
    "ne": "not_in",
    "like": "glob",
    "=": 'the bare value, as in environment = "prod"',
    "eq": 'the bare value, as in environment = "prod"',
}
"""What the operators are called elsewhere."""


def read_facts(top: Table) -> Mapping[str, Fact]:
    """Return the declared facts, Actum's own among them."""
    facts = dict(OWN)
    table = top.table("facts")
    if table is None:
        return MappingProxyType(facts)
    for name, given in table.values.items():
        fact = _read_fact(table, name, given)
        if fact is not None:
            facts[name] = fact
    return MappingProxyType(facts)


def _read_fact(table: Table, name: str, given: object) -> Fact | None:
    own = OWN.get(name)
    if isinstance(given, dict):
        inner = Table(table.reading, (*table.path, name), given)
        inner.refuse_others(names_of("facts.NAME"), ("type",))
        word, values = inner.choice("type", FactType), "values" in given
    else:
        inner, values = table, False
        word = table.choice(name, FactType) if isinstance(given, str) else table.text(name)
    if word is None:
        return own
    fact = Fact(name, FactType(word), is_own=own is not None)
    if own is not None and fact.type is not own.type:
        table.blame(
            name, f"{name!r} is one of Actum's own and is {own.type}: declare it so, or choose another name"
        )
        return own
    if not values:
        return own or fact
    return Fact(name, fact.type, tuple(_vocabulary(inner, fact)), fact.is_own)


def _vocabulary(table: Table, fact: Fact) -> Iterator[Value]:
    if fact.type is FactType.INSTANT:
        table.blame("values", "an instant has no list of values: leave `values` out")
        return
    if table.values["values"] == []:
        table.blame("values", "an empty list leaves nothing to know: name the values, or leave `values` out")
    for path, item in table.items("values"):
        value = read_literal(fact, item)
        if value is None:
            table.reading.blame(path, f"{shown(item)} is not {fact.type}: write values of the declared type")
        else:
            yield value


def read_literal(fact: Fact, given: object) -> Value | None:
    """Return a value written in a policy as one of `fact`'s type; None if it is of another. Vocabulary is not asked."""
    if isinstance(given, Decimal) and fact.type is FactType.NUMBER:
        given = float(given)
    if isinstance(given, str) and fact.type is FactType.INSTANT:
        return None  # TOML has instants of its own
    return make_reader(Fact(fact.name, fact.type))(given)


def read_match(
    table: Table, key: str, facts: Mapping[str, Fact], calendars: Mapping[str, Calendar]
) -> tuple[Clause, ...]:
    """Return the clauses of the match at `key`."""
    match = table.table(key)
    if match is None:
        return ()
    if not match.values and key == "except":
        table.blame(key, "an exception for everything leaves nothing: name what is excepted, or leave it out")
    clauses: list[Clause] = []
    for name, given in match.values.items():
        fact = facts.get(name)
        if fact is None:
            match.blame(name, f"the fact {name!r} is not declared in [facts]{nearest(name, facts)}")
        elif isinstance(given, dict):
            clauses += _conditions(Table(match.reading, (*match.path, name), given), fact, calendars)
        elif isinstance(given, list):
            match.blame(name, f"a list stands where a value is needed: write {name} = {{ in = [...] }}")
        else:
            clauses += _clause(match, name, fact, Operator.EQUALS, given, calendars)
    return tuple(clauses)


def _conditions(table: Table, fact: Fact, calendars: Mapping[str, Calendar]) -> Iterable[Clause]:
    if not table.values:
        table.reading.blame(
            table.path, f"{fact.name} is asked nothing: write an operator, such as {{ exists = true }}"
        )
    words = [operator for operator in Operator if operator is not Operator.EQUALS]
    for word, given in table.values.items():
        if word in words:
            yield from _clause(table, word, fact, Operator(word), given, calendars)
        else:
            meant = _OTHER_WORDS.get(word)
            table.blame(
                word, f"there is no operator {word!r}{f': write {meant}' if meant else nearest(word, words)}"
            )


def _clause(
    table: Table, key: str, fact: Fact, operator: Operator, given: Any, calendars: Mapping[str, Calendar]
) -> Iterable[Clause]:
    """Yield the one clause, unless it cannot be meant."""
    if fact.type not in OPERATORS[operator].types:
        fitting = [one for one, about in OPERATORS.items() if fact.type in about.types]
        table.blame(
            key,
            f"{operator!s} cannot be asked of {fact.name}, which is {fact.type}: use {' or '.join(fitting)}",
        )
        return
    operand: Value | tuple[Value, ...] | None
    match operator:
        case Operator.EXISTS:
            operand = _typed(table, key, given, bool)
        case Operator.GLOB:
            operand = _typed(table, key, given, str)
        case Operator.INSIDE | Operator.OUTSIDE:
            operand = _typed(table, key, given, str)
            if operand is not None and operand not in calendars:
                table.blame(key, f"there is no calendar {operand!r}{nearest(str(operand), calendars)}")
                return
        case Operator.IN | Operator.NOT_IN:
            operand = _values(table, key, fact, given)
        case _:
            operand = _value(table, (*table.path, key), fact, given, is_limit=operator is not Operator.EQUALS)
    if operand is not None:
        yield Clause(fact.name, operator, operand)


def _typed(table: Table, key: str, given: object, wanted: type[str | bool]) -> str | bool | None:
    if isinstance(given, wanted):
        return given
    table.blame(
        key, f"{shown(given)} stands where {'true or false' if wanted is bool else 'a text'} is needed"
    )
    return None


def _values(table: Table, key: str, fact: Fact, given: object) -> tuple[Value, ...] | None:
    if not isinstance(given, list) or not given:
        table.blame(key, f"{shown(given)} stands where a list with at least one value is needed: write [...]")
        return None
    found = [_value(table, path, fact, item) for path, item in table.items(key)]
    known = {value for value in found if value is not None}
    return tuple(sorted(known, key=_order)) or None


def _order(value: Value) -> tuple[str, float | Decimal]:
    return (
        (value, 0)
        if isinstance(value, str)
        else ("", value.timestamp() if isinstance(value, datetime) else value)
    )


def _value(table: Table, path: Path, fact: Fact, given: object, *, is_limit: bool = False) -> Value | None:
    value = read_literal(fact, given)
    if value is None:
        table.reading.blame(
            path, f"{shown(given)} is not {fact.type}, which {fact.name} is: write one{_hint(fact)}"
        )
    elif fact.values and not is_limit and value not in fact.values:
        table.reading.blame(
            path,
            f"{shown(given)} is no value that {fact.name} can have{nearest(str(given), map(str, fact.values))}",
        )
        return None
    return value


def _hint(fact: Fact) -> str:
    if fact.type is FactType.INSTANT:
        return " with its offset, such as 2030-01-31T12:00:00Z"
    return ""
