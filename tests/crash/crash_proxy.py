"""A proxy that understands nothing but bytes, and cuts a connection on command: before the request, or before the reply."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress
from typing import Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

Cut: TypeAlias = Literal["request", "reply"]


class Proxy:
    """Listens on a port of this machine and passes bytes to the server's socket, from a thread and loop of its own."""

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        asked = parse_qs(parts.query)
        self._socket = f"{asked['host'][0]}/.s.PGSQL.{asked['port'][0]}"
        self._database = parts.path
        self._orders: dict[int, Cut] = {}
        self._open: set[int] = set()
        self._is_blocked = False
        self._pumps: set[asyncio.Task[None]] = set()
        self.cuts = 0

    @property
    def dsn(self) -> str:
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql://actum@127.0.0.1:{port}{self._database}?sslmode=disable"

    def __enter__(self) -> Proxy:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._thread.start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(5)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def cut(self, port: int, what: Cut) -> None:
        """Cut the connection that comes from local `port`: the next bytes of that direction are lost with it."""
        self._orders[port] = what

    def block(self) -> None:
        """Cut every connection, and let none begin until `unblock`."""
        self._is_blocked = True
        self._loop.call_soon_threadsafe(lambda: [pump.cancel() for pump in self._pumps])

    def unblock(self) -> None:
        self._is_blocked = False

    def cut_any(self, chance: random.Random) -> None:
        """Cut one of the open connections, either way."""
        ports = sorted(self._open)
        if ports:
            self.cut(chance.choice(ports), chance.choice(("request", "reply")))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("peername")[1]
        if self._is_blocked:
            writer.transport.abort()
            return
        try:
            answers, questions = await asyncio.open_unix_connection(self._socket)
        except OSError:
            writer.close()
            return
        ways = (
            asyncio.ensure_future(self._pump(port, "request", reader, questions)),
            asyncio.ensure_future(self._pump(port, "reply", answers, writer)),
        )
        self._pumps.update(ways)
        self._open.add(port)
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self._open.discard(port)
        self._orders.pop(port, None)
        writer.transport.abort()
        questions.close()

    async def _pump(
        self, port: int, what: Cut, source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while read := await source.read(65536):
                if self._orders.get(port) == what:
                    self.cuts += 1
                    return
                target.write(read)
                await target.drain()
