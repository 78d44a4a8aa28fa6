"""Hold: what failed is retried, skipped or edited; what was done stays done, and is counted to prove it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
import pytest

from actum import (
    Approved,
    NotDone,
    Preview,
    Retry,
    Signal,
    StepFailed,
    ask,
    attempt,
    contract,
    effect,
    request_approval,
    step,
)
from actum.client.handle import Handle
from actum.errors import InvalidInput, NotPossible
from actum.store.records import Flush
from actum.store.rows import Answer
from actum.testing.harness import Harness

replied = Signal("replied", str)


@dataclass
class World:
    """The outside: what is broken, how often each thing ran, and what was done under which key."""

    broken: set[str] = field(default_factory=set)
    ran: Counter[str] = field(default_factory=Counter)
    done: list[tuple[str, str]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


WORLD = World()


@pytest.fixture(autouse=True)
def world() -> World:
    WORLD.broken.clear()
    WORLD.ran.clear()
    WORLD.done.clear()
    WORLD.numbers.clear()
    return WORLD


@step(retry=Retry(attempts=2, first="1ms"))
async def work(name: str, amount: int = 1) -> int:
    WORLD.ran[name] += 1
    WORLD.numbers.append(attempt().number)
    if name in WORLD.broken:
        raise ValueError(f"{name} is broken")
    return amount


@step
async def report(text: str) -> str:
    WORLD.ran[text] += 1
    return text


@effect("mail.send", retry=Retry(attempts=1))
async def send(to: str, text: str) -> str:
    WORLD.ran[to] += 1
    if to in WORLD.broken:
        raise NotDone(f"{to} is not there")
    WORLD.done.append((attempt().key or "", f"{text} to {to}"))
    return f"{text} to {to}"


@send.preview
async def _(to: str, text: str) -> Preview:
    return Preview(f"Send {text} to {to}", target=to)


@contract(on_failure="hold")
async def alone(name: str) -> int:
    return await work(name) + await work("after", 10)


@contract(on_failure="hold")
async def together() -> list[Any]:
    done = await asyncio.gather(
        work("first"), work("second", 2), send("ana", "hello"), return_exceptions=True
    )
    for one in done:
        if isinstance(one, BaseException):
            raise one
    return list(done)


@contract(on_failure="hold")
async def tidy(text: str) -> str:
    try:
        await work("main")
    except StepFailed:
        await send("ops", "it failed")
        await report("tidied")
        raise
    await send("ops", text)
    return await report("finished")


@contract(on_failure="hold")
async def posts(to: str) -> str:
    return await send(to, "hello")


@contract(on_failure="hold")
async def asks_then_posts(to: str) -> str:
    call = send(to, "hello")
    assert isinstance(await request_approval(call), Approved)
    return await call


async def held(actum: Harness, handle: Handle[Any]) -> dict[str, Any]:
    """Return what the block of a held workflow says."""
    await actum.run_until_idle()
    row = await handle.row()
    assert (row.status, row.cause) == ("blocked", "held")
    blocks = [one for one in await actum.events(handle) if one.kind.value == "workflow.blocked"]
    found: dict[str, Any] = orjson.loads(blocks[-1].data or "{}")
    return found


async def test_a_retried_step_goes_on_from_its_failure_with_attempts_counted_on(
    actum: Harness, world: World
) -> None:
    await actum.worker([alone])
    world.broken.add("odd")
    handle = await actum.start(alone("odd"))
    block = await held(actum, handle)
    assert (block["address"], block["error_type"], block["failed"][0]["attempts"]) == ("1", "StepFailed", 2)
    world.broken.clear()
    await handle.retry(reason="mended")
    assert await handle.result(10) == 11
    assert world.ran == {"odd": 3, "after": 1}
    assert world.numbers == [1, 2, 3, 1]


async def test_a_retried_step_that_fails_again_is_held_again_after_a_retry_of_its_own(
    actum: Harness, world: World
) -> None:
    await actum.worker([alone])
    world.broken.add("odd")
    handle = await actum.start(alone("odd"))
    await held(actum, handle)
    await handle.retry(reason="perhaps")
    block = await held(actum, handle)
    assert block["failed"][0]["attempts"] == 4
    world.broken.clear()
    await handle.retry("1", reason="now")
    assert await handle.result(10) == 11
    assert world.ran["odd"] == 5


async def test_siblings_that_completed_after_the_failure_do_not_run_again(
    actum: Harness, world: World
) -> None:
    worker = await actum.worker([together])
    world.broken.add("first")
    handle = await actum.start(together())
    await actum.approve(handle)
    assert (await held(actum, handle))["failed"][0]["address"] == "1.1"
    await worker.stop()
    await handle.retry(reason="mended")
    world.broken.clear()
    await actum.worker([together])
    assert await handle.result(10) == [1, 2, "hello to ana"]
    assert world.ran == {"first": 3, "second": 1, "ana": 1}


async def test_what_the_body_only_did_because_of_the_failure_is_left_aside_and_other_effects_get_other_keys(
    actum: Harness, world: World
) -> None:
    worker = await actum.worker([tidy])
    world.broken.add("main")
    handle = await actum.start(tidy("done"))
    await actum.approve(handle)
    assert (await held(actum, handle))["address"] == "1"
    assert (world.done, world.ran["tidied"]) == ([(f"{handle.workflow_id}/2", "it failed to ops")], 1)
    world.broken.clear()
    await handle.retry(reason="mended")
    await actum.run_until_idle()
    await worker.stop()
    await actum.worker([tidy])
    await actum.approve(handle)
    assert await handle.result(10) == "finished"
    assert world.ran == {"main": 3, "ops": 2, "tidied": 1, "finished": 1}
    assert world.done[1:] == [(f"{handle.workflow_id}/2@1", "done to ops")]


async def test_an_effect_left_aside_and_asked_for_again_is_not_done_again(
    actum: Harness, world: World
) -> None:
    worker = await actum.worker([tidy])
    world.broken.add("main")
    handle = await actum.start(tidy("it failed"))
    await actum.approve(handle)
    await held(actum, handle)
    world.broken.clear()
    await handle.retry(reason="mended")
    assert await handle.result(10) == "finished"
    assert world.ran == {"main": 3, "ops": 1, "tidied": 1, "finished": 1}
    assert (await actum.kinds(handle)).count("effect.started") == 1
    assert (await actum.kinds(handle)).count("effect.shared") == 1
    await worker.stop()


@pytest.mark.parametrize("body", [posts, asks_then_posts])
async def test_a_retried_effect_keeps_its_key_and_is_approved_anew(
    actum: Harness, world: World, body: Any
) -> None:
    await actum.worker([body])
    world.broken.add("ana")
    handle = await actum.start(body("ana"))
    await actum.approve(handle)
    await held(actum, handle)
    world.broken.clear()
    await handle.retry(reason="she is there")
    await actum.run_until_idle()
    assert world.done == []
    await actum.approve(handle)
    assert await handle.result(10) == "hello to ana"
    assert world.done == [(f"{handle.workflow_id}/1", "hello to ana")]
    (entry,) = await actum.store.effects.list_of(handle.workflow_id)
    assert (entry.state, entry.attempt) == ("succeeded", 2)
    approvals = await actum.store.approvals.list_of([handle.workflow_id])
    assert ["used", "used"] == [one.state for one in approvals]


async def test_a_rejected_effect_is_asked_for_anew_when_retried(actum: Harness, world: World) -> None:
    await actum.worker([posts])
    handle = await actum.start(posts("ana"))
    await actum.reject(handle)
    block = await held(actum, handle)
    assert (block["error_type"], block["failed"]) == (
        "NotApproved",
        [{"address": "1", "step": "send", "word": "rejected"}],
    )
    await handle.retry(reason="ask once more")
    await actum.approve(handle)
    assert await handle.result(10) == "hello to ana"


async def test_an_edited_effect_is_approved_for_its_new_arguments_and_replays_alike(
    actum: Harness, world: World
) -> None:
    worker = await actum.worker([posts])
    world.broken.add("ana")
    handle = await actum.start(posts("ana"))
    await actum.approve(handle)
    await held(actum, handle)
    await handle.edit(arguments={"to": "ben"}, reason="ana has left")
    await actum.run_until_idle()
    (approval,), _ = await actum.inbox()
    assert (approval.preview and orjson.loads(approval.preview)["target"]) == "ben"
    assert orjson.loads(approval.arguments) == {"to": "ben", "text": "hello"}
    await worker.stop()
    await actum.worker([posts])
    await actum.approve(handle)
    assert await handle.result(10) == "hello to ben"
    assert world.done == [(f"{handle.workflow_id}/1", "hello to ben")]
    (entry,) = await actum.store.effects.list_of(handle.workflow_id)
    assert entry.state == "succeeded"
    approvals = {
        one.action_hash: one.state for one in await actum.store.approvals.list_of([handle.workflow_id])
    }
    assert sorted(approvals.values()) == ["used", "used"]


async def test_an_edited_step_runs_with_the_persons_arguments_and_replays_with_the_bodys(
    actum: Harness, world: World
) -> None:
    world.broken.add("odd")

    @contract(on_failure="hold")
    async def waits(name: str) -> int:
        first = await work(name)
        await asyncio.sleep(3600)
        return first

    worker = await actum.worker([waits])
    handle = await actum.start(waits("odd"))
    await held(actum, handle)
    await handle.edit("1", arguments={"name": "even", "amount": 7}, reason="a typing mistake")
    await actum.run_until_idle()
    await worker.stop()
    await actum.worker([waits])
    actum.clock.advance("2h")
    assert await handle.result(10) == 7
    assert world.ran == {"odd": 2, "even": 1}


async def test_a_skipped_step_returns_the_given_output_in_every_replay(actum: Harness, world: World) -> None:
    worker = await actum.worker([tidy])
    world.broken.add("main")
    handle = await actum.start(tidy("done"))
    await actum.approve(handle)
    await held(actum, handle)
    await handle.skip("1", output=1, reason="done by hand")
    await actum.run_until_idle()
    await worker.stop()
    await actum.worker([tidy])
    await actum.approve(handle)
    assert await handle.result(10) == "finished"
    assert world.ran["main"] == 2


async def test_what_a_person_may_not_do_is_refused_in_a_sentence_and_changes_nothing(
    actum: Harness, world: World
) -> None:
    await actum.worker([alone])
    world.broken.add("odd")
    handle = await actum.start(alone("odd"))
    await held(actum, handle)
    before = await actum.kinds(handle)
    for refused, sentence in [
        (handle.skip(output="three", reason="r"), "the output does not fit: it must be of type integer"),
        (
            handle.edit(arguments={"nam": "x"}, reason="r"),
            "work has no parameter 'nam': it takes amount, name",
        ),
        (handle.edit(arguments={"amount": "x"}, reason="r"), "the input does not fit at amount"),
        (handle.retry("7", reason="r"), "no failure stands at '7': failures stand at 1 \\(work\\)"),
        (handle.retry(reason=" "), "retry needs its reason"),
    ]:
        with pytest.raises((InvalidInput, NotPossible), match=sentence):
            await refused
    await actum.run_until_idle()
    assert await actum.kinds(handle) == before
    world.broken.clear()
    await handle.retry(reason="mended")
    assert await handle.result(10) == 11
    with pytest.raises(NotPossible, match=r"is not held \(completed\)"):
        await handle.retry(reason="again")


async def test_what_only_the_worker_can_see_is_told_in_the_block_and_the_workflow_stays_held(
    actum: Harness, world: World
) -> None:
    worker = await actum.worker([alone])
    world.broken.add("odd")
    handle = await actum.start(alone("odd"))
    await held(actum, handle)
    seq = (await actum.events(handle))[-2].seq
    send_skip = actum.client.send(
        handle.workflow_id, "skip", address="1", name=str(seq), body=b'"three"', reason="r"
    )
    await send_skip
    block = await held(actum, handle)
    assert block["refused"].startswith("skip of 1: the output does not fit")
    assert block["address"] == "1"
    await actum.client.send(handle.workflow_id, "retry", address="1", name="999", reason="r")
    assert "another failure stands at 1" in (await held(actum, handle))["refused"]
    await worker.stop()
    world.broken.clear()
    await actum.worker([alone])
    await handle.retry(reason="mended")
    assert await handle.result(10) == 11


async def test_a_body_that_failed_by_itself_is_retried_with_mended_code(actum: Harness, world: World) -> None:
    @contract(on_failure="hold")
    async def wrong() -> int:
        first = await work("fine")
        if "bug" in WORLD.broken:
            raise KeyError("a bug")
        return first

    await actum.worker([wrong])
    world.broken.add("bug")
    handle = await actum.start(wrong())
    assert "failed" not in await held(actum, handle)
    await handle.retry(reason="try")
    assert "mend its code first" in (await held(actum, handle))["refused"]
    world.broken.clear()
    await handle.retry(reason="deployed")
    assert await handle.result(10) == 1
    assert world.ran["fine"] == 1


async def test_where_two_failures_ended_it_the_person_says_which_and_the_other_holds_it_again(
    actum: Harness, world: World
) -> None:
    @contract(on_failure="hold")
    async def both() -> int:
        done = await asyncio.gather(work("left"), work("right"), return_exceptions=True)
        failures = [one for one in done if isinstance(one, Exception)]
        if failures:
            raise ExceptionGroup("not all went well", failures)
        return sum(one for one in done if isinstance(one, int))

    await actum.worker([both])
    world.broken.update(("left", "right"))
    handle = await actum.start(both())
    assert "address" not in await held(actum, handle)
    world.broken.clear()
    with pytest.raises(NotPossible, match=r"say which address is meant, one of 1\.1 \(work\), 2\.1 \(work\)"):
        await handle.retry(reason="which?")
    await handle.retry("2.1", reason="the second")
    assert (await held(actum, handle))["address"] == "1.1"
    await handle.retry(reason="the first")
    assert await handle.result(10) == 2
    assert world.ran == {"left": 3, "right": 3}


async def test_siblings_given_up_because_the_body_ended_are_in_flight_again(
    actum: Harness, world: World
) -> None:
    gate = asyncio.Event()

    @step
    async def linger() -> str:
        WORLD.ran["lingers"] += 1
        await gate.wait()
        return "at last"

    @contract
    async def child(name: str) -> str:
        WORLD.ran[f"child {await ask('Shall we?', str)}"] += 1
        return name

    @contract(on_failure="hold")
    async def family() -> list[Any]:
        found = await asyncio.gather(
            work("first"), linger(), child("Tim"), ask("How many?", int), replied.wait()
        )
        return list(found)

    worker = await actum.worker([family, child])
    world.broken.add("first")
    handle = await actum.start(family())
    block = await held(actum, handle)
    assert block["address"] == "1.1"
    assert {"step.abandoned", "child.cancelled", "question.withdrawn"} <= set(await actum.kinds(handle))
    await handle.signal(replied, "a letter that came while it was held")
    world.broken.clear()
    gate.set()
    await handle.retry(reason="mended")
    await actum.run_until_idle()
    await worker.stop()
    _, questions = await actum.inbox()
    assert sorted(one.question for one in questions) == ["How many?", "Shall we?"]
    for one in questions:
        value: Any = "yes" if one.question == "Shall we?" else 3
        await actum.reviewer.answer(one.workflow_id, one.address, value)
    await actum.worker([family, child])
    letter = "a letter that came while it was held"
    assert await handle.result(10) == [1, "at last", "Tim", 3, letter]
    assert world.ran == {"first": 3, "lingers": 2, "child yes": 1}


async def test_a_failed_child_is_born_again_and_a_skipped_one_is_not(actum: Harness, world: World) -> None:
    @contract(on_failure="fail")
    async def child(name: str) -> int:
        return await work(name)

    @contract(on_failure="hold")
    async def parent() -> int:
        return await child("one") + await child("two")

    await actum.worker([parent, child])
    world.broken.update(("one", "two"))
    handle = await actum.start(parent())
    assert (await held(actum, handle))["failed"][0]["step"] == "child"
    await handle.edit(arguments={"name": "other"}, reason="that one is fine")
    assert (await held(actum, handle))["address"] == "2"
    await handle.skip(output=41, reason="looked it up")
    assert await handle.result(10) == 42
    assert world.ran == {"one": 2, "other": 1, "two": 2}


async def test_what_happened_is_never_tried_again_and_what_was_abandoned_is_not_edited(
    actum: Harness, world: World
) -> None:
    @effect("bank.pay", in_doubt="ask")
    async def pay(amount: int) -> int:
        WORLD.ran[str(amount)] += 1
        if amount == 1:
            return "paid"  # type: ignore[return-value]  # the mistake
        raise ConnectionError("the line went dead")

    @contract(on_failure="hold")
    async def pays(amount: int) -> int:
        return await pay(amount)

    await actum.worker([pays])
    happened, doubtful = await actum.start(pays(1)), await actum.start(pays(2))
    await actum.approve(happened)
    await actum.approve(doubtful)
    await held(actum, happened)
    for refused in (happened.retry(reason="r"), happened.edit(arguments={"amount": 3}, reason="r")):
        with pytest.raises(NotPossible, match="happened, and only its result is unusable"):
            await refused
    await happened.skip(output=1, reason="it was paid")
    assert await happened.result(10) == 1
    await actum.run_until_idle()
    await doubtful.settle("1", "abandon", reason="the bank does not answer")
    await held(actum, doubtful)
    with pytest.raises(NotPossible, match="abandoned in doubt"):
        await doubtful.edit(arguments={"amount": 3}, reason="r")
    await doubtful.cancel("enough")
    await actum.run_until_idle()
    assert await doubtful.status() == "cancelled"
    assert world.ran == {"1": 1, "2": 1}


async def test_an_effect_with_an_authors_key_is_edited_under_the_key_of_its_new_arguments(
    actum: Harness, world: World
) -> None:
    @effect("refund.pay", retry=Retry(attempts=1))
    async def refund(order: str, amount: int) -> str:
        if order in WORLD.broken:
            raise NotDone("no such order")
        WORLD.done.append((attempt().key or "", order))
        return order

    @refund.key
    def _(order: str, amount: int) -> str:
        return f"refund/{order}"

    @refund.undo
    async def _(result: str, order: str, amount: int) -> None:
        WORLD.done.append((attempt().key or "", order))

    @contract(on_failure="hold")
    async def refunds() -> str:
        return await refund("7", 10) + await report("told")

    worker = await actum.worker([refunds])
    world.broken.add("7")
    handle = await actum.start(refunds())
    await actum.approve(handle)
    await held(actum, handle)
    await handle.edit(arguments={"order": "8"}, reason="it was order 8")
    await actum.approve(handle)
    assert await handle.result(10) == "8told"
    assert world.done == [("refund/8", "8")]
    entries = {one.key: one.state for one in await actum.store.effects.list_of(handle.workflow_id)}
    assert entries == {"refund/7": "failed", "refund/8": "succeeded"}
    await worker.stop()


async def test_a_held_workflow_whose_edited_effect_succeeded_is_rolled_back_with_the_edited_arguments(
    actum: Harness, world: World
) -> None:
    @effect("room.book", retry=Retry(attempts=1))
    async def book(room: str) -> str:
        if room in WORLD.broken:
            raise NotDone("taken")
        WORLD.done.append((attempt().key or "", room))
        return room

    @book.undo
    async def _(result: str, room: str) -> None:
        WORLD.done.append((attempt().key or "", f"free {room}"))

    @contract(on_failure="hold")
    async def books() -> int:
        await book("blue")
        return await work("odd")

    await actum.worker([books])
    world.broken.update(("blue", "odd"))
    handle = await actum.start(books())
    await actum.approve(handle)
    await held(actum, handle)
    await handle.edit(arguments={"room": "red"}, reason="blue is taken")
    await actum.approve(handle)
    assert (await held(actum, handle))["address"] == "2"
    await handle.roll_back("nobody comes")
    await actum.run_until_idle()
    assert await handle.status() == "rolled_back"
    key = f"{handle.workflow_id}/1"
    assert world.done == [(key, "red"), (f"{key}/undo", "free red")]


async def test_once_its_end_was_asked_for_or_its_deadline_passed_a_held_workflow_goes_on_no_more(
    actum: Harness, world: World
) -> None:
    @contract(on_failure="hold")
    async def stubborn() -> str:
        try:
            return await replied.wait()
        except asyncio.CancelledError:
            return str(await work("odd"))

    @contract(on_failure="hold", deadline="1h")
    async def timed() -> int:
        return await work("odd")

    worker = await actum.worker([stubborn, timed])
    world.broken.add("odd")
    handle, late = await actum.start(stubborn()), await actum.start(timed())
    await actum.run_until_idle()
    await handle.cancel("stop")
    await held(actum, handle)
    with pytest.raises(NotPossible, match="its end was asked for before it was held"):
        await handle.retry(reason="r")
    await handle.cancel("stop, I said")
    await actum.run_until_idle()
    assert await handle.status() == "cancelled"
    assert (await held(actum, late))["address"] == "1"
    await worker.stop()
    await late.retry(reason="in time, and nobody is there to hear it")
    actum.clock.advance("2h")
    with pytest.raises(NotPossible, match=r"the deadline of workflow .* has passed"):
        await late.retry(reason="too late")
    await actum.worker([stubborn, timed])
    assert "its deadline has passed" in (await held(actum, late))["refused"]
    assert world.ran["odd"] == 4


async def test_a_retry_that_comes_before_the_held_workflow_was_let_go_is_carried_out_at_once(
    actum: Harness, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await actum.worker([alone])
    world.broken.add("odd")
    real, sent = worker.recorder._send, list[int]()
    handle = await actum.start(alone("odd"))

    async def send(flush: Flush) -> list[Answer]:
        answers = await real(flush)
        if not sent and (await handle.row()).cause == "held":
            sent.append((await handle.row()).wake)
            world.broken.clear()
            await handle.retry(reason="seen at once")
        return answers

    async def sweep() -> list[UUID]:
        return []  # nobody else is to find the message

    monkeypatch.setattr(actum.store.messages, "sweep", sweep)
    monkeypatch.setattr(worker.recorder, "_send", send)
    assert await handle.result(10) == 11
    assert (len(sent), world.ran["odd"]) == (1, 3)


async def test_code_that_does_not_fit_what_came_before_the_failure_cannot_be_retried(
    actum: Harness, world: World
) -> None:
    @contract(on_failure="hold")
    async def changing() -> int:
        if "new code" in world.ran:
            await report("something else")
        else:
            await work("before")
        return await work("odd")

    await actum.worker([changing])
    world.broken.add("odd")
    handle = await actum.start(changing())
    await held(actum, handle)
    world.ran["new code"] = 1
    await handle.retry(reason="with new code")
    assert "the code asks for report" in (await held(actum, handle))["refused"]
    del world.ran["new code"]
    world.broken.clear()
    await handle.retry(reason="with the old code")
    assert await handle.result(10) == 1
    assert world.ran == {"before": 1, "odd": 3}


async def test_an_approval_that_was_open_when_the_body_ended_is_asked_for_again(
    actum: Harness, world: World
) -> None:
    @contract(on_failure="hold")
    async def hasty() -> list[Any]:
        return list(await asyncio.gather(work("first"), send("ana", "hello")))

    world.broken.add("first")
    handle = await actum.start(hasty())
    await actum.worker([hasty])
    await held(actum, handle)
    assert (await actum.inbox())[0] == []
    world.broken.clear()
    await handle.retry(reason="mended")
    await actum.approve(handle)
    assert await handle.result(10) == [1, "hello to ana"]
    assert world.done == [(f"{handle.workflow_id}/2.1", "hello to ana")]


async def test_an_approval_given_before_the_failure_and_not_yet_used_still_permits_its_effect(
    actum: Harness, world: World
) -> None:
    @contract(on_failure="hold")
    async def careful() -> str:
        call = send("ana", "hello")
        await request_approval(call)
        await work("odd")
        return await call

    await actum.worker([careful])
    world.broken.add("odd")
    handle = await actum.start(careful())
    await actum.approve(handle)
    await held(actum, handle)
    world.broken.clear()
    await handle.retry(reason="mended")
    assert await handle.result(10) == "hello to ana"
    assert ["used"] == [one.state for one in await actum.store.approvals.list_of([handle.workflow_id])]


async def test_a_request_for_approval_that_failed_is_made_again_and_never_skipped(
    actum: Harness, world: World
) -> None:
    @effect("door.open", retry=Retry(attempts=3, first="1ms"))
    async def unlock(door: str) -> str:
        return f"opened {door}"

    @unlock.preview
    async def _(door: str) -> Preview:
        if door in WORLD.broken:
            raise ValueError("the camera is off")
        return Preview(f"Open {door}")

    @contract(on_failure="hold")
    async def opens() -> str:
        call = unlock("front")
        await request_approval(call)
        return await call

    await actum.worker([opens])
    world.broken.add("front")
    handle = await actum.start(opens())
    assert (await held(actum, handle))["failed"][0]["step"] == "request_approval"
    with pytest.raises(NotPossible, match="asks people, and only they can answer"):
        await handle.skip(output={"by": ["user:author"]}, reason="r")
    world.broken.clear()
    await handle.retry(reason="it is on again")
    await actum.approve(handle)
    assert await handle.result(10) == "opened front"
