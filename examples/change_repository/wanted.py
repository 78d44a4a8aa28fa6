"""What `make demo` and `make dev` are asked for: a repository, and who proposes."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from .records import Task
from .repository import find_top
from .sample_repository import make_sample_repository


def read_task(program: str, folder: Path | None = None) -> Task:
    """Return the task of the command line; without a repository, the sample is made, in `folder` or one of its own.

    Raises ChangeProblem for a path that is no repository, and SystemExit for options that cannot be meant.
    """
    parser = argparse.ArgumentParser(prog=program, description="Improve a Git repository under contract.")
    parser.add_argument("repository", nargs="?", default="", help="a Git checkout; the sample when left out")
    parser.add_argument(
        "--model",
        metavar="PROVIDER:NAME",
        help="propose by a model, anthropic:… or openai:…, instead of offline",
    )
    given = parser.parse_args()
    if given.repository:
        return Task(repository=str(find_top(given.repository)), model=given.model)
    place = folder or Path(tempfile.mkdtemp(prefix="actum-sample-"))
    return Task(repository=str(make_sample_repository(place / "repository")), model=given.model)
