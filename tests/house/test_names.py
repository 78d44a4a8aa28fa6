"""Names and sizes: one noun a file, no rooms for everything, and a front door that is sorted."""

from __future__ import annotations

import ast
from importlib import import_module

import pytest
from sources import Module, modules

import actum

NO_NOUNS = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager", "handler", "core"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
STILL_LONG = {"engine/runner.py": 660, "engine/worker.py": 420}
"""Files that wait for their second noun to be found; a number here only goes down."""


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.place)
def test_a_module_says_what_it_is_for(module: Module) -> None:
    assert ast.get_docstring(module.tree)


def _long_functions(module: Module) -> list[str]:
    return [
        f"{node.name} ({(node.end_lineno or 0) - node.lineno + 1} lines)"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    ]


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.place)
def test_a_file_and_its_functions_can_be_read_in_one_go(module: Module) -> None:
    assert module.lines <= STILL_LONG.get(module.place, LONGEST_FILE), "look for the second noun"
    assert [] == _long_functions(module)


def test_a_file_that_has_become_short_is_no_exception_any_more() -> None:
    assert [] == [one.place for one in modules() if one.place in STILL_LONG and one.lines <= LONGEST_FILE]


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.place)
def test_nothing_is_called_by_a_word_that_says_nothing(module: Module) -> None:
    named = [part.removesuffix(".py") for part in module.place.split("/")]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef):
            words = "".join(f" {c}" if c.isupper() else c for c in node.name).lower().split()
            named += [words[-1]]
    assert [] == sorted(set(named) & NO_NOUNS)


def test_the_front_door_is_sorted_and_every_name_leads_somewhere() -> None:
    assert sorted(actum.__all__) == actum.__all__
    assert [] == [name for name in actum.__all__ if getattr(actum, name, None) is None]


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.place)
def test_what_a_module_exports_is_there(module: Module) -> None:
    name = "actum." + module.place.removesuffix(".py").replace("/", ".").removesuffix(
        "__init__"
    ).removesuffix(".")
    lists = [
        node.value
        for node in module.tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
    ]
    for found in lists:
        exported = ast.literal_eval(found)  # in the order that ruff keeps
        assert [] == [one for one in exported if not hasattr(import_module(name.rstrip(".")), one)]
