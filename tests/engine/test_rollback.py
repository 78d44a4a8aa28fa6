"""Rollback: a plan, newest first, each undo once, resumable, and what could not be undone is named."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from actum import (
    Happened,
    NotApproved,
    NotDone,
    NotHappened,
    Retry,
    RollBack,
    WorkflowFailed,
    contract,
    effect,
    step,
)
from actum.client.handle import Handle
from actum.testing.harness import Harness

LOG: list[str] = []
BROKEN: set[str] = set()
GATES: dict[str, asyncio.Event] = {}


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    LOG.clear()
    BROKEN.clear()
    GATES.clear()
    yield
    for gate in GATES.values():
        gate.set()


@effect("thing.make", retry=Retry(attempts=2, first="1ms"))
async def make(name: str) -> str:
    LOG.append(f"make {name}")
    return name


@make.undo
async def _(result: str, name: str) -> None:
    assert result == name
    if name in BROKEN:
        raise NotDone(f"{name} resists")
    LOG.append(f"undo {name}")
    gate = GATES.get(name)
    if gate is not None:
        await gate.wait()


@make.probe
async def _(name: str) -> Happened[str] | NotHappened:
    return NotHappened() if f"undo {name}" in LOG else Happened(name)


@effect("mail.send")
async def send(name: str) -> str:
    LOG.append(f"send {name}")
    return name


@effect("stock.take")
async def take(name: str) -> str:
    LOG.append(f"take {name}")
    return name


@take.compensate
async def _(result: str, name: str) -> None:
    LOG.append(f"give back {result}")


@step(retry=Retry(attempts=2, first="1ms"))
async def fail(why: str) -> None:
    raise ValueError(why)


async def approve_everything(actum: Harness, handle: Handle[str]) -> None:
    """Approve until the workflow asks for nothing more."""
    while True:
        await actum.run_until_idle()
        pending, _ = await actum.inbox()
        if not pending:
            return
        for one in pending:
            await actum.reviewer.approve(one.id, "fine")


async def report_of(actum: Harness, handle: Handle[str]) -> dict[str, object]:
    """Return the report in the workflow's last event."""
    return json.loads((await actum.events(handle))[-1].data or "{}")  # type: ignore[no-any-return]


@contract(on_failure="rollback")
async def makes_three(ending: str) -> str:
    await make("a")
    await send("b")
    await take("c")
    if ending == "raise":
        raise RollBack("not what was wanted")
    if ending == "fail":
        await fail("the last check failed")
    if ending == "sleep":
        await asyncio.sleep(10**6)
    return "kept"


@pytest.mark.parametrize("ending", ["raise", "fail"])
async def test_what_was_done_is_undone_newest_first_and_what_stands_is_named(
    actum: Harness, ending: str
) -> None:
    await actum.worker([makes_three])
    handle = await actum.start(makes_three(ending))
    await approve_everything(actum, handle)
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert caught.value.status == "rolled_back"
    assert LOG == ["make a", "send b", "take c", "give back c", "undo a"]
    report = await report_of(actum, handle)
    assert report["outcome"] == "partial"
    assert [(e["step"], e["outcome"]) for e in report["entries"]] == [  # type: ignore[attr-defined]
        ("take", "undone"),
        ("send", "left standing"),
        ("make", "undone"),
    ]
    states = {one.kind: one.state for one in await actum.store.effects.list_of(handle.workflow_id)}
    assert states == {
        "thing.make": "undone",
        "mail.send": "succeeded",
        "stock.take": "undone",
        "thing.make.undo": "succeeded",
        "stock.take.undo": "succeeded",
    }


async def test_a_workflow_that_did_nothing_fails_instead_of_rolling_back(actum: Harness) -> None:
    @contract(on_failure="rollback", steps=[make, fail])
    async def nothing() -> None:
        await fail("early")

    await actum.worker([nothing])
    handle = await actum.start(nothing())
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert caught.value.status == "failed"


