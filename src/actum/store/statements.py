"""SQL as files: named statements, arguments by name, one schema that may be called otherwise.

A file `sql/TOPIC.sql` holds statements that each begin with `-- name: NAME` and a line that says what it does and who
calls it. `:argument` stands for a value; it becomes `$1`, `$2`, … in the order of first use. The schema is written
as `actum.` and renamed when a setting says so; that, and the lines that a shorter statement leaves out, are the only
changes ever made to a statement's text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

SCHEMA = "actum"
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_SHORTER = re.compile(r"^-- shorter: (\w+)\n", re.MULTILINE)
_LEFT_OUT = re.compile(r"^--\[\n.*?^--\]\n", re.MULTILINE | re.DOTALL)
_ARGUMENT = re.compile(r"(?<![:\w]):([a-z_]+)")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement ready for the driver: `text` with `$n`, and the names of its arguments in that order."""

    topic: str
    name: str
    text: str
    arguments: tuple[str, ...]

    def order(self, values: dict[str, object]) -> list[object]:
        """Return `values` in the statement's order; a missing or surplus name is a bug and raises KeyError."""
        if len(values) != len(self.arguments):
            unknown = set(values) ^ set(self.arguments)
            raise KeyError(f"{self.topic}.{self.name}: {sorted(unknown)}")
        return [values[name] for name in self.arguments]


def _statement(topic: str, name: str, body: str) -> Statement:
    arguments: list[str] = []

    def number(match: re.Match[str]) -> str:
        argument = match.group(1)
        if argument not in arguments:
            arguments.append(argument)
        return f"${arguments.index(argument) + 1}"

    code = "\n".join(line for line in body.strip().rstrip(";").splitlines() if not line.startswith("--"))
    return Statement(topic, name, _ARGUMENT.sub(number, code), tuple(arguments))


def rename_schema(text: str, schema: str) -> str:
    """Return SQL text written for the schema `actum` as text for `schema`."""
    if schema == SCHEMA:
        return text
    return re.sub(rf"\b{SCHEMA}\b", schema, text)


@cache
def load(topic: str, schema: str = SCHEMA) -> dict[str, Statement]:
    """Return the statements of `sql/TOPIC.sql` by name.

    A statement with a line `-- shorter: NAME` is two: that one is without what stands between lines `--[` and `--]`.
    """
    text = rename_schema(
        resources.files("actum.store").joinpath("sql", f"{topic}.sql").read_text("utf-8"), schema
    )
    pieces = _NAME.split(text)[1:]
    bodies = dict(zip(pieces[::2], pieces[1::2], strict=True))
    for body in list(bodies.values()):
        for shorter in _SHORTER.findall(body):
            bodies[shorter] = _LEFT_OUT.sub("", body)
    return {name: _statement(topic, name, body) for name, body in bodies.items()}


def topics() -> tuple[str, ...]:
    """Return the names of all statement files, sorted; `schema.sql` is for readers and is none."""
    folder = resources.files("actum.store").joinpath("sql")
    names = (entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(sorted(name.removesuffix(".sql") for name in names if name != "schema.sql"))
