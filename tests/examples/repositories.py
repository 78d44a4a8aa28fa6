"""Real Git repositories to try the main example on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from change_repository.records import Check, Proposal, Report, Task
from change_repository.repository import identify, read_head

UNUSED = "import os\n\n\ndef answer():\n    return 42\n"
PASSING = "from code_under_test import answer\n\n\ndef test_answer():\n    assert answer() == 42\n"
# A test run without the half second that pytest takes to start.
QUICK = ["python", "-c", "import code_under_test; assert code_under_test.answer() == 42"]
REPORT = Report(
    checks=[Check(name="tests pass", passed=True, detail="1 passed")],
    changes=[],
    findings_before=1,
    findings_after=0,
    remaining={},
)


def run_git(top: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgSign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=top, capture_output=True, check=True)
    return os.fsdecode(done.stdout).strip()


def write(top: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        target = top / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)


def make_repository(top: Path, files: dict[str, str | bytes]) -> Path:
    top.mkdir(parents=True)
    run_git(top, "init", "--quiet", "--template=", "--initial-branch=main")
    write(top, files)
    run_git(top, "add", "--all")
    run_git(top, "commit", "--quiet", "--allow-empty", "-m", "Begin")
    return top


def make_diff(top: Path, files: dict[str, str | bytes | None]) -> str:
    """Return what git says of these new contents (None: deleted), leaving the checkout as it was."""
    base = read_head(top)
    for name, content in files.items():
        if content is None:
            (top / name).unlink()
        else:
            write(top, {name: content})
    run_git(top, "add", "--all")
    diff = subprocess.run(["git", "diff", "--cached", "--binary", base], cwd=top, capture_output=True).stdout
    run_git(top, "reset", "--quiet", "--hard", base)
    return diff.decode()


def propose(top: Path, diff: str, **fields: object) -> Proposal:
    return Proposal(
        task=Task.model_validate({"repository": str(top), "test_command": QUICK, **fields}),
        repository=str(top),
        identity=identify(top),
        base=read_head(top),
        title="Say it better",
        rationale="Because.",
        proposer="test",
        diff=diff,
    )


def move(proposal: Proposal, top: Path) -> Proposal:
    """Return the same proposal for the copy of its repository at `top`."""
    task = proposal.task.model_copy(update={"repository": str(top)})
    identity = str((top / ".git").resolve())
    return proposal.model_copy(update={"task": task, "repository": str(top), "identity": identity})


def photograph(top: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything a user could notice: files with mode and time, and all of .git but objects and our branches."""
    picture = {}
    for path in sorted(top.rglob("*")):
        name = path.relative_to(top).as_posix()
        if path.is_dir() or name.startswith(
            (".git/objects", ".git/refs/heads/actum", ".git/logs/refs/heads/actum")
        ):
            continue
        status = path.lstat()
        picture[name] = (status.st_mode, status.st_mtime_ns, path.read_bytes())
    return picture
