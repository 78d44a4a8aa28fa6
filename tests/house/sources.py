"""The package's own source, parsed: what the rules of the house are read from."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "actum"


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """One file: `place` is its path below `src/actum`, `room` the folder or module it belongs to."""

    place: str
    room: str
    text: str
    tree: ast.Module
    nodes: tuple[ast.AST, ...]

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [node for node in self.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, by its whole name; `is_on_use` inside a function."""

    name: str
    is_on_use: bool
    line: int


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of the package, sorted by place; they are parsed when first asked for, not while collecting."""
    gc.disable()  # it would look through a growing heap of nodes again and again, for more than the parsing takes
    try:
        return tuple(_parse(path) for path in sorted(SOURCE.rglob("*.py")))
    finally:
        gc.enable()


def _parse(path: Path) -> Module:
    place = path.relative_to(SOURCE)
    text = path.read_text("utf-8")
    tree = ast.parse(text, str(place))
    return Module(place.as_posix(), place.parts[0].removesuffix(".py"), text, tree, tuple(ast.walk(tree)))


@cache
def imports(module: Module) -> tuple[Import, ...]:
    """Return what a module imports, wherever in it."""
    return tuple(_imports(module))


def _imports(module: Module) -> Iterator[Import]:
    functions = [range(one.lineno, (one.end_lineno or 0) + 1) for one in module.functions]
    for node in module.nodes:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        is_on_use = any(node.lineno in lines for lines in functions)
        match node:
            case ast.Import(names=names):
                for one in names:
                    yield Import(one.name, is_on_use, node.lineno)
            case ast.ImportFrom(module=name, level=0) if name:
                yield Import(name, is_on_use, node.lineno)
            case ast.ImportFrom(level=level) if level:
                yield Import("." * level, is_on_use, node.lineno)


def texts(module: Module) -> Iterator[tuple[str, int]]:
    """Yield every string of a module that is no docstring, with its line; an f-string by its fixed parts."""
    described = {
        id(node.body[0].value)
        for node in module.nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in module.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            yield node.value, node.lineno
