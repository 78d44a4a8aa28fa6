"""A receiver of notifications, on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from actum.engine.webhook import Webhook

SECRET = "0123456789abcdef"


@dataclass
class Receiver:
    """A real server on a socket: answers with what is in `answers`, then with 204; keeps what it was sent."""

    answers: list[bytes] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return self.url_of("/hook?team=a")

    def url_of(self, target: str) -> str:
        return f"http://127.0.0.1:{self.port}{target}"

    @property
    def keys(self) -> list[str]:
        return [headers["actum-notification-key"] for headers, _ in self.received]

    @property
    def subjects(self) -> list[str]:
        return [json.loads(body)["subject"] for _, body in self.received]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append(({"first": first, **headers}, body))
        writer.write(self.answers.pop(0) if self.answers else b"HTTP/1.1 204 .\r\n\r\n")
        writer.close()

    def channel(self, name: str = "webhook") -> Webhook:
        channel = Webhook(self.url, SECRET)
        channel.name = name
        return channel


@asynccontextmanager
async def receiving(*answers: bytes) -> AsyncIterator[Receiver]:
    receiver = Receiver([*answers])
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver
