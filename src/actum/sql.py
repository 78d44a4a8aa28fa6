"""For transactional effects: the connection their bodies write through, their previews' look, and the databases they may name."""

from __future__ import annotations

from actum.authoring.database import Database
from actum.authoring.looking import look
from actum.authoring.transaction import Connection, current_transaction

__all__ = ["Connection", "Database", "connection", "look"]


def connection() -> Connection:
    """Return the connection of the running transactional effect, inside the transaction that carries its outcome.

    What is written through it commits together with the effect's outcome, or not at all. Raises OutsideWorkflow
    anywhere but in the body or the undo of a transactional effect.

        @effect("order.place", transactional=True)
        async def place(order: str) -> int:
            return await actum.sql.connection().fetchval("insert into orders (name) values ($1) returning id", order)
    """
    return current_transaction().connection
