"""A held workflow is reopened, and its worker is killed between the event and the new outcome."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import until

from actum.client.handle import Handle
from actum.testing.harness import Harness

pytestmark = pytest.mark.crash

SCRIPT = Path(__file__).with_name("crash_holding_worker.py")
SPEC = importlib.util.spec_from_file_location("crash_holding_worker", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
CONTRACTS = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(CONTRACTS)


class Workers:
    """Worker processes, one after the other, on one database and one world."""

    def __init__(self, world: Path) -> None:
        self.world = world
        self._processes: list[subprocess.Popen[bytes]] = []

    def begin(self, dsn: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "ACTUM_DATABASE_URL": dsn, "CRASH_HOLDING_WORLD": str(self.world)}
        self._processes.append(subprocess.Popen([sys.executable, str(SCRIPT)], env=environment))
        return self._processes[-1]

    def end(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=20)

    def lines(self, what: str) -> list[str]:
        return (self.world / what).read_text().splitlines()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    found = Workers(tmp_path)
    yield found
    found.end()


async def killed_after_its_retry(actum: Harness, workers: Workers, handle: Handle[Any], asks: bool) -> None:
    """Bring a workflow to its hold, retry it, see its worker die of it, and begin another worker."""
    first = workers.begin(actum.dsn)

    async def is_held() -> bool:
        return (await handle.row()).cause == "held"

    async def is_dead() -> bool:
        return first.poll() is not None

    async def is_asked() -> bool:
        return bool((await actum.inbox())[0])

    if asks:
        await until(is_asked, "the effect is asked for")
        await actum.reviewer.approve((await actum.inbox())[0][0].id, "fine")
    await until(is_held, "the workflow is held")
    await handle.retry(reason="mended")
    if asks:
        await until(is_asked, "the effect is asked for again")
        await actum.reviewer.approve((await actum.inbox())[0][0].id, "still fine")
    await until(is_dead, "the worker dies")
    assert first.returncode == -signal.SIGKILL
    workers.begin(actum.dsn)


async def test_a_step_killed_after_its_retry_was_recorded_runs_again_as_the_same_attempt(
    actum: Harness, workers: Workers
) -> None:
    handle = await actum.start(CONTRACTS.counts())
    await killed_after_its_retry(actum, workers, handle, asks=False)
    assert await handle.result(60) == [3, "one", "two"]
    assert workers.lines("count") == ["1 -", "2 -", "2 -"]
    kinds = await actum.kinds(handle)
    assert kinds.count("step.reopened") == 1
    assert kinds.count("step.completed") == 3


async def test_an_effect_killed_after_its_retry_was_recorded_keeps_its_key(
    actum: Harness, workers: Workers
) -> None:
    handle = await actum.start(CONTRACTS.sends())
    await killed_after_its_retry(actum, workers, handle, asks=True)
    assert await handle.result(60) == "sent to ana and told"
    key = f"{handle.workflow_id}/2"
    assert workers.lines("send") == [f"{number} {key}" for number in (1, 2, 3, 4, 5)]
    assert workers.lines("one") == ["1 -"]
    (entry,) = await actum.store.effects.list_of(handle.workflow_id)
    assert (entry.state, entry.attempt) == ("succeeded", 5)
