"""What the body of a contract may not do, because it is run again whenever the workflow is taken up.

The plain functions of the same package that a body calls are part of it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from actum.authoring.contract import Contract
from actum.authoring.lint.report import Report
from actum.authoring.lint.sets import iterated_sets
from actum.authoring.lint.source import Source
from actum.authoring.lint.tables import FORBIDDEN_IN_BODY, MUTATORS, SILENT_TYPES
from actum.authoring.step import Step

_SAYS = {
    "body-clock": "reads the clock or blocks on it",
    "body-environment": "depends on the process it runs in",
    "body-file": "touches files",
    "body-foreign-await": "does work that nobody records",
    "body-network": "speaks to the network",
    "body-process": "starts or meets processes",
    "body-randomness": "depends on chance, or differs between processes",
    "body-terminal": "prints again, or asks again, in every replay",
    "body-thread": "starts threads",
}
_LOGGING = frozenset({"critical", "debug", "error", "exception", "info", "log", "warning"})
_LOGGERS = frozenset({"log", "logger", "logging"})
_CANCELLATION = frozenset(
    {"asyncio.CancelledError", "asyncio.exceptions.CancelledError", "builtins.BaseException"}
)


def check_body(function: Callable[..., Any], report: Report) -> None:
    """Check a contract's function and the plain functions of its package that it calls."""
    for source in with_helpers(function):
        if source.node is None:
            report.add("source-unavailable", source, f"the source of {_name(source)} cannot be read")
            continue
        _Body(source, report).check()


def with_helpers(function: Callable[..., Any]) -> Iterator[Source]:
    """Yield the source of `function` and of every plain function of its package that it calls, directly or not."""
    waiting, seen = [function], set[int]()
    while waiting:
        source = Source(waiting.pop(0))
        if id(source.function) in seen:
            continue
        seen.add(id(source.function))
        yield source
        if source.node is not None:
            for node in ast.walk(source.node):
                if isinstance(node, ast.Call):
                    called = source.value_of(node.func)
                    if isinstance(called, FunctionType) and source.is_own(called):
                        waiting.append(called)


class _Body:
    """One function that runs in a flow."""

    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report = report
        assert source.node is not None  # noqa: S101  # `check_body` has asked
        self._node = source.node
        self._finally = {
            id(inner)
            for outer in ast.walk(self._node)
            if isinstance(outer, ast.Try | ast.TryStar)
            for statement in outer.finalbody
            for inner in ast.walk(statement)
        }

    def check(self) -> None:
        for node in ast.walk(self._node):
            match node:
                case ast.Call():
                    self._check_call(node)
                case ast.Attribute():
                    self._check_attribute(node)
                case ast.Try() | ast.TryStar():
                    self._check_handlers(node)
                case ast.With() | ast.AsyncWith():
                    self._check_suppress(node)
                case ast.Global(names=names) | ast.Nonlocal(names=names):
                    self._check_declared_global(node, names)
                case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                    self._check_targets(targets)
                case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
                    self._check_targets([target])
        for line, shown in iterated_sets(self._node, self._source):
            self._add("body-set-order", line, f"goes through the set {shown}, in no certain order")

    def _add(self, code: str, line: int, says: str) -> None:
        self._report.add(code, self._source, f"{_name(self._source)} {says}", line)

    # calls

    def _check_call(self, node: ast.Call) -> None:
        name = self._source.name_of(node.func)
        code = _forbidden(name, node)
        shown = ast.unparse(node.func)
        if id(node) in self._finally and (code is not None or self._is_logging(node.func)):
            self._add("body-unrecorded-finally", node.lineno, f"calls {shown}(…) in a finally block")
        elif code is not None:
            self._add(code, node.lineno, f"calls {shown}(…), which {_SAYS[code]}")
        elif isinstance(node.func, ast.Attribute):
            self._check_method(node.func)

    def _check_method(self, function: ast.Attribute) -> None:
        owner = self._source.value_of(function.value)
        if function.attr == "function" and isinstance(owner, Step | Contract):
            self._add(
                "body-foreign-await",
                function.lineno,
                f"calls {ast.unparse(function)}, the undecorated function, and nobody records it",
            )
        elif function.attr == "run_in_executor":
            self._add("body-thread", function.lineno, "calls run_in_executor(…), which starts threads")
        elif function.attr in MUTATORS and _is_mutable(owner):
            self._change(function.lineno, ast.unparse(function.value))

    def _check_attribute(self, node: ast.Attribute) -> None:
        if self._source.name_of(node) == "os.environ":
            self._add(
                "body-environment", node.lineno, "reads or changes os.environ, which differs between workers"
            )

    def _is_logging(self, function: ast.expr) -> bool:
        match function:
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute):
                return attribute in _LOGGING and owner.lower().lstrip("_") in _LOGGERS
        return False

    # cancellation

    def _check_handlers(self, node: ast.Try | ast.TryStar) -> None:
        if not any(_awaits(statement) for statement in node.body):
            return
        for handler in node.handlers:
            if self._catches_cancellation(handler.type) and not _raises(handler.body):
                caught = f"except {ast.unparse(handler.type)}" if handler.type else "a bare except"
                self._add("body-swallowed-cancellation", handler.lineno, f"swallows cancellation in {caught}")
            if handler.type is None or self._catches_cancellation(handler.type):
                return  # the handlers below never see it

    def _check_suppress(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            match item.context_expr:
                case ast.Call(func=function, args=args):
                    if self._source.name_of(function) == "contextlib.suppress" and any(
                        self._catches_cancellation(one) for one in args
                    ):
                        self._add(
                            "body-swallowed-cancellation",
                            node.lineno,
                            "swallows cancellation with suppress(…)",
                        )

    def _catches_cancellation(self, caught: ast.expr | None) -> bool:
        match caught:
            case None:
                return True
            case ast.Tuple(elts=elements):
                return any(self._catches_cancellation(one) for one in elements)
        return self._source.name_of(caught) in _CANCELLATION

    # global state

    def _check_declared_global(self, node: ast.Global | ast.Nonlocal, names: list[str]) -> None:
        if isinstance(node, ast.Global):
            self._change(node.lineno, ", ".join(names))

    def _check_targets(self, targets: list[ast.expr]) -> None:
        for target in targets:
            if isinstance(target, ast.Tuple | ast.List):
                self._check_targets(target.elts)
            elif isinstance(target, ast.Subscript | ast.Attribute) and self._is_global(target):
                self._change(target.lineno, ast.unparse(target))

    def _is_global(self, target: ast.expr) -> bool:
        """Whether `target` is a part of something that a global name stands for; the environment has its own code."""
        while isinstance(target, ast.Subscript | ast.Attribute):
            target = target.value
            if self._source.name_of(target) == "os.environ":
                return False
        return self._source.value_of(target) is not None

    def _change(self, line: int, shown: str) -> None:
        self._add("body-global-state", line, f"changes {shown}, which outlives this workflow's body")


def _forbidden(name: str | None, node: ast.Call) -> str | None:
    if name is None or (name in SILENT_TYPES and node.args):
        return None
    return next((code for code, table in FORBIDDEN_IN_BODY.items() if name in table), None)


def _is_mutable(value: object) -> bool:
    return isinstance(value, list | dict | set | bytearray) or type(value).__module__ == "collections"


def _awaits(node: ast.AST) -> bool:
    return any(isinstance(one, ast.Await | ast.AsyncFor | ast.AsyncWith) for one in ast.walk(node))


def _raises(statements: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Raise) for statement in statements for node in ast.walk(statement))


def _name(source: Source) -> str:
    name = source.function.__name__
    return "the body" if name == "<lambda>" else name
