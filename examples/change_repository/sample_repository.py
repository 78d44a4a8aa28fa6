"""The packages the example carries, as Git repositories of their own; the largest has an honest little history."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from .git import git

_FILES = Path(__file__).parent / "sample"
_HISTORY = (
    (
        "Read expenses from CSV",
        (
            "pyproject.toml",
            "README.md",
            "src/tally/__init__.py",
            "src/tally/reader.py",
            "tests/test_reader.py",
        ),
    ),
    ("Sum expenses by month and category", ("src/tally/summary.py", "tests/test_summary.py")),
    ("Print a report", ("src/tally/report.py", "tests/test_report.py")),
)
_AUTHOR = ("-c", "user.name=Tally", "-c", "user.email=tally@localhost", "-c", "commit.gpgSign=false")


def make_sample_repository(folder: Path) -> Path:
    """Make the carried package a repository in `folder`, which must be missing or empty, and return `folder`.

    Raises FileExistsError, and changes nothing, when something is there already.
    """
    _begin(folder)
    for subject, names in _HISTORY:
        for name in names:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_FILES / name, target)
        _commit(folder, subject, *names)
    return folder


def make_small_repository(folder: Path, files: Mapping[str, str]) -> Path:
    """Make a repository of one commit that holds `files`, texts by name; as `make_sample_repository` otherwise."""
    _begin(folder)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    _commit(folder, "Begin", *files)
    return folder


def _begin(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: name a new folder for the sample repository")
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--template=", "--initial-branch=main")


def _commit(folder: Path, subject: str, *names: str) -> None:
    git(folder, "add", "--", *names)
    git(folder, *_AUTHOR, "commit", "--quiet", "-m", subject)
