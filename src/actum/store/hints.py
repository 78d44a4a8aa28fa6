"""Hints: something may be ready, something may have ended. Nothing depends on their arrival.

A hint travels within the process at once, and between processes by NOTIFY, sent after the commit it speaks of, by a
statement of its own, many in one. Payloads: `ready`, `people`, `policy`, `wake:ID`, `ended:ID`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable
from typing import Any

from actum.errors import DatabaseUnavailable
from actum.store.store import Store

logger = logging.getLogger("actum.hints")

_MOST = 7_000
"""Bytes of one NOTIFY: Postgres takes 8,000 at most."""

PROBE = "probe"
PROBE_EVERY, PROBE_PATIENCE = 30.0, 5.0
"""Seconds between two looks whether hints arrive, and how long one may take."""

Heard = Callable[[str], None]
_HEARERS: dict[str, set[Heard]] = {}


def _place(store: Store) -> str:
    return f"{store.pool.dsn} {store.channel}"


class Hints:
    """Sends hints to this process at once and to others soon; hears theirs when `listen` runs."""

    def __init__(self, store: Store, *, is_on: bool = True) -> None:
        self._store = store
        self._hearers = _HEARERS.setdefault(_place(store), set())
        self._origin = uuid.uuid4().hex[:8]
        self._outbox: dict[str, None] = {}
        self._sender: asyncio.Task[None] | None = None
        self._mine: set[Heard] = set()
        self._heard_probe = asyncio.Event()
        self.is_on = is_on and not store.pool.pooler
        self.is_deaf = True

    def hear(self, heard: Heard) -> None:
        """Call `heard` with every hint, until `close`."""
        self._mine.add(heard)
        self._hearers.add(heard)

    def send(self, hint: str) -> None:
        """Tell this process now and others soon. Never fails, never waits."""
        if not self.is_on:
            return
        for heard in list(self._hearers):
            heard(hint)
        self._outbox[hint] = None
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._flush(), name="actum hints")

    async def _flush(self) -> None:
        while self._outbox:
            outbox, self._outbox = list(self._outbox), {}
            for payload in _packed(outbox, self._origin):
                try:
                    await self._store.notify(payload)
                except DatabaseUnavailable:
                    return

    async def listen(self) -> None:
        """Hear other processes until cancelled; reconnects when the connection is lost."""
        while self.is_on:
            try:
                connection = await self._store.pool.dedicated()
            except DatabaseUnavailable:
                await asyncio.sleep(1)
                continue
            lost = asyncio.Event()
            connection.add_termination_listener(lambda *_, lost=lost: lost.set())
            try:
                await connection.add_listener(self._store.channel, self._received)
                self.is_deaf = False
                while not lost.is_set():
                    await _wait(lost, PROBE_EVERY)
                    if not lost.is_set() and not await self._hears_itself():
                        logger.warning(
                            "hints sent through the database do not arrive: polling goes on without them"
                        )
                        break
            except (OSError, DatabaseUnavailable):
                await asyncio.sleep(1)
            finally:
                self.is_deaf = True
                with contextlib.suppress(Exception):
                    connection.terminate()

    async def _hears_itself(self) -> bool:
        """Send a hint to oneself and wait for it."""
        self._heard_probe.clear()
        await self._store.notify(f"{PROBE}|{self._origin}")
        await _wait(self._heard_probe, PROBE_PATIENCE)
        return self._heard_probe.is_set()

    def _received(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        origin, _, rest = payload.partition("|")
        if origin == PROBE and rest == self._origin:
            self._heard_probe.set()
        if origin in (PROBE, self._origin):
            return
        for hint in rest.split(","):
            for heard in list(self._mine):
                heard(hint)

    async def close(self) -> None:
        """Send what is left, and hear nothing any more."""
        self._hearers.difference_update(self._mine)
        self._mine.clear()
        if self._sender is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._sender, 1)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _packed(hints: list[str], origin: str) -> list[str]:
    payloads, current = [], ""
    for hint in hints:
        if current and len(current) + len(hint) > _MOST:
            payloads.append(f"{origin}|{current}")
            current = ""
        current = f"{current},{hint}" if current else hint
    return [*payloads, f"{origin}|{current}"]
