"""Checks a proposal in scratch copies: it applies, the tests pass, and there are fewer findings than before.

The tests run as the user who runs the worker. A model's patch is code: run such workers where that is acceptable.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from .findings import count_rules, list_findings
from .formatting import changes_only_formatting
from .patches import count_changes, scratch_copy
from .problems import PatchRefused
from .records import Check, Commit, Finding, Proposal, Report, Task

TAIL = 1500
NO_TESTS = 5  # how pytest ends when it found none
NO_TESTS_FOUND = "no tests were found: a change without tests is not checked"

# What tests may see of the worker's environment: no keys, no DSN, nothing that steers pytest.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV")


def check_proposal(proposal: Proposal) -> Report:
    """Return what the checks say; a patch that does not apply is a failed check, not an error.

    The scratch copies are removed in the end, whatever happens.
    """
    top = Path(proposal.repository)
    with scratch_copy(top, proposal.base) as root:
        before = list_findings(root)
    try:
        with scratch_copy(top, proposal.base, proposal.diff) as root:
            changes = count_changes(root)
            is_formatting_only = changes_only_formatting(root)
            after = list_findings(root)
            tests = run_tests(root, proposal.task)
        if not tests.passed and tests.detail != NO_TESTS_FOUND:
            tests = _blame(proposal, tests)
    except PatchRefused as refusal:
        check = Check(name="patch applies", passed=False, detail=str(refusal))
        return Report(
            checks=[check],
            changes=[],
            findings_before=len(before),
            findings_after=len(before),
            remaining=count_rules(before),
        )
    applied = Check(name="patch applies", passed=True, detail=f"{len(changes)} files change")
    return Report(
        checks=[applied, tests, _compare(before, after)],
        changes=changes,
        findings_before=len(before),
        findings_after=len(after),
        remaining=count_rules(after),
        is_formatting_only=is_formatting_only,
    )


def check_commit(commit: Commit, task: Task) -> Check:
    """Return what the task's release command says of a scratch copy of the commit; passed where there is none."""
    if task.release_command is None:
        return Check(name="release check", passed=True, detail="none was asked for")
    with scratch_copy(Path(commit.repository), commit.commit) as root:
        return run_command(root, task.release_command, task.test_seconds).model_copy(
            update={"name": "release check"}
        )


def run_tests(root: Path, task: Task) -> Check:
    """Run the task's tests at `root`; see `run_command`."""
    return run_command(root, task.test_command, task.test_seconds)


def run_command(root: Path, parts: list[str], seconds: float) -> Check:
    """Run a check at `root`, with a time limit and an environment without the worker's secrets.

    The whole process group is ended with it, so that nothing goes on after the limit.
    """
    command = [sys.executable if part == "python" else part for part in parts]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryDirectory() as home:
        try:
            tests = subprocess.Popen(
                command,
                cwd=root,
                env=_environment(root, Path(home)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return _failed(f"{command[0]} cannot be run ({error.strerror}): name another test command")
        try:
            code = tests.wait(seconds)
        except subprocess.TimeoutExpired:
            return _failed(f"still running after {seconds:g} seconds, and stopped\n{_tail(output)}")
        finally:
            _end_group(tests)
        return _judge(code, _tail(output))


def _judge(code: int, tail: str) -> Check:
    if code == 0:
        return Check(
            name="tests pass", passed=True, detail=tail.strip().splitlines()[-1] if tail.strip() else ""
        )
    if code == NO_TESTS:
        return _failed(NO_TESTS_FOUND)
    return _failed(f"ended with {code}\n{tail}")


def _blame(proposal: Proposal, tests: Check) -> Check:
    """Say whether the tests fail without the patch as well: then the repository needs mending first."""
    with scratch_copy(Path(proposal.repository), proposal.base) as root:
        if run_tests(root, proposal.task).passed:
            return tests
    return _failed(f"they fail without the patch as well, so mend them first; now: {tests.detail}")


def _compare(before: list[Finding], after: list[Finding]) -> Check:
    fewer = len(after) < len(before)
    return Check(name="fewer findings", passed=fewer, detail=f"{len(before)} before, {len(after)} after")


def _failed(detail: str) -> Check:
    return Check(name="tests pass", passed=False, detail=detail.rstrip())


def _environment(root: Path, home: Path) -> dict[str, str]:
    """The scratch copy comes first on the path: an installed checkout of the same package must not be tested instead."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    paths = os.pathsep.join([str(root / "src"), str(root)])
    return {**kept, "HOME": str(home), "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}


def _end_group(tests: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(tests.pid, signal.SIGKILL)
    tests.wait()


def _tail(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - TAIL))
    return output.read().decode("utf-8", "replace").replace("\0", "�")
