"""Where text goes: plain to a pipe, with a little colour on a terminal where rich can be imported."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from actum.cli.text import neutral

HEADING, GOOD, BAD, DIM, WARN = "bold", "green", "red", "dim", "yellow"


def say(line: str = "", style: str = "") -> None:
    """Print one line that is harmless already."""
    if style and _is_coloured():
        try:
            from rich.console import Console
            from rich.text import Text
        except ImportError:
            print(line)
            return
        Console(highlight=False, soft_wrap=True).print(Text(line, style=style))
        return
    print(line)


def say_all(lines: Iterable[str], style: str = "") -> None:
    """Print lines that are harmless already."""
    for line in lines:
        say(line, style)


def complain(text: object) -> None:
    """Print one line to stderr, made harmless."""
    print(neutral(text), file=sys.stderr, flush=True)


def say_json(value: Any, *, is_line: bool = False) -> None:
    """Print a JSON document in ASCII: nothing in it can act on a terminal."""
    text = json.dumps(value, ensure_ascii=True, indent=None if is_line else 2, default=str)
    print(text.replace("\x7f", "\\u007f"), flush=is_line)


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
