"""asyncio inside a body: what works, what is refused, and that it is the same everywhere."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import math
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from flow_bodies import BEGIN, SECOND, complete, effect, flow_here, open_flow, step

from actum.flow import Command, Flow, OutsideWork, Raised, Returned, SignalReceived, Timer

Body = Callable[[], Coroutine[Any, Any, Any]]


def run(body: Body, pick: Callable[[list[Command]], Command] = lambda live: live[0]) -> object:
    """Complete what the body asks for, one at a time, and return what it returns."""
    flow = open_flow(body)
    now, live = BEGIN, list(flow.advance(()).start)
    while not flow.is_done:
        command = pick(live)
        outcome = complete(command, now, command.request.name.encode())
        now = outcome.at
        commands = flow.advance([outcome])
        live = [c for c in live if c != command and c.address not in commands.stop] + list(commands.start)
    ending = flow.ending()
    flow.close()
    if isinstance(ending, Raised):
        raise ending.exception
    assert isinstance(ending, Returned)
    return ending.value


def latest(live: list[Command]) -> Command:
    return live[-1]


def steps_first(live: list[Command]) -> Command:
    return next((command for command in live if command.request.name != "timer"), live[0])


REFUSED: list[tuple[str, Callable[[], Awaitable[object]]]] = [
    ("asyncio.to_thread", lambda: asyncio.to_thread(print)),
    ("asyncio.open_connection", lambda: asyncio.open_connection("localhost", 1)),
    ("asyncio.start_server", lambda: asyncio.start_server(lambda *_: None, "localhost", 1)),
    ("asyncio.create_subprocess_exec", lambda: asyncio.create_subprocess_exec("true")),
    ("asyncio.create_subprocess_shell", lambda: asyncio.create_subprocess_shell("true")),
    ("the event loop's getaddrinfo()", lambda: asyncio.get_running_loop().getaddrinfo("localhost", 1)),
]
if sys.platform != "win32":
    REFUSED.append(("asyncio.open_unix_connection", lambda: asyncio.open_unix_connection("/nowhere")))


@pytest.mark.parametrize(("work", "attempt"), REFUSED, ids=[name for name, _ in REFUSED])
def test_work_outside_is_refused_by_name(work: str, attempt: Callable[[], Awaitable[object]]) -> None:
    async def body() -> str:
        try:
            await attempt()
        except OutsideWork as error:
            return str(error)
        return "nothing was refused"

    assert f"{work} is not durable: do this in a step." == run(body)


@pytest.mark.parametrize(
    "method",
    [
        "add_reader", "add_signal_handler", "add_writer", "call_soon_threadsafe", "close", "create_datagram_endpoint",
        "getnameinfo", "run_forever", "run_until_complete", "sendfile", "set_default_executor", "set_task_factory",
        "shutdown_default_executor", "sock_accept", "sock_connect", "sock_recv", "sock_sendall", "start_tls", "stop",
    ],
)  # fmt: skip
def test_every_method_that_reaches_outside_is_refused(method: str) -> None:
    async def body() -> None:
        getattr(asyncio.get_running_loop(), method)(1, 2)

    with pytest.raises(OutsideWork, match=method):
        run(body)


def test_nothing_of_asyncios_loop_is_left_unimplemented() -> None:
    flow = open_flow(lambda: step("x"))
    loop = flow.loop
    flow.close()
    offered = [name for name in vars(asyncio.AbstractEventLoop) if not name.startswith("_")]
    assert [
        name for name in offered if getattr(type(loop), name) is getattr(asyncio.AbstractEventLoop, name)
    ] == []


def test_a_thread_cannot_put_work_into_a_body() -> None:
    refused = []

    async def body() -> None:
        loop = asyncio.get_running_loop()

        def intrude() -> None:
            try:
                loop.call_soon_threadsafe(print)
            except OutsideWork as error:
                refused.append(error.work)

        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()

    run(body)
    assert refused == ["the event loop's call_soon_threadsafe()"]


def test_sockets_stay_untouched_by_a_refusal() -> None:
    here, there = socket.socketpair()

    async def body() -> None:
        await asyncio.get_running_loop().sock_sendall(here, b"x")

    with here, there:
        there.setblocking(False)
        with pytest.raises(OutsideWork):
            run(body)
        with pytest.raises(BlockingIOError):
            there.recv(1)


@pytest.mark.parametrize("delay", [1e-6, 0.1, 1 / 3, 86_400.000001, 31_536_000.999999])
def test_instants_are_exact_to_the_microsecond(delay: float) -> None:
    async def body() -> list[float]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(delay)
        slept = loop.time()
        try:
            async with asyncio.timeout(delay):
                await asyncio.Event().wait()
        except TimeoutError:
            pass
        return [slept, loop.time()]

    exact = round(delay * SECOND)
    assert [(BEGIN + exact) / SECOND, (BEGIN + 2 * exact) / SECOND] == run(body)


def test_sleeping_forever_is_a_timer_at_the_end_of_the_calendar() -> None:
    (command,) = open_flow(lambda: asyncio.sleep(math.inf)).advance(()).start
    assert Timer(253_402_300_799 * SECOND) == command.request


def test_a_timer_at_no_number_is_refused() -> None:
    async def body() -> None:
        asyncio.get_running_loop().call_later(math.nan, print)

    with pytest.raises(ValueError, match="NaN"):
        run(body)


def test_a_timer_handle_can_be_cancelled_before_and_after_it_fired() -> None:
    fired: list[str] = []

    async def body() -> None:
        loop = asyncio.get_running_loop()
        cancelled, kept = (
            loop.call_later(1, fired.append, "cancelled"),
            loop.call_later(2, fired.append, "kept"),
        )
        cancelled.cancel()
        cancelled.cancel()
        assert (cancelled.cancelled(), kept.cancelled()) == (True, False)
        assert kept.when() == BEGIN / SECOND + 2
        await asyncio.sleep(3)
        kept.cancel()

    run(body)
    assert fired == ["kept"]


def test_what_callbacks_ask_for_has_addresses_of_its_own() -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: loop.call_later(1, print))
        await step("first")

    assert {"1", "0.1"} == {command.address for command in open_flow(body).advance(()).start}


def test_the_tools_of_asyncio_work() -> None:
    async def body() -> list[object]:
        lock, event, gate, board = asyncio.Lock(), asyncio.Event(), asyncio.Semaphore(1), asyncio.Condition()
        queue: asyncio.Queue[str] = asyncio.Queue()

        async def work(name: str) -> str:
            async with lock, gate:
                await queue.put(await step(name))
            async with board:
                board.notify_all()
            return name

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work(name)) for name in "abc"]
            async with board:
                await board.wait_for(lambda: queue.qsize() == 3)
            event.set()
        await event.wait()
        shielded = await asyncio.shield(step("shielded"))
        return [[task.result() for task in tasks], [queue.get_nowait() for _ in range(3)], shielded]

    assert run(body) == [["a", "b", "c"], ["a", "b", "c"], "shielded"]


def test_sets_of_tasks_iterate_in_the_order_of_creation() -> None:
    async def body() -> list[str]:
        tasks = {asyncio.create_task(step(f"{number}"), name=f"{number}") for number in range(50)}
        done, _ = await asyncio.wait(tasks)
        return [task.get_name() for task in done]

    assert [f"{number}" for number in range(50)] == sorted(run(body, latest), key=int)  # type: ignore[call-overload]
    assert run(body) == run(body, latest)


def test_futures_of_gather_hash_alike_in_every_process() -> None:
    program = (
        "import asyncio\nfrom actum.flow import Flow\nlitter = [object() for _ in range({litter})]\n"
        "async def body():\n"
        "    loop = asyncio.get_running_loop()\n"
        "    sets = {{asyncio.gather(loop.create_future()) for _ in range(9)}}\n"
        "    return [hash(future) for future in sets]\n"
        "flow = Flow(body, started_at=0, seed=b'')\nflow.advance(())\nprint(flow.ending())\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program.format(litter=litter)], capture_output=True, text=True, check=True
        ).stdout
        for litter in (0, 12_345)
    }
    assert len(outputs) == 1


def test_all_tasks_iterates_in_the_order_of_creation_and_leaves_out_what_is_done() -> None:
    async def nothing() -> None: ...

    async def body() -> list[str]:
        for number in range(200):
            await asyncio.create_task(nothing(), name=f"done {number}")
        tasks = [asyncio.create_task(step("x"), name=f"{number}") for number in range(5)]
        names = [task.get_name() for task in asyncio.all_tasks()]
        await asyncio.gather(*tasks)
        return names

    assert sorted(run(body), key=lambda name: (name != "root", name)) == ["root", "0", "1", "2", "3", "4"]  # type: ignore[call-overload]


def test_tasks_are_named_after_their_addresses_unless_the_author_named_them() -> None:
    async def body() -> list[str]:
        tasks = [asyncio.create_task(step("x")), asyncio.create_task(step("y"), name="mine")]
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(step("z")), group.create_task(step("w"), name="ours")]
        await asyncio.gather(*tasks)
        return [task.get_name() for task in tasks]

    assert run(body) == ["Task-1", "mine", "Task-3", "ours"]


def test_context_variables_belong_to_their_tasks() -> None:
    color = contextvars.ContextVar("color", default="none")

    async def child(name: str) -> str:
        color.set(name)
        await step(name)
        return color.get()

    async def body() -> list[str]:
        color.set("root")
        own = contextvars.copy_context()
        inner = asyncio.create_task(child("own"), context=own)
        results = await asyncio.gather(child("red"), child("blue"), inner)
        return [*results, color.get(), own[color]]

    assert run(body) == ["red", "blue", "own", "root", "own"]


def test_an_error_of_a_task_nobody_awaited_is_kept_and_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    async def breaks() -> None:
        raise ValueError("unheard")

    async def body() -> None:
        asyncio.create_task(breaks())  # noqa: RUF006  # nobody awaits it, which is the point
        asyncio.get_running_loop().call_soon(lambda: 1 // 0)
        await step("x")

    flow = open_flow(body)
    flow.advance(())
    flow.close()
    gc.collect()
    assert {"ValueError", "ZeroDivisionError"} == {type(error.exception).__name__ for error in flow.errors}
    assert capfd.readouterr() == ("", "")


def test_a_body_that_polls_waits_for_the_next_outcome() -> None:
    async def body() -> str:
        task = asyncio.create_task(step("slow"))
        while not task.done():
            await asyncio.sleep(0)
        return task.result()

    assert run(body) == "slow"


def test_polling_with_nothing_to_come_goes_on_to_its_end() -> None:
    async def body() -> int:
        for _ in range(25_000):
            await asyncio.sleep(0)
        return 25_000

    assert run(body) == 25_000


def test_a_keyboard_interrupt_is_the_workers_and_not_the_bodys() -> None:
    async def body() -> None:
        raise KeyboardInterrupt

    flow = open_flow(body)
    with pytest.raises(KeyboardInterrupt):
        flow.advance(())
    assert asyncio._get_running_loop() is None
    flow.close()


# wait_for, as_completed, TaskGroup


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


def test_a_future_made_by_the_loop_can_be_set_by_the_body() -> None:
    async def body() -> str:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(1, future.set_result, "set")
        return await future

    assert run(body) == "set"


def test_a_signal_and_a_step_can_race() -> None:
    async def body() -> object:
        news: asyncio.Future[Any] = flow_here().receive_signal("news")
        slow: asyncio.Future[Any] = asyncio.ensure_future(step("slow"))
        done, pending = await asyncio.wait([news, slow], return_when=asyncio.FIRST_COMPLETED)
        for each in pending:
            each.cancel()
        return [future.result() for future in done]

    flow: Flow = open_flow(body)
    flow.advance([SignalReceived("news", BEGIN, b"came")])
    assert Returned([b"came"]) == flow.ending()
