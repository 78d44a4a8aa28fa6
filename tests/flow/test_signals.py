"""The mailbox of a flow."""

from __future__ import annotations

import asyncio

from flow_bodies import BEGIN, SECOND, complete, flow_here, open_flow, step

from actum.flow import CancelRequested, Command, Returned, SignalReceived


def signal(body: bytes, name: str = "news") -> SignalReceived:
    return SignalReceived(name, BEGIN, body)


async def receive(name: str = "news") -> bytes:
    return await flow_here().receive_signal(name)


def test_signals_come_in_the_order_in_which_they_were_recorded() -> None:
    async def body() -> list[bytes]:
        await step("first")
        return [await receive(), await receive(), await receive()]

    flow = open_flow(body)
    (command,) = flow.advance(()).start
    flow.advance([signal(b"1"), signal(b"2"), complete(command, BEGIN)])
    assert flow.awaited_signals == ("news",)
    flow.advance([signal(b"3")])
    assert Returned([b"1", b"2", b"3"]) == flow.ending()


def test_mailboxes_are_apart() -> None:
    async def body() -> tuple[bytes, bytes]:
        return await receive("b"), await receive("a")

    flow = open_flow(body)
    flow.advance([signal(b"1", "a")])
    assert flow.awaited_signals == ("b",)
    flow.advance([signal(b"2", "b")])
    assert Returned((b"2", b"1")) == flow.ending()


def test_whoever_waited_first_receives_first() -> None:
    async def body() -> list[bytes]:
        return list(await asyncio.gather(receive(), receive()))

    flow = open_flow(body)
    flow.advance([signal(b"1"), signal(b"2")])
    assert Returned([b"1", b"2"]) == flow.ending()


def test_a_wait_given_up_loses_no_signal() -> None:
    async def body() -> bytes:
        try:
            async with asyncio.timeout(5):
                await receive()
        except TimeoutError:
            await step("meanwhile")
        return await receive()

    flow = open_flow(body)
    (timer,) = flow.advance(()).start
    (meanwhile,) = flow.advance([complete(timer, BEGIN), signal(b"kept")]).start
    assert flow.awaited_signals == ()
    flow.advance([complete(meanwhile, BEGIN)])
    assert Returned(b"kept") == flow.ending()


def test_a_signal_nobody_awaits_is_no_mismatch() -> None:
    async def body() -> str:
        return await step("only")

    flow = open_flow(body)
    flow.advance([signal(b"1")])
    flow.advance([*(complete(Command(*item), BEGIN) for item in flow.waiting.items()), signal(b"2")])
    assert Returned("done") == flow.ending()


def test_a_signal_moves_workflow_time() -> None:
    async def body() -> float:
        await receive()
        return asyncio.get_running_loop().time()

    flow = open_flow(body)
    flow.advance([SignalReceived("news", BEGIN + 3 * SECOND, b"")])
    assert Returned(BEGIN / SECOND + 3) == flow.ending()


def test_a_cancelled_wait_is_not_awaited_any_more() -> None:
    async def body() -> None:
        try:
            await receive()
        finally:
            await step("after")

    flow = open_flow(body)
    flow.advance([CancelRequested(BEGIN, "stop")])
    assert flow.awaited_signals == ()
