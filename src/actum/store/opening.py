"""Opens the database that the settings name: the one of `ACTUM_DATABASE_URL`, else the embedded server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from actum.settings import Settings
from actum.store.embedded import EmbeddedServer
from actum.store.pool import Now, _no_clock
from actum.store.store import Store


@dataclass(slots=True)
class Opened:
    """What was opened, to be closed in order."""

    store: Store
    server: EmbeddedServer | None

    @property
    def is_embedded(self) -> bool:
        """Whether the database is the embedded server's."""
        return self.server is not None

    async def close(self) -> None:
        """Close the connections, then give up the embedded server; a second call does nothing."""
        await self.store.close()
        if self.server is not None:
            await asyncio.to_thread(self.server.close)


async def open_store(settings: Settings, *, size: int = 4, now: Now = _no_clock) -> tuple[Store, Opened]:
    """Connect; raises DatabaseUnavailable with one sentence when that cannot be."""
    server = None
    url = settings.database_url
    if url is None:
        server = await asyncio.to_thread(EmbeddedServer.open, settings.home)
        url = server.dsn
    try:
        store = await Store.open(url, schema=settings.schema, size=size, pooler=settings.pooler, now=now)
    except BaseException:
        if server is not None:
            await asyncio.to_thread(server.close)
        raise
    if server is not None:
        store.home = settings.home.absolute()
    return store, Opened(store, server)
