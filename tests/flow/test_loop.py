"""asyncio inside a body: what works, what is refused, and that it is the same everywhere."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import math
import subprocess
import sys
from typing import Any, cast

import pytest
from flow_bodies import BEGIN, SECOND, flow_here, open_flow, step
from flow_running import latest, run

from actum.flow import Flow, Returned, SignalReceived, Timer


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


def test_all_tasks_leaves_out_what_is_done_and_iterates_alike_in_any_company() -> None:
    async def body() -> list[str]:
        opened, closed = asyncio.Event(), asyncio.Event()
        tasks, gaps = [], flow_here().random()
        for number in range(6):
            for _ in range(gaps.randrange(3_000)):
                asyncio.get_running_loop().create_future()
            tasks.append(asyncio.create_task((closed if number else opened).wait(), name=f"{number}"))
        opened.set()
        await tasks[0]
        names = [task.get_name() for task in asyncio.all_tasks()]
        closed.set()
        await asyncio.gather(*tasks)
        return names

    alone = [run(body, seed=seed) for seed in range(20)]
    company = [open_flow(lambda: step("x"), seed) for seed in range(500)]
    assert [run(body, seed=seed) for seed in range(20)] == alone
    assert {"root", "1", "2", "3", "4", "5"} == set(cast(list[str], alone[0]))
    for flow in company:
        flow.close()


def test_tasks_of_many_flows_do_not_share_their_hashes() -> None:
    flows = [open_flow(lambda: step("x"), seed) for seed in range(1_000)]
    hashes = {hash(flow._root) for flow in flows}
    for flow in flows:
        flow.close()
    assert len(hashes) == 1_000


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
