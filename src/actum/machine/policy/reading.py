"""Reading a TOML file value by value, so that every mistake is found, each with its line, its key and a way out."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from actum.errors import InvalidContract, PolicyError
from actum.machine.policy.scanning import Path, find_lines
from actum.model.contract import parse_duration

_PLACE: Final = re.compile(r"\s*\(at line (\d+), column \d+\)")
_WORDS: Final[Mapping[type, str]] = {
    bool: "true or false",
    str: "a text",
    int: "a whole number",
    Decimal: "a number with a fraction",
    list: "a list",
    dict: "a table",
}


class Reading:
    """One file being read: what it holds, where each key stands, and what was found wrong so far."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.mistakes: list[PolicyError] = []
        try:
            self.values: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
            self.lines = find_lines(text.replace("\r\n", "\n"))
        except tomllib.TOMLDecodeError as error:
            raise self._not_toml(str(error), text) from None
        except (RecursionError, ValueError) as error:
            raise PolicyError(
                f"{file}:1: this cannot be read ({error}): keep tables and numbers small",
                file=file,
                line=1,
                key="",
            ) from None

    def _not_toml(self, said: str, text: str) -> PolicyError:
        place = _PLACE.search(said)
        line = int(place.group(1)) if place else max(1, text.count("\n"))
        what = _PLACE.sub("", said).replace(" (at end of document)", ", where the file ends")
        what = what[:1].lower() + what[1:]
        return PolicyError(
            f"{self.file}:{line}: this is not TOML: {what}: correct the line, or the one before it",
            file=self.file,
            line=line,
            key="",
        )

    def line(self, path: Path) -> int:
        """Return the line of `path`, or of the nearest table around it."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def blame(self, path: Path, sentence: str) -> None:
        """Note a mistake at `path`: what is wrong, and the way out."""
        line, key = self.line(path), dotted(path)
        where = f"{self.file}:{line}: {key}: " if key else f"{self.file}:{line}: "
        self.mistakes.append(PolicyError(where + sentence, file=self.file, line=line, key=key))

    def end(self) -> None:
        """Raise PolicyError if there were mistakes: the first one, with all of them as its `mistakes`."""
        if not self.mistakes:
            return
        found = sorted(self.mistakes, key=lambda one: one.line)
        first, more = found[0], len(found) - 1
        rest = f" (and {more} more mistake{'s' if more > 1 else ''})" if more else ""
        raise PolicyError(
            f"{first}{rest}", file=first.file, line=first.line, key=first.key, mistakes=found
        ) from None


class Table:
    """One table being read; every getter notes what is wrong and then answers as if the key were not there."""

    def __init__(self, reading: Reading, path: Path, values: Mapping[str, Any]) -> None:
        self.reading = reading
        self.path = path
        self.values = values

    def blame(self, key: str, sentence: str) -> None:
        """Note a mistake at `key`."""
        self.reading.blame((*self.path, key), sentence)

    def refuse_others(self, names: Iterable[str], required: Iterable[str]) -> None:
        """Note each key that is not among `names`, and each of `required` that is missing."""
        known, meant = tuple(names), set()
        for key in self.values:
            if key not in known:
                near = nearest(key, known)
                meant |= {one for one in known if repr(one) in near}
                self.blame(key, f"there is no key {key!r} here{near}")
        for key in required:
            if key not in self.values and key not in meant:
                self.reading.blame(self.path, f"the key {key!r} is missing here: add it")

    def text(self, key: str) -> str | None:
        """Return a text that is not blank."""
        found = self._of(key, str)
        if isinstance(found, str) and (not found.strip() or not found.isprintable()):
            self.blame(key, f"{found!r} is blank or has unprintable characters: write a word or a sentence")
            return None
        return found if isinstance(found, str) else None

    def choice(self, key: str, words: Iterable[str]) -> str | None:
        """Return a text that is one of `words`."""
        found, known = self.text(key), tuple(words)
        if found is None or found in known:
            return found
        self.blame(key, f"{found!r} is none of {', '.join(known)}{nearest(found, known)}")
        return None

    def whole(self, key: str, low: int, high: int | None = None) -> int | None:
        """Return a whole number from `low` to `high`."""
        found = self._of(key, int)
        if not isinstance(found, int):
            return None
        if found < low or (high is not None and found > high):
            limit = f"{low} or more" if high is None else f"a number from {low} to {high}"
            self.blame(key, f"{found} is not allowed: write {limit}")
            return None
        return found

    def share(self, key: str) -> float | None:
        """Return a number between 0 and 1, both excluded."""
        found = self._of(key, int, Decimal)
        if found is None:
            return None
        if not 0 < found < 1:
            self.blame(key, f"{found} is not a share: write a number between 0 and 1, such as 0.8")
            return None
        return float(found)

    def duration(self, key: str) -> timedelta | None:
        """Return a duration such as `4h`."""
        found = self.text(key)
        if found is None:
            return None
        try:
            return parse_duration(found)
        except InvalidContract as error:
            self.blame(key, str(error))
            return None

    def texts(self, key: str, *, or_one: bool = False) -> tuple[str, ...]:
        """Return a list of texts; `or_one` lets a single text stand for the list of it."""
        found = self.values.get(key)
        if or_one and isinstance(found, str):
            one = self.text(key)
            return (one,) if one else ()
        return tuple(text for _, text in self._items(key, str) if isinstance(text, str))

    def items(self, key: str) -> Iterator[tuple[Path, Any]]:
        """Yield the items of a list with their paths, of any type."""
        found = self._of(key, list)
        for index, item in enumerate(found or ()):
            yield (*self.path, key, index), item

    def table(self, key: str) -> Table | None:
        """Return a table within this one."""
        found = self._of(key, dict)
        return None if found is None else Table(self.reading, (*self.path, key), found)

    def tables(self, key: str) -> Iterator[Table]:
        """Yield the tables of a list of tables."""
        for path, item in self._items(key, dict):
            yield Table(self.reading, path, item)

    def named(self, key: str) -> Iterator[tuple[str, Table]]:
        """Yield the tables within the table `key`, with their names."""
        around = self.table(key)
        for name in around.values if around else ():
            inner = around.table(name) if around else None
            if inner is not None:
                yield name, inner

    def _items(self, key: str, wanted: type) -> Iterator[tuple[Path, Any]]:
        for path, item in self.items(key):
            if isinstance(item, wanted):
                yield path, item
            else:
                self.reading.blame(path, f"{shown(item)} stands where {_WORDS[wanted]} is needed")

    def _of(self, key: str, *wanted: type) -> Any:
        found = self.values.get(key)
        if found is None or (
            isinstance(found, wanted) and not (isinstance(found, bool) and bool not in wanted)
        ):
            return found
        self.blame(key, f"{shown(found)} stands where {_WORDS[wanted[-1]]} is needed")
        return None


def dotted(path: Path) -> str:
    """Return a path as people write it, items counted from 1."""
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in path)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown word: the nearest known one, or all of them."""
    words = [str(one) for one in known]
    lower = {one.lower(): one for one in words}
    found = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    if found:
        return f": did you mean {lower[found[0]]!r}?"
    return f": write one of {', '.join(words)}" if words else ": there is none to choose from"


def shown(value: object) -> str:
    """Return a value as the file has it, cut where it is long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
