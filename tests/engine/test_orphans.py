"""What a body has begun and will not hear of: settled by a person, before anything ends or is undone."""

from __future__ import annotations

import asyncio
from collections import Counter

import asyncpg
import pytest
from patience import until, until_blocked

from actum import Retry, WorkflowFailed, contract, effect, step
from actum.authoring.contract import Contract
from actum.client.handle import Handle
from actum.engine.worker import Worker
from actum.errors import NotPossible
from actum.testing.harness import Harness

RAN: Counter[str] = Counter()
HANGS: set[str] = set()


@pytest.fixture(autouse=True)
def world() -> None:
    RAN.clear()
    HANGS.clear()


@step
async def prepare() -> str:
    RAN["prepare"] += 1
    return "ready"


@effect("account.charge", retry=Retry(attempts=3, first="1ms"))
async def charge(name: str) -> str:
    RAN[f"charge {name}"] += 1
    if name in HANGS:
        await asyncio.get_running_loop().create_future()
    return f"receipt of {name}"


@charge.key
def _(name: str) -> str:
    return f"charge-{name}"


@charge.undo
async def _(result: str, name: str) -> None:
    RAN[f"undo {result}"] += 1


async def _charges() -> str:
    return await charge("ana")


async def _prepares_first() -> str:
    await prepare()
    return await charge("ana")


def version(body: object) -> Contract[..., str]:
    """Return a version of the contract `charges`."""
    return contract(name="charges", steps=[prepare, charge], on_failure="rollback")(body)  # type: ignore[arg-type]


OLD, NEW = version(_charges), version(_prepares_first)


@contract(on_failure="hold")
async def charges_too() -> str:
    return await charge("ana")


async def left_in_flight(actum: Harness, *, known: bool) -> Handle[str]:
    """Have a worker leave an effect in flight; and one of the same code ask a person about it, if that is `known`."""
    HANGS.add("ana")
    leaving = await actum.worker([OLD])
    handle = await actum.start(OLD())
    await actum.approve(handle)

    async def is_charging() -> bool:
        return RAN["charge ana"] == 1

    await until(is_charging, "the effect is under way")
    await leaving.stop(grace=0)
    if known:
        asking = await actum.worker([OLD])
        await actum.run_until_idle()
        assert (await handle.row()).cause == "in_doubt"
        await asking.stop()
    HANGS.clear()
    return handle


async def state(actum: Harness, handle: Handle[str]) -> str:
    (entry,) = [one for one in await actum.store.effects.list_of(handle.workflow_id) if one.address == "1"]
    return entry.state


async def deployed(actum: Harness, handle: Handle[str], *, known: bool) -> Worker:
    """Serve code that the history does not fit."""
    worker = await actum.worker([NEW, charges_too])
    if known:  # what was blocked is looked at again by whoever serves it, once it is woken
        await actum.store.workflows.wake([handle.workflow_id])
        actum.client.hints.send("ready")
    await actum.run_until_idle()
    row = await handle.row()
    assert (row.status, row.cause, await state(actum, handle)) == ("blocked", "mismatch", "in_doubt")
    return worker


both = pytest.mark.parametrize("known", [False, True], ids=["nobody has looked", "a person was asked"])


@both
@pytest.mark.parametrize(
    ("outcome", "left"), [("happened", "succeeded"), ("did_not_happen", "failed"), ("abandon", "abandoned")]
)
async def test_a_workflow_that_is_cancelled_ends_once_what_is_in_flight_is_settled(
    actum: Harness, known: bool, outcome: str, left: str
) -> None:
    handle = await left_in_flight(actum, known=known)
    await deployed(actum, handle, known=known)
    await handle.cancel("it is in the way")
    await actum.run_until_idle()
    assert (await handle.row()).status == "blocked"
    result = {"result": "receipt of ana"} if outcome == "happened" else {}
    await handle.settle("1", outcome, reason="I looked", **result)
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(30)
    assert (caught.value.status, await state(actum, handle), RAN["charge ana"]) == ("cancelled", left, 1)


