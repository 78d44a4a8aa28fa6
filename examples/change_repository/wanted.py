"""What `make demo` and `make dev` are asked for: repositories, and who proposes."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .records import Task
from .repository import find_top
from .sample_repository import make_sample_repository, make_small_repository
from .small_samples import RATES, UNTIDY
from .summary import REHEARSAL

REFUSAL = ["python", "-c", "raise SystemExit('not on a Friday')"]
"""A last check that fails."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The work of a demo: `many` tasks for one workflow, one for the workflow that is kept, one for a rehearsal."""

    many: tuple[Task, ...]
    kept: Task
    rehearsed: Task


def read_task(program: str) -> Task:
    """Return the task of the command line; without a repository, the sample is made, in a folder of its own.

    Raises ChangeProblem for a path that is no repository, and SystemExit for options that cannot be meant.
    """
    given = _parse(program)
    if given.repository:
        return Task(repository=str(find_top(given.repository)), model=given.model)
    folder = Path(tempfile.mkdtemp(prefix="actum-sample-"))
    return Task(repository=str(make_sample_repository(folder / "repository")), model=given.model)


def read_wanted(program: str, folder: Path) -> Wanted:
    """Return the work of the command line; without a repository, five samples are made in `folder`; raises as `read_task`.

    With a repository of one's own there is nothing to share a card with, and the rehearsal happens there too.
    """
    given = _parse(program)
    branch = f"{REHEARSAL}{folder.name}"
    if given.repository:
        kept = Task(repository=str(find_top(given.repository)), model=given.model)
        last = kept.model_copy(
            update={"model": None, "max_files": 1, "branch": branch, "release_command": REFUSAL}
        )
        return Wanted((), kept, last)
    many = [make_small_repository(folder / name, files) for name, files in UNTIDY.items()]
    tally, rates = make_sample_repository(folder / "tally"), make_small_repository(folder / "rates", RATES)
    return Wanted(
        tuple(Task(repository=str(top)) for top in many),
        Task(repository=str(tally), model=given.model),
        Task(repository=str(rates), branch=branch, release_command=REFUSAL),
    )


def _parse(program: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=program, description="Improve Git repositories under contract.")
    parser.add_argument("repository", nargs="?", default="", help="a Git checkout; samples when left out")
    parser.add_argument(
        "--model",
        metavar="PROVIDER:NAME",
        help="propose by a model, anthropic:… or openai:…, instead of offline",
    )
    return parser.parse_args()
