"""Reads a user's repository; nothing here writes to it."""

from __future__ import annotations

from pathlib import Path

from .git import git, read_line, read_names
from .problems import GitFailed, NoCommits, NoRepository
from .records import LogEntry


def find_top(path: str) -> Path:
    """Return the top folder of the checkout that `path` lies in.

    Raises NoRepository when there is none: a missing folder, a plain folder, a bare repository, or one that git
    will not read because another account owns it.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise NoRepository(f"{path} is no folder: give the path of a Git checkout")
    try:
        top = read_line(folder, "rev-parse", "--show-toplevel")
    except GitFailed as refusal:
        raise NoRepository(
            f"{path} is no Git checkout that can be read ({refusal}): give the path of one, or run git init and commit there"
        ) from None
    return Path(top)


def read_head(top: Path) -> str:
    """Return the commit that HEAD names; raises NoCommits when there is none yet."""
    try:
        return read_line(top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except GitFailed:
        raise NoCommits(
            f"{top} has no commits yet, so there is nothing to start from: make a first commit and run again"
        ) from None


def identify(top: Path) -> str:
    """Return what tells this repository from every other on this machine: the resolved folder of its refs.

    A clone is another repository, since a branch made in one is not in the other; worktrees of one are the same.
    """
    return str((top / read_line(top, "rev-parse", "--git-common-dir")).resolve())


def read_log(top: Path, base: str, limit: int = 10) -> list[LogEntry]:
    """Return the last commits up to `base`, newest first."""
    rows = git(top, "log", f"--max-count={limit}", "--no-color", "-z", "--format=%H %s", base).split(b"\0")
    entries = [row.decode("utf-8", "replace").partition(" ") for row in rows if row]
    return [LogEntry(commit=commit, subject=subject) for commit, _, subject in entries]


def list_uncommitted(top: Path) -> set[str]:
    """Return the files that differ from the last commit: changed, staged, deleted, renamed and untracked ones."""
    rows = read_names(top, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all")
    return {row[3:] for row in rows}


def read_text(root: Path, path: str, limit: int) -> str | None:
    """Return a file's text with its own line ends, or None when it is no UTF-8 or longer than `limit` bytes."""
    content = (root / path).read_bytes()
    if len(content) > limit:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None
