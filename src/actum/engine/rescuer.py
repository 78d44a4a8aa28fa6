"""Takes over what dead workers held. Any worker does it; no service outside the database is needed.

A worker judges others only after its own heartbeats succeeded without a gap for one whole lease, so that an outage of
the database, from which everybody returns with an old heartbeat, never looks like the death of the fleet. A process
that is certainly gone from this very machine needs no waiting. Rescued workflows become ready for anyone; the next
holder records it.
"""

from __future__ import annotations

import logging
from uuid import UUID

from actum.engine.heartbeat import Heartbeat
from actum.engine.process import is_dead
from actum.store.store import Store

logger = logging.getLogger("actum.rescuer")

MOST = 1_000


class Rescuer:
    """One pass declares the dead, and makes what they held ready again."""

    def __init__(
        self, store: Store, heartbeat: Heartbeat, *, instance: UUID, machine: str, lease: float
    ) -> None:
        self._store = store
        self._heartbeat = heartbeat
        self._instance = instance
        self._machine = machine
        self._lease = lease

    async def rescue_once(self) -> int:
        """Return how many workflows were made ready."""
        if not self._heartbeat.has_lease():
            return 0
        await self._declare_neighbours()
        if self._heartbeat.has_beaten_for(self._lease):
            dead = await self._store.workers.declare_dead(self._instance)
            if dead:
                logger.warning(
                    "%d worker(s) have not been heard of for a lease: taking over what they held", len(dead)
                )
        owners = await self._store.workers.list_stopped_owners()
        if not owners:
            return 0
        rescued = await self._store.workflows.rescue(instances=owners, slots=MOST)
        if rescued:
            logger.warning("%d workflow(s) of dead workers are ready again", len(rescued))
        return len(rescued)

    async def _declare_neighbours(self) -> None:
        neighbours = await self._store.workers.list_neighbours(self._machine, self._instance)
        dead = [instance for instance, pid, start in neighbours if is_dead(pid, start)]
        if dead:
            await self._store.workers.stop(dead, "process gone")
