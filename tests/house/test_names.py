"""Names and sizes: one noun a file, no rooms for everything, and a front door that is sorted."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module

from sources import Module, modules

import actum

NO_NOUNS = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager", "handler", "core"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
STILL_LONG = {"engine/runner.py": 644}
"""Files that wait for their second noun to be found; a number here only goes down."""


def test_a_module_says_what_it_is_for() -> None:
    assert [] == [module.place for module in modules() if not ast.get_docstring(module.tree)]


def _found(look: Callable[[Module], list[str]]) -> dict[str, list[str]]:
    """Return what `look` finds wrong, by the place of the module."""
    return {module.place: wrong for module in modules() if (wrong := look(module))}


def _long_functions(module: Module) -> list[str]:
    return [
        f"{node.name} ({(node.end_lineno or 0) - node.lineno + 1} lines)"
        for node in module.functions
        if (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    ]


def test_a_file_and_its_functions_can_be_read_in_one_go() -> None:
    long = {one.place: one.lines for one in modules() if one.lines > STILL_LONG.get(one.place, LONGEST_FILE)}
    assert {} == long, "look for the second noun"
    assert {} == _found(_long_functions)


def test_a_file_that_has_become_short_is_no_exception_any_more() -> None:
    assert [] == [one.place for one in modules() if one.place in STILL_LONG and one.lines <= LONGEST_FILE]


def _empty_words(module: Module) -> list[str]:
    named = [part.removesuffix(".py") for part in module.place.split("/")]
    for node in module.nodes:
        if isinstance(node, ast.ClassDef):
            words = "".join(f" {c}" if c.isupper() else c for c in node.name).lower().split()
            named += [words[-1]]
    return sorted(set(named) & NO_NOUNS)


def test_nothing_is_called_by_a_word_that_says_nothing() -> None:
    assert {} == _found(_empty_words)


def test_the_front_door_is_sorted_and_every_name_leads_somewhere() -> None:
    assert sorted(actum.__all__) == actum.__all__
    assert [] == [name for name in actum.__all__ if getattr(actum, name, None) is None]


def _missing_exports(module: Module) -> list[str]:
    name = "actum." + module.place.removesuffix(".py").replace("/", ".").removesuffix(
        "__init__"
    ).removesuffix(".")
    lists = [
        node.value
        for node in module.tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
    ]
    exported = [one for found in lists for one in ast.literal_eval(found)]  # in the order that ruff keeps
    return [one for one in exported if not hasattr(import_module(name.rstrip(".")), one)]


def test_what_a_module_exports_is_there() -> None:
    assert {} == _found(_missing_exports)
