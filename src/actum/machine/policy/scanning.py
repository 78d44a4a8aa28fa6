"""Where each key of a TOML text stands: `tomllib` gives values without their lines, and a mistake needs its line.

The text is known to be valid TOML, so the scanner only follows it: it never decides what is right.
"""

from __future__ import annotations

import re
import tomllib
from typing import Final, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""A place in the file: `("rule", 2, "match", "rows")`, items of a list counted from 0."""

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR: Final = re.compile(r"[^,\]}#\n]*")
_TEXTS: Final = (
    re.compile(r'"""(?:\\.|[^\\])*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\])*"'),
    re.compile(r"'[^']*'"),
)


def find_lines(text: str) -> dict[Path, int]:
    """Return the line of every table, key and item of `text`, a valid TOML document, counted from 1."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {(): 1}
        self.counts: dict[Path, int] = {}
        self._counted = (0, 1)

    def scan(self) -> dict[Path, int]:
        """Go through the document, one statement after the other."""
        table: Path = ()
        while self._skip(_BLANK) < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self.lines

    def _header(self) -> Path:
        is_list = self.text.startswith("[[", self.at)
        line = self._line()
        self.at += 2 if is_list else 1
        self._skip(_SPACE)
        place = self._within(self._key(), but_last=is_list)
        if is_list:
            self.counts[place] = self.counts.get(place, -1) + 1
            place = (*place, self.counts[place])
        for length in range(1, len(place) + 1):
            self.lines.setdefault(place[:length], line)
        self._skip(_SPACE)
        self.at += 2 if is_list else 1
        return place

    def _within(self, key: Path, *, but_last: bool) -> Path:
        """Return the place that a header names: below a list, that is its newest item."""
        place: Path = ()
        for position, part in enumerate(key):
            place = (*place, part)
            if place in self.counts and not (but_last and position == len(key) - 1):
                place = (*place, self.counts[place])
        return place

    def _pair(self, table: Path) -> None:
        line = self._line()
        key = self._key()
        for length in range(1, len(key) + 1):
            self.lines.setdefault(table + key[:length], line)
        self._skip(_SPACE)
        self.at += 1  # the sign =
        self._skip(_SPACE)
        self._value(table + key)

    def _key(self) -> Path:
        parts: list[str] = []
        while True:
            bare = _BARE.match(self.text, self.at)
            if bare:
                parts.append(bare.group())
                self.at = bare.end()
            else:
                parts.append(self._quoted())
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return tuple(parts)
            self.at += 1
            self._skip(_SPACE)

    def _quoted(self) -> str:
        start = self.at
        self._text()
        return str(tomllib.loads(f"key = {self.text[start : self.at]}")["key"])

    def _value(self, place: Path) -> None:
        match self.text[self.at]:
            case "[":
                self._items(place)
            case "{":
                self._inline(place)
            case '"' | "'":
                self._text()
            case _:
                self._skip(_SCALAR)

    def _items(self, place: Path) -> None:
        self.at += 1
        index = 0
        while self.text[self._skip(_BLANK)] != "]":
            self.lines[(*place, index)] = self._line()
            self._value((*place, index))
            index += 1
            if self.text[self._skip(_BLANK)] == ",":
                self.at += 1
        self.at += 1

    def _inline(self, place: Path) -> None:
        self.at += 1
        while self.text[self._skip(_BLANK)] != "}":
            self._pair(place)
            if self.text[self._skip(_BLANK)] == ",":
                self.at += 1
        self.at += 1

    def _text(self) -> None:
        found = next(found for one in _TEXTS if (found := one.match(self.text, self.at)))
        self.at = found.end()

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def _line(self) -> int:
        """Return the line of where we are, counting on from the last one that was asked for."""
        position, line = self._counted
        line += self.text.count("\n", position, self.at)
        self._counted = (self.at, line)
        return line
