"""The main example, killed at every boundary on a real repository: committed once, or undone to the last branch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from actum.testing import crash_everywhere
from actum.testing.server import TestServer

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "examples")]

import crash_everywhere_repository as repository  # noqa: E402

pytestmark = pytest.mark.crash


@pytest.mark.parametrize(
    ("release", "branches", "acted"),
    [(None, 2, "apply_change"), ("raise SystemExit(3)", 1, "apply_change.undo")],
    ids=["committed", "undone"],
)
async def test_the_main_example_is_sound_wherever_it_is_killed(
    actum_server: TestServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    release: str | None,
    branches: int,
    acted: str,
) -> None:
    monkeypatch.setenv(repository.FOLDER, str(tmp_path / "repository"))
    report = await crash_everywhere(repository.change(release), world=repository, server=actum_server)
    report.assert_sound()
    assert branches == len(repository.observe()["branches"])
    for when in ("before", "after"):
        met = [one for boundary in report.boundaries if boundary.when == when for one in boundary.moments]
        assert ("effect.succeeded", acted) in [(one.kind, one.step) for one in met]
