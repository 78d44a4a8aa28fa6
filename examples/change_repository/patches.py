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
    with _empty_copy(top) as root:
        write_tree(root, base, diff)
        git(root, "update-ref", "--no-deref", "HEAD", base)
        git(root, "checkout-index", "--all", "--force", "--quiet")
        yield root


def write_tree(folder: Path, base: str, diff: str, environment: Mapping[str, str] | None = None) -> str:
    """Apply `diff` to `base` in the index alone and return the tree it makes; no file is read or written.

    `environment` can name another index with GIT_INDEX_FILE. Raises PatchRefused when the patch does not apply.
    """
    git(folder, "read-tree", base, environment=environment)
    if diff:
        _apply(folder, diff, environment)
    return read_line(folder, "write-tree", environment=environment)


def normalize(top: Path, base: str, diff: str) -> str:
    """Return the same change as git itself writes it, or "" when it changes nothing.

    Wrong line counts in a hunk's head, as models write them, are mended. Raises PatchRefused for the rest.
    """
    with scratch_trees(top, base, diff) as (root, tree):
        return show_difference(root, base, tree)


def show_difference(root: Path, base: str, tree: str) -> str:
    """Return the change from `base` to `tree` as a patch; raises PatchRefused when it is not UTF-8 text."""
    shown = git(root, "diff-tree", "--patch", "-r", *_FORMAT, base, tree)
    try:
        return shown.decode("utf-8")
    except UnicodeDecodeError:
        raise PatchRefused(
            "the patch touches text that is not UTF-8, which cannot be shown to an approver: leave such files out"
        ) from None


@contextmanager
def scratch_trees(top: Path, base: str, diff: str) -> Iterator[tuple[Path, str]]:
    """Give a temporary repository in which `base` and the tree that `diff` makes of it can be read, without files.

    Raises PatchRefused when the patch does not apply.
    """
    with _empty_copy(top) as root:
        yield root, write_tree(root, base, diff)


def list_changes(top: Path, base: str, diff: str) -> list[Change]:
    """Return what the patch does to each file, by path; raises PatchRefused when it does not apply."""
    with scratch_trees(top, base, diff) as (root, tree):
        rows = git(root, "diff-tree", "-r", "-z", "--numstat", "--no-renames", base, tree).split(b"\0")
    changes = []
    for row in filter(None, rows):
        added, removed, path = row.split(b"\t", 2)
        changes.append(Change(path=os.fsdecode(path), added=_count(added), removed=_count(removed)))
    return changes


def take_difference(root: Path, base: str) -> str:
    """Return what was changed in the files of a scratch copy since `base`; new files are not looked at."""
    git(root, "add", "--update")
    return show_difference(root, base, read_line(root, "write-tree"))


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


@contextmanager
def _empty_copy(top: Path) -> Iterator[Path]:
    form, path = read_line(top, "rev-parse", "--show-object-format", "--git-path", "objects").split("\n", 1)
    objects = (top / path).resolve()
    with tempfile.TemporaryDirectory(prefix="change-repository-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve() / "scratch"
        _lay_out(root / ".git", objects, form)
        yield root


def _lay_out(folder: Path, objects: Path, form: str) -> None:
    """Make an empty repository as gitrepository-layout(5) describes it; `git init` would cost twice as much as the rest."""
    (folder / "objects/info").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/scratch\n", encoding="utf-8")
    (folder / "objects/info/alternates").write_bytes(os.fsencode(objects) + b"\n")
    extension = "" if form == "sha1" else f"[extensions]\n\tobjectFormat = {form}\n"
    version = 1 if extension else 0
    (folder / "config").write_text(
        f"[core]\n\trepositoryFormatVersion = {version}\n{extension}", encoding="utf-8"
    )


def _count(number: bytes) -> int:
    return 0 if number == b"-" else int(number)
