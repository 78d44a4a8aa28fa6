"""A worker killed on the way of a notification: it arrives all the same, every time under the same key."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from crash_contracts import read_lines
from crash_notifying import MOMENTS, sends
from crash_processes import HERE
from crash_trial import Place
from patience import until

from actum.store.notifications import NotificationRow

SECRET = "not to be guessed by anybody"
ARRIVES = {"after it is kept": 1, "after it is taken": 1, "after it is sent": 2, "after that is written": 1}
"""How often a message arrives when its worker was killed at that moment, and another goes on."""


@asynccontextmanager
async def begun(script: str, *arguments: str, **settings: str) -> AsyncIterator[Process]:
    """Start a script of this folder, and end it when the block does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ACTUM_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / script), *arguments, env={**kept, **settings}, stdout=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def outbox(place: Place) -> list[NotificationRow]:
    return list(await place.store.notifications.list())


async def let_its_time_pass(place: Place) -> None:
    """Do as if what the dead worker took had been left to it for long enough."""
    connection = await asyncpg.connect(place.dsn)
    await connection.execute("update actum.notifications set due_at = now() where state = 'unsent'")
    await connection.close()


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_notification_survives_the_kill_of_its_worker_under_one_key(
    place: Place, moment: str, tmp_path: Path
) -> None:
    log = tmp_path / "received"
    async with begun("crash_receiver.py", str(log)) as receiver:
        assert receiver.stdout is not None
        port = int(await receiver.stdout.readline())
        settings: dict[str, Any] = {
            "ACTUM_DATABASE_URL": place.dsn,
            "ACTUM_WEBHOOK_URL": f"http://127.0.0.1:{port}/",
            "ACTUM_WEBHOOK_SECRET": SECRET,
        }
        handle = await place.requester.start(sends("ana"))
        async with begun("crash_notifying.py", moment, **settings) as killed:
            assert -signal.SIGKILL == await asyncio.wait_for(killed.wait(), 60)
        await let_its_time_pass(place)
        async with begun("crash_notifying.py", "never", **settings):

            async def is_sent() -> bool:
                return [row.state for row in await outbox(place)] == ["sent"]

            await until(is_sent, f"sent: {await outbox(place)}")
            (approval,) = await place.store.approvals.list_of([handle.workflow_id])
            await place.reviewer.approve(approval.id, "fine")
            assert "ana" == await handle.result(30)
    received = [line["headers"]["Actum-Notification-Key"] for line in read_lines(log)]
    assert [f"approval/{approval.id}"] * ARRIVES[moment] == received
    await place.audit()
