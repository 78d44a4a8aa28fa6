"""What a body may not do."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Awaitable, Callable

import pytest
from flow_bodies import open_flow, step
from flow_running import run

from actum.flow import OutsideWork

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