async def test_whoever_waits_for_its_key_goes_on_with_what_a_person_said(actum: Harness) -> None:
    handle = await left_in_flight(actum, known=False)
    await deployed(actum, handle, known=False)
    other = await actum.start(charges_too())
    await actum.approve(other)
    await actum.run_until_idle()
    assert (await other.row()).status == "waiting"
    await handle.cancel("it is in the way")
    await handle.settle("1", "happened", result="receipt of ana", reason="I looked")
    assert (await other.result(30), RAN["charge ana"]) == ("receipt of ana", 1)


@both
@pytest.mark.parametrize("is_asked_first", [True, False], ids=["rolled back, then settled", "settled first"])
async def test_what_is_settled_as_happened_is_undone_by_the_rollback_that_waited_for_it(
    actum: Harness, known: bool, is_asked_first: bool
) -> None:
    handle = await left_in_flight(actum, known=known)
    await deployed(actum, handle, known=known)
    if is_asked_first:
        await handle.roll_back("it is in the way")
        await actum.run_until_idle()
    assert (RAN["undo receipt of ana"], await state(actum, handle)) == (0, "in_doubt")
    await handle.settle("1", "happened", result="receipt of ana", reason="I looked")
    await actum.run_until_idle()
    if not is_asked_first:
        await handle.roll_back("it is in the way")
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(30)
    assert (caught.value.status, await state(actum, handle)) == ("rolled_back", "undone")
    assert RAN["undo receipt of ana"] == 1


@both
async def test_code_that_fits_again_goes_on_with_what_a_person_said(actum: Harness, known: bool) -> None:
    handle = await left_in_flight(actum, known=known)
    worker = await deployed(actum, handle, known=known)
    await handle.settle("1", "happened", result="receipt of ana", reason="I looked")
    await actum.run_until_idle()
    with pytest.raises(NotPossible, match="no effect is in doubt"):
        await handle.settle("1", "abandon", reason="said twice")
    await worker.stop()
    await actum.worker([OLD])
    assert (await handle.result(30), RAN["charge ana"]) == ("receipt of ana", 1)


async def test_code_that_fits_again_does_not_drive_what_a_person_has_given_up(actum: Harness) -> None:
    handle = await left_in_flight(actum, known=False)
    worker = await deployed(actum, handle, known=False)
    await handle.cancel("it is in the way")
    await actum.run_until_idle()
    await worker.stop()
    await actum.worker([OLD])
    await actum.run_until_idle()
    assert (await handle.row()).status == "blocked"
    await handle.settle("1", "did_not_happen", reason="I looked")
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(30)
    assert (caught.value.status, RAN["charge ana"]) == ("cancelled", 1)


GATE = asyncio.Event()


@effect("account.credit")
async def credit(name: str) -> str:
    RAN[f"credit {name}"] += 1
    if name == "ana":
        await GATE.wait()
    return f"credit of {name}"


@contract(on_failure="hold")
async def credits_two() -> list[str]:
    return list(await asyncio.gather(credit("ana"), credit("ben")))


async def test_an_end_that_waited_behind_another_intent_is_kept_when_the_workflow_is_blocked(
    actum: Harness,
) -> None:
    def buggy() -> None:
        raise ZeroDivisionError("a planted bug")

    GATE.clear()
    worker = await actum.worker([credits_two])
    handle = await actum.start(credits_two())
    await actum.run_until_idle()
    one, two = sorted((await actum.inbox())[0], key=lambda asked: asked.arguments)
    await actum.reviewer.approve(one.id, "fine")
    await until(lambda: RAN["credit ana"] == 1, "the first is under way")
    (runner,) = worker.held
    holder = await asyncpg.connect(actum.dsn)
    async with holder.transaction():
        await holder.execute("lock table actum.effects in share mode")
        await actum.reviewer.approve(two.id, "fine")
        await until_blocked(holder)
        GATE.set()
        await until(lambda: bool(runner._inbox), "the end of the first waits for the intent of the second")
        runner.guarded(buggy)
    await holder.close()
    await actum.run_until_idle()
    assert (await handle.row()).cause == "refused"
    states = {one.address: one.state for one in await actum.store.effects.list_of(handle.workflow_id)}
    assert {one.address: "succeeded", two.address: "in_doubt"} == states
    assert (RAN["credit ana"], RAN["credit ben"]) == (1, 0)
