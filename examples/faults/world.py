"""An outside made of one file: every line is something that was done, and under which key."""

from __future__ import annotations

import json
import os

from actum.testing import world_folder


def do(what: str, key: str | None = None) -> None:
    """Do something outside: one more line, in one write."""
    line = json.dumps({"what": what, "key": key}).encode() + b"\n"
    file = os.open(world_folder() / "done", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def done() -> list[dict[str, str | None]]:
    """Return what was done, in order."""
    path = world_folder() / "done"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def is_done(key: str | None) -> bool:
    """Whether something was done under this key: what a well-behaved other side answers."""
    return any(one["key"] == key for one in done())


def reset() -> None:
    (world_folder() / "done").unlink(missing_ok=True)


def observe() -> list[str | None]:
    return [one["what"] for one in done()]


def acted() -> list[tuple[str, str]]:
    return [(str(one["what"]), one["key"]) for one in done() if one["key"] is not None]
