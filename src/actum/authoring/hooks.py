"""Functions attached to a step or effect: key, preview, probe, undo, compensate and verdict."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from actum.errors import InvalidContract

HookName: TypeAlias = Literal["key", "preview", "probe", "undo", "compensate", "verdict"]

_AFTER_RESULT: frozenset[str] = frozenset({"undo", "compensate", "verdict"})


@dataclass(frozen=True, slots=True)
class Hook:
    """One attached function; `takes_result` says that the step's result comes before the step's own arguments."""

    name: HookName
    function: Callable[..., Any]
    is_async: bool
    takes_result: bool


def make_hook(
    name: HookName, owner: str, step_function: Callable[..., Any], function: Callable[..., Any]
) -> Hook:
    """Return `function` as hook `name` of the step called `owner`.

    Raises InvalidContract unless it takes exactly the step's parameters, after the result where the hook has one.
    """
    takes_result = name in _AFTER_RESULT
    wanted = list(inspect.signature(step_function).parameters.values())
    given = list(inspect.signature(function).parameters.values())
    own = given[1:] if takes_result else given
    fits = [(p.name, p.kind) for p in own] == [(p.name, p.kind) for p in wanted]
    if not fits or (takes_result and not _takes_one(given)):
        shown = ", ".join((["result"] if takes_result else []) + [p.name for p in wanted])
        has = ", ".join(p.name for p in given)
        raise InvalidContract(
            f"{owner}.{name} takes ({shown}), all parameters of {owner} by their names"
            f"{', after its result' if takes_result else ''}; this one takes ({has})"
        )
    is_async = inspect.iscoroutinefunction(function)
    if name == "key" and is_async:
        raise InvalidContract(
            f"{owner}.key is computed from the arguments alone: write it as a plain function"
        )
    return Hook(name, function, is_async, takes_result)


def _takes_one(given: list[inspect.Parameter]) -> bool:
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return bool(given) and given[0].kind in plain
