"""Everything that can stand in the way of a change, one clear sentence each.

    ChangeProblem
    ├── NoRepository         the path is no Git checkout, or Git may not read it
    ├── NoCommits            a repository without a first commit
    ├── UncommittedChanges   the patch touches files that somebody is editing right now
    ├── PatchRefused         the patch does not apply to the commit it was made for
    ├── NothingToPropose     there is nothing left that the proposer could improve
    ├── BranchTaken          the branch name belongs to somebody else's work
    ├── BranchInUse          the branch has moved on, or is checked out, so it is not ours to delete
    ├── ToolMissing          git, ruff, an SDK or a key is not there
    └── GitFailed            git refused for a reason of its own

None of them gets better by trying again, and each means that nothing was changed. GitStopped stands apart: git was
ended before it answered, so what it did is in doubt.
"""

from __future__ import annotations


class ChangeProblem(Exception):
    """The root: what is wrong, and the way out, in one sentence."""


class NoRepository(ChangeProblem):
    """The path is no Git checkout, or Git may not read it."""


class NoCommits(ChangeProblem):
    """A repository without a first commit has nothing to start a branch from."""


class UncommittedChanges(ChangeProblem):
    """The patch touches files with uncommitted changes; merging it would trample on them."""


class PatchRefused(ChangeProblem):
    """The patch does not apply to the commit it was made for."""


class NothingToPropose(ChangeProblem):
    """There is nothing left that the proposer could improve."""


class BranchTaken(ChangeProblem):
    """The branch cannot be made: the name is invalid, or stands for somebody else's work."""


class BranchInUse(ChangeProblem):
    """The branch has moved on or is checked out, so deleting it would destroy somebody's work."""


class ToolMissing(ChangeProblem):
    """A program, a package or a key that this run needs is not there."""


class GitFailed(ChangeProblem):
    """Git refused for a reason of its own, which the message quotes."""


class GitStopped(Exception):
    """Git was ended before it answered, by its time limit or a signal: it may have done its work or not."""


def is_problem(name: str) -> bool:
    """Tell whether `name` is the class name of a foreseen problem, as a failed step reports it."""
    return name in {kind.__name__ for kind in ChangeProblem.__subclasses__()}
