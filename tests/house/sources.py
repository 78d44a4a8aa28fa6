"""The package's own source, parsed: what the rules of the house are read from."""

from __future__ import annotations

import ast
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

    @property
    def lines(self) -> int:
        return self.text.count("\n")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, by its whole name; `is_on_use` inside a function."""

    name: str
    is_on_use: bool
    line: int


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of the package, sorted by place."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE)
        text = path.read_text("utf-8")
        room = place.parts[0].removesuffix(".py")
        found.append(Module(place.as_posix(), room, text, ast.parse(text, str(place))))
    return tuple(found)


@cache
def imports(module: Module) -> tuple[Import, ...]:
    """Return what a module imports, wherever in it."""
    return tuple(_imports(module))


def _imports(module: Module) -> Iterator[Import]:
    inner = {
        id(node)
        for function in ast.walk(module.tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=names):
                for one in names:
                    yield Import(one.name, id(node) in inner, node.lineno)
            case ast.ImportFrom(module=name, level=0) if name:
                yield Import(name, id(node) in inner, node.lineno)
            case ast.ImportFrom(level=level) if level:
                yield Import("." * level, id(node) in inner, node.lineno)


def texts(module: Module) -> Iterator[tuple[str, int]]:
    """Yield every string of a module that is no docstring, with its line; an f-string by its fixed parts."""
    described = {
        id(node.body[0].value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            yield node.value, node.lineno
