"""The rules for names that are recorded: of steps, contracts, signals, queues, and the kinds of effects."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from actum.errors import InvalidContract

LONGEST_NAME = 200

_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")


def check_name(what: str, name: object) -> str:
    """Return `name` if it can be recorded and shown; raises InvalidContract otherwise."""
    if not isinstance(name, str) or not name.strip() or name != name.strip():
        raise InvalidContract(
            f"{what} needs a name, and {name!r} is none: give it one without spaces around it"
        )
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidContract(
            f"{what} is named {name[:40]!r}: a name is printable and at most {LONGEST_NAME} characters long"
        )
    return name


def check_kind(kind: object) -> str:
    """Return `kind` if policy can speak about it, such as `git.commit`; raises InvalidContract otherwise."""
    if not isinstance(kind, str) or not _KIND.fullmatch(kind) or len(kind) > LONGEST_NAME:
        raise InvalidContract(
            f'{kind!r} is not an operation kind: write lower-case words joined by dots, such as "git.commit"'
        )
    if kind.endswith(".undo"):
        raise InvalidContract(
            f"the operation kind {kind!r} ends in .undo, which is kept for the undos of effects"
        )
    return kind


def name_of(what: str, function: Callable[..., Any], name: str | None) -> str:
    """Return the name to record: `name`, or the function's own.

    Raises InvalidContract for what is no function, for generators, and for lambdas without a name.
    """
    if not inspect.isfunction(function):
        raise InvalidContract(f"@{what} decorates a function, and {function!r} is none: wrap it in a def")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidContract(
            f"{function.__name__} yields, and a {what} returns one value: collect what it yields and return that"
        )
    if name is None and function.__name__ == "<lambda>":
        raise InvalidContract(f"a {what} made from a lambda needs a name: pass name=…, or write a def")
    return check_name(f"a {what}", function.__name__ if name is None else name)
