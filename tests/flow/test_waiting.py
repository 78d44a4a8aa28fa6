"""`wait_for`, `as_completed` and `TaskGroup` inside a body."""

from __future__ import annotations

import asyncio

import pytest
from flow_bodies import effect, open_flow, step
from flow_running import Body, latest, run, steps_first


def test_what_callbacks_ask_for_has_addresses_of_its_own() -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: loop.call_later(1, print))
        await step("first")

    assert {"1", "0.1"} == {command.address for command in open_flow(body).advance(()).start}


def addresses_of(body: Body) -> list[str]:
    flow = open_flow(body)
    return [command.address for command in flow.advance(()).start]


def test_wait_for_runs_a_coroutine_in_the_waiting_task() -> None:
    assert addresses_of(lambda: asyncio.wait_for(step("x"), 5)) == ["1", "2"]
    assert addresses_of(lambda: asyncio.wait_for(step("x"), None)) == ["1"]


def test_wait_for_returns_what_comes_in_time_and_raises_what_does_not() -> None:
    async def body() -> str:
        try:
            return await asyncio.wait_for(step("x"), 5)
        except TimeoutError:
            return "late"

    assert run(body) == "late"
    assert run(body, steps_first) == "x"


@pytest.mark.parametrize("timeout", [0, -1])
def test_wait_for_with_no_time_left_starts_nothing(timeout: float) -> None:
    seen = []

    async def never() -> None:
        seen.append("began")

    async def body() -> str:
        try:
            await asyncio.wait_for(never(), timeout)
        except TimeoutError:
            return "late"
        return "in time"

    assert run(body) == "late"
    assert seen == []


def test_wait_for_with_no_time_left_still_returns_what_is_there() -> None:
    async def body() -> str:
        task = asyncio.create_task(step("x"))
        await asyncio.wait([task])
        return await asyncio.wait_for(task, 0)

    assert run(body) == "x"


def test_as_completed_gives_addresses_in_the_order_given() -> None:
    async def body() -> list[str]:
        return [await each for each in asyncio.as_completed([step(name) for name in "abcdefgh"], timeout=9)]

    flow = open_flow(body)
    names = [command.request.name for command in sorted(flow.advance(()).start, key=lambda c: c.address)]
    assert [*"abcdefgh", "timer"] == sorted(names, key=lambda name: (name == "timer", name))
    assert {"1.1": "a", "8.1": "h", "9": "timer"}.items() <= {
        a: r.name for a, r in flow.waiting.items()
    }.items()
    assert [*"hgfedcba"] == run(body, lambda live: [c for c in live if c.request.name != "timer"][-1])


def test_as_completed_raises_for_each_that_is_late_and_cancels_none() -> None:
    async def body() -> list[str]:
        tasks = [asyncio.create_task(step(name)) for name in "ab"]
        results = []
        for each in asyncio.as_completed(tasks, timeout=1):
            try:
                results.append(await each)
            except TimeoutError:
                results.append("late")
        return results + await asyncio.gather(*tasks)

    assert run(body, lambda live: next((c for c in live if c.request.name == "timer"), live[0])) == [
        "late",
        "late",
        "a",
        "b",
    ]


def test_as_completed_iterates_asynchronously_on_every_python() -> None:
    async def body() -> list[str]:
        tasks = [asyncio.create_task(step(name), name=name) for name in "abc"]
        return [each.get_name() async for each in asyncio.as_completed(tasks)]  # type: ignore[attr-defined]

    assert run(body, latest) == ["c", "b", "a"]


def test_as_completed_of_one_awaitable_is_refused() -> None:
    async def body() -> None:
        coroutine = step("x")
        try:
            asyncio.as_completed(coroutine)  # type: ignore[arg-type]
        finally:
            coroutine.close()

    with pytest.raises(TypeError, match="put it into a list"):
        run(body)


def test_outside_of_bodies_asyncio_is_its_own() -> None:
    async def main() -> list[object]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(0, "slept"))
        results = [await each for each in asyncio.as_completed([asyncio.sleep(0, "done")])]
        waited = await asyncio.wait_for(asyncio.sleep(0, "waited"), 5)
        return [type(group) is asyncio.TaskGroup, task.result(), results, waited, len(asyncio.all_tasks())]

    assert asyncio.run(main()) == [True, "slept", ["done"], "waited", 1]


def test_a_group_raises_all_errors_and_cancels_the_rest() -> None:
    seen = []

    async def breaks(error: Exception) -> None:
        await step("x")
        raise error

    async def rest() -> None:
        try:
            await step("rest")
        except asyncio.CancelledError:
            seen.append("rest cancelled")
            raise ValueError("while cancelled") from None

    async def body() -> list[str]:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(breaks(KeyError("first")))
                group.create_task(rest())
                await step("in the body")
        except* (KeyError, ValueError) as errors:
            seen.extend(type(error).__name__ for error in errors.exceptions)
        return seen

    assert run(body, lambda live: live[1]) == ["rest cancelled", "KeyError", "ValueError"]


def test_a_timeout_around_a_failed_group_stays_a_timeout() -> None:
    async def breaks() -> None:
        raise ValueError

    async def body() -> str:
        try:
            async with asyncio.timeout(5):
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(breaks())
                except* ValueError:
                    pass
                await step("too slow")
        except TimeoutError:
            return "late"
        return "in time"

    assert run(body) == "late"


def test_a_group_takes_no_tasks_before_and_after() -> None:
    async def body() -> list[str]:
        group, refused = asyncio.TaskGroup(), []

        def attempt() -> None:
            try:
                group.create_task(step("x"))
            except RuntimeError as error:
                refused.append(str(error))

        attempt()
        async with group:
            group.create_task(step("y"))
        attempt()
        try:
            async with group:
                pass
        except RuntimeError as error:
            refused.append(str(error))
        return refused

    closed = "This TaskGroup is not open; create tasks inside its `async with`."
    assert [closed, closed, "This TaskGroup was entered before; make a new one."] == run(body)


def test_a_group_cancelled_from_outside_passes_the_cancellation_on() -> None:
    async def inner() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(step("a"))
            group.create_task(effect("b"))

    async def body() -> str:
        try:
            await asyncio.wait_for(inner(), 1)
        except TimeoutError:
            return "late"
        return "in time"

    assert run(body) == "late"


def test_a_cancellation_that_came_with_a_childs_error_is_not_lost() -> None:
    async def contrary() -> None:
        try:
            await step("child")
        except asyncio.CancelledError:
            raise ValueError("instead") from None

    async def parent() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(contrary())
        except* ValueError:
            pass
        await step("must not be reached")

    async def body() -> str:
        task = asyncio.create_task(parent())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        return "cancelled" if task.cancelled() else "went on"

    assert run(body) == "cancelled"
