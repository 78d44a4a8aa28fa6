"""The demo's worker process: the same contract, with a note of every step begun, and one death on purpose.

`python -m change_repository.demo_worker LOG [MARKER]`: each step's beginning is appended to LOG. With MARKER, the
process SIGKILLs itself right after the real commit and before anything about it could be recorded; once, because
MARKER then exists.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actum import Worker

from .workflow import apply_change, change_repository, release_change


def note(log: Path, step: str) -> None:
    """Append one line: which step begins, in which process, when."""
    line = json.dumps({"step": step, "pid": os.getpid(), "at": time.time()})
    with log.open("a") as file:
        file.write(line + "\n")


def noted(log: Path, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, noting when it begins."""

    @functools.wraps(function)
    def begin(*args: Any, **kwargs: Any) -> Any:
        note(log, step)
        return function(*args, **kwargs)

    return begin


def dying_after(marker: Path, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, after whose first return this process is gone."""

    @functools.wraps(function)
    def act_and_die(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        try:
            marker.touch(exist_ok=False)
        except FileExistsError:
            return result
        os.kill(os.getpid(), signal.SIGKILL)
        return result

    return act_and_die


async def main() -> None:
    """Serve the contract until killed."""
    logging.basicConfig(level=logging.ERROR)
    log = Path(sys.argv[1])
    if len(sys.argv) > 2:
        apply_change.function = dying_after(Path(sys.argv[2]), apply_change.function)
    for step in {*change_repository.steps, *release_change.steps}:
        step.function = noted(log, step.name, step.function)
    await Worker([change_repository, release_change], lease=4.0).run()


if __name__ == "__main__":
    asyncio.run(main())
