"""Children: what becomes of them when their parent stops waiting, is cancelled, or changes its mind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest

from actum import Signal, WorkflowFailed, contract, step
from actum.client.handle import Handle
from actum.errors import DatabaseUnavailable
from actum.store.rows import WorkflowRow
from actum.testing.harness import Harness

replied = Signal("replied", str)
DEPLOYED: set[str] = set()


@pytest.fixture(autouse=True)
def nothing_new_is_deployed() -> Iterator[None]:
    DEPLOYED.clear()
    yield
    DEPLOYED.clear()


@step
async def echo(word: str) -> str:
    return word


@contract
async def sleeper() -> None:
    await asyncio.sleep(10**6)


@contract
async def quick() -> str:
    return await echo("from the child")


@contract
async def counts(number: int) -> int:
    await replied.wait()
    return number


@contract
async def gives_up() -> str:
    try:
        async with asyncio.timeout(60):
            await sleeper()
    except TimeoutError:
        pass
    return await replied.wait()


@contract
async def awaits() -> str:
    return await quick()


@contract
async def counts_on() -> int:
    return await counts(2 if "another number" in DEPLOYED else 1)


@contract(on_failure="hold")
async def keeps_one(word: str) -> None:
    if "a step before" in DEPLOYED:
        await echo("new")
    await echo(word)
    await sleeper()


async def only_child(actum: Harness, handle: Handle[int] | Handle[str] | Handle[None]) -> WorkflowRow:
    """Return the row of the workflow's one child."""
    (child,) = [row for row in await actum.client.list() if row.parent == handle.workflow_id]
    return child


async def test_a_parent_that_gave_its_child_up_lies_still_until_something_comes(actum: Harness) -> None:
    worker = await actum.worker([gives_up])
    handle = await actum.start(gives_up())
    await actum.run_until_idle()
    actum.clock.advance("61s")
    await actum.run_until_idle()
    assert (await only_child(actum, handle)).status == "cancelled"
    epoch = (await handle.row()).epoch
    for _ in range(3):
        assert await worker.wake_once() == 0
        actum.clock.advance("2m")
        await actum.run_until_idle()
    assert (await handle.row()).epoch == epoch
    await handle.signal(replied, "here")
    assert await handle.result(10) == "here"


async def test_cancelling_a_parent_that_cannot_be_driven_cancels_its_child(actum: Harness) -> None:
    worker = await actum.worker([keeps_one])
    handle = await actum.start(keeps_one("old"))
    await actum.run_until_idle()
    await worker.stop()
    DEPLOYED.add("a step before")
    await actum.store.workflows.wake([handle.workflow_id])
    await actum.worker([keeps_one])
    await actum.run_until_idle()
    assert (await handle.row()).cause == "mismatch"
    await handle.cancel("stop it all")
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    await actum.run_until_idle()
    assert (await only_child(actum, handle)).status == "cancelled"


async def test_a_wake_up_lost_between_child_and_parent_is_made_good(
    actum: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await actum.worker([awaits])
    real, lost = actum.store.workflows.wake, list[Sequence[UUID]]()

    async def wake(ids: Sequence[UUID]) -> Sequence[UUID]:
        if not lost:
            lost.append(ids)
            raise DatabaseUnavailable("gone for a moment")
        return await real(ids)

    monkeypatch.setattr(actum.store.workflows, "wake", wake)
    handle = await actum.start(awaits())
    async with asyncio.timeout(10):
        while not lost:
            await asyncio.sleep(0.01)
    await worker.wake_once()
    assert await handle.result(20) == "from the child"
    assert (lost, worker.failure) == ([[handle.workflow_id]], None)


async def test_code_that_gives_a_living_child_another_argument_is_a_mismatch(actum: Harness) -> None:
    worker = await actum.worker([counts_on])
    handle = await actum.start(counts_on())
    await actum.run_until_idle()
    await worker.stop()
    child = await only_child(actum, handle)
    DEPLOYED.add("another number")
    await actum.worker([counts_on])
    await actum.client.handle(child.id).signal(replied, "go")
    await actum.run_until_idle()
    row = await handle.row()
    assert (row.status, row.cause) == ("blocked", "mismatch")
    assert (await only_child(actum, handle)).status == "completed"
