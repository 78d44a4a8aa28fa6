"""A worker is killed when its approval is asked for and not yet in its batch, or not yet under its grant."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import crash_placing_worker
import pytest

from actum.client.handle import Handle
from actum.machine.policy import parse_policy
from actum.store.rows import ApprovalRow
from actum.testing.harness import Harness

pytestmark = pytest.mark.crash

SCRIPT = Path(crash_placing_worker.__file__)
WAITING = """
select l.pid from pg_locks l join pg_database d on d.oid = l.database
 where not l.granted and l.locktype = 'advisory' and d.datname = current_database()
"""
POLICY = """
schema = 1
name = "tests"
owner = "platform"
default_tier = 2

[facts]
rows = "int"
table = "text"

[approvers.anybody]
by = ["anybody"]

[[rule]]
id = "some"
match = { kind = "db.write", rows = { le = 100 } }
tier = 1
approvers = "anybody"
batch = { by = ["table"], window = "30m", max_sum = { rows = 100 } }
why = "Some rows."
"""


@asynccontextmanager
async def killed_while_placing(actum: Harness, of: str, what: str) -> AsyncIterator[None]:
    """Hold back whoever places by this lock; once the worker process waits for it, kill it, and all it had sent."""
    guard = await asyncpg.connect(actum.dsn)
    worker = None
    try:
        async with guard.transaction():
            await guard.execute("select pg_advisory_xact_lock(hashtext($1), hashtext($2))", of, what)
            worker = subprocess.Popen(
                [sys.executable, str(SCRIPT)], env={**os.environ, "ACTUM_DATABASE_URL": actum.dsn}
            )
            yield
            deadline = time.monotonic() + 60
            while not (waiting := await guard.fetch(WAITING)):
                assert time.monotonic() < deadline, "nothing was to be placed"
                await asyncio.sleep(0.02)
            worker.kill()
            worker.wait(20)
            for row in waiting:  # a server goes on with what the dead have sent
                await guard.execute("select pg_terminate_backend($1, 10000)", row["pid"])
    finally:
        if worker is not None and worker.poll() is None:
            worker.kill()
            worker.wait(20)
        await guard.close()


async def the_approval(actum: Harness, handle: Handle[Any]) -> ApprovalRow:
    (row,) = await actum.store.approvals.list_of([handle.workflow_id])
    return row


async def test_what_a_killed_worker_asked_for_is_still_put_into_its_batch(actum: Harness) -> None:
    await actum.reviewer.policies.activate(parse_policy(POLICY), reason="it is good")
    async with killed_while_placing(actum, "actum.batches", "some orders"):
        handle = await actum.start(crash_placing_worker.writes("orders", 50))
    left = await the_approval(actum, handle)
    assert ("pending", None, "waiting") == (left.state, left.batch_id, await handle.status())
    assert [] == await actum.store.batches.list()
    actum.clock.advance("3s")
    await actum.worker([crash_placing_worker.writes])
    deadline = time.monotonic() + 30
    while (await the_approval(actum, handle)).batch_id is None:
        assert time.monotonic() < deadline, "nobody placed what was left"
        await asyncio.sleep(0.02)
    (batch,) = await actum.store.batches.list()
    assert (1, "orders", '{"rows": 50}') == (batch.count, batch.key, batch.sums)
    assert [left.id] == [row.id for row in await actum.reviewer.approvals.show_batch(batch.id)]
    await actum.reviewer.approve(left.id, "fine")
    assert "50 rows of orders" == await handle.result(20)


async def test_what_a_killed_worker_asked_for_is_still_approved_by_its_grant_and_once(actum: Harness) -> None:
    grant_id = await actum.reviewer.grants.give(
        {"kind": "db.write", "rows": {"le": 500}},
        uses=5,
        lasts="1h",
        reason="tonight",
        max_sums={"rows": 600},
    )
    async with killed_while_placing(actum, "actum.reservations", str(grant_id)):
        handle = await actum.start(crash_placing_worker.writes("orders", 500))
    assert "pending" == (await the_approval(actum, handle)).state
    assert [] == await actum.reviewer.grants.list_uses(grant_id)
    actum.clock.advance("3s")
    await actum.worker([crash_placing_worker.writes])
    assert "500 rows of orders" == await handle.result(30)
    (use,) = await actum.reviewer.grants.list_uses(grant_id)
    assert ('{"rows": 500}', "used") == (use.amounts, (await the_approval(actum, handle)).state)
