"""The main example left running for a person: `python -m change_repository.dev [REPOSITORY]`.

Starts one workflow on the repository (the sample where none is given), then becomes `actum dev`, which serves it with
the embedded database and prints the line to type for everything that waits for a person. Ctrl-C ends it; started
again, it goes on where it was.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from actum import Client
from actum.errors import ActumError

from .demo import say
from .problems import ChangeProblem
from .records import Task
from .repository import find_top
from .sample_repository import make_sample_repository
from .workflow import change_repository


async def start(repository: str) -> None:
    """Start one workflow, or find the one that was started on this repository before."""
    async with Client.open(actor="user:author") as client:
        handle = await client.start(
            change_repository(Task(repository=repository)), key=f"dev:{repository}"[:255]
        )
        say(f"workflow {handle.short_id} on {repository}; `actum watch {handle.short_id}` follows it")


def main() -> None:
    """Start the workflow, then serve."""
    try:
        if len(sys.argv) > 1 and sys.argv[1]:
            repository = str(find_top(sys.argv[1]))
        else:
            repository = str(
                make_sample_repository(Path(tempfile.mkdtemp(prefix="actum-dev-")) / "repository")
            )
        asyncio.run(start(repository))
    except (ChangeProblem, ActumError) as problem:
        sys.exit(f"make dev: {problem}")
    os.execv(sys.executable, [sys.executable, "-m", "actum.cli", "dev", "change_repository.workflow"])  # noqa: S606


if __name__ == "__main__":
    main()
