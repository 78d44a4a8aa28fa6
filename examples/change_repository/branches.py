"""The one change to the user's repository: a commit on a new branch, looked for and taken back exactly.

Making the commit writes objects and one ref. It reads and writes neither the working tree nor the index nor HEAD:
the tree is built in a temporary index, and the ref is created only if nobody else has created it meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from .git import git, read_line
from .patches import list_changes, write_tree
from .problems import BranchInUse, BranchTaken, GitFailed, UncommittedChanges
from .records import Change, Commit, Proposal, Report
from .repository import list_uncommitted

TRAILER = "Actum-Operation"


def operation_key(proposal: Proposal) -> str:
    """Return the name under which this change happens once: same repository, base, branch and patch, same key."""
    parts = [proposal.identity, proposal.base, proposal.task.branch or "", proposal.diff]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def branch_name(proposal: Proposal, key: str) -> str:
    """Return the branch the task asks for, or one made of the title and the key."""
    if proposal.task.branch:
        return proposal.task.branch
    words = re.sub(r"[^a-z0-9]+", "-", proposal.title.lower()).strip("-")[:40].strip("-")
    return f"actum/{words or 'change'}-{key[:8]}"


def commit_on_branch(proposal: Proposal, report: Report) -> Commit:
    """Commit the proposal on its new branch and return the commit; `proposal.repository` is the top of the checkout.

    A second call finds the first one's commit and returns it. A crash half-way leaves unreferenced objects, which
    git removes by itself. Raises PatchRefused, BranchTaken or UncommittedChanges before anything is changed.
    """
    found = find_commit(proposal, report)
    if found is not None:
        return found
    top = Path(proposal.repository)
    key = operation_key(proposal)
    branch = branch_name(proposal, key)
    refuse_uncommitted(top, list_changes(top, proposal.base, proposal.diff))
    _refuse_bad_name(top, branch)
    commit = _write_commit(top, proposal, key)
    try:
        _create_branch(top, branch, commit)
    except BranchTaken:
        # Perhaps by the same operation, in a process that was given up and is not dead.
        if found := find_commit(proposal, report):
            return found
        raise
    return _describe(proposal, report, branch, commit, key)


def find_commit(proposal: Proposal, report: Report) -> Commit | None:
    """Return the commit that carries this operation's key on any branch, or None when it did not happen.

    A renamed or merged branch is found too; `branch` is then still the name it was made under.
    """
    top = Path(proposal.repository)
    key = operation_key(proposal)
    wanted = f"{TRAILER}: {key}"
    command = ("log", "--branches", "--not", proposal.base, "--no-color", "--fixed-strings")
    form = f"--format=%H %(trailers:key={TRAILER},valueonly,separator=%x20)"
    for row in read_line(top, *command, f"--grep={wanted}", form).splitlines():
        commit, _, keys = row.partition(" ")
        if key in keys.split():
            return _describe(proposal, report, branch_name(proposal, key), commit, key)
    return None


def delete_branch(commit: Commit) -> None:
    """Delete the branch if it still points to the commit made for it; a branch already gone is fine.

    Raises BranchInUse, and changes nothing, when somebody has added commits or has it checked out.
    """
    top = Path(commit.repository)
    ref = f"refs/heads/{commit.branch}"
    state = read_line(top, "for-each-ref", "--format=%(objectname) %(worktreepath)", ref)
    if not state:
        return
    current, _, worktree = state.partition(" ")
    if current != commit.commit:
        raise BranchInUse(
            f"branch {commit.branch} has moved on from {commit.commit[:12]} to {current[:12]}, so it stays: "
            f"look at the newer commits, then delete it with git branch -D {commit.branch}"
        )
    if worktree:
        raise BranchInUse(
            f"branch {commit.branch} is checked out in {worktree}, so it stays: switch that checkout to another branch first"
        )
    git(top, "update-ref", "-d", ref, commit.commit)


def refuse_uncommitted(top: Path, changes: list[Change]) -> None:
    """Raise UncommittedChanges when a patch touches files that somebody is editing in the working tree."""
    edited = sorted({change.path for change in changes} & list_uncommitted(top))
    if edited:
        raise UncommittedChanges(
            f"the patch touches files with uncommitted changes ({', '.join(edited[:5])}"
            f"{f' and {len(edited) - 5} more' if len(edited) > 5 else ''}): commit or stash them and run again"
        )


def _refuse_bad_name(top: Path, branch: str) -> None:
    try:
        read_line(top, "check-ref-format", "--branch", branch)
    except GitFailed:
        raise BranchTaken(
            f"{branch!r} is no name for a branch: use letters, digits, dashes and slashes"
        ) from None


def _write_commit(top: Path, proposal: Proposal, key: str) -> str:
    with tempfile.TemporaryDirectory(prefix="change-repository-", ignore_cleanup_errors=True) as folder:
        environment = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        tree = write_tree(top, proposal.base, proposal.diff, environment)
    message = f"{proposal.title}\n\n{proposal.rationale}\n\n{TRAILER}: {key}\n"
    command = ("commit-tree", tree, "-p", proposal.base, "-F", "-")
    return os.fsdecode(git(top, *command, stdin=message.encode(), environment=_signature(top))).strip()


def _create_branch(top: Path, branch: str, commit: str) -> None:
    absent = "0" * len(commit)
    try:
        git(top, "update-ref", "-m", "change_repository", f"refs/heads/{branch}", commit, absent)
    except GitFailed as refusal:
        raise BranchTaken(
            f"branch {branch} cannot be made because the name is taken ({refusal}): "
            "rename or delete that branch, or name another one with --branch"
        ) from None


def _signature(top: Path) -> dict[str, str]:
    """The user's own name where git knows it, else Actum's: a commit must not fail for want of a name."""
    try:
        rows = git(top, "config", "--null", "--get-regexp", r"^user\.(name|email)$").split(b"\0")
    except GitFailed:
        rows = []
    known = dict(os.fsdecode(row).split("\n", 1) for row in rows if b"\n" in row)
    signature = {}
    for field, fallback in (("name", "Actum"), ("email", "actum@localhost")):
        for role in ("AUTHOR", "COMMITTER"):
            variable = f"GIT_{role}_{field.upper()}"
            signature[variable] = os.environ.get(variable) or known.get(f"user.{field}") or fallback
    return signature


def _describe(proposal: Proposal, report: Report, branch: str, commit: str, key: str) -> Commit:
    return Commit(
        repository=proposal.repository,
        branch=branch,
        commit=commit,
        base=proposal.base,
        key=key,
        title=proposal.title,
        report=report,
    )
