"""An outside service that lies about what it did: a process of its own, with a log of every key it received.

It acts on whatever arrives, as often as it arrives: it honours no key, so whoever asks twice has it done twice. What it
does with a request is drawn from the seed, the key and how many requests have come under that key, so that a campaign
can be run again. Acting is one line in a file that is only ever appended to, so a kill neither loses nor halves it.

The one thing it never lies about is its own limit: a request carries the instant until which its sender waits, and
later than `GRACE` after that instant nothing is done any more. That is what `settle_after` says about the world.

    python lying_service.py PORT LOG SEED SECONDS
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

GRACE = 0.15
"""Seconds after the sender has given up within which a late request may still be carried out."""
LIES = {
    "honest": 70,
    "answer twice": 5,
    "refuse": 7,
    "drop after acting": 6,
    "drop, then act late": 4,
    "delay, then act late": 5,
    "swallow": 3,
}
"""What becomes of a request, and how many in a hundred."""
LOOKS = {"honest": 96, "swallow": 2, "drop after acting": 2}
"""The same for a question, which changes nothing."""


class Service:
    """What the service knows: how often it was asked, what it did, what it took back. All of it is in the log."""

    def __init__(self, log: Path, seed: str) -> None:
        self.seed = seed
        self.asked: Counter[tuple[str, str]] = Counter()
        self.done: Counter[str] = Counter()
        for line in log.read_text().splitlines() if log.exists() else ():
            self._count(json.loads(line))
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, what: str, request: dict[str, Any], **more: Any) -> None:
        """Write one line in one write, and count it."""
        line = {"what": what, "key": request["key"], "kind": request["kind"], "at": time.time(), **more}
        os.write(self._log, json.dumps(line).encode() + b"\n")
        self._count(line)

    def _count(self, line: dict[str, Any]) -> None:
        if line["what"] == "received":
            self.asked[line["verb"], line["key"]] += 1
        else:
            self.done[line["key"]] += 1

    def draw(self, request: dict[str, Any]) -> str:
        """Say what becomes of this request."""
        verb, key = request["verb"], request["key"]
        chance = random.Random(f"{self.seed}/{verb}/{key}/{self.asked[verb, key]}")
        lies = LOOKS if verb == "probe" else LIES
        return chance.choices(list(lies), list(lies.values()))[0]

    def act(self, request: dict[str, Any]) -> bool:
        """Do what is asked, unless its time is over."""
        if request["verb"] != "probe":
            if time.time() > request["until"] + GRACE:
                return False
            self.note(request["verb"], request)
        return True

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["verb"] == "probe":
            key = request["key"]
            return {"stands": self.done[key] > 0 and self.done[f"{key}/undo"] == 0}
        return {"result": f"{request['kind']} {request['key']}"}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request, as the schedule says."""
        try:
            request = await read_request(reader)
            lie = self.draw(request)
            self.note("received", request, verb=request["verb"], lie=lie)
            await self._carry_out(lie, request, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the sender has gone; what was done is in the log
        finally:
            writer.transport.abort()

    async def _carry_out(self, lie: str, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        left = request["until"] - time.time()
        match lie:
            case "refuse":
                await reply(writer, 503, {"error": "not done"})
            case "swallow":
                await asyncio.sleep(max(left, 0) + GRACE)
            case "delay, then act late":
                await asyncio.sleep(max(left, 0) + GRACE / 2)
                self.act(request)
            case "drop, then act late":
                writer.transport.abort()
                await asyncio.sleep(GRACE / 2)
                self.act(request)
            case "drop after acting":
                self.act(request)
            case _:
                if self.act(request):
                    times = 2 if lie == "answer twice" else 1
                    await reply(writer, 200, self.answer(request), times)


async def read_request(reader: asyncio.StreamReader) -> dict[str, Any]:
    """Read head and body of one request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    length = next(int(line.partition(":")[2]) for line in head if line.startswith("content-length:"))
    request: dict[str, Any] = json.loads(await reader.readexactly(length))
    return request


async def reply(writer: asyncio.StreamWriter, status: int, values: dict[str, Any], times: int = 1) -> None:
    body = json.dumps(values).encode()
    head = f"HTTP/1.1 {status} .\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
    writer.write((head + body) * times)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def main(port: int, log: Path, seed: str, seconds: float) -> None:
    """Serve until killed, until `seconds` have passed, or until whoever started this process has gone."""
    parent, deadline = os.getppid(), time.monotonic() + seconds
    service = Service(log, seed)
    server = await asyncio.start_server(service.serve, "127.0.0.1", port, reuse_address=True, backlog=500)
    async with server:
        while os.getppid() == parent and time.monotonic() < deadline:
            await asyncio.sleep(0.5)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