async def test_a_person_rolls_a_waiting_workflow_back(actum: Harness) -> None:
    await actum.worker([makes_three])
    handle = await actum.start(makes_three("sleep"))
    await approve_everything(actum, handle)
    await handle.roll_back("the customer changed their mind")
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert (caught.value.status, caught.value.reason) == ("rolled_back", "operator")
    assert LOG[-2:] == ["give back c", "undo a"]
    assert (await report_of(actum, handle))["why"] == "the customer changed their mind"


async def test_a_body_being_rolled_back_gets_no_new_effects(actum: Harness) -> None:
    @contract(on_failure="rollback")
    async def stubborn() -> None:
        await make("a")
        try:
            await asyncio.sleep(10**6)
        finally:
            try:
                await make("in finally")
            except NotApproved:
                LOG.append("refused")

    await actum.worker([stubborn])
    handle = await actum.start(stubborn())
    await approve_everything(actum, handle)
    await handle.roll_back("enough")
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    assert LOG == ["make a", "refused", "undo a"]


async def test_an_undo_that_fails_stops_the_plan_and_is_taken_up_again(actum: Harness) -> None:
    @contract(on_failure="rollback")
    async def two() -> None:
        await make("a")
        await make("b")
        raise RollBack("no")

    BROKEN.add("a")
    await actum.worker([two])
    handle = await actum.start(two())
    await approve_everything(actum, handle)
    row = await handle.row()
    assert (row.status, row.cause) == ("blocked", "undo_failed")
    assert LOG == ["make a", "make b", "undo b"]
    BROKEN.clear()
    await handle.resume("mended")
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    assert LOG == ["make a", "make b", "undo b", "undo a"]
    assert (await report_of(actum, handle))["outcome"] == "complete"


async def test_an_undo_cut_short_is_settled_by_the_effects_own_probe_and_never_done_twice(
    actum: Harness,
) -> None:
    @contract(on_failure="rollback")
    async def two() -> None:
        await make("a")
        await make("b")
        raise RollBack("no")

    GATES["b"] = asyncio.Event()
    worker = await actum.worker([two])
    handle = await actum.start(two())
    while "undo b" not in LOG:
        for one in (await actum.inbox())[0]:
            await actum.reviewer.approve(one.id, "fine")
        await asyncio.sleep(0.01)
    await worker.stop(grace=0)
    GATES.clear()
    await actum.worker([two])
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    assert LOG == ["make a", "make b", "undo b", "undo a"]
    assert "effect.settled" in await actum.kinds(handle)


async def test_a_childs_effects_are_undone_where_the_child_finished(actum: Harness) -> None:
    @contract(on_failure="hold")
    async def child() -> None:
        await make("child 1")
        await make("child 2")

    @contract(on_failure="rollback")
    async def parent() -> None:
        await make("before")
        await child()
        await make("after")
        raise RollBack("no")

    await actum.worker([parent])
    handle = await actum.start(parent())
    await approve_everything(actum, handle)
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    assert [one for one in LOG if one.startswith("undo")] == [
        "undo after",
        "undo child 2",
        "undo child 1",
        "undo before",
    ]


@effect("order.place")
async def place(order: str) -> str:
    LOG.append(f"place {order}")
    return order


@place.key
def _(order: str) -> str:
    return f"order/{order}"


@place.undo
async def _(result: str, order: str) -> None:
    LOG.append(f"cancel {order}")


@contract(on_failure="rollback")
async def orders(order: str, ends_well: bool) -> str:
    placed = await place(order)
    if not ends_well:
        raise RollBack("no")
    return placed


async def test_what_another_workflow_holds_under_the_same_key_is_left_standing(actum: Harness) -> None:
    await actum.worker([orders])
    good = await actum.start(orders("1", True))
    await approve_everything(actum, good)
    assert await good.result(10) == "1"
    bad = await actum.start(orders("1", False))
    await approve_everything(actum, bad)
    with pytest.raises(WorkflowFailed):
        await bad.result(10)
    assert LOG == ["place 1"]


