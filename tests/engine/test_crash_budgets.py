"""A worker is killed between reserving and settling: what may have begun is charged, what cannot have is released."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from patience import until

from actum.testing.harness import Harness

pytestmark = pytest.mark.crash

SCRIPT = Path(__file__).with_name("crash_budgets_worker.py")
SPEC = importlib.util.spec_from_file_location("crash_budgets_worker", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
CONTRACTS = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(CONTRACTS)

USES = "select epoch, state, amounts ->> $2 as amount from actum.budget_uses where workflow_id = $1 order by epoch"
BLOCKED = "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"

Begin = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def begin(actum: Harness, tmp_path: Path) -> Iterator[Begin]:
    """Begins worker processes on the test's database, and ends them."""
    workers: list[subprocess.Popen[bytes]] = []
    environment = {**os.environ, "ACTUM_DATABASE_URL": actum.dsn, "CRASH_BUDGETS_WORLD": str(tmp_path)}

    def begin_one() -> subprocess.Popen[bytes]:
        workers.append(subprocess.Popen([sys.executable, str(SCRIPT)], env=environment))
        return workers[-1]

    yield begin_one
    for worker in workers:
        if worker.poll() is None:
            worker.terminate()
        worker.wait(timeout=20)


async def uses(actum: Harness, workflow_id: UUID, unit: str) -> list[tuple[str, str]]:
    """Return the uses of a workflow, by each holder in turn, once all are settled."""

    async def settled() -> list[tuple[str, str]] | None:
        async with actum.store.pool.connection() as connection:
            rows = await connection.fetch(USES, workflow_id, unit)
        found = [(row["state"], row["amount"]) for row in rows]
        return None if "reserved" in [state for state, _ in found] else found

    found: list[tuple[str, str]] = await until(settled, "every use is settled")
    return found


async def test_a_step_whose_worker_was_killed_is_charged_as_reserved_and_runs_under_a_use_of_its_own(
    actum: Harness, begin: Begin
) -> None:
    handle = await actum.start(CONTRACTS.thinks())
    first = begin()

    async def is_dead() -> bool:
        return first.poll() is not None

    await until(is_dead, "the first worker is dead")
    begin()
    assert await handle.result(60) == "thought"
    assert await uses(actum, handle.workflow_id, "model_calls") == [("charged", "3"), ("charged", "1")]


async def test_an_effect_whose_worker_was_killed_before_its_intent_gives_its_reservation_back(
    actum: Harness, begin: Begin, tmp_path: Path
) -> None:
    handle = await actum.start(CONTRACTS.sends())
    first = begin()

    async def asked() -> Any:
        return (await actum.inbox())[0]

    (approval,) = await until(asked, "the effect is asked for")
    (tmp_path / "approved").touch()
    await actum.reviewer.approve(approval.id, "fine")

    async def is_looking() -> bool:
        return (tmp_path / "looking").exists()

    await until(is_looking, "the worker looks again")
    async with actum.store.pool.connection() as holder, actum.store.pool.connection() as other:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("select from actum.workflows where id = $1 for update", handle.workflow_id)
        (tmp_path / "go").touch()

        async def is_reserved_and_blocked() -> Any:
            reserved = await other.fetch(USES, handle.workflow_id, "tool_calls")
            return reserved and await other.fetch(BLOCKED)

        blocked = await until(is_reserved_and_blocked, "the intent waits behind the reservation")
        first.send_signal(signal.SIGKILL)
        first.wait(timeout=20)
        for row in blocked:
            await other.execute("select pg_terminate_backend($1)", row["pid"])
        await transaction.rollback()
    begin()
    assert await handle.result(60) == "sent"
    assert await uses(actum, handle.workflow_id, "tool_calls") == [("released", "1"), ("charged", "1")]


async def test_a_prompt_whose_worker_was_killed_before_it_asked_is_there_for_the_next_who_asks_once(
    actum: Harness, begin: Begin
) -> None:
    async with actum.store.pool.connection() as holder, actum.store.pool.connection() as other:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("lock table actum.questions in share mode")
        handle = await actum.start(CONTRACTS.wonders())
        first = begin()

        async def is_paid_and_blocked() -> Any:
            reserved = await other.fetch(USES, handle.workflow_id, "prompts")
            return reserved and await other.fetch(BLOCKED)

        blocked = await until(is_paid_and_blocked, "the question waits behind its prompt")
        first.send_signal(signal.SIGKILL)
        first.wait(timeout=20)
        for row in blocked:
            await other.execute("select pg_terminate_backend($1)", row["pid"])
        await transaction.rollback()
    begin()

    async def asked() -> Any:
        return (await actum.inbox())[1]

    assert 1 == len(await until(asked, "the next worker asks"))
    await actum.client.answer(handle.workflow_id, "1", "this one")
    assert await handle.result(60) == "this one"
    assert await uses(actum, handle.workflow_id, "prompts") == [("released", "1"), ("charged", "1")]
