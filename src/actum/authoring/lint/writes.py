"""What a step, a hook or an operation key may not do: write, or depend on more than its arguments."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from actum.authoring.effect import Effect
from actum.authoring.lint.bodies import with_helpers
from actum.authoring.lint.report import Report
from actum.authoring.lint.source import Source
from actum.authoring.lint.tables import (
    FORBIDDEN_IN_BODY,
    REQUESTS,
    STARTS,
    WRITE_COMMANDS,
    WRITE_METHODS,
    WRITES,
)
from actum.authoring.step import Step

_STATEMENTS = ("alter", "create", "delete", "drop", "insert", "merge", "truncate", "update")
_EXECUTES = frozenset({"execute", "executemany", "fetch", "fetchrow", "fetchval"})
_UNSTABLE = ("body-clock", "body-randomness", "body-network", "body-environment", "body-process")


def check_step(one: Step[..., Any], report: Report) -> None:
    """Check the code of a step or effect and of its hooks, with the plain functions of the package they call."""
    if not isinstance(one, Effect):
        _check_writes(one.function, report, "step-writes", f"the step {one.name}")
    for name, hook in sorted(one.hooks.items()):
        if name in ("preview", "probe", "verdict"):
            _check_writes(hook.function, report, "hook-writes", f"the {name} of {one.name}")
        elif name == "key":
            _check_key(hook.function, report, f"the key of {one.name}")


def _check_writes(function: Callable[..., Any], report: Report, code: str, what: str) -> None:
    for source in with_helpers(function):
        if source.node is None:
            report.add("source-unavailable", source, f"the source of {what} cannot be read")
            continue
        for node in ast.walk(source.node):
            if isinstance(node, ast.Call):
                written = _written(node, source)
                if written is not None:
                    report.add(code, source, f"{what} {written}", node.lineno)


def _check_key(function: Callable[..., Any], report: Report, what: str) -> None:
    for source in with_helpers(function):
        if source.node is None:
            report.add("source-unavailable", source, f"the source of {what} cannot be read")
            continue
        for node in ast.walk(source.node):
            if isinstance(node, ast.Call | ast.Attribute):
                called = node.func if isinstance(node, ast.Call) else node
                name = source.name_of(called) or ""
                if name == "os.environ" or any(name in FORBIDDEN_IN_BODY[code] for code in _UNSTABLE):
                    sentence = f"{what} uses {ast.unparse(called)}, which is another after a crash"
                    report.add("key-unstable", source, sentence, node.lineno)


def _written(node: ast.Call, source: Source) -> str | None:
    """Return what a call changes outside, as the end of a sentence, or None."""
    name = source.name_of(node.func) or ""
    shown = f"calls {ast.unparse(node.func)}(…)"
    if name in WRITES or (name in REQUESTS and _first_text(node).upper() in WRITE_METHODS):
        return f"{shown}, which changes something outside"
    if name in ("urllib.request.urlopen", "urllib.request.Request") and _sends(node):
        return f"{shown} with data to send"
    if name in STARTS:
        command = _command(node)
        return f"runs {' '.join(command)}" if command in WRITE_COMMANDS else None
    if isinstance(node.func, ast.Attribute) and node.func.attr in _EXECUTES:
        statement = _first_text(node).split()
        if statement and statement[0].lower() in _STATEMENTS:
            return f"carries out {statement[0].lower()} … in a database"
    return None


def _first_text(node: ast.Call) -> str:
    match node.args:
        case [ast.Constant(value=str() as text), *_]:
            return text
    return ""


def _sends(node: ast.Call) -> bool:
    named = {one.arg: one.value for one in node.keywords}
    match named.get("method"):
        case ast.Constant(value=str() as method):
            return method.upper() in WRITE_METHODS
    return len(node.args) > 1 or "data" in named


def _command(node: ast.Call) -> tuple[str, ...]:
    """Return the first two words of the command that a call starts, options left out, as far as they are written."""
    first: list[ast.expr] = list(node.args)
    if first and isinstance(first[0], ast.List | ast.Tuple):
        first = list(first[0].elts)
    texts = [one.value for one in first if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    words = [word for text in texts for word in text.split() if not word.startswith("-")]
    return tuple(words[:2])
