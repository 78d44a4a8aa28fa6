"""Transactions in which the bodies of effects run: begun and ended here, written through by the author.

A few connections of their own, opened when first needed, so that a slow body keeps no statement of the engine waiting.
If the process dies, the server rolls back what was open: neither the author's rows nor the outcome are there then.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg

from actum.errors import InvalidSettings
from actum.store.pool import LOST, Pool
from actum.store.records import Flush, Records
from actum.store.rows import Answer

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

MOST = 16
"""Transactions of one worker that may be open at once in one database; more of them wait."""
PATIENCE = 2.0
"""Seconds a rollback may take before its connection is given up."""

PASSING = (*LOST, asyncpg.TransactionRollbackError)
"""What may be otherwise a moment later: the database was away, or two transactions stood in each other's way."""

BROKEN_SEAL = (asyncpg.NoActiveSQLTransactionError, asyncpg.InvalidSavepointSpecificationError)


class TransactionEnded(Exception):
    """The body ended the transaction that was not its own to end: nobody knows what became of its rows."""


class Transaction:
    """One open transaction; ended by `commit`, `roll_back` or `abandon`, of which the first call counts.

    `error` is why it could not be committed, once that is certain.
    """

    def __init__(self, pool: Any, connection: Any) -> None:
        self._pool = pool
        self._proxy = connection
        self._outer = connection.transaction()
        self._seal = connection.transaction()
        self._session: AsyncSession | None = None
        self._is_over = False
        self.error: BaseException | None = None

    @property
    def connection(self) -> Any:
        """The driver's connection."""
        return self._proxy

    def session(self) -> AsyncSession:
        """Return a session of SQLAlchemy inside this transaction, the same one each time.

        Raises InvalidSettings where SQLAlchemy is not installed.
        """
        if self._session is None:
            self._session = _session_on(self._proxy)
        return self._session

    async def begin(self) -> None:
        """Begin it, and set the seal: a savepoint that is gone if somebody else ends the transaction."""
        await self._outer.start()
        await self._seal.start()

    async def close_body(self) -> None:
        """Write what the session holds back, and see that the body left the transaction as it was given.

        Raises TransactionEnded where it did not, and the driver's errors.
        """
        if self._session is not None:
            await self._session.commit()
        try:
            await self._seal.commit()
        except BROKEN_SEAL as error:
            raise TransactionEnded(
                "its body ended the transaction that Actum had begun: leave commit and rollback to Actum"
            ) from error

    async def append(self, records: Records, instance: UUID, flush: Flush) -> list[Answer]:
        """Write records inside this transaction, as the last thing before its commit."""
        return await records.append(self._proxy, instance, flush)

    async def commit(self) -> None:
        """Commit. Raises the driver's errors; where the connection was lost, what became of it is unknown."""
        await self._outer.commit()
        await self._give_back()

    async def roll_back(self) -> None:
        """Undo everything; gives the connection up where that takes too long."""
        if self._is_over:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._outer.rollback()
                await self._give_back()
        except (*LOST, asyncpg.PostgresError):
            self.abandon()

    def abandon(self) -> None:
        """Give the connection up at once: the server rolls back."""
        if self._is_over:
            return
        self._is_over = True
        with suppress(*LOST):
            self._proxy.terminate()
        self._release()

    async def _give_back(self) -> None:
        self._is_over = True
        if self._session is not None:  # it has set type codecs of its own on this connection
            with suppress(*LOST):
                await self._proxy.close()
        self._release()

    def _release(self) -> None:
        task = asyncio.get_running_loop().create_task(self._pool.release(self._proxy))
        task.add_done_callback(_look_away)


class Transactions:
    """Begins transactions in one database."""

    def __init__(self, dsn: str, *, pooler: bool = False) -> None:
        self._dsn = dsn
        self._pooler = pooler
        self._pool: Any = None
        self._opening = asyncio.Lock()

    @classmethod
    def over(cls, pool: Pool) -> Transactions:
        """Return those of the database that `pool` is connected to."""
        return cls(pool.dsn, pooler=pool.pooler)

    async def begin(self) -> Transaction:
        """Begin one, once a connection is free. Raises the driver's errors."""
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=MOST,
                    timeout=10,
                    statement_cache_size=0 if self._pooler else 200,
                    server_settings={"application_name": "actum effects"},
                )
        connection = await self._pool.acquire()
        transaction = Transaction(self._pool, connection)
        try:
            await transaction.begin()
        except BaseException:
            transaction.abandon()
            raise
        return transaction

    async def close(self) -> None:
        """Close every connection; what is open is rolled back."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()


def _session_on(connection: Any) -> AsyncSession:
    try:
        from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
        from sqlalchemy.pool import StaticPool
    except ImportError:
        raise InvalidSettings(
            "SQLAlchemy is not installed: pip install 'actum[sqlalchemy]', or write through actum.sql.connection()"
        ) from None

    async def lend() -> Any:
        return connection

    engine = create_async_engine("postgresql+asyncpg://", async_creator=lend, poolclass=StaticPool)
    return AsyncSession(engine, expire_on_commit=False)


def _look_away(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
