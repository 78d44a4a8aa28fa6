"""Which steps a contract's function speaks of, read from its code.

Followed are globals, closure variables, attributes of modules, lists and dicts of steps, and plain functions of the
same package. What is reached in another way (a local import, a registry, an attribute of an object) is not found:
name it in `steps=[…]`.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

_ABSENT = object()
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_CLOSURES = frozenset({"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"})
_GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})


def find_steps(function: Callable[..., Any], is_step: Callable[[object], bool]) -> tuple[Any, ...]:
    """Return what `is_step` accepts among the values that `function` names, each once, in order of appearance."""
    found: dict[int, Any] = {}
    seen: set[int] = set()
    waiting = [function]
    while waiting:
        current = waiting.pop(0)
        if not isinstance(current, FunctionType) or id(current) in seen:
            continue
        seen.add(id(current))
        for value in _named_values(current):
            for item in _items(value):
                if is_step(item):
                    found.setdefault(id(item), item)
                elif isinstance(item, FunctionType) and _package(item) == _package(function):
                    waiting.append(item)
    return tuple(found.values())


def _named_values(function: FunctionType) -> Iterator[object]:
    """Yield every global, closure variable and module attribute that the code of `function` loads."""
    closure = _closure_of(function)
    for code in _with_inner(function.__code__):
        value: object = _ABSENT
        for instruction in dis.get_instructions(code):
            if instruction.opname in _GLOBALS:
                value = function.__globals__.get(instruction.argval, _ABSENT)
            elif instruction.opname in _CLOSURES:
                value = closure.get(instruction.argval, _ABSENT)
            elif instruction.opname in _ATTRIBUTES and isinstance(value, ModuleType):
                value = getattr(value, instruction.argval, _ABSENT)
            else:
                value = _ABSENT
            if value is not _ABSENT:
                yield value


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)


def _closure_of(function: FunctionType) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return values


def _items(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value
    else:
        yield value


def _package(function: Callable[..., Any]) -> str:
    return str(function.__module__).partition(".")[0]
