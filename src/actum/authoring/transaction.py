"""The transaction in which a transactional effect runs, as its body sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

from actum.errors import OutsideWorkflow


class Connection(Protocol):
    """What a body may do with its connection: the driver's own methods, with `$1, $2, …` for values.

    The transaction is Actum's to end: a body that commits or rolls back by itself leaves its effect in doubt.
    Savepoints (`async with connection.transaction()`) are the body's own.
    """

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement and return its status, such as `UPDATE 3`."""
        ...

    async def executemany(self, command: str, args: Iterable[Sequence[object]]) -> None:
        """Run a statement once for each sequence of values."""

    async def fetch(self, query: str, *args: object) -> list[Any]:
        """Return all rows."""
        ...

    async def fetchrow(self, query: str, *args: object) -> Any:
        """Return the first row, or None."""

    async def fetchval(self, query: str, *args: object) -> Any:
        """Return the first value of the first row, or None."""

    def transaction(self) -> Any:
        """Return a savepoint: `async with connection.transaction(): …`."""


class OpenTransaction(Protocol):
    """A transaction that Actum began and will end."""

    @property
    def connection(self) -> Connection:
        """The driver's connection."""
        ...

    def session(self) -> Any:
        """A session of SQLAlchemy in the same transaction; the same one each time."""


CURRENT_TRANSACTION: ContextVar[OpenTransaction | None] = ContextVar("actum_transaction", default=None)
"""Set around the body of a transactional effect, and of its undo."""


def current_transaction() -> OpenTransaction:
    """Return the transaction of the running effect; raises OutsideWorkflow anywhere else."""
    found = CURRENT_TRANSACTION.get()
    if found is None:
        raise OutsideWorkflow(
            "there is no transaction here: ask for it in the body or the undo of an effect declared with "
            "transactional=True or transactional=Database(…)"
        )
    return found
