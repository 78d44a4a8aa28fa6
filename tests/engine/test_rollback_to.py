"""A rollback that is limited to what came after an address: what is shown beforehand is what is done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from patience import until

from actum import WorkflowFailed, contract, effect, step
from actum.client.handle import Handle
from actum.errors import InvalidInput
from actum.testing.harness import Harness

LOG: list[str] = []
GATES: list[asyncio.Event] = []
POLICY = """
schema = 1
name = "everything goes"
owner = "team-platform"

[[rule]]
id = "automatic"
match = { kind = "thing.make" }
tier = 0
why = "nobody is asked here"
"""


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    LOG.clear()
    yield
    for gate in GATES:
        gate.set()
    GATES.clear()


@effect("thing.make")
async def make(name: str) -> str:
    return name


@make.undo
async def _(result: str, name: str) -> None:
    LOG.append(result)


@effect("thing.make")
async def make_and_lose_the_answer(name: str) -> str:
    raise ConnectionError("the line broke")


@make_and_lose_the_answer.undo
async def _(result: str, name: str) -> None:
    LOG.append(result)


@step
async def look() -> None:
    """Do nothing that anybody has to undo."""


@step
async def linger() -> None:
    gate = asyncio.Event()
    GATES.append(gate)
    await gate.wait()


@contract(on_failure="hold")
async def child() -> None:
    await make("child 1")
    await make("child 2")


@contract(on_failure="rollback")
async def travels() -> None:
    await make("first")  # 1
    await look()  # 2
    await child()  # 3
    await make_and_lose_the_answer("asked")  # 4
    await make("last")  # 5
    await linger()  # 6


AFTER = {
    "1": ["last", "asked", "child 2", "child 1"],
    "2": ["last", "asked", "child 2", "child 1"],
    "3": ["last", "asked"],
    "4": ["last"],
    "5": [],
}
"""What is undone when a rollback goes back to an address; `6` has not ended."""


async def go_to_its_last_step(actum: Harness) -> Handle[None]:
    """Return a workflow that is held in its last step; a person has settled what was in doubt."""
    count = len(GATES)
    handle = await actum.start(travels())

    async def is_in_doubt() -> bool:
        return (await handle.row()).cause == "in_doubt"

    async def is_lingering() -> bool:
        return len(GATES) > count

    await until(is_in_doubt, "a person is asked")
    await handle.settle("4", "happened", result="asked", reason="it is there")
    await until(is_lingering, "the last step is under way")
    return handle


async def end_of(handle: Handle[None]) -> None:
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert caught.value.status == "rolled_back"


async def report_of(actum: Harness, handle: Handle[None]) -> tuple[str, list[tuple[str, str]]]:
    """Return a rollback's outcome, and the step and reason of each entry that was left standing."""
    report = json.loads((await actum.events(handle))[-1].data or "")
    left = [(one["step"], one["why"]) for one in report["entries"] if one["outcome"] == "left standing"]
    return report["outcome"], left


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_what_is_undone_after_an_address_is_what_was_shown_beforehand(
    actum: Harness, is_restarted: bool
) -> None:
    await actum.activate(POLICY)
    worker = await actum.worker([travels])
    handles = {to: await go_to_its_last_step(actum) for to in AFTER}
    if is_restarted:
        await worker.stop(grace=0)
        await actum.worker([travels])
    for to, handle in handles.items():
        LOG.clear()
        shown = await actum.client.plan_rollback(handle.workflow_id, to=to)
        await handle.roll_back("not what was wanted", to=to)
        await end_of(handle)
        report = json.loads((await actum.events(handle))[-1].data or "")
        assert AFTER[to] == LOG
        assert [(one.address, one.of.step, one.of.address) for one in shown] == [
            (one["address"], one["step"], one["of"]) for one in report["entries"]
        ]
        assert ("complete", len(LOG)) == (report["outcome"], len(shown))


@pytest.mark.parametrize("to", ["6", "7", "undo.1", "nonsense", ""])
async def test_an_address_where_nothing_has_ended_is_refused_with_those_where_something_has(
    actum: Harness, to: str
) -> None:
    await actum.activate(POLICY)
    await actum.worker([travels])
    handle = await go_to_its_last_step(actum)
    for refused in (
        actum.client.plan_rollback(handle.workflow_id, to=to),
        handle.roll_back("not what was wanted", to=to),
    ):
        with pytest.raises(InvalidInput, match=r"nothing has ended at .*5 \(make\)"):
            await refused
    assert "running" == await handle.status()


async def test_a_worker_that_is_told_such_an_address_all_the_same_undoes_nothing_and_says_so(
    actum: Harness,
) -> None:
    await actum.activate(POLICY)
    await actum.worker([travels])
    handle = await go_to_its_last_step(actum)
    await actum.store.messages.send(
        workflow_id=handle.workflow_id,
        kind="rollback",
        actor="user:author",
        address="nonsense",
        reason="not what was wanted",
    )
    actum.client.hints.send(f"wake:{handle.workflow_id}")
    await end_of(handle)
    outcome, left = await report_of(actum, handle)
    assert ([], "partial", 5) == (LOG, outcome, len(left))
    assert all("nothing has ended at nonsense" in why for _, why in left)
