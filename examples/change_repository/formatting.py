"""Tells formatting from code: whether a patch changes how Python files look, and nothing of what they say.

Only what can be shown counts. A file is formatted when both versions have the same syntax tree and the same comments
at the same places, so that no `noqa` or `type: ignore` moves in unseen. Whatever else changes is code: imports in
another order, a docstring's blanks, a file that is new, gone, executable now, no Python, or cannot be parsed.
"""

from __future__ import annotations

import ast
import io
import os
import tokenize
from pathlib import Path

from .git import git

_SUFFIXES = (".py", ".pyi")
_MARK = b"\xef\xbb\xbf"
# What cannot be read cannot be vouched for.
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError)


def changes_only_formatting(root: Path) -> bool:
    """Whether the index of a scratch copy differs from its base, and only in the formatting of Python files."""
    rows = git(root, "diff-index", "--cached", "-z", "--raw", "--no-renames", "--no-abbrev", "HEAD")
    parts = rows.split(b"\0")
    pairs = [_read_pair(heading, path) for heading, path in zip(parts[::2], parts[1::2], strict=False)]
    if not pairs or None in pairs:
        return False
    blobs = _read_blobs(root, [name for pair in pairs if pair is not None for name in pair])
    return all(is_formatting(before, after) for before, after in zip(blobs[::2], blobs[1::2], strict=True))


def is_formatting(before: bytes, after: bytes) -> bool:
    """Whether two versions of a Python file differ in how they look only, comments included."""
    if _heading(before) != _heading(after):
        return False
    try:
        return _meaning(before) == _meaning(after)
    except _UNREADABLE:
        return False


def _read_pair(heading: bytes, path: bytes) -> tuple[str, str] | None:
    """Return the two versions of a changed file by their names; None for one that is not a plain change of Python."""
    old_mode, new_mode, old, new, status = heading.decode().removeprefix(":").split(" ")
    is_plain = status == "M" and old_mode == new_mode and old_mode.startswith("100")
    return (old, new) if is_plain and os.fsdecode(path).endswith(_SUFFIXES) else None


def _read_blobs(root: Path, names: list[str]) -> list[bytes]:
    """Return the contents of blobs, in order."""
    wanted = "".join(f"{name}\n" for name in names)
    answer = io.BytesIO(git(root, "cat-file", "--batch", stdin=wanted.encode()))
    blobs = []
    for _ in names:
        size = int(answer.readline().split()[2])
        blobs.append(answer.read(size))
        answer.read(1)
    return blobs


def _heading(text: bytes) -> tuple[bool, bytes]:
    """Return what a system reads of a file before Python does: its byte order mark, and the line naming an interpreter."""
    line = text.split(b"\n", 1)[0]
    return text.startswith(_MARK), line if line.startswith(b"#!") else b""


def _meaning(text: bytes) -> tuple[str, list[str]]:
    """Return the syntax tree, and the comments among the names and numbers, each of which is an empty text."""
    tree = ast.dump(ast.parse(text))
    comments = []
    for token in tokenize.tokenize(io.BytesIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments.append(f"# {token.string.lstrip('#').strip()}")
        elif token.type in (tokenize.NAME, tokenize.NUMBER):
            comments.append("")
    return tree, comments
