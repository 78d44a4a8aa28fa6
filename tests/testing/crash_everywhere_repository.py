"""The world of the main example: one Git repository at one place, with commits of one date, so that hashes compare."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from change_repository.records import Task
from change_repository.workflow import change_repository, release_change

FOLDER = "ACTUM_TEST_REPOSITORY"
"""The environment variable that names the repository."""

for who in ("AUTHOR", "COMMITTER"):
    os.environ[f"GIT_{who}_DATE"] = "2026-01-01T00:00:00Z"


def top() -> Path:
    return Path(os.environ[FOLDER])


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgSign=false"]
    done = subprocess.run(
        ["git", "-C", str(top()), *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout


def reset() -> None:
    shutil.rmtree(top(), ignore_errors=True)
    top().mkdir(parents=True)
    (top() / "code_under_test.py").write_text("import os\n\n\ndef answer():\n    return 42\n")
    git("init", "--quiet", "--initial-branch=main")
    git("add", ".")
    git("commit", "--quiet", "-m", "Answer")


def observe() -> dict[str, Any]:
    return {
        "branches": git("for-each-ref", "--format=%(refname) %(objectname)").splitlines(),
        "tree": git("status", "--porcelain"),
    }


def change(release: str | None = None) -> Any:
    """Return a call of the main example; with `release`, a program that looks at the commit, of the one that can undo."""
    flow = change_repository if release is None else release_change
    return flow(
        Task(
            repository=str(top()),
            test_command=["python", "-c", "import code_under_test; assert code_under_test.answer() == 42"],
            release_command=None if release is None else ["python", "-c", release],
        )
    )
