"""Text for a terminal: made harmless, wrapped to its width, with times and ages as people say them.

What came from outside is shown by `neutral`, so that a card cannot be made to say something else, nor to hide what it
says.
"""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from actum.machine.neutral import neutral as neutral

WIDTH = 80
_WIDE = frozenset({"W", "F"})


def neutral_lines(text: object) -> list[str]:
    """Return text as harmless lines, split at line feeds alone; tabs are four spaces."""
    lines = str(text).replace("\r\n", "\n").split("\n")
    while lines and not lines[-1]:
        lines.pop()
    return [neutral(line.replace("\t", "    ")) for line in lines]


def columns() -> int:
    """Return how wide a line may be: the terminal's width up to 120, else 80."""
    return min(max(shutil.get_terminal_size((WIDTH, 24)).columns, 40), 120) if sys.stdout.isatty() else WIDTH


def measure(text: str) -> int:
    """Return how many columns text takes: two for wide characters, none for combining ones."""
    return sum(_columns_of(char) for char in text)


def _columns_of(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in _WIDE else 1


def wrap(text: str, width: int) -> list[str]:
    """Return text in lines of at most `width` columns; words that are longer are cut, nothing is dropped."""
    lines, line = [], ""
    for word in re.split(r"(?<= )", text):
        if measure(line) + measure(word.rstrip(" ")) <= width:
            line += word
            continue
        if line.strip(" "):
            lines.append(line.rstrip(" "))
            line = ""
        *full, line = _cut(word, width)
        lines += full
    return [*lines, line.rstrip(" ")] if line.strip(" ") or not lines else lines


def _cut(word: str, width: int) -> Iterator[str]:
    piece, taken = "", 0
    for char in word:
        size = _columns_of(char)
        if taken + size > width:
            yield piece
            piece, taken = "", 0
        piece, taken = piece + char, taken + size
    yield piece


def indent(text: str, first: str, rest: str, width: int) -> list[str]:
    """Return text wrapped to `width` columns, the first line begun with `first`, the others with `rest`."""
    lines = wrap(text, max(width - max(measure(first), measure(rest)), 20))
    return [(first if number == 0 else rest) + line for number, line in enumerate(lines)]


def fold(lines: Sequence[str], most: int, way: str) -> list[str]:
    """Return at most `most` lines, and, where lines are left out, how many and the `way` to see them."""
    if len(lines) <= most:
        return list(lines)
    return [*lines[:most], f"… {len(lines) - most} more lines: {way}"]


def cut(text: str, width: int) -> list[str]:
    """Return text in pieces of at most `width` columns, cut where the width ends, for what is no prose."""
    return list(_cut(text, width))


def table(rows: Sequence[Sequence[str]], headings: Sequence[str], width: int) -> list[str]:
    """Return rows in columns; the last column is wrapped to what is left of `width`."""
    fixed = [max(measure(row[n]) for row in [headings, *rows]) for n in range(len(headings) - 1)]
    fixed = [min(size, 32) for size in fixed]
    left = max(width - sum(fixed) - 2 * len(fixed), 16)
    lines: list[str] = []
    for row in [headings, *rows]:
        cells = [wrap(cell, size) for cell, size in zip(row, [*fixed, left], strict=True)]
        for number in range(max(len(cell) for cell in cells)):
            parts = [cell[number] if number < len(cell) else "" for cell in cells]
            padded = [part + " " * (size - measure(part)) for part, size in zip(parts, fixed, strict=False)]
            lines.append("  ".join([*padded, parts[-1]]).rstrip(" "))
    return lines


def age(length: timedelta) -> str:
    """Return a length of time as people say it, such as `3 m`; what is under a second is `now`."""
    seconds = length.total_seconds()
    for limit, divisor, unit in ((1, 1, ""), (120, 1, "s"), (7200, 60, "m"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // divisor)} {unit}" if unit else "now"
    return f"{int(seconds // 86400)} d"


def since(instant: datetime, now: datetime) -> str:
    """Return `since 3 m`, or `since just now`."""
    said = age(now - instant)
    return "since just now" if said == "now" else f"since {said}"


def ago(instant: datetime, now: datetime) -> str:
    """Return `3 m ago`, or `just now`."""
    said = age(now - instant)
    return "just now" if said == "now" else f"{said} ago"


def duration(microseconds: int) -> str:
    """Return a measured duration, such as `12 ms`, `1.3 s` or `3 m 10 s`."""
    if microseconds < 1_000_000:
        return f"{microseconds // 1000} ms"
    seconds = microseconds / 1_000_000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} m {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} m"


def local(instant: datetime, now: datetime) -> str:
    """Return an instant in local time: the time alone on the same day, else the day with it."""
    here, today = instant.astimezone(), now.astimezone().date()
    return here.strftime("%H:%M:%S") if here.date() == today else here.strftime("%Y-%m-%d %H:%M:%S")
