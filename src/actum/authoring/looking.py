"""The look that a preview takes into its effect's own database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from typing import TypeAlias

from actum.authoring.transaction import Connection, OpenTransaction
from actum.errors import OutsideWorkflow

Lend: TypeAlias = Callable[[], AbstractAsyncContextManager[OpenTransaction]]

CURRENT_LOOK: ContextVar[Lend | None] = ContextVar("actum_look", default=None)
"""Set around the preview of a transactional effect."""


@asynccontextmanager
async def look() -> AsyncIterator[Connection]:
    """Lend a connection to the database of a transactional effect, for its preview: what is done there is rolled back.

    So a preview may run the very statement of the body and count its rows. Nobody else sees them, but the rows stay
    locked until the look ends, sequences move on, and what a trigger sends out of the database is sent.
    Raises OutsideWorkflow anywhere but in the asynchronous preview of a transactional effect, InvalidSettings where
    the database's address is missing, and the driver's errors.

        @close.preview
        async def _(before: date) -> Preview:
            async with actum.sql.look() as connection:
                done = await connection.execute("update accounts set open = false where last_seen < $1", before)
            return Preview(f"Close the accounts unseen since {before}: {done}")
    """
    lend = CURRENT_LOOK.get()
    if lend is None:
        raise OutsideWorkflow(
            "there is nothing to look into here: ask for it in the preview, written `async def`, of an effect declared "
            "with transactional=True or transactional=Database(…)"
        )
    async with lend() as transaction:
        yield transaction.connection
