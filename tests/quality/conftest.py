"""Lets the tests of this folder import `golden` and `counted`; and a database whose past reaches back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from actum.store.store import Store


@pytest.fixture
def store(_actum_store: Store) -> Store:
    """A store on a database of the test's own."""
    return _actum_store
