"""Renews the worker's lease from a thread and connection of its own, so that a busy loop does not look like death.

The lease counts from the instant a heartbeat was sent that was later acknowledged, by this process's monotonic clock.
The thread stops beating when the worker's loop has not ticked for a while, and then ends the process: a stuck worker
must not keep its workflows. A beat that finds the worker declared dead ends its lease at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from uuid import UUID

from actum.engine.clock import DatabaseClock, monotonic_us
from actum.errors import ActumError
from actum.store.store import Store

logger = logging.getLogger("actum.heartbeat")

HELD_UP_AFTER = 1.0
"""Seconds for which a body or a callback may hold the loop before it is reported with its line."""
TRY_AGAIN_AFTER = 0.2
"""Seconds after which a beat that failed is tried again, where the next one is not due sooner."""
STUCK_AFTER = 60.0
"""Seconds without a tick of the worker's loop after which the process ends itself."""


class Heartbeat:
    """The lease of one worker instance."""

    def __init__(
        self,
        store: Store,
        instance: UUID,
        clock: DatabaseClock,
        *,
        lease: float,
        on_lost: Callable[[], None],
        stuck_after: float = STUCK_AFTER,
    ) -> None:
        self._store = store
        self._instance = instance
        self._clock = clock
        self._lease = lease
        self._interval = max(lease / 4, 0.05)
        self._on_lost = on_lost
        self._stuck_after = stuck_after
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticked_at = time.monotonic()
        self._sent_at = time.monotonic()
        self._unbroken_since = time.monotonic()
        self._loop_thread = threading.get_ident()
        self._has_reported = False
        self.is_lost = False

    def start(self) -> None:
        """Begin to beat; the worker's row was written just now and counts as the first beat."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._sent_at = self._unbroken_since = self._ticked_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="actum heartbeat", daemon=True)
        self._thread.start()
        self._tick()

    def stop(self) -> None:
        """Stop beating; a second call does nothing."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def has_lease(self) -> bool:
        """Whether the lease is unexpired, counted from when the last acknowledged heartbeat was sent."""
        return not self.is_lost and time.monotonic() - self._sent_at < self._lease

    def has_beaten_for(self, span: float) -> bool:
        """Whether every heartbeat succeeded, without a gap, for `span` seconds: only then may others be judged."""
        return self.has_lease() and time.monotonic() - self._unbroken_since >= span

    def _tick(self) -> None:
        self._ticked_at = time.monotonic()
        if self._loop is not None and not self._stopping.is_set():
            self._loop.call_later(min(self._interval, 1.0), self._tick)

    def _run(self) -> None:
        try:
            asyncio.run(self._beat_until_stopped())
        except Exception:
            logger.exception("the heartbeat ended; the lease will run out")

    async def _beat_until_stopped(self) -> None:
        store: Store | None = None
        try:
            while not self._stopping.is_set():
                pause = self._interval
                if time.monotonic() - self._ticked_at > self._stuck_after:
                    self._end_process()
                try:
                    if store is None:
                        pool = self._store.pool
                        store = await Store.open(
                            pool.dsn, schema=pool.schema, size=1, pooler=pool.pooler, now=pool.now
                        )
                    async with asyncio.timeout(self._lease):
                        await self._beat(store)
                except (ActumError, OSError, TimeoutError) as error:
                    self._unbroken_since = time.monotonic()
                    pause = min(self._interval, TRY_AGAIN_AFTER)
                    logger.warning("a heartbeat failed: %s", error)
                except Exception as error:
                    self._unbroken_since = time.monotonic()
                    pause = min(self._interval, TRY_AGAIN_AFTER)
                    logger.warning("a heartbeat failed: %r", error)
                await asyncio.to_thread(self._rest, pause)
        finally:
            if store is not None:
                await store.close()

    def _rest(self, pause: float) -> None:
        """Wait until the next beat is due, and say where the loop is when it has been held up meanwhile."""
        until = time.monotonic() + pause
        while not self._stopping.wait(min(max(until - time.monotonic(), 0.0), 0.5)):
            self._report_hold_up()
            if time.monotonic() >= until:
                return

    def _report_hold_up(self) -> None:
        held_for = time.monotonic() - self._ticked_at - min(self._interval, 1.0)
        if held_for < HELD_UP_AFTER:
            self._has_reported = False
        elif not self._has_reported:
            self._has_reported = True
            frame = sys._current_frames().get(self._loop_thread)
            where = "".join(traceback.format_stack(frame, limit=3)) if frame is not None else "unknown"
            logger.warning(
                "something holds the worker's loop for %.1f s; it should be a step:\n%s", held_for, where
            )

    async def _beat(self, store: Store) -> None:
        sent_at, sent_us = time.monotonic(), monotonic_us()
        instant = await store.workers.beat(self._instance)
        if instant is None:
            if not self._stopping.is_set():
                self._lose()
            return
        if sent_at - self._sent_at > self._lease:
            self._unbroken_since = sent_at
        self._sent_at = sent_at
        self._clock.learn(instant, sent_us, monotonic_us())

    def _lose(self) -> None:
        self.is_lost = True
        self._stopping.set()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._on_lost)

    def _end_process(self) -> None:
        logger.critical("the worker's loop has not moved for %.0f s: ending this process", self._stuck_after)
        os._exit(70)
