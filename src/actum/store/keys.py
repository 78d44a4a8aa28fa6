"""The keys table in another Postgres, where effects are transactional: the truth about what happened there.

A claim is a short transaction of its own; the author's transaction then holds the key's row and completes it. If the
process dies in between, the next claim waits for that row, and finds it done or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from actum.errors import DatabaseMismatch, NotDone
from actum.store.pool import conceal
from actum.store.statements import Statement, load
from actum.store.transactions import Transaction, Transactions


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt at one operation: `key` as the outside sees it, and the numbers that fence it."""

    kind: str
    key: str
    workflow_id: UUID
    epoch: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Done:
    """It has happened already, with this result as encoded."""

    result: bytes


class OperationKeys:
    """The operations of one other database. The keys table is made when first needed."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._transactions = Transactions(dsn)
        self._is_ready = False

    async def begin(self, claim: Claim) -> Transaction | Done:
        """Claim the key and begin the transaction that will complete it; or return what was done under it.

        Raises NotDone where a newer holder of the workflow has claimed it, DatabaseMismatch where the keys table is
        missing and may not be made, and the driver's errors: nothing was done by this attempt then.
        """
        await self._prepare()
        found = await self._take(claim)
        if found is not None:
            return found
        transaction = await self._transactions.begin()
        try:
            if not await _fetch(transaction, self.statement("keys", "hold"), claim, fenced=True):
                raise NotDone(f"another attempt has claimed the key {claim.key!r} of {claim.kind}")
        except BaseException:
            await transaction.roll_back()
            raise
        return transaction

    async def complete(self, transaction: Transaction, claim: Claim, result: bytes) -> None:
        """Write the result beside what the body wrote; the commit is still to come."""
        await transaction.close_body()
        await _fetch(transaction, self.statement("keys", "complete"), claim, result=result)

    async def look(self) -> Transaction:
        """Begin a transaction that no key is claimed for: to be rolled back. Raises the driver's errors."""
        return await self._transactions.begin()

    async def list_done(
        self, older: timedelta, after: tuple[str, str], count: int
    ) -> Sequence[tuple[str, str]]:
        """Return keys as (kind, key) that were done at least `older` ago, the next ones after `after`.

        Raises DatabaseMismatch where there is no keys table, which is not made by looking, or this account may not read it.
        """
        if not self._is_ready and not await self._is_there():
            raise DatabaseMismatch(
                f"the database at {conceal(self._dsn)} has no table actum.operation_keys: no effect was ever "
                "transactional there, so name the database where some are"
            )
        values = {"older": older, "kind": after[0], "key": after[1], "count": count}
        rows = await self._run(self.statement("keys", "list_done"), values)
        return [(row["kind"], row["key"]) for row in rows]

    async def forget(self, keys: Sequence[tuple[str, str]]) -> int:
        """Delete keys that are done; return how many. Raises DatabaseMismatch where this account may not."""
        values: dict[str, object] = {"kinds": [one[0] for one in keys], "keys": [one[1] for one in keys]}
        rows = await self._run(self.statement("keys", "forget"), values)
        return len(rows)

    async def _run(self, statement: Statement, values: dict[str, object]) -> Any:
        transaction = await self._transactions.begin()
        try:
            rows = await transaction.connection.fetch(statement.text, *statement.order(values))
            await transaction.close_body()
            await transaction.commit()
        except asyncpg.InsufficientPrivilegeError as error:
            await transaction.roll_back()
            raise DatabaseMismatch(
                f"this account may not read and remove rows of actum.operation_keys in the database at "
                f"{conceal(self._dsn)} ({error}): run it as the table's owner"
            ) from error
        except BaseException:
            await transaction.roll_back()
            raise
        return rows

    def statement(self, topic: str, name: str) -> Statement:
        """Return a named statement: in another database the schema has its usual name."""
        return load(topic)[name]

    async def close(self) -> None:
        """Close every connection; what is open is rolled back."""
        await self._transactions.close()

    async def _take(self, claim: Claim) -> Done | None:
        transaction = await self._transactions.begin()
        try:
            taken = await _fetch(transaction, self.statement("keys", "claim"), claim, fenced=True)
            rows = [] if taken else await _fetch(transaction, self.statement("keys", "read"), claim)
            await transaction.close_body()
            await transaction.commit()
        except BaseException:
            await transaction.roll_back()
            raise
        if taken:
            return None
        if rows and rows[0]["is_done"]:
            return Done(rows[0]["result"] or b"null")
        raise NotDone(f"a newer holder of the workflow has claimed the key {claim.key!r} of {claim.kind}")

    async def _is_there(self) -> bool:
        rows = await self._run(self.statement("keys", "find_table"), {})
        return bool(rows[0]["found"])

    async def _prepare(self) -> None:
        if self._is_ready or await self._is_there():
            self._is_ready = True
            return
        transaction = await self._transactions.begin()
        connection = transaction.connection
        try:
            await connection.execute(self.statement("keys", "make_schema").text)
            await connection.execute(self.statement("keys", "make_table").text)
            await transaction.close_body()
            await transaction.commit()
        except asyncpg.InsufficientPrivilegeError as error:
            await transaction.roll_back()
            raise DatabaseMismatch(
                f"the database at {conceal(self._dsn)} has no table actum.operation_keys, and this account may not make "
                f"it ({error}): have its owner make it, as docs/reference/operation-keys.md shows"
            ) from error
        except BaseException:
            await transaction.roll_back()
            raise
        self._is_ready = True


async def _fetch(
    transaction: Transaction, statement: Statement, claim: Claim, *, fenced: bool = False, **values: object
) -> Any:
    values = {**values, "kind": claim.kind, "key": claim.key}
    if fenced:
        values |= {"workflow_id": claim.workflow_id, "epoch": claim.epoch, "attempt": claim.attempt}
    return await transaction.connection.fetch(statement.text, *statement.order(values))
