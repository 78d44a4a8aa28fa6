"""The demo's worker process: the same contracts, with a note of every step begun, and one death on purpose.

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
from actum.authoring.contract import Contract

from .workflow import apply_change, change_repositories, change_repository, release_change

CONTRACTS: list[Contract[..., Any]] = [change_repositories, change_repository, release_change]


def note(log: Path, step: str, repository: str) -> None:
    """Append one line: which step begins, for which repository, in which process, when."""
    line = json.dumps({"step": step, "repository": repository, "pid": os.getpid(), "at": time.time()})
    with log.open("a") as file:
        file.write(line + "\n")


def noted(log: Path, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, noting when it begins."""

    @functools.wraps(function)
    def begin(*args: Any, **kwargs: Any) -> Any:
        note(log, step, args[0].repository)
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


def watch(log: Path, marker: Path | None) -> None:
    """Have every step noted in `log`, and with `marker` the first commit be followed by death."""
    if marker is not None:
        apply_change.function = dying_after(marker, apply_change.function)
    for step in {step for contract in CONTRACTS for step in contract.steps}:
        step.function = noted(log, step.name, step.function)


async def main() -> None:
    """Serve the contracts until killed."""
    logging.basicConfig(level=logging.ERROR)
    await Worker(CONTRACTS, lease=4.0).run()


if __name__ in ("__main__", "__mp_main__"):
    # The second name is that of the process in which a workflow runs alone, after workers have died of it.
    watch(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
if __name__ == "__main__":
    asyncio.run(main())
