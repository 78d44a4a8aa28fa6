"""The reader of the documentation, in a folder of its own; and the command line's helper on the path."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from doc_blocks import Reader

from actum.testing.folder import make_folder, remove_folder


@pytest.fixture
def reader() -> Iterator[Reader]:
    token = f"docs-{secrets.token_hex(5)}"
    one = Reader(make_folder(token))
    try:
        yield one
    finally:
        one.close()
        remove_folder(token)
