"""`make demo` as a stranger runs it: real workers, real kills, one commit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def demonstrate(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the demo on the database at `dsn`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "examples"), "ACTUM_DATABASE_URL": dsn}
    return subprocess.run(
        [sys.executable, "-m", "change_repository.demo", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints."""
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.crash
def test_the_demo_kills_its_worker_twice_and_commits_once(actum_dsn: str) -> None:
    done = demonstrate(actum_dsn)
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert {
        "status": "completed",
        "steps": 6,
        "worker_kills": 2,
        "completed_steps_run_again": 0,
        "commits": 1,
        "rolled_back": 1,
    } == {
        name: last[name]
        for name in ("status", "steps", "worker_kills", "completed_steps_run_again", "commits", "rolled_back")
    }
    assert last["branch"].startswith("actum/")
    assert "Timeline" in done.stdout
    assert "Proof" in done.stdout


@pytest.mark.crash
def test_the_demo_leaves_a_given_repository_as_it_is_but_for_a_new_branch(
    actum_dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "code.py").write_text("import os\n\n\ndef one() -> int:\n    return 1\n")
    (tmp_path / "test_code.py").write_text(
        "from code import one\n\n\ndef test_one():\n    assert one() == 1\n"
    )
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    (tmp_path / "notes.txt").write_text("not committed")
    before = git(tmp_path, "status", "--porcelain"), git(tmp_path, "rev-parse", "HEAD")
    done = demonstrate(actum_dsn, str(tmp_path))
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["status"], last["completed_steps_run_again"]) == ("completed", 0), done.stdout
    assert (git(tmp_path, "status", "--porcelain"), git(tmp_path, "rev-parse", "HEAD")) == before
    assert last["commits"] == 1, done.stdout
    assert last["branch"] in git(tmp_path, "branch", "--format=%(refname:short)").split()


def test_a_path_that_is_no_repository_is_refused_with_one_sentence(actum_dsn: str, tmp_path: Path) -> None:
    done = demonstrate(actum_dsn, str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("actum demo: ")
    assert len(done.stderr.strip().splitlines()) == 1
