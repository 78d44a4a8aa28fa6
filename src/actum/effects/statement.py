"""Reading an author's statement: that it is one insert, update or delete, of which table, with which values; pure.

Postgres understands the rest. What is read here is read past texts, quoted names and comments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from actum.errors import InvalidContract

_NAME: Final = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_ASIDE: Final = r"""[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?:[^\W\d]\w*)?\$"""
_COMMENT: Final = r"--[^\n]*|/\*.*?\*/"
_PIECES = re.compile(
    rf"(?P<aside>{_ASIDE})|(?P<comment>{_COMMENT})|(?P<cast>::)|:(?P<name>[^\W\d]\w*)", re.DOTALL
)
_NO_ALIAS: Final = "set|where|using|values|select|default|overriding|with|table|as"
_HEAD = re.compile(
    rf"\s*(?:insert\s+into|update(?:\s+only)?|delete\s+from(?:\s+only)?)\s+"
    rf"(?P<table>{_NAME}(?:\s*\.\s*{_NAME})*)(?:\s*\*)?"
    rf"(?:\s+as\s+(?P<named>{_NAME})|\s+(?!(?:{_NO_ALIAS})\b)(?P<alias>{_NAME}))?(?=[\s(]|$)",
    re.IGNORECASE,
)


class Verb(StrEnum):
    """What a statement does to its table."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that changes one table: `text` has `$1`, `$2`, … for the values called `names`, in that order.

    `table` is as it was written; `alias` is what the statement calls it.
    """

    verb: Verb
    table: str
    alias: str
    text: str
    names: tuple[str, ...]


def read_statement(kind: str, text: str) -> Statement:
    """Return what `text` says; raises InvalidContract, in the name of the effect `kind`, unless it is one plain change."""
    names: list[str] = []
    plain: list[str] = []

    def take(match: re.Match[str]) -> str:
        if match["comment"]:
            plain.append(" ")
            return " "
        if match["name"]:
            if match["name"] not in names:
                names.append(match["name"])
            plain.append(" ")
            return f"${names.index(match['name']) + 1}"
        plain.append(match[0] if match[0].startswith(('"', "$")) else " ")
        return match[0]

    numbered, end = [], 0
    for match in _PIECES.finditer(text):
        between = text[end : match.start()]
        plain.append(between)
        numbered += [between, take(match)]
        end = match.end()
    plain.append(text[end:])
    numbered.append(text[end:])
    return _checked(kind, "".join(numbered).strip(), "".join(plain).strip(), tuple(names))


def _checked(kind: str, numbered: str, plain: str, names: tuple[str, ...]) -> Statement:
    if plain.endswith(";"):
        plain, numbered = plain[:-1], numbered[:-1]
    words = re.sub(r'"(?:[^"]|"")*"', '""', plain)
    for pattern, sentence in _REFUSED.items():
        if re.search(pattern, words, re.IGNORECASE):
            raise InvalidContract(f"{kind}: {sentence}")
    head = _HEAD.match(plain)
    if head is None:
        raise InvalidContract(
            f"{kind}: {plain[:60]!r} does not begin as one insert, update or delete of a named table: "
            "for anything else write an @effect of your own"
        )
    table = head["table"]
    alias = head["named"] or head["alias"] or re.findall(_NAME, table)[-1]
    return Statement(Verb(plain.split()[0].lower()), table, alias, numbered, names)


_REFUSED: Final = {
    ";": "there is a semicolon in the statement: give each effect one statement, or write an @effect of your own",
    r"\$": "the statement has values by number, or a text in dollar quotes: write values as :name, texts in '…'",
    r"\breturning\b": "the statement has a returning: leave it out, the effect's result has the rows",
    r"\bdo\s+update\b": (
        "the statement inserts or updates, and nobody could tell afterwards which: write an insert with "
        "`on conflict do nothing`, an update, or an @effect of your own"
    ),
}
