"""Patches and scratch copies: everything that is tried out is tried in a temporary folder of its own.

A scratch copy is a repository in a temporary folder that borrows the user's objects and holds one commit, patched
or not. Nothing is registered in the user's repository, so a killed worker leaves a folder behind and nothing else.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .git import git, read_line
from .problems import GitFailed, PatchRefused
from .records import Change

# Spelt out, so that the same change is the same text whatever the user has configured.
_FORMAT = (
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--full-index",
    "--binary",
    "--unified=3",
    "--inter-hunk-context=0",
    "--diff-algorithm=myers",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "-O" + os.devnull,
)


@contextmanager
def scratch_copy(top: Path, base: str, diff: str = "") -> Iterator[Path]:
    """Give a temporary checkout of `base` with `diff` applied, and remove it afterwards.

    Raises PatchRefused when the patch does not apply.
    """
    with scratch_index(top, base, diff) as root:
        git(root, "checkout-index", "--all", "--force", "--quiet")
        yield root


@contextmanager
def scratch_index(top: Path, base: str, diff: str) -> Iterator[Path]:
    """Give a temporary repository whose HEAD is `base` and whose index has `diff` applied, without files.

    Raises PatchRefused when the patch does not apply.
    """
    form, path = read_line(top, "rev-parse", "--show-object-format", "--git-path", "objects").split("\n", 1)
    objects = (top / path).resolve()
    with tempfile.TemporaryDirectory(prefix="change-repository-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve() / "scratch"
        _lay_out(root / ".git", objects, form, base)
        _fill_index(root, base, diff)
        yield root


def write_tree(folder: Path, base: str, diff: str, environment: Mapping[str, str]) -> str:
    """Apply `diff` to `base` in the index alone and return the tree it makes; no file is read or written.

    `environment` names another index than the user's with GIT_INDEX_FILE. Raises PatchRefused when the patch does
    not apply.
    """
    _fill_index(folder, base, diff, environment)
    return read_line(folder, "write-tree", environment=environment)


def normalize(top: Path, base: str, diff: str) -> str:
    """Return the same change as git itself writes it, or "" when it changes nothing.

    Wrong line counts in a hunk's head, as models write them, are mended. Raises PatchRefused for the rest.
    """
    with scratch_index(top, base, diff) as root:
        return show_difference(root)


def show_difference(root: Path) -> str:
    """Return what a scratch copy's index holds otherwise than its base, as a patch.

    Raises PatchRefused when it is not UTF-8 text.
    """
    shown = git(root, "diff-index", "--cached", "--patch", *_FORMAT, "HEAD")
    try:
        return shown.decode("utf-8")
    except UnicodeDecodeError:
        raise PatchRefused(
            "the patch touches text that is not UTF-8, which cannot be shown to an approver: leave such files out"
        ) from None


def list_changes(top: Path, base: str, diff: str) -> list[Change]:
    """Return what the patch does to each file, by path; raises PatchRefused when it does not apply."""
    with scratch_index(top, base, diff) as root:
        return count_changes(root)


def count_changes(root: Path) -> list[Change]:
    """Return what a scratch copy's index holds otherwise than its base, by path."""
    rows = git(root, "diff-index", "--cached", "-z", "--numstat", "--no-renames", "HEAD").split(b"\0")
    changes = []
    for row in filter(None, rows):
        added, removed, path = row.split(b"\t", 2)
        changes.append(Change(path=os.fsdecode(path), added=_count(added), removed=_count(removed)))
    return changes


def take_difference(root: Path) -> str:
    """Return what was changed in the files of a scratch copy since its base; new files are not looked at."""
    git(root, "add", "--update")
    return show_difference(root)


def _fill_index(folder: Path, base: str, diff: str, environment: Mapping[str, str] | None = None) -> None:
    git(folder, "read-tree", base, environment=environment)
    if diff:
        _apply(folder, diff, environment)


def _apply(folder: Path, diff: str, environment: Mapping[str, str] | None) -> None:
    patch = (diff if diff.endswith("\n") else diff + "\n").encode("utf-8", "surrogatepass")
    command = ("apply", "--cached", "--whitespace=nowarn")
    try:
        git(folder, *command, stdin=patch, environment=environment)
    except GitFailed as refusal:
        try:
            git(folder, *command, "--recount", stdin=patch, environment=environment)
        except GitFailed:
            reason = str(refusal).partition(": ")[2]
            raise PatchRefused(f"the patch does not apply to the base commit: {reason}") from None


def _lay_out(folder: Path, objects: Path, form: str, base: str) -> None:
    """Make a repository at `base` as gitrepository-layout(5) describes it; `git init` would cost twice the rest."""
    (folder / "objects/info").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "HEAD").write_text(f"{base}\n", encoding="utf-8")
    (folder / "objects/info/alternates").write_bytes(os.fsencode(objects) + b"\n")
    extension = "" if form == "sha1" else f"[extensions]\n\tobjectFormat = {form}\n"
    version = 1 if extension else 0
    (folder / "config").write_text(
        f"[core]\n\trepositoryFormatVersion = {version}\n{extension}", encoding="utf-8"
    )


def _count(number: bytes) -> int:
    return 0 if number == b"-" else int(number)
