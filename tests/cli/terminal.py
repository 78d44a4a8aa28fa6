"""A command before a person: a real terminal for its input and output, read and typed at by the test."""

from __future__ import annotations

import os
import pty
import select
import time
from collections.abc import Sequence

from commanding import PATIENCE, Actum, Done


def type_at(actum: Actum, arguments: Sequence[str], typed: Sequence[tuple[str, str]]) -> Done:
    """Run a command at a terminal of 80 columns; type each line once its prompt was printed. Both outputs are in `out`."""
    outer, inner = pty.openpty()
    process = actum.bear(arguments, inner, inner, inner, TERM="xterm", COLUMNS="80")
    os.close(inner)
    said, read = "", 0
    try:
        for prompt, line in typed:
            while prompt not in said[read:]:
                said += _read(outer, said)
            read = len(said)
            os.write(outer, f"{line}\n".encode())
        while more := _read(outer, said, is_last=True):
            said += more
        code = process.wait(PATIENCE)
    finally:
        process.kill()
        os.close(outer)
    return Done(code, said, said.splitlines()[-1] if said else "")


def _read(outer: int, said: str, *, is_last: bool = False) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not select.select([outer], [], [], 1)[0]:
            continue
        try:
            more = os.read(outer, 4096).decode("utf-8", "replace")
        except OSError:  # the command closed its side
            more = ""
        assert more or is_last, f"it ended before it asked: {said}"
        return more
    raise AssertionError(f"waited in vain; so far: {said}")
