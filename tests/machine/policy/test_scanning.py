"""The line of every key, wherever TOML lets it stand."""

from __future__ import annotations

import tomllib

import pytest

from actum.machine.policy.scanning import Path, find_lines

TEXT = '''\
# a comment with [brackets] and "quotes
one = 1  # and = another
two.three = "a # no comment ] }"

long = """
[not.a.table]
x = "1" \\""" still
"""
raw = \'\'\'
y = 2\'\'\'
list = [ # why
  "a", {inner = [1, 2], "quoted key" = {deep = true}},
  [3,
   4],
]
[table."with.dot".'sub']
key = 1979-05-27T07:32:00Z
[[rule]]
id = "a"
[rule.batch]
by = []
[[rule]]
match = { a = 1, b = { in = ["x"] } }
[[rule.inner]]
z = 1
'''

LINES: dict[Path, int] = {
    ("one",): 2,
    ("two", "three"): 3,
    ("long",): 5,
    ("raw",): 9,
    ("list", 0): 12,
    ("list", 1, "inner", 1): 12,
    ("list", 1, "quoted key", "deep"): 12,
    ("list", 2): 13,
    ("list", 2, 1): 14,
    ("table", "with.dot", "sub"): 16,
    ("table", "with.dot", "sub", "key"): 17,
    ("rule",): 18,
    ("rule", 0): 18,
    ("rule", 0, "batch", "by"): 21,
    ("rule", 1): 22,
    ("rule", 1, "match", "b", "in", 0): 23,
    ("rule", 1, "inner", 0, "z"): 25,
}


def paths(value: object, at: Path = ()) -> set[Path]:
    """Return every path of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {at}.union(*(paths(one, (*at, key)) for key, one in inner))


@pytest.mark.parametrize(("path", "line"), LINES.items(), ids=str)
def test_a_key_is_found_in_its_line(path: Path, line: int) -> None:
    assert line == find_lines(TEXT)[path]


def test_every_key_of_a_document_has_a_line_and_nothing_else_has() -> None:
    assert paths(tomllib.loads(TEXT)) <= set(find_lines(TEXT)) | {("table", "with.dot")}
    assert set(find_lines(TEXT)) <= paths(tomllib.loads(TEXT))
