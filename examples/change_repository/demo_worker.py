"""The demo's worker process: the same contracts, with a note of every step begun, and one death on purpose.

`python -m change_repository.demo_worker FOLDER [--dies] [--slow REPOSITORY] [--cuts REPOSITORY]`: each step's beginning
is appended to a log in FOLDER. Each mishap happens once, because a marker in FOLDER then exists: the process SIGKILLs
itself right after the real commit and before anything about it could be recorded; reading one repository takes longer
than it may, as on a disk that is asleep; and the first patch for another one comes cut off, as a model's answer may.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import logging
import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from actum import Timeout, Worker
from actum.authoring.contract import Contract

from .records import Context, Proposal, Task
from .workflow import (
    apply_change,
    change_repositories,
    change_repository,
    collect_context,
    propose_change,
    release_change,
)

CONTRACTS: list[Contract[..., Any]] = [change_repositories, change_repository, release_change]
LOG = "steps.jsonl"
DIED = "died-after-commit"
PATIENCE = timedelta(seconds=2)
"""How long reading a small sample may take in the demo."""


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


def is_first(marker: Path) -> bool:
    """Whether nothing made `marker` before; it exists from now on."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def dying_after(marker: Path, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, after whose first return this process is gone."""

    @functools.wraps(function)
    def act_and_die(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if is_first(marker):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return act_and_die


def slow_once(marker: Path, repository: str, function: Callable[[Task], Context]) -> Callable[..., Any]:
    """Return `function`, whose first reading of `repository` does not come back in time."""

    @functools.wraps(function)
    def be_slow(task: Task) -> Context:
        if task.repository == repository and is_first(marker):
            time.sleep(PATIENCE.total_seconds() * 1.1)
        return function(task)

    return be_slow


def cut_once(marker: Path, repository: str, function: Callable[[Context], Proposal]) -> Callable[..., Any]:
    """Return `function`, whose first patch for `repository` breaks off in the middle."""

    @functools.wraps(function)
    def cut(context: Context) -> Proposal:
        proposal = function(context)
        if context.task.repository == repository and is_first(marker):
            return proposal.model_copy(update={"diff": proposal.diff[: len(proposal.diff) // 2]})
        return proposal

    return cut


def watch(wanted: argparse.Namespace) -> None:
    """Have every step noted, and what is wanted go wrong once."""
    folder: Path = wanted.folder
    if wanted.dies:
        apply_change.function = dying_after(folder / DIED, apply_change.function)
    if wanted.slow:
        collect_context.timeout = Timeout(attempt=PATIENCE)
        collect_context.function = slow_once(folder / "slow", wanted.slow, collect_context.function)
    if wanted.cuts:
        propose_change.function = cut_once(folder / "cut", wanted.cuts, propose_change.function)
    for step in {step for contract in CONTRACTS for step in contract.steps}:
        step.function = noted(folder / LOG, step.name, step.function)


def parse() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="demo_worker")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dies", action="store_true")
    parser.add_argument("--slow", metavar="REPOSITORY")
    parser.add_argument("--cuts", metavar="REPOSITORY")
    return parser.parse_args()


async def main() -> None:
    """Serve the contracts until killed."""
    logging.basicConfig(level=logging.ERROR)
    await Worker(CONTRACTS, lease=4.0).run()


if __name__ in ("__main__", "__mp_main__"):
    # The second name is that of the process in which a workflow runs alone, after workers have died of it.
    watch(parse())
if __name__ == "__main__":
    asyncio.run(main())