async def test_after_an_undo_the_same_key_is_a_new_generation(actum: Harness) -> None:
    await actum.worker([orders])
    for ends_well in (False, True):
        handle = await actum.start(orders("1", ends_well))
        await approve_everything(actum, handle)
    assert await handle.result(10) == "1"
    assert LOG == ["place 1", "cancel 1", "place 1"]
    entries = await actum.store.effects.list_of(handle.workflow_id)
    assert [2] == [one.generation for one in entries if one.kind == "order.place"]


async def test_what_somebody_joins_while_the_plan_is_carried_out_is_left_standing(actum: Harness) -> None:
    @contract(on_failure="rollback")
    async def places_and_makes() -> None:
        await place("1")
        await make("later")
        raise RollBack("no")

    GATES["later"] = asyncio.Event()
    await actum.worker([places_and_makes, orders])
    first = await actum.start(places_and_makes())
    while "undo later" not in LOG:  # the plan is made, and its first undo is under way
        for one in (await actum.inbox())[0]:
            await actum.reviewer.approve(one.id, "fine")
        await asyncio.sleep(0.01)
    second = await actum.start(orders("1", True))
    while not (pending := (await actum.inbox())[0]):
        await asyncio.sleep(0.01)
    await actum.reviewer.approve(pending[0].id, "fine")
    assert await second.result(10) == "1"
    GATES["later"].set()
    async with asyncio.timeout(10):
        while (await first.row()).finished_at is None:
            actum.clock.advance("1s")  # what the ledger would not let go of is looked at again, parked or not
            await asyncio.sleep(0.01)
    with pytest.raises(WorkflowFailed):
        await first.result(10)
    assert LOG == ["place 1", "make later", "undo later"]
    report = await report_of(actum, first)
    assert ("partial", "check.failed") == (report["outcome"], report["reason"])
    assert [(e["step"], e["outcome"]) for e in report["entries"]] == [  # type: ignore[attr-defined]
        ("make", "undone"),
        ("place", "left standing"),
    ]


async def test_a_freeze_lets_an_undo_through_when_a_person_says_so(actum: Harness) -> None:
    @contract(on_failure="rollback")
    async def makes_and_waits() -> None:
        await make("a")
        await make("b")
        await asyncio.sleep(10**6)

    await actum.worker([makes_and_waits])
    handle = await actum.start(makes_and_waits())
    await approve_everything(actum, handle)
    freeze_id, _ = await actum.reviewer.freezes.freeze("everything", reason="something is wrong")
    await handle.roll_back("put it back first")
    await actum.run_until_idle()
    ((asked,), _) = await actum.inbox()
    assert ("make.undo", 2, "freeze") == (asked.step, asked.tier, asked.rule)
    assert ["make a", "make b"] == LOG
    await actum.reviewer.approve(asked.id, "this one first")
    await actum.run_until_idle()
    assert ["make a", "make b", "undo b"] == LOG
    ((second,), _) = await actum.inbox()
    assert asked.id != second.id
    await actum.reviewer.freezes.unfreeze(freeze_id)
    actum.clock.advance("6s")
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    assert ["make a", "make b", "undo b", "undo a"] == LOG
    assert [] == (await actum.inbox())[0], "the question is withdrawn"


async def test_an_undo_that_a_person_does_not_let_through_stops_the_rollback(actum: Harness) -> None:
    @contract(on_failure="rollback")
    async def makes_and_waits() -> None:
        await make("a")
        await asyncio.sleep(10**6)

    await actum.worker([makes_and_waits])
    handle = await actum.start(makes_and_waits())
    await approve_everything(actum, handle)
    freeze_id, _ = await actum.reviewer.freezes.freeze("everything", reason="something is wrong")
    await handle.roll_back("put it back first")
    await actum.run_until_idle()
    ((asked,), _) = await actum.inbox()
    await actum.reviewer.reject(asked.id, "leave it for the investigation")
    await actum.run_until_idle()
    row = await handle.row()
    assert ("blocked", "undo_failed", ["make a"]) == (row.status, row.cause, LOG)
    await actum.reviewer.freezes.unfreeze(freeze_id)
    await handle.resume("investigated")
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    assert ["make a", "undo a"] == LOG
