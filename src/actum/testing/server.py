"""The tests' server, and a database for each test.

The server is the one of `ACTUM_DATABASE_URL`, whose account must be allowed to create databases, else an embedded one
in a folder that all processes of one test run share. Each process migrates one template database; a test's database
is a copy of it and is dropped afterwards, on the connection that makes the next. A killed run leaves an embedded server
no life (its watcher ends it) and on a given server databases named `actum_test_…`.
"""

from __future__ import annotations

import os
import uuid
from urllib.parse import urlsplit, urlunsplit

from actum.store.embedded import EmbeddedServer
from actum.store.migrate import migrate
from actum.store.pool import Pool
from actum.store.weeks import make_weeks
from actum.testing.folder import make_folder
from actum.testing.referee import install, read_sql


class TestServer:
    """Makes and drops databases. Made once for each process of a test run."""

    __test__ = False  # for pytest: no collection of tests

    def __init__(self, dsn: str, embedded: EmbeddedServer | None) -> None:
        self.dsn = dsn
        self._embedded = embedded
        self._stem = f"actum_test_{uuid.uuid4().hex[:10]}"
        self._template: str | None = None
        self._dropped: list[str] = []
        # Copying files forces checkpoints: cheap where the server is ours and small, not on one that others use.
        self._strategy = "wal_log" if embedded is None else "file_copy"
        self._count = 0

    @classmethod
    def open(cls, token: str) -> TestServer:
        """Use the server of `ACTUM_DATABASE_URL`, else start or join the embedded one of the test run `token`."""
        url = os.environ.get("ACTUM_DATABASE_URL")
        if url:
            return cls(url, None)
        server = EmbeddedServer.open_disposable(make_folder(token))
        return cls(server.dsn, server)

    async def create(self) -> str:
        """Make a database at this version, with the referee in it, and return its address."""
        if self._template is None:
            self._template = await self._make_template()
        return await self._copy(self._template)

    async def create_empty(self) -> str:
        """Make a database with nothing in it, and return its address."""
        return await self._copy("template1")

    async def drop(self, dsn: str) -> None:
        """Have a database that was made here dropped before the next is made, whoever is then connected to it."""
        self._dropped.append(urlsplit(dsn).path.removeprefix("/"))

    async def close(self) -> None:
        """Drop what would outlive us, and give the embedded server up. A second call changes nothing."""
        if self._template is not None:
            self._dropped.append(self._template)
            self._template = None
        if self._embedded is not None:
            self._embedded.close()
        elif self._dropped:
            await self._command([])

    async def _make_template(self) -> str:
        dsn = await self._copy("template1")
        pool = await Pool.open(dsn, size=1)
        try:
            await migrate(pool)
            await make_weeks(pool)
            async with pool.connection() as connection:
                await install(connection)
                await connection.execute(read_sql("blank"))
        finally:
            await pool.close()
        return urlsplit(dsn).path.removeprefix("/")

    async def _copy(self, template: str) -> str:
        self._count += 1
        name = f"{self._stem}_{self._count}"
        await self._command([("create_database", name, template, self._strategy)])
        return urlunsplit(urlsplit(self.dsn)._replace(path=f"/{name}"))

    async def _command(self, commands: list[tuple[str, ...]]) -> None:
        """Drop what is to be dropped, and do what the named files of `testing/sql` say, on one connection."""
        dropped, self._dropped = self._dropped, []
        pool = await Pool.open(self.dsn, size=1)
        try:
            async with pool.connection() as connection:
                for file, *names in [("drop_database", name) for name in dropped] + commands:
                    await connection.execute(await connection.fetchval(read_sql(file), *names))
        finally:
            await pool.close()
