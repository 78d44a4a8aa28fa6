"""Where a function goes through a set: strings hash differently in every process, so its order does too."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from actum.authoring.lint.source import Definition, Source

_ALGEBRA = ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor
_METHODS = frozenset({"copy", "difference", "intersection", "symmetric_difference", "union"})
_TYPES = frozenset({"set", "frozenset", "Set", "AbstractSet", "MutableSet"})
_CARELESS = frozenset(
    f"builtins.{name}" for name in ("all", "any", "frozenset", "len", "max", "min", "set", "sorted", "sum")
)
_ORDERED = frozenset(
    {"builtins.list", "builtins.tuple", "builtins.enumerate", "builtins.iter", "builtins.zip"}
)


def iterated_sets(node: Definition, source: Source) -> Iterator[tuple[int, str]]:
    """Yield line and text of every set whose order matters to what follows."""
    names = _set_names(node, source)
    careless = _careless_in(node, source)
    for one in ast.walk(node):
        if id(one) in careless:
            continue
        for candidate in _ordered_by(one, source):
            if _is_set(candidate, names, source):
                yield candidate.lineno, ast.unparse(candidate)


def _ordered_by(node: ast.AST, source: Source) -> Iterator[ast.expr]:
    match node:
        case ast.For(iter=through) | ast.AsyncFor(iter=through):
            yield through
        case (
            ast.ListComp(generators=generators)
            | ast.GeneratorExp(generators=generators)
            | ast.DictComp(generators=generators)
        ):
            yield from (one.iter for one in generators)
        case ast.Starred(value=value):
            yield value
        case ast.Call(func=ast.Attribute(value=value, attr="pop"), args=[]):
            yield value
        case ast.Call(func=function, args=args) if source.name_of(function) in _ORDERED:
            yield from args


def _careless_in(node: Definition, source: Source) -> set[int]:
    """Return the ids of the arguments of whatever does not care for order, such as `sorted(…)`."""
    return {
        id(argument)
        for one in ast.walk(node)
        if isinstance(one, ast.Call) and source.name_of(one.func) in _CARELESS
        for argument in one.args
    }


def _is_set(node: ast.expr, names: set[str], source: Source) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Name(id=name):
            return name in names or isinstance(source.value_of(node), set | frozenset)
        case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, _ALGEBRA):
            return _is_set(left, names, source) or _is_set(right, names, source)
        case ast.Call(func=ast.Attribute(value=value, attr=attribute)) if attribute in _METHODS:
            return _is_set(value, names, source)
        case ast.Call(func=function):
            return source.name_of(function) in ("builtins.set", "builtins.frozenset")
    return False


def _set_names(node: Definition, source: Source) -> set[str]:
    """Return the variables that hold a set: assigned one, or annotated as one."""
    names: set[str] = set()
    for one in ast.walk(node):
        match one:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_set(value, names, source):
                names.add(name)
            case (
                ast.AnnAssign(target=ast.Name(id=name), annotation=annotation)
                | ast.arg(arg=name, annotation=ast.expr() as annotation)
            ) if _means_set(annotation):
                names.add(name)
    return names


def _means_set(annotation: ast.expr) -> bool:
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    match annotation:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _TYPES
    return False
