"""What a rollback cannot put back is named, and a rollback that leaves something is never called complete."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from actum import NotDone, Retry, RollBack, Signal, WorkflowFailed, contract, effect
from actum.authoring.contract import Contract
from actum.client.handle import Handle
from actum.testing.harness import Harness

LOG: list[str] = []
BROKEN: set[str] = set()
GO = Signal("go", str)


@pytest.fixture(autouse=True)
def world() -> None:
    LOG.clear()
    BROKEN.clear()


async def go(actum: Harness) -> None:
    """Approve until nothing asks for more."""
    await actum.run_until_idle()
    while pending := (await actum.inbox())[0]:
        for one in pending:
            await actum.approve(one.id)
        await actum.run_until_idle()


async def report_of(actum: Harness, handle: Handle[Any]) -> tuple[str, list[tuple[str, str, str]]]:
    """Return a rollback's outcome, and step, outcome and reason of each entry, once it has ended."""
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert caught.value.status == "rolled_back"
    report = json.loads((await actum.events(handle))[-1].data or "")
    return report["outcome"], [(one["step"], one["outcome"], one["why"]) for one in report["entries"]]


@effect("thing.make", retry=Retry(attempts=1))
async def make(name: str) -> str:
    return name


@make.undo
async def _(result: str, name: str) -> None:
    if name in BROKEN:
        LOG.append(f"{name} resists")
        raise NotDone("it resists")
    LOG.append(f"undo {name}")


@contract(on_failure="rollback")
async def child() -> None:
    await make("child's")
    raise RollBack("not what was wanted")


@contract(on_failure="rollback")
async def parent() -> None:
    await make("own")
    await child()


async def child_of(actum: Harness, handle: Handle[Any]) -> Handle[Any]:
    (data,) = [one.data for one in await actum.events(handle) if one.kind.value == "child.started"]
    return actum.client.handle(UUID(json.loads(data or "")["child"]))


@pytest.mark.parametrize("asks", ["the parent", "the child"])
async def test_a_childs_undo_that_failed_is_taken_up_by_its_parents_rollback(
    actum: Harness, asks: str
) -> None:
    BROKEN.add("child's")
    await actum.worker([parent])
    handle = await actum.start(parent())
    await go(actum)
    one = await child_of(actum, handle)
    assert "undo_failed" == (await one.row()).cause
    if asks == "the parent":
        await handle.roll_back("all of it")
    else:
        await one.cancel("give it up")
    await actum.run_until_idle()
    actum.clock.advance("1m")
    await actum.run_until_idle()
    row = await handle.row()
    assert ("cancelled", "blocked", "undo_failed") == (await one.status(), row.status, row.cause)
    assert ["child's resists"] * 2 == LOG
    shown = await actum.client.plan_rollback(handle.workflow_id)
    BROKEN.clear()
    await handle.resume("it gives way by now")
    outcome, entries = await report_of(actum, handle)
    assert ("complete", ["child's resists"] * 2 + ["undo child's", "undo own"]) == (outcome, LOG)
    assert [("make", "undone", entry.why) for entry in shown] == entries
    states = [(one.kind, one.state) for one in await actum.store.effects.list_of(one.workflow_id)]
    assert ("thing.make", "undone") in states


async def test_a_childs_undo_that_was_given_up_without_an_answer_is_not_repeated_on_a_guess(
    actum: Harness,
) -> None:
    @effect("thing.make", retry=Retry(attempts=1))
    async def lose() -> str:
        return "thing"

    @lose.undo
    async def _(result: str) -> None:
        LOG.append("undo")
        raise ConnectionError("the line broke")

    @contract(on_failure="rollback")
    async def loses() -> None:
        await lose()
        raise RollBack("not what was wanted")

    @contract(on_failure="rollback")
    async def waits_for_it() -> None:
        await loses()

    await actum.worker([waits_for_it])
    handle = await actum.start(waits_for_it())
    await go(actum)
    one = await child_of(actum, handle)
    await one.settle("undo.1", "abandon", reason="nobody can tell")
    await actum.run_until_idle()
    await one.cancel("give it up")
    outcome, entries = await report_of(actum, handle)
    assert ("partial", ["undo"]) == (outcome, LOG)
    (entry,) = entries
    assert entry[:2] == ("lose", "left standing")
    assert "its undo was begun before" in entry[2]


async def test_what_a_person_gave_up_without_an_answer_is_left_standing_by_name(actum: Harness) -> None:
    @effect("thing.make")
    async def lose() -> None:
        raise ConnectionError("the line broke")

    @lose.undo
    async def _(result: None) -> None:
        LOG.append("undo")

    @contract(on_failure="rollback")
    async def loses() -> None:
        await lose()

    await actum.worker([loses])
    handle = await actum.start(loses())
    await go(actum)
    await handle.settle("1", "abandon", reason="nobody can tell")
    outcome, entries = await report_of(actum, handle)
    given_up = "a person gave it up without knowing whether it happened"
    assert ("partial", [("lose", "left standing", given_up)], []) == (outcome, entries, LOG)


@effect("order.place")
async def place(order: str) -> str:
    return order


@place.key
def _(order: str) -> str:
    return order


@place.undo
async def _(result: str, order: str) -> None:
    LOG.append(f"undo {order}")


@contract(on_failure="rollback")
async def orders() -> None:
    await place("1")
    await GO.wait()


async def test_what_two_shared_is_named_in_the_reports_of_both(actum: Harness) -> None:
    await actum.worker([orders])
    first = await actum.start(orders())
    await go(actum)
    second = await actum.start(orders())
    await go(actum)
    await first.roll_back("not what was wanted")
    held = await report_of(actum, first)
    await second.roll_back("not what was wanted")
    shared = await report_of(actum, second)
    assert ("partial", "partial", []) == (held[0], shared[0], LOG)
    assert [("place", "left standing", "another workflow holds it under the same key")] == held[1]
    assert [
        ("place", "left standing", "another workflow did it, and this one only took its result")
    ] == shared[1]


@effect("thing.make", name="make_newer")
async def make_newer(name: str) -> str:
    return name


@effect("thing.make", name="make")
async def make_for_ever(name: str) -> str:
    return name


def acts(one: Any) -> Contract[[], None]:
    """Return a version of one contract that acts by `one`."""

    async def body() -> None:
        await one("it")
        await GO.wait()

    return contract(name="acts", on_failure="rollback", steps=[one])(body)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (make_newer, "make of acts is not in the code that is running: deploy what has it, and resume"),
        (make_for_ever, "make of acts declares no undo in the code that is running: deploy what has it"),
    ],
)
async def test_what_other_code_cannot_undo_stops_the_rollback_until_the_code_that_can_is_there(
    actum: Harness, other: Any, said: str
) -> None:
    worker = await actum.worker([acts(make)])
    handle = await actum.start(acts(make)())
    await go(actum)
    await worker.stop()
    worker = await actum.worker([acts(other)])
    shown = await actum.client.plan_rollback(handle.workflow_id)
    assert [("undo", "make")] == [(one.action.value, one.of.step) for one in shown]
    await handle.roll_back("not what was wanted")
    await actum.run_until_idle()
    row = await handle.row()
    assert ("blocked", "undo_failed") == (row.status, row.cause)
    assert said in ((await actum.events(handle))[-1].data or "")
    await worker.stop()
    await actum.worker([acts(make)])
    await handle.resume("deployed")
    outcome, entries = await report_of(actum, handle)
    assert ("complete", ["undo it"]) == (outcome, LOG)
    assert [("make", "undone", shown[0].why)] == entries
