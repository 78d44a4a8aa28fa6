"""A workflow whose worker crashes again and again takes nobody along, and is blocked in the end."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actum.testing.harness import Harness

pytestmark = pytest.mark.crash

SCRIPT = Path(__file__).with_name("crash_loop_worker.py")
SPEC = importlib.util.spec_from_file_location("crash_loop_worker", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
CONTRACTS = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(CONTRACTS)


async def test_a_deadly_workflow_is_run_alone_from_its_second_crash_on_and_blocked_in_the_end(
    actum: Harness,
) -> None:
    deadly = await actum.start(CONTRACTS.deadly())
    harmless = await actum.start(CONTRACTS.harmless())
    environment = {**os.environ, "ACTUM_DATABASE_URL": actum.dsn}
    workers: list[subprocess.Popen[bytes]] = []
    deadline = time.monotonic() + 60
    try:
        while (row := await deadly.row()).status != "blocked":
            assert time.monotonic() < deadline, f"still {row.status} after {row.crash_count} crashes"
            if not workers or workers[-1].poll() is not None:
                workers.append(subprocess.Popen([sys.executable, str(SCRIPT)], env=environment))
            await asyncio.sleep(0.05)
        assert await harmless.result(30) == 10
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.terminate()
                worker.wait(timeout=20)
    assert row.cause == "crash_loop"
    assert row.crash_count == 5
    assert len(workers) == 3, "only the first two crashes may take a shared worker along"
    assert (await harmless.row()).crash_count <= 2
