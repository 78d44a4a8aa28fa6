"""A workflow of file effects, killed at every durable boundary, forwards and while it is rolled back."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from actum.testing import crash_everywhere
from actum.testing.server import TestServer


@pytest.fixture(scope="module")
def flows() -> Iterator[ModuleType]:
    folder = Path(tempfile.mkdtemp(prefix="actum-effects-"))
    os.environ["EFFECTS_CRASH_SITE"] = str(folder / "site")
    try:
        import crash_files_flows

        yield crash_files_flows
    finally:
        del os.environ["EFFECTS_CRASH_SITE"]
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.crash
async def test_a_kill_at_any_boundary_leaves_every_file_as_without_it(
    actum_server: TestServer, flows: ModuleType
) -> None:
    report = await crash_everywhere(flows.rebuild(), world=flows, server=actum_server)
    report.assert_sound()
    undone = [moment.step for one in report.boundaries for moment in one.moments if moment.step]
    assert {"site.write.undo", "site.delete.undo", "site.move.undo"} <= set(undone)
