"""The examples are programs beside the library, so their folder is put on the path; and the repositories they meet."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "examples")]

from repositories import PASSING, UNUSED, make_diff, make_repository, move, propose, run_git  # noqa: E402

from change_repository.records import Proposal  # noqa: E402


@pytest.fixture(scope="session")
def small_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = make_repository(
        tmp_path_factory.mktemp("original") / "small",
        {"code_under_test.py": UNUSED, "test_code.py": PASSING, "notes.txt": "one\ntwo\n"},
    )
    run_git(top, "repack", "--quiet", "-a", "-d")  # one file to copy, not a folder for each object
    return top


@pytest.fixture
def small(small_original: Path, tmp_path: Path) -> Path:
    """A repository with one finding, a test and a text file."""
    return Path(shutil.copytree(small_original, tmp_path / "small"))


@pytest.fixture(scope="session")
def reworded_original(small_original: Path) -> Proposal:
    return propose(small_original, make_diff(small_original, {"notes.txt": "one\n2\n"}))


@pytest.fixture
def reworded(small: Path, reworded_original: Proposal) -> Proposal:
    """A usable patch to the text file."""
    return move(reworded_original, small)
