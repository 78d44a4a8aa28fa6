"""What a grant covers: a standing approval matches an action only by what is certainly so.

A matcher is JSON: a name and what it has to be. `kind`, `contract`, `team` and `environment` are Actum's own names,
everything else is a fact of the preview. A bare value has to be equal; `{"le": 100}` (`lt`, `le`, `gt`, `ge`) compares
numbers; `{"in": ["a", "b"]}` is one of these. A fact that is missing or of another type is not covered.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from actum.errors import InvalidInput

OWN_NAMES: Final = ("kind", "contract", "team", "environment")

_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = MappingProxyType(
    {"lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}
)


def check_matcher(matcher: Mapping[str, Any]) -> None:
    """Raise InvalidInput, naming the entry, for a matcher that cannot be meant; a grant names at least a kind."""
    if not isinstance(matcher.get("kind"), str):
        raise InvalidInput("a grant has to name the kind of effect it covers: give it a kind", path="kind")
    for name, wanted in matcher.items():
        if isinstance(wanted, Mapping):
            _check_test(name, wanted)
        elif isinstance(wanted, list) or wanted is None:
            raise InvalidInput(
                f'{name} = {wanted!r} compares with nothing: write a value, or {{"in": […]}}', path=name
            )
        if name in OWN_NAMES and not isinstance(wanted, str):
            raise InvalidInput(f"{name} has to be one text, and {wanted!r} is none", path=name)


def _check_test(name: str, wanted: Mapping[str, Any]) -> None:
    if not wanted:
        raise InvalidInput(f"{name} says nothing: write a value or a comparison", path=name)
    for test, operand in wanted.items():
        if test == "in" and isinstance(operand, list):
            continue
        if test in _COMPARISONS and _is_number(operand):
            continue
        known = ", ".join([*_COMPARISONS, "in"])
        raise InvalidInput(
            f"{name}: {test} {operand!r} is no comparison: those are {known}, with a number or a list",
            path=name,
        )


def covers(matcher: Mapping[str, Any], own: Mapping[str, str | None], facts: Mapping[str, Any]) -> bool:
    """Whether a checked matcher certainly covers an action with these own names and facts."""
    return all(
        _holds(own.get(name) if name in OWN_NAMES else facts.get(name), wanted)
        for name, wanted in matcher.items()
    )


def _holds(value: Any, wanted: Any) -> bool:
    if value is None:
        return False
    if not isinstance(wanted, Mapping):
        return _is_equal(value, wanted)
    return all(_passes(value, test, operand) for test, operand in wanted.items())


def _passes(value: Any, test: str, operand: Any) -> bool:
    if test == "in":
        return any(_is_equal(value, one) for one in operand)
    return _is_number(value) and _COMPARISONS[test](value, operand)


def _is_equal(value: Any, wanted: Any) -> bool:
    is_alike = type(value) is type(wanted) or (_is_number(value) and _is_number(wanted))
    return is_alike and bool(value == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
