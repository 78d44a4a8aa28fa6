"""The helpers of the store's and the engine's tests on the path: attacks begin at workflows held by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "store"), str(HERE.parent / "engine")]

from ruled import forget  # noqa: E402


@pytest.fixture
def world() -> None:
    """A world in which nothing was written."""
    forget()
