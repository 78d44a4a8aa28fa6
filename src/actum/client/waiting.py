"""Waits for workflows to end: one query for all waiters of a client, hurried by hints.

Hints of other processes come over a connection of its own, which is opened for the first who waits: most clients of the
command line never do.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

from actum.errors import DatabaseUnavailable
from actum.store.hints import Hints
from actum.store.store import Store

POLL_FIRST, POLL_LAST = 0.02, 1.0


class Endings:
    """Whoever waits for a result, and the one task that looks."""

    def __init__(self, store: Store, hints: Hints) -> None:
        self._store = store
        self._waiters: dict[UUID, set[asyncio.Future[tuple[str, int]]]] = {}
        self._nudge = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pause = POLL_FIRST
        self._hints = hints
        self._listening: asyncio.Task[None] | None = None
        self.hears_others = False
        hints.hear(self._heard)

    async def wait(self, workflow_id: UUID) -> tuple[str, int]:
        """Return (status, next_seq) once the workflow has ended."""
        future: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(workflow_id, set()).add(future)
        self._pause = POLL_FIRST
        self._nudge.set()
        if self.hears_others and self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(
                self._hints.listen(), name="actum client listener"
            )
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look(), name="actum endings")
        try:
            return await future
        finally:
            waiters = self._waiters.get(workflow_id)
            if waiters is not None:
                waiters.discard(future)
                if not waiters:
                    del self._waiters[workflow_id]

    def close(self) -> None:
        """Stop looking and listening."""
        for task in (self._task, self._listening):
            if task is not None:
                task.cancel()

    def _heard(self, hint: str) -> None:
        if hint.startswith("ended:") and UUID(hint[6:]) in self._waiters:
            self._nudge.set()

    async def _look(self) -> None:
        while self._waiters:
            self._nudge.clear()
            try:
                endings = await self._store.workflows.read_endings(sorted(self._waiters))
            except DatabaseUnavailable:
                endings = {}
                self._pause = POLL_LAST
            for workflow_id, ending in endings.items():
                for future in self._waiters.get(workflow_id, set()):
                    if not future.done():
                        future.set_result(ending)
            if endings:
                self._pause = POLL_FIRST
                await asyncio.sleep(0)
                continue
            try:
                async with asyncio.timeout(self._pause):
                    await self._nudge.wait()
            except TimeoutError:
                self._pause = min(self._pause * 1.3, POLL_LAST)
