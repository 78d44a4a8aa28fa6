"""Lets tests import what stands beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from ruled import forget


@pytest.fixture
def world() -> None:
    """A world in which nothing was written."""
    forget()
