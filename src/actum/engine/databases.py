"""Where transactional effects run: the engine's own database, and the others that effects name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actum.authoring.database import Database
from actum.store.keys import OperationKeys
from actum.store.store import Store
from actum.store.transactions import Transaction, Transactions


class Databases:
    """The databases of one worker; each is connected to when an effect first needs it."""

    def __init__(self, store: Store) -> None:
        self._own = Transactions.over(store.pool)
        self._others: dict[Database, OperationKeys] = {}

    async def begin(self) -> Transaction:
        """Begin a transaction in the engine's own database. Raises the driver's errors."""
        return await self._own.begin()

    def keys_of(self, database: Database) -> OperationKeys:
        """Return the keys table of another database; raises InvalidSettings where its address is missing."""
        found = self._others.get(database)
        if found is None:
            found = self._others[database] = OperationKeys(database.address())
        return found

    @asynccontextmanager
    async def look(self, transactional: bool | Database) -> AsyncIterator[Transaction]:
        """Lend a transaction in the database that an effect names; it is rolled back in any case.

        Raises InvalidSettings where that database's address is missing, and the driver's errors.
        """
        if isinstance(transactional, Database):
            transaction = await self.keys_of(transactional).look()
        else:
            transaction = await self.begin()
        try:
            yield transaction
        finally:
            await transaction.roll_back()

    async def close(self) -> None:
        """Close every connection; what is open is rolled back."""
        await self._own.close()
        for keys in self._others.values():
            await keys.close()
