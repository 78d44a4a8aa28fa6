"""The source of a function: its file, its syntax tree, and what the names in it stand for."""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType
from typing import Any, TypeAlias

from actum.authoring.lint.tables import SILENT_TYPES

_FACTORIES = frozenset({"requests.session", "socket.socket"})
"""What makes an object and is not spelled like a class."""

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Source:
    """A function with its place and, where its source can be read, its tree; `node` is None where it cannot."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = inspect.unwrap(function)
        code = self.function.__code__
        self.file: str = code.co_filename
        self.line: int = code.co_firstlineno
        self.package = str(self.function.__module__).partition(".")[0]
        self._lines = linecache.getlines(self.file, self.function.__globals__)
        module = _read_module("".join(self._lines))
        self.node = None if module is None else module.definitions.get((self.line, code.co_name))
        self._imports = {} if module is None else module.imports
        self._made = {} if module is None else dict(module.made)
        self._statements = {} if self.node is None else dict(_statements_in(self.node))
        self._locals: set[str] = set()
        if self.node is not None:
            self._locals = {name for name in _bound_in(self.node) if name not in self._imports}
            self._made |= _made_in(ast.walk(self.node), self._imports)
            if not isinstance(self.node, ast.Lambda):
                self.line = self.node.lineno

    def is_ignored(self, code: str, line: int) -> bool:
        """Whether the statement at `line` says, on any of its lines, that a finding of this code is meant."""
        first, last = self._statements.get(line, (line, line))
        for text in self._lines[first - 1 : last]:
            _, mark, rest = text.partition("# actum: ignore[")
            if mark and code in [word.strip() for word in rest.partition("]")[0].split(",")]:
                return True
        return False

    def name_of(self, node: ast.expr) -> str | None:
        """Return the full dotted name that `node` stands for (`datetime.datetime.now`), or None.

        An object that was made here stands for its class: `client.post` for `httpx.Client.post`.
        """
        match node:
            case ast.Name(id=name):
                if name in self._made:
                    return self._made[name]
                if name in self._locals:
                    return None
                if name in self._imports:
                    return self._imports[name]
                is_builtin = hasattr(builtins, name) and name not in self.function.__globals__
                return f"builtins.{name}" if is_builtin else None
            case ast.Attribute(value=value, attr=attribute):
                base = self.name_of(value)
                return None if base is None else f"{base}.{attribute}"
            case ast.Call(func=function) | ast.Await(value=ast.Call(func=function)):
                made = self.name_of(function)
                return made if made is not None and _is_class(made) else None
        return None

    def value_of(self, node: ast.expr) -> object:
        """Return the global object that `node` stands for, or None."""
        match node:
            case ast.Name(id=name):
                if name in self._locals:
                    return None
                return self._closure().get(name, self.function.__globals__.get(name))
            case ast.Attribute(value=value, attr=attribute):
                base = self.value_of(value)
                return getattr(base, attribute, None) if inspect.ismodule(base) else None
        return None

    def is_own(self, value: object) -> bool:
        """Whether `value` is a plain function of the same package: what it does, this function does."""
        return isinstance(value, FunctionType) and str(value.__module__).partition(".")[0] == self.package

    def _closure(self) -> dict[str, object]:
        found: dict[str, object] = {}
        code = self.function.__code__
        for name, cell in zip(code.co_freevars, self.function.__closure__ or (), strict=True):
            try:
                found[name] = cell.cell_contents
            except ValueError:  # not assigned yet
                continue
        return found


def _made_in(nodes: Iterable[ast.AST], imports: Mapping[str, str]) -> dict[str, str]:
    """Return name -> class for every variable that is made by calling, or annotated with, something imported."""
    made: dict[str, str] = {}
    for node in nodes:
        for name, value in _assignments(node):
            found = _class_of(value, imports)
            if found is not None:
                made[name] = found
    return made


def _class_of(value: ast.expr, imports: Mapping[str, str]) -> str | None:
    match value:
        case ast.Await(value=inner):
            return _class_of(inner, imports)
        case ast.Call(func=function):
            value = function
    root = value
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name) or root.id not in imports:
        return None
    made = imports[root.id] + ast.unparse(value)[len(root.id) :]
    return made if _is_class(made) else None


def _annotation(node: ast.expr) -> ast.expr:
    """Return what an annotation means, without the quotes where it has some."""
    match node:
        case ast.Constant(value=str() as quoted):
            try:
                return ast.parse(quoted, mode="eval").body
            except SyntaxError:
                return node
    return node


def _is_class(name: str) -> bool:
    if name in SILENT_TYPES:
        return False
    return name in _FACTORIES or name.rpartition(".")[2][:1].isupper()


@dataclass(frozen=True, slots=True)
class _Module:
    """What one file holds: imports, objects made at its top, and definitions by first line and name."""

    imports: Mapping[str, str]
    made: Mapping[str, str]
    definitions: Mapping[tuple[int, str], Definition]


@lru_cache(maxsize=64)
def _read_module(text: str) -> _Module | None:
    """Return what the text of a file holds; None for no text, and for text that is no Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    imports = _imports_of(tree)
    return _Module(imports, _made_in(tree.body, imports), dict(_definitions_in(tree)))


def _definitions_in(tree: ast.Module) -> Iterator[tuple[tuple[int, str], Definition]]:
    """Yield definitions under their first line, decorators included, which is where their code begins."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (min([node.lineno, *(one.lineno for one in node.decorator_list)]), node.name), node
        elif isinstance(node, ast.Lambda):
            yield (node.lineno, "<lambda>"), node


def _statements_in(node: Definition) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield each line of a statement without a block of its own, with the first and the last line of it."""
    for one in ast.walk(node):
        if isinstance(one, ast.stmt) and not hasattr(one, "body") and one.end_lineno is not None:
            for line in range(one.lineno, one.end_lineno + 1):
                yield line, (one.lineno, one.end_lineno)


def _imports_of(tree: ast.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                root = one.name.partition(".")[0]
                found[one.asname or root] = one.name if one.asname else root
        elif isinstance(node, ast.ImportFrom):
            home = "." * node.level + (node.module or "")
            found |= {one.asname or one.name: f"{home}.{one.name}" for one in node.names}
    return found


def _bound_in(node: Definition) -> Iterator[str]:
    """Yield every name that the function binds: parameters and targets of any kind, not what it declares global."""
    outer: set[str] = set()
    bound: list[str] = []
    for one in ast.walk(node):
        if isinstance(one, ast.Global | ast.Nonlocal):
            outer.update(one.names)
        elif isinstance(one, ast.arg):
            bound.append(one.arg)
        elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            bound.append(one.id)
        elif isinstance(one, ast.ExceptHandler) and one.name:
            bound.append(one.name)
    return (name for name in bound if name not in outer)


def _assignments(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.NamedExpr(target=ast.Name(id=name), value=value)
        ):
            yield name, value
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
            yield name, _annotation(annotation) if value is None else value
        case ast.arg(arg=name, annotation=ast.expr() as annotation):
            yield name, _annotation(annotation)
        case ast.withitem(context_expr=value, optional_vars=ast.Name(id=name)):
            yield name, value
