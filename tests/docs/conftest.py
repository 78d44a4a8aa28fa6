"""The reader of the documentation, and a folder that the embedded server's account can reach."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from doc_blocks import Reader


@pytest.fixture
def reader() -> Iterator[Reader]:
    folder = Path(tempfile.mkdtemp(prefix="actum-docs-"))
    folder.chmod(0o711)
    try:
        yield Reader(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
