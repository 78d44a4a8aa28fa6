"""Outcomes in, commands out: one at a time, in order, checked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from flow_bodies import (
    BEGIN,
    SECOND,
    Step,
    StepBroke,
    complete,
    flow_here,
    open_flow,
    step,
)
from flow_running import given_up, two_steps

from actum.flow import (
    Abandoned,
    Cancelled,
    CancelRequested,
    Command,
    Delivery,
    Flow,
    Outcome,
    Raised,
    Returned,
    Timer,
    current_flow,
)


def test_nothing_of_the_body_runs_before_the_first_advance() -> None:
    seen = []

    async def body() -> None:
        seen.append("ran")

    flow = open_flow(body)
    assert seen == []
    flow.advance(())
    assert seen == ["ran"]


def test_each_outcome_brings_out_the_next_command() -> None:
    flow = open_flow(two_steps)
    first = flow.advance(())
    assert (Command("1", Step("first", "a")),) == first.start
    second = flow.advance([complete(first.start[0], BEGIN + 1, b"x")])
    assert (Command("2", Step("second", "b")),) == second.start
    assert flow.advance([complete(second.start[0], BEGIN + 2, b"y")]) == ((), ())
    assert Returned("xy") == flow.ending()


def test_a_fresh_flow_takes_a_whole_history_at_once() -> None:
    flow = open_flow(two_steps)
    step_hash = Step("first", "a").argument_hash
    commands = flow.advance([Outcome("1", "first", step_hash, BEGIN, "completed", b"x")])
    assert (Command("2", Step("second", "b")),) == commands.start


def test_a_command_is_handed_out_once() -> None:
    flow = open_flow(two_steps)
    assert len(flow.advance(()).start) == 1
    assert flow.advance(()) == ((), ())


def test_tasks_number_their_calls_below_their_own_address() -> None:
    async def child(name: str) -> None:
        await step(name)
        await asyncio.gather(step(f"{name} inner"))

    async def body() -> None:
        await step("before")
        await asyncio.gather(child("left"), child("right"))

    flow = open_flow(body)
    commands = flow.advance([])
    commands = flow.advance([complete(commands.start[0], BEGIN)])
    assert [command.address for command in commands.start] == ["2.1", "3.1"]
    # the second one finishing first takes nothing from the first one's numbers
    commands = flow.advance([complete(command, BEGIN) for command in reversed(commands.start)])
    assert [command.address for command in commands.start] == ["3.2.1", "2.2.1"]


def test_an_address_can_be_taken_early_and_asked_for_later() -> None:
    async def body() -> None:
        flow = flow_here()
        address = flow.take_address()
        await step("meanwhile")
        await flow.ask(Step("later"), address)

    flow = open_flow(body)
    commands = flow.advance(())
    assert [command.address for command in commands.start] == ["2"]
    assert [command.address for command in flow.advance([complete(commands.start[0], BEGIN)]).start] == ["1"]


def test_an_address_asked_for_twice_is_refused() -> None:
    async def body() -> None:
        flow = flow_here()
        address = flow.take_address()
        await asyncio.gather(flow.ask(Step("once"), address), flow.ask(Step("twice"), address))

    flow = open_flow(body)
    flow.advance(())
    assert str(raised_by(flow)) == "Address 1 was already asked for; await each call once."


def test_what_a_step_failed_with_is_raised_in_the_body() -> None:
    async def body() -> str:
        try:
            return await step("fails")
        except StepBroke as error:
            return f"caught {error}"

    flow = open_flow(body)
    (command,) = flow.advance(()).start
    flow.advance([complete(command, BEGIN, b"no luck", "failed")])
    assert Returned("caught no luck") == flow.ending()


def test_what_nobody_catches_is_how_the_body_ends() -> None:
    flow = open_flow(two_steps)
    (command,) = flow.advance(()).start
    flow.advance([complete(command, BEGIN, b"no luck", "failed")])
    assert str(raised_by(flow)) == "no luck"


def test_a_body_that_exits_ends_by_it_and_takes_nothing_along() -> None:
    async def body() -> None:
        raise SystemExit(3)

    flow = open_flow(body)
    flow.advance(())
    assert isinstance(raised_by(flow), SystemExit)


def test_races_are_decided_by_the_order_of_the_records() -> None:
    async def body() -> str:
        tasks = [asyncio.create_task(step(name), name=name) for name in ("a", "b", "c")]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return ",".join(task.get_name() for task in done)

    for winner in range(3):
        flow = open_flow(body)
        commands = flow.advance(())
        first = commands.start[winner]
        flow.advance([complete(first, BEGIN), *(complete(c, BEGIN) for c in commands.start if c != first)])
        assert Returned("abc"[winner]) == flow.ending()


def test_a_timer_and_a_step_in_one_flush_end_the_wait_by_whichever_was_recorded_first() -> None:
    async def body() -> str:
        try:
            async with asyncio.timeout(5):
                return await step("slow")
        except TimeoutError:
            return "late"

    for first_is_timer, ending in ((True, "late"), (False, "done")):
        flow = open_flow(body)
        timer, slow = sorted(flow.advance(()).start)
        records = [complete(timer, BEGIN), complete(slow, BEGIN + 6 * SECOND)]
        commands = flow.advance(records if first_is_timer else records[::-1])
        assert Returned(ending) == flow.ending()
        assert commands == ((), ())


def test_what_is_given_up_within_one_flush_is_never_started() -> None:
    async def racing() -> str:
        async def chain() -> str:
            await step("one")
            return await step("two")

        task = asyncio.create_task(chain())
        await step("other")
        task.cancel()
        return await step("end")

    flow = open_flow(racing)
    commands = flow.advance(())
    by_name = {command.request.name: command for command in commands.start}
    commands = flow.advance([complete(by_name["one"], BEGIN), complete(by_name["other"], BEGIN)])
    assert [command.request.name for command in commands.start] == ["end"]
    assert commands.stop == ()


def test_what_was_handed_out_and_given_up_is_to_be_stopped() -> None:
    flow = open_flow(given_up)
    commands = flow.advance(())
    slow, other = sorted(commands.start, key=lambda command: command.request.name, reverse=True)
    commands = flow.advance([complete(other, BEGIN)])
    assert (slow.address,) == commands.stop
    assert {slow.address: slow.request} == flow.abandoned
    flow.advance([Abandoned(slow.address, "slow", BEGIN)])
    assert flow.abandoned == {}


def test_an_outcome_of_an_address_given_up_is_kept_and_not_delivered() -> None:
    flow = open_flow(given_up)
    other, slow = flow.advance(()).start
    flow.advance([complete(other, BEGIN + 1)])
    assert flow.advance([complete(slow, BEGIN + 9 * SECOND)]) == ((), ())
    assert flow.loop.now == BEGIN + 1
    assert [request.name for request in flow.waiting.values()] == ["end"]


def test_a_replay_does_not_command_again_what_was_given_up() -> None:
    live = open_flow(given_up)
    other, slow = live.advance(()).start
    history: list[Delivery] = [
        complete(other, BEGIN),
        Abandoned(slow.address, "slow", BEGIN),
        complete(slow, BEGIN),
    ]
    for length in (1, 2, 3):
        assert [c.request.name for c in open_flow(given_up).advance(history[:length]).start] == ["end"]


def test_a_replay_names_what_was_given_up_without_a_record() -> None:
    live = open_flow(given_up)
    other, slow = live.advance(()).start
    fresh = open_flow(given_up)
    fresh.advance([complete(other, BEGIN)])
    assert {slow.address: slow.request} == fresh.abandoned


def test_workflow_time_is_the_greatest_instant_delivered() -> None:
    async def body() -> list[datetime]:
        seen = [flow_here().now()]
        for name in ("a", "b", "c"):
            await step(name)
            seen.append(flow_here().now())
        return seen

    flow = open_flow(body)
    commands = flow.advance(())
    for at in (BEGIN + 1, BEGIN + 7, BEGIN + 3):
        commands = flow.advance([complete(commands.start[0], at)])
    begin = datetime.fromtimestamp(BEGIN // SECOND, UTC)
    assert Returned([begin.replace(microsecond=m) for m in (0, 1, 7, 7)]) == flow.ending()


def test_a_cancel_request_cancels_the_root_with_its_reason() -> None:
    async def body() -> None:
        try:
            await step("long")
        except asyncio.CancelledError as error:
            await step("clean up", str(error))
            raise

    flow = open_flow(body)
    (long,) = flow.advance(()).start
    commands = flow.advance([CancelRequested(BEGIN, "by an operator")])
    assert (long.address,) == commands.stop
    assert (Command("2", Step("clean up", "by an operator")),) == commands.start
    flow.advance([complete(commands.start[0], BEGIN)])
    assert Cancelled() == flow.ending()


def test_a_cancel_request_after_the_end_changes_nothing() -> None:
    flow = open_flow(two_steps)
    (first,) = flow.advance(()).start
    (second,) = flow.advance([complete(first, BEGIN)]).start
    flow.advance([complete(second, BEGIN), CancelRequested(BEGIN, "too late")])
    assert Returned("donedone") == flow.ending()


def test_at_the_end_what_other_tasks_still_ask_for_is_stopped_and_its_outcome_accepted() -> None:
    async def body() -> str:
        task = asyncio.create_task(step("left behind"))
        await step("last")
        return task.get_name()

    flow = open_flow(body)
    last, behind = flow.advance(()).start
    assert (behind.address,) == flow.advance([complete(last, BEGIN)]).stop
    flow.advance([complete(behind, BEGIN)])
    assert Returned("Task-1") == flow.ending()
    assert flow.waiting == {}


def test_at_the_end_nobody_waits_for_a_signal_any_more() -> None:
    async def body() -> str:
        task = asyncio.ensure_future(flow_here().receive_signal("news"))
        await step("last")
        return str(task.done())

    flow = open_flow(body)
    (last,) = flow.advance(()).start
    seen = [flow.awaited_signals]
    flow.advance([complete(last, BEGIN)])
    seen.append(flow.awaited_signals)
    assert seen == [("news",), ()]


def test_a_body_that_waits_for_nothing_is_stuck() -> None:
    async def stuck() -> None:
        await step("one")
        await asyncio.Event().wait()

    flow = open_flow(stuck)
    commands = flow.advance(())
    assert not flow.is_stuck
    flow.advance([complete(commands.start[0], BEGIN)])
    assert flow.is_stuck


def test_neither_a_signal_awaited_nor_an_end_is_being_stuck() -> None:
    async def listens() -> None:
        await flow_here().receive_signal("news")

    async def ends() -> None: ...

    for body in (listens, ends):
        flow = open_flow(body)
        flow.advance(())
        assert not flow.is_stuck


def test_the_oldest_address_in_flight_is_the_one_asked_for_first() -> None:
    async def body() -> None:
        await asyncio.gather(step("a"), step("b"))

    flow = open_flow(body)
    seen = [flow.oldest]
    a, b = flow.advance(()).start
    seen.append(flow.oldest)
    for command in (a, b):
        flow.advance([complete(command, BEGIN)])
        seen.append(flow.oldest)
    assert [None, a.address, b.address, None] == seen


def test_the_ending_of_a_body_that_goes_on_is_refused() -> None:
    flow = open_flow(two_steps)
    with pytest.raises(RuntimeError, match="ask is_done first"):
        flow.ending()
    flow.close()


def test_uuids_and_randomness_follow_from_the_seed() -> None:
    async def body() -> list[object]:
        flow = flow_here()
        return [flow.uuid4(), flow.uuid4(), flow.random().random(), flow.random().random()]

    def results(seed: int) -> list[object]:
        flow = open_flow(body, seed)
        flow.advance(())
        ending = flow.ending()
        assert isinstance(ending, Returned)
        assert isinstance(ending.value, list)
        return ending.value

    assert results(1) == results(1)
    assert len({*results(1), *results(2)}) == 8
    assert results(1)[0].version == 4  # type: ignore[attr-defined]


def test_a_flow_can_be_advanced_inside_a_task_of_another_loop() -> None:
    async def body() -> str | None:
        await step("one")
        task = asyncio.current_task()
        return task.get_name() if task else None

    async def worker() -> list[object]:
        flow = open_flow(body)
        outer, here = asyncio.current_task(), asyncio.get_running_loop()
        (command,) = flow.advance(()).start
        await asyncio.sleep(0)
        flow.advance([complete(command, BEGIN)])
        assert (outer, here) == (asyncio.current_task(), asyncio.get_running_loop())
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        return [flow.ending(), current_flow()]

    assert [Returned("root"), None] == asyncio.run(worker())


def test_the_current_flow_is_the_one_whose_body_runs() -> None:
    seen = []

    async def body() -> None:
        seen.append(current_flow())

    flow = open_flow(body)
    flow.advance(())
    assert [flow] == seen
    assert current_flow() is None


def raised_by(flow: Flow) -> BaseException:
    ending = flow.ending()
    assert isinstance(ending, Raised)
    return ending.exception


def test_a_timer_is_a_request_with_its_instant() -> None:
    async def body() -> None:
        await asyncio.sleep(1.5)

    (command,) = open_flow(body).advance(()).start
    assert Timer(BEGIN + 1_500_000) == command.request
    assert (BEGIN + 1_500_000).to_bytes(8, "big") == command.request.argument_hash
