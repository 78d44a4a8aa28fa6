"""Connections to Postgres, and one way to run a statement.

A pool is opened once per process and event loop. Every failure to reach the database becomes `DatabaseUnavailable`
with one sentence; what the server says about a statement passes through as the driver's own error.
Behind a transaction-mode pooler (`pooler=True`) no statement is prepared by name and nothing is listened for.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, ClassVar, Self, TypeAlias

import asyncpg

from actum.errors import DatabaseUnavailable, InvalidInput, InvalidSettings
from actum.store.connection import Connection
from actum.store.poison import REPEAT
from actum.store.statements import SCHEMA, Statement, load

Row: TypeAlias = Any
MOST_DEADLOCKS = 5
Now: TypeAlias = Callable[[], datetime | None]

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what the driver makes of a server that ends in the middle of an exchange
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
    TimeoutError,
)


class UnstorableText(InvalidInput, asyncpg.DataError):  # type: ignore[misc]  # the driver has no types
    """A statement was given text that Postgres cannot hold: bad input for a caller, poison for a loop."""


def _no_clock() -> None:
    """The production clock: none, so that statements read the database's own."""


def conceal(dsn: str) -> str:
    """Return a DSN for people: without its password."""
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:…@", dsn)


class Pool:
    """A few connections to one database, and the schema in it."""

    connection_class: ClassVar[type[Connection]] = Connection

    def __init__(self, pool: Any, dsn: str, schema: str, *, pooler: bool, now: Now) -> None:
        self._pool = pool
        self._pid = os.getpid()
        self.dsn = dsn
        self.schema = schema
        self.pooler = pooler
        self.now = now

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        schema: str = SCHEMA,
        size: int = 4,
        pooler: bool = False,
        now: Now = _no_clock,
    ) -> Self:
        """Connect to `dsn`.

        Raises InvalidSettings for a DSN that is none, DatabaseUnavailable when nothing answers or it refuses us.
        """
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,30}", schema):
            raise InvalidSettings(
                f"{schema!r} cannot name a schema: use lower-case letters, digits and _, at most 31 of them"
            )
        with Explained(dsn, is_opening=True):
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=size,
                timeout=10,
                command_timeout=None,
                statement_cache_size=0 if pooler else 200,
                max_inactive_connection_lifetime=300,
                connection_class=cls.connection_class,
                server_settings={"application_name": "actum"}
                if pooler
                else {"application_name": "actum", "jit": "off"},
            )
        return cls(pool, dsn, schema, pooler=pooler, now=now)

    async def close(self) -> None:
        """Close every connection, waiting for none longer than two seconds."""
        try:
            await asyncio.wait_for(self._pool.close(), 2)
        except (TimeoutError, *LOST):
            self._pool.terminate()

    def statement(self, topic: str, name: str) -> Statement:
        """Return a named statement, written for this pool's schema."""
        return load(topic, self.schema)[name]

    async def fetch(self, statement: Statement, **values: object) -> Sequence[Row]:
        """Run one statement and return its rows; one that was given up in a deadlock is run again.

        Raises DatabaseUnavailable when the connection could not be had or was lost: whether the statement was
        carried out is then unknown. Text that Postgres cannot hold is InvalidInput, and nothing was carried out.
        """
        self.refuse_fork()
        with Explained(self.dsn):
            async with self._pool.acquire() as connection:
                for _ in range(MOST_DEADLOCKS):
                    with suppress(*REPEAT):
                        return await self._fetch(connection, statement, values)
                return await self._fetch(connection, statement, values)

    async def _fetch(self, connection: Any, statement: Statement, values: dict[str, object]) -> Sequence[Row]:
        try:
            rows: Sequence[Row] = await connection.fetch(statement.text, *statement.order(values))
        except asyncpg.DataError as error:
            _refuse_text(values, error)
            raise
        return rows

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Lend one connection, for a transaction of several statements or for listening."""
        self.refuse_fork()
        with Explained(self.dsn):
            async with self._pool.acquire() as connection:
                yield connection

    async def dedicated(self) -> Any:
        """Open a connection outside the pool, for one owner that keeps it and says the same few things again and again.

        Statements are planned once: for the longest of them planning anew takes longer than carrying it out, and the
        plan is the same whatever the values.
        """
        settings = {"application_name": "actum"}
        if not self.pooler:
            settings |= {"jit": "off", "plan_cache_mode": "force_generic_plan"}
        with Explained(self.dsn):
            return await asyncpg.connect(
                self.dsn,
                connection_class=self.connection_class,
                timeout=10,
                statement_cache_size=0 if self.pooler else 200,
                max_cacheable_statement_size=0,  # of any size: the driver's limit is below our longest
                server_settings=settings,
            )

    def refuse_fork(self) -> None:
        """Raise when this process is not the one that opened the pool: a socket cannot be shared."""
        if os.getpid() != self._pid:
            raise DatabaseUnavailable(
                "this client was opened before a fork: open a new one in the child process"
            )


def _refuse_text(values: dict[str, object], error: asyncpg.DataError) -> None:
    """Raise UnstorableText, naming the argument, if `error` is about a text among these; others are faults of ours."""
    nul = "\\u0000" if isinstance(error, asyncpg.UntranslatableCharacterError) else "\0"
    for name, value in values.items():
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str):
                continue
            what = "a NUL character" if nul in text else ""
            if not what and any("\ud800" <= mark <= "\udfff" for mark in text):
                what = "half of a character (a lone surrogate)"
            if what:
                raise UnstorableText(
                    f"the {name.replace('_', ' ')} holds {what}, which the database cannot store: remove it",
                    path=name,
                )


class Explained:
    """Turns the driver's many ways of failing to connect into one sentence; `setting` is where the address is from."""

    def __init__(self, dsn: str, *, is_opening: bool = False, setting: str = "ACTUM_DATABASE_URL") -> None:
        self._dsn = dsn
        self._is_opening = is_opening
        self._setting = setting

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        where = conceal(self._dsn)
        match error:
            case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
                raise DatabaseUnavailable(
                    f"the database at {where} does not accept this user: {error}"
                ) from error
            case asyncpg.InvalidCatalogNameError():
                raise DatabaseUnavailable(
                    f"there is no such database at {where}: create it, or name another ({error})"
                ) from error
            case asyncpg.TooManyConnectionsError():
                raise DatabaseUnavailable(
                    f"the database at {where} has no connection left: {error}"
                ) from error
            case asyncpg.ClientConfigurationError() | ValueError() if self._is_opening:
                raise InvalidSettings(
                    f"{where!r} is not a database address: write postgresql://user:password@host:5432/database ({error})"
                ) from error
            case _ if isinstance(error, LOST):
                raise DatabaseUnavailable(
                    f"no answer from the database at {where}: {error or type(error).__name__}; is it running, and is "
                    f"{self._setting} right?"
                ) from error
            case _:
                return
