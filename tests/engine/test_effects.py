"""Effects: asked for, permitted, done once; and every way out of doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from actum import (
    Approved,
    Happened,
    NotApproved,
    NotDone,
    NotHappened,
    Preview,
    Rejected,
    Retry,
    StepFailed,
    Unknown,
    WorkflowFailed,
    attempt,
    contract,
    effect,
    request_approval,
    step,
)
from actum.errors import KeyConflict, NotEntitled, NotPossible
from actum.testing.harness import Harness


@dataclass
class World:
    """The outside: what reached it, under which key; and how it behaves."""

    keys: list[str] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    answer: object = None


WORLD = World()


@pytest.fixture(autouse=True)
def world() -> Iterator[World]:
    WORLD.keys.clear()
    WORLD.gates.clear()
    WORLD.answer = None
    yield WORLD
    for gate in WORLD.gates.values():
        gate.set()


async def act(name: str) -> str:
    """Reach the world; where a gate is set up, hang after having acted."""
    WORLD.keys.append(attempt().key or "")
    gate = WORLD.gates.get(name)
    if gate is not None:
        await gate.wait()
    return f"sent to {name}"


@effect("mail.send")
async def send(to: str) -> str:
    return await act(to)


@send.preview
async def _(to: str) -> Preview:
    return Preview(f"Send one mail to {to}", target=to, facts={"recipients": 1})


@contract(on_failure="hold")
async def asks_first(to: str) -> str:
    call = send(to)
    match await request_approval(call):
        case Rejected(reason=reason):
            return f"no: {reason}"
        case Approved(by=by):
            return f"{await call} by {by[0]}"
    return "?"


@contract(on_failure="hold")
async def just_acts(to: str) -> str:
    try:
        return await send(to)
    except NotApproved as refusal:
        return f"refused: {refusal.outcome.reason}"


async def test_what_was_approved_runs_once_without_a_second_prompt(actum: Harness, world: World) -> None:
    await actum.worker([asks_first])
    handle = await actum.start(asks_first("ana"))
    await actum.run_until_idle()
    (approval,), _ = await actum.inbox()
    assert "Send one mail to ana" in (approval.preview or "")
    assert world.keys == []
    await actum.approve(handle)
    assert await handle.result(10) == "sent to ana by user:reviewer"
    assert world.keys == [f"{handle.workflow_id}/1"]
    assert [one.state for one in await actum.store.approvals.list_of([handle.workflow_id])] == ["used"]
    assert [one.state for one in await actum.store.effects.list_of(handle.workflow_id)] == ["succeeded"]


async def test_a_rejection_reaches_the_body_with_its_reason_and_nothing_happens(
    actum: Harness, world: World
) -> None:
    await actum.worker([asks_first, just_acts])
    asked, acting = await actum.start(asks_first("ana")), await actum.start(just_acts("bo"))
    await actum.reject(asked, "too many mails")
    await actum.reject(acting, "not bo")
    assert await asked.result(10) == "no: too many mails"
    assert await acting.result(10) == "refused: not bo"
    assert world.keys == []
    assert await actum.store.effects.list_of(acting.workflow_id) == []


async def test_the_requester_cannot_approve_and_a_first_decision_stands(actum: Harness) -> None:
    await actum.worker([just_acts])
    handle = await actum.start(just_acts("ana"))
    with pytest.raises(NotEntitled):
        await actum.approve(handle, by="user:author")
    (approval,), _ = await actum.inbox()
    await actum.approve(approval.id)
    await actum.approve(approval.id)
    with pytest.raises(NotPossible, match="first decision stands"):
        await actum.reject(approval.id, by="user:other")
    assert await handle.result(10) == "sent to ana"


@effect("mail.send", retry=Retry(attempts=3, first="1ms"), not_done=(ConnectionRefusedError,))
async def refuses_twice(to: str) -> str:
    WORLD.keys.append(attempt().key or "")
    if attempt().number == 1:
        raise ConnectionRefusedError(to)
    if attempt().number == 2:
        raise NotDone("the server said: try later")
    return "done"


@contract(on_failure="hold")
async def patient(to: str) -> str:
    return await refuses_twice(to)


async def test_only_what_certainly_did_not_happen_is_tried_again_under_one_key_and_one_approval(
    actum: Harness, world: World
) -> None:
    await actum.worker([patient])
    handle = await actum.start(patient("ana"))
    await actum.approve(handle)
    assert await handle.result(10) == "done"
    assert len(world.keys) == 3
    assert len(set(world.keys)) == 1
    assert [e.attempt for e in await actum.events(handle) if e.kind.value == "effect.started"] == [1, 2, 3]


@effect("mail.send")
async def fails_strangely(to: str) -> str:
    await act(to)
    raise RuntimeError("connection lost")


@contract(on_failure="hold")
async def doubtful(to: str) -> str:
    try:
        return await fails_strangely(to)
    except StepFailed as failure:
        return f"given up: {failure.message}"


@pytest.mark.parametrize(
    ("outcome", "result", "expected"),
    [("happened", "yes", "yes"), ("abandon", None, "given up: enough")],
)
async def test_any_other_failure_is_a_doubt_that_a_person_settles(
    actum: Harness, world: World, outcome: str, result: str | None, expected: str
) -> None:
    await actum.worker([doubtful])
    handle = await actum.start(doubtful("ana"))
    await actum.approve(handle)
    await actum.run_until_idle()
    row = await handle.row()
    assert (row.status, row.cause) == ("blocked", "in_doubt")
    await handle.settle("1", outcome, result=result, reason="enough")
    assert await handle.result(10) == expected
    assert len(world.keys) == 1
    assert (await actum.events(handle))[-1].actor != "user:author"
    with pytest.raises(NotPossible):
        await handle.settle("1", "happened")


async def test_a_doubt_settled_as_did_not_happen_is_done_again_under_the_same_approval(
    actum: Harness, world: World
) -> None:
    await actum.worker([doubtful])
    handle = await actum.start(doubtful("ana"))
    await actum.approve(handle)
    await actum.run_until_idle()
    await handle.settle("1", "did_not_happen", reason="looked into the outbox")
    await actum.run_until_idle()
    assert len(world.keys) == 2
    assert len(set(world.keys)) == 1
    await handle.settle("1", "happened", result="at last")
    assert await handle.result(10) == "at last"


@effect("mail.send", in_doubt="repeat", timeout="100ms", retry=Retry(first="1ms"))
async def repeatable(to: str) -> str:
    if len(WORLD.keys) == 0:
        WORLD.gates["first"] = asyncio.Event()
        return await act("first")
    return await act(to)


@contract(on_failure="hold")
async def repeats(to: str) -> str:
    return await repeatable(to)


async def test_an_effect_whose_other_side_honours_the_key_is_repeated_under_it(
    actum: Harness, world: World
) -> None:
    await actum.worker([repeats])
    handle = await actum.start(repeats("ana"))
    await actum.approve(handle)
    assert await handle.result(10) == "sent to ana"
    assert len(world.keys) == 2
    assert len(set(world.keys)) == 1


@effect("mail.send", timeout="1m", settle_after="30s")
async def probed(to: str) -> str:
    return await act(to)


@probed.probe
async def _(to: str) -> Happened[str] | NotHappened | Unknown:
    assert isinstance(WORLD.answer, Happened | NotHappened | Unknown)
    return WORLD.answer


@contract(on_failure="hold")
async def looks(to: str) -> str:
    return await probed(to)


async def _interrupted(actum: Harness, world: World) -> tuple[object, str]:
    """Start an effect that hangs after acting, and stop its worker as a crash would."""
    world.gates["ana"] = asyncio.Event()
    worker = await actum.worker([looks])
    handle = await actum.start(looks("ana"))
    await actum.approve(handle)
    while not world.keys:
        await asyncio.sleep(0.01)
    await worker.stop(grace=0)
    world.gates.clear()
    return handle, world.keys[0]


async def test_a_probe_that_finds_it_done_settles_the_doubt(actum: Harness, world: World) -> None:
    handle, _ = await _interrupted(actum, world)
    world.answer = Happened("found in the outbox")
    await actum.worker([looks])
    assert await handle.result(10) == "found in the outbox"  # type: ignore[attr-defined]
    assert len(world.keys) == 1


async def test_a_probes_no_is_believed_only_once_the_attempt_can_no_longer_act(
    actum: Harness, world: World
) -> None:
    handle, key = await _interrupted(actum, world)
    world.answer = NotHappened()
    await actum.worker([looks])
    await actum.run_until_idle()
    assert world.keys == [key]
    actum.clock.advance("89s")
    await actum.run_until_idle()
    assert world.keys == [key]
    actum.clock.advance("2s")
    assert await handle.result(10) == "sent to ana"  # type: ignore[attr-defined]
    assert world.keys == [key, key]


async def test_a_probe_that_cannot_tell_asks_a_person(actum: Harness, world: World) -> None:
    handle, _ = await _interrupted(actum, world)
    world.answer = Unknown()
    await actum.worker([looks])
    await actum.run_until_idle()
    assert (await handle.row()).cause == "in_doubt"  # type: ignore[attr-defined]
    await handle.settle("1", "happened", result="a person looked")  # type: ignore[attr-defined]
    assert await handle.result(10) == "a person looked"  # type: ignore[attr-defined]


@effect("order.place")
async def place(order: str, amount: int) -> str:
    return await act(order)


@place.key
def _(order: str, amount: int) -> str:
    return f"order/{order}"


@contract(on_failure="hold")
async def buy(order: str, amount: int) -> str:
    return await place(order, amount)


async def test_a_second_workflow_under_the_same_key_gets_the_first_ones_result(
    actum: Harness, world: World
) -> None:
    await actum.worker([buy])
    first = await actum.start(buy("4711", 1))
    await actum.approve(first)
    assert await first.result(10) == "sent to 4711"
    second = await actum.start(buy("4711", 1))
    await actum.approve(second)
    assert await second.result(10) == "sent to 4711"
    assert world.keys == ["order/4711"]
    assert "effect.shared" in await actum.kinds(second)
    (entry,) = await actum.store.effects.list_of(second.workflow_id)
    assert entry.holders == [first.workflow_id, second.workflow_id]


async def test_the_same_key_with_other_arguments_is_a_conflict(actum: Harness, world: World) -> None:
    @contract(on_failure="fail")
    async def greedy(order: str, amount: int) -> str:
        try:
            return await place(order, amount)
        except KeyConflict as conflict:
            return f"conflict over {conflict.key}"

    await actum.worker([buy, greedy])
    first = await actum.start(buy("4711", 1))
    await actum.approve(first)
    await first.result(10)
    second = await actum.start(greedy("4711", 2))
    await actum.approve(second)
    assert await second.result(10) == "conflict over order/4711"
    assert world.keys == ["order/4711"]


async def test_a_key_somebody_else_is_busy_with_is_waited_for_as_rows(actum: Harness, world: World) -> None:
    worker = await actum.worker([buy])
    world.gates["4711"] = asyncio.Event()
    first = await actum.start(buy("4711", 1))
    await actum.approve(first)
    while not world.keys:
        await asyncio.sleep(0.01)
    second = await actum.start(buy("4711", 1))
    while not (await actum.inbox())[0]:
        await asyncio.sleep(0.01)
    await actum.reviewer.approve((await actum.inbox())[0][0].id, "also fine")
    while "workflow.parked" not in (await actum.kinds(second))[-1:] or len(worker.held) > 1:
        await asyncio.sleep(0.01)
    world.gates["4711"].set()
    assert await first.result(10) == "sent to 4711"
    actum.clock.advance("2s")
    assert await second.result(10) == "sent to 4711"
    assert world.keys == ["order/4711"]


@effect("mail.send")
async def returns_a_nul(to: str) -> str:
    await act(to)
    return "a\0b"


@contract(on_failure="hold")
async def careless(to: str) -> str:
    await returns_a_nul(to)
    return "?"


async def test_a_result_that_cannot_be_stored_has_happened_and_is_never_repeated(
    actum: Harness, world: World
) -> None:
    await actum.worker([careless])
    handle = await actum.start(careless("ana"))
    await actum.approve(handle)
    await actum.run_until_idle()
    row = await handle.row()
    assert (row.status, row.cause) == ("blocked", "held")
    assert len(world.keys) == 1
    assert [one.state for one in await actum.store.effects.list_of(handle.workflow_id)] == ["succeeded"]
    await handle.cancel("looked at it")
    with pytest.raises(WorkflowFailed):
        await handle.result(10)


async def test_cancelling_a_started_effect_waits_for_its_outcome(actum: Harness, world: World) -> None:
    @contract(on_failure="hold")
    async def hasty(to: str) -> str:
        try:
            async with asyncio.timeout(60):
                return await send(to)
        except TimeoutError:
            return "too late"

    world.gates["ana"] = asyncio.Event()
    await actum.worker([hasty])
    handle = await actum.start(hasty("ana"))
    await actum.approve(handle)
    while not world.keys:
        await asyncio.sleep(0.01)
    actum.clock.advance("61s")
    while "timer.fired" not in await actum.kinds(handle):
        await asyncio.sleep(0.01)
    world.gates["ana"].set()
    assert await handle.result(10) == "too late"
    assert "effect.succeeded" in await actum.kinds(handle)


async def test_withdrawing_a_request_closes_its_approvals(actum: Harness, world: World) -> None:
    @contract(on_failure="hold")
    async def impatient(to: str) -> str:
        try:
            async with asyncio.timeout(60):
                await request_approval(send(to), send("bo"))
        except TimeoutError:
            return "nobody decided"
        return "?"

    await actum.worker([impatient])
    handle = await actum.start(impatient("ana"))
    await actum.run_until_idle()
    assert len((await actum.inbox())[0]) == 2
    actum.clock.advance("61s")
    assert await handle.result(10) == "nobody decided"
    assert (await actum.inbox())[0] == []
    assert ["withdrawn", "withdrawn"] == [
        a.state for a in await actum.store.approvals.list_of([handle.workflow_id])
    ]


async def test_several_calls_are_approved_together_or_not_at_all(actum: Harness, world: World) -> None:
    @contract(on_failure="hold")
    async def several() -> str:
        calls = [send(to) for to in ("ana", "bo", "cy")]
        match await request_approval(*calls):
            case Approved():
                return ", ".join(await asyncio.gather(*calls))
            case Rejected(reason=reason):
                return f"no: {reason}"
        return "?"

    await actum.worker([several])
    handle = await actum.start(several())
    await actum.approve(handle)
    assert await handle.result(10) == "sent to ana, sent to bo, sent to cy"
    other = await actum.start(several())
    await actum.run_until_idle()
    first = next(a for a in (await actum.inbox())[0] if a.workflow_id == other.workflow_id)
    await actum.reviewer.reject(first.id, "not these")
    assert await other.result(10) == "no: not these"
    assert len(world.keys) == 3


@step
async def read_once(name: str) -> str:
    WORLD.keys.append(name)
    return name


async def test_steps_before_an_approval_do_not_run_again_after_it(actum: Harness, world: World) -> None:
    @contract(on_failure="hold")
    async def long() -> list[str]:
        read = [await read_once("a"), await read_once("b")]
        return [*read, await send("ana")]

    await actum.worker([long])
    handle = await actum.start(long())
    await actum.approve(handle)
    assert await handle.result(10) == ["a", "b", "sent to ana"]
    assert world.keys[:2] == ["a", "b"]
    assert len(world.keys) == 3


@effect("page.write")
async def write_page(text: str) -> str:
    return await act(text)


@write_page.preview
async def _(text: str) -> Preview:
    return Preview(f"Replace the page by {text}", relies_on=str(WORLD.answer))


async def test_a_world_that_changed_while_the_approval_waited_is_asked_about_again(
    actum: Harness, world: World
) -> None:
    @contract(on_failure="hold")
    async def publish(text: str) -> str:
        return await write_page(text)

    world.answer = "version 1"
    await actum.worker([publish])
    handle = await actum.start(publish("hello"))
    await actum.run_until_idle()
    world.answer = "version 2"
    await actum.approve(handle)
    await actum.run_until_idle()
    assert world.keys == []
    states = [one.state for one in await actum.store.approvals.list_of([handle.workflow_id])]
    assert states == ["stale", "pending"]
    await actum.approve(handle)
    assert await handle.result(10) == "sent to hello"
    assert len(world.keys) == 1
