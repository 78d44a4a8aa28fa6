"""Runs git: argument lists only, no hooks, no prompts, no optional locks, and the user's settings kept out of formats."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .problems import GitFailed, GitStopped, NoRepository, ToolMissing

SECONDS = 120.0

# Variables that would point git at another repository, as they do inside a hook.
_REDIRECTING = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
}
_SETTINGS = (
    "core.autocrlf=false",
    "core.fsmonitor=false",
    "core.hooksPath=" + os.devnull,
    "core.quotePath=false",
    "core.safecrlf=false",
    "gc.auto=0",
    "log.showSignature=false",
)


def git(
    folder: Path,
    *arguments: str,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """Run `git <arguments>` in `folder` and return what it printed, byte for byte.

    Raises GitFailed with git's own words, GitStopped when it took over two minutes or was killed, and ToolMissing
    when there is no git.
    """
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    try:
        done = subprocess.run(
            ["git", *settings, *arguments],
            cwd=folder,
            input=stdin,
            capture_output=True,
            env={**_quiet_environment(), **(environment or {})},
            timeout=SECONDS,
            check=False,
        )
    except (FileNotFoundError, NotADirectoryError):
        if not folder.is_dir():
            raise NoRepository(
                f"{folder} is gone: put the checkout back, or start again with its new path"
            ) from None
        raise ToolMissing("git is not on the PATH of this worker: install git and run again") from None
    except subprocess.TimeoutExpired:
        raise GitStopped(
            f"git {arguments[0]} did not answer within {SECONDS:.0f} seconds in {folder}"
        ) from None
    if done.returncode < 0:
        raise GitStopped(f"git {arguments[0]} was ended by signal {-done.returncode} in {folder}")
    if done.returncode != 0:
        raise GitFailed(f"git {arguments[0]} refused in {folder}: {_first_words(done.stderr)}")
    return done.stdout


def read_line(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run git and return its answer as one line of text."""
    return os.fsdecode(git(folder, *arguments, environment=environment)).removesuffix("\n")


def read_names(folder: Path, *arguments: str) -> list[str]:
    """Run git and return its NUL-separated answer; names that are not UTF-8 keep their bytes as surrogates."""
    return [os.fsdecode(name) for name in git(folder, *arguments).split(b"\0") if name]


def _quiet_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _REDIRECTING}
    return {
        **kept,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "C",
    }


def _first_words(stderr: bytes) -> str:
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("error:", "fatal:"))] or lines
    return "; ".join(telling[:3])[:600] or "it gave no reason"
