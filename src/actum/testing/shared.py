"""One database that tests use one after the other, blank for each, over connections that stay open.

A connection's first statements cost far more than the same ones again: the server reads its catalogues and plans. With
a database of its own a test with a worker costs three times as much as the worker's work. What is kept is kept on one
event loop, so that loop has to outlive the tests: pytest-asyncio's loop scope `session`. Elsewhere nothing is kept.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Self

from actum.store.connection import Connection
from actum.store.poison import SAID_BY_SERVER
from actum.store.pool import LOST, Pool, _no_clock
from actum.store.store import Store
from actum.testing.referee import read_sql
from actum.testing.server import TestServer

MOST_USES = 500
"""After so many tests a database is made anew: what they deleted is still in its files."""

LOOKS, LOOK_EVERY = 50, 0.002
"""How often, and each how many seconds after the last, it is looked whether others have left when a test has ended."""


class KeptConnection(Connection):
    """A connection that goes back to where it is kept when its owner ends it between two statements."""

    home: KeptPool | None = None
    _running = 0

    async def _do_execute(self, *arguments: Any, **options: Any) -> Any:
        self._running += 1
        try:
            return await super()._do_execute(*arguments, **options)
        finally:
            self._running -= 1

    def terminate(self) -> None:
        """Go home; end in earnest in the middle of something, or when there is no home."""
        if self.home is None or self._running or self.is_closed() or self.is_in_transaction():
            super().terminate()
        else:
            self._clean_tasks()
            self._listeners.clear()
            self._termination_listeners.clear()
            self.home.idle.append(self)


class KeptPool(Pool):
    """A pool that stays open when its store is closed, and keeps the connections that were dedicated to somebody."""

    connection_class = KeptConnection

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.idle: list[KeptConnection] = []
        self._rinser: Any = None
        """A connection of its own: it passes triggers by."""

    @classmethod
    async def of(cls, dsn: str) -> Self:
        """Connect to `dsn`, to plan each statement once: among a few rows a plan for the very values gains nothing."""
        pool = await cls.open(f"{dsn}{'&' if '?' in dsn else '?'}plan_cache_mode=force_generic_plan", size=8)
        pool.dsn = dsn
        return pool

    async def dedicated(self) -> Any:
        """Lend a connection that is kept, else a new one."""
        while self.idle:
            connection = self.idle.pop()
            if not connection.is_closed():
                return connection
        connection = await super().dedicated()
        connection.home = self
        return connection

    async def close(self) -> None:
        """Leave everything open for the next test."""

    async def end(self) -> None:
        """Close what is here in earnest."""
        for connection in [*self.idle, self._rinser]:
            if connection is not None:
                connection.home = None
                connection.terminate()
        await super().close()

    async def rinse(self) -> bool:
        """Bring every connection back to how it was opened and empty the database; return whether both is done.

        It is not when somebody else is still connected, or when a test changed more than rows and tables of its own.
        """
        if self._pool.get_size() != self._pool.get_idle_size():
            return False
        self.idle = [one for one in self.idle if not one.is_closed()]
        async with AsyncExitStack() as exits:
            own = [
                await exits.enter_async_context(self._pool.acquire()) for _ in range(self._pool.get_size())
            ]
            for connection in [*own, *self.idle]:
                await connection.execute("unlisten *; reset all; reset role")
        if self._rinser is None:
            self._rinser = await super().dedicated()
        return await self._make_blank(self._rinser, len(own) + len(self.idle) + 1)

    async def _make_blank(self, connection: Any, count: int) -> bool:
        for _ in range(LOOKS):
            if await connection.fetchval(read_sql("are_alone"), count):
                became = await connection.fetchval(read_sql("make_blank"))
                if became == "blank but for types":
                    await self._forget_statements()
                return bool(became != "spoilt")
            await asyncio.sleep(LOOK_EVERY)
        return False

    async def _forget_statements(self) -> None:
        """Have every statement prepared anew: the table it names may come back with other columns."""
        async with self._pool.acquire() as one_for_all:
            await one_for_all.reload_schema_state()
        for connection in self.idle:
            await connection.reload_schema_state()


class SharedDatabase:
    """What `lend` lends to one test after the other."""

    def __init__(self, server: TestServer, *, is_kept: bool = True) -> None:
        self._server = server
        self._most_uses = MOST_USES if is_kept else 1
        self._pool: KeptPool | None = None
        self._uses = 0

    async def lend(self) -> Store:
        """Return a store on a blank database, for a test that gives it back."""
        if self._pool is None:
            self._pool = await KeptPool.of(await self._server.create())
            self._uses = 0
        self._uses += 1
        self._pool.now = _no_clock
        return Store(self._pool)

    async def take_back(self) -> None:
        """Make the database blank; give it up where that cannot be done."""
        try:
            is_blank = self._uses < self._most_uses and self._pool is not None and await self._pool.rinse()
        except (SAID_BY_SERVER, *LOST):
            is_blank = False
        if not is_blank:
            await self.close()

    async def close(self) -> None:
        """Close every connection and have the database dropped. A second call changes nothing."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.end()
            await self._server.drop(pool.dsn)
