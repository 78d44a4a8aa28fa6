"""Waiting for what another process or task does: until it is so, and no longer than a minute."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

PATIENCE = 60.0
"""Seconds after which a condition is taken to be one that never comes true."""
LOOK_EVERY = 0.01
"""Seconds between two looks at a condition."""

BLOCKED = """
select count(*)
  from pg_stat_activity
 where datname = current_database()
   and backend_type = 'client backend'
   and wait_event_type = 'Lock'
"""


async def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait until `condition` (plain or async) is true, and return what it was; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(LOOK_EVERY)


async def until_blocked(connection: Any, count: int = 1) -> None:
    """Wait until `count` connections of this connection's database wait for a lock.

    Activity that was read in a transaction does not change in it, so the connection may hold no snapshot of it.
    """

    async def is_so() -> bool:
        await connection.execute("select pg_stat_clear_snapshot()")
        return bool(await connection.fetchval(BLOCKED) >= count)

    await until(is_so, f"{count} wait for a lock")
