"""The main example left running for a person: `python -m change_repository.dev [REPOSITORY] [--model PROVIDER:NAME]`.

Starts one workflow on the repository (the sample where none is given), then becomes `actum dev`, which serves it with
the embedded database and prints the line to type for everything that waits for a person. The example's policy rules
it, unless the database has one already. Ctrl-C ends it; started again, it goes on where it was.
"""

from __future__ import annotations

import asyncio
import os
import sys

from actum import Client
from actum.errors import ActumError

from .demo_stage import say
from .problems import ChangeProblem
from .records import Task
from .ruled import rule_by_own_policy
from .wanted import read_task
from .workflow import change_repository


async def start(task: Task) -> None:
    """Start one workflow, or find the one that was started on this repository before."""
    async with Client.open(actor="user:author") as client:
        active = await client.policies.active()
        if active is None:
            active = (await rule_by_own_policy(client)).policy
        say(f"effects are ruled by the policy {active.name}; `actum policy show` shows it")
        handle = await client.start(change_repository(task), key=f"dev:{task.repository}"[:255])
        say(f"workflow {handle.short_id} on {task.repository}; `actum watch {handle.short_id}` follows it")


def main() -> None:
    """Start the workflow, then serve."""
    try:
        asyncio.run(start(read_task("make dev")))
    except (ChangeProblem, ActumError) as problem:
        sys.exit(f"make dev: {problem}")
    os.execv(sys.executable, [sys.executable, "-m", "actum.cli", "dev", "change_repository.workflow"])  # noqa: S606


if __name__ == "__main__":
    main()
