"""Statements over `workflows`: start, claim, release, rescue, wake, read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from actum.store.pool import Pool, Row
from actum.store.rows import Started, WorkflowRow
from actum.store.statements import Statement
from actum.store.weeks import make_weeks


class Workflows:
    """The workflows of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def _named(self, name: str) -> Statement:
        return self._pool.statement("workflows", name)

    async def start(self, started: Sequence[Started], connection: Any | None = None) -> set[UUID]:
        """Start what is not yet there, in one statement, and return the ids that were started.

        In the caller's open transaction when `connection` is given: then all of it becomes true with their commit.
        """
        columns = {
            "ids": [s.id for s in started],
            "contracts": [s.contract for s in started],
            "keys": [s.key for s in started],
            "shape_hashes": [s.shape_hash for s in started],
            "document_hashes": [s.document_hash for s in started],
            "teams": [s.team for s in started],
            "requesters": [s.requester for s in started],
            "queues": [s.queue for s in started],
            "priorities": [s.priority for s in started],
            "salts": [s.salt for s in started],
            "tags": [s.tags for s in started],
            "ats": [s.at for s in started],
            "deadlines": [s.deadline for s in started],
            "input_hashes": [s.input_hash for s in started],
            "arguments": [s.arguments for s in started],
            "payload_hashes": [s.payload_hash for s in started],
            "actors": [s.actor for s in started],
            "data": [s.data for s in started],
            "hashes": [s.hash for s in started],
            "changes": [s.changes for s in started],
        }
        statement = self._named("start")
        if connection is not None:
            rows = await connection.fetch(statement.text, *statement.order(dict(columns)))
        else:
            rows = await self._start_in_its_week(statement, columns)
        return {row["id"] for row in rows}

    async def _start_in_its_week(self, statement: Statement, columns: dict[str, Any]) -> Sequence[Row]:
        """Run a start; after weeks in which no worker ran, its week has no partitions yet and gets them here."""
        try:
            return await self._pool.fetch(statement, **columns)
        except asyncpg.CheckViolationError as error:
            if getattr(error, "constraint_name", None) is not None:
                raise
            await make_weeks(self._pool)
        return await self._pool.fetch(statement, **columns)

    async def find_keys(
        self, pairs: Sequence[tuple[str, str]], connection: Any | None = None
    ) -> dict[tuple[str, str], tuple[UUID, bytes]]:
        """Return (workflow, input hash) for each (contract, key) that is taken."""
        statement = self._named("find_keys")
        values: dict[str, object] = {"contracts": [p[0] for p in pairs], "keys": [p[1] for p in pairs]}
        if connection is not None:
            rows = await connection.fetch(statement.text, *statement.order(values))
        else:
            rows = await self._pool.fetch(statement, **values)
        return {(row["contract"], row["key"]): (row["workflow_id"], row["input_hash"]) for row in rows}

    async def claim(
        self,
        *,
        instance: UUID,
        python: str,
        queues: Sequence[str],
        shapes: Sequence[bytes],
        slots: int,
        alone: Sequence[str] = (),
        only: UUID | None = None,
    ) -> list[WorkflowRow]:
        """Take up to `slots` ready workflows under the lease of `instance`, longest ready first.

        Workflows of the contracts `alone` that were running in two to four crashes are left to a process of their
        own, which names the one it wants with `only`.
        """
        rows = await self._pool.fetch(
            self._named("claim"),
            instance=instance,
            python=python,
            queues=list(queues),
            shapes=list(shapes),
            slots=slots,
            alone=list(alone),
            only=only,
            now=self._pool.now(),
        )
        return [WorkflowRow(**row) for row in rows]

    async def find_crashed(
        self, *, queues: Sequence[str], shapes: Sequence[bytes], alone: Sequence[str]
    ) -> tuple[UUID, str] | None:
        """Return a ready workflow (id, contract) that is to be run alone, or None."""
        rows = await self._pool.fetch(
            self._named("find_crashed"),
            queues=list(queues),
            shapes=list(shapes),
            alone=list(alone),
            now=self._pool.now(),
        )
        return (rows[0]["id"], rows[0]["contract"]) if rows else None

    async def release(self, *, instance: UUID, ids: Sequence[UUID]) -> list[UUID]:
        """Give up workflows that `instance` holds; they are ready for anyone at once."""
        rows = await self._pool.fetch(
            self._named("release"), instance=instance, ids=list(ids), now=self._pool.now()
        )
        return [row["id"] for row in rows]

    async def list_owned(self, instance: UUID) -> dict[UUID, int]:
        """Return the wake number of every workflow that `instance` holds."""
        rows = await self._pool.fetch(self._named("list_owned"), instance=instance)
        return {row["id"]: row["wake"] for row in rows}

    async def rescue(self, *, instances: Sequence[UUID], slots: int) -> list[UUID]:
        """Make workflows of dead instances ready again, counting a crash for each."""
        rows = await self._pool.fetch(
            self._named("rescue"), instances=list(instances), slots=slots, now=self._pool.now()
        )
        return [row["id"] for row in rows]

    async def wake(self, ids: Sequence[UUID]) -> list[UUID]:
        """Make workflows ready, unless they have ended."""
        rows = await self._pool.fetch(self._named("wake"), ids=list(ids), now=self._pool.now())
        return [row["id"] for row in rows]

    async def wake_mismatched(self, contract: str) -> list[UUID]:
        """Make workflows of `contract` that a mismatch blocked ready to be tried by other code."""
        rows = await self._pool.fetch(self._named("wake_mismatched"), contract=contract, now=self._pool.now())
        return [row["id"] for row in rows]

    async def get(self, workflow_id: UUID) -> WorkflowRow | None:
        """Return one row, or None."""
        rows = await self._pool.fetch(self._named("get"), id=workflow_id)
        return WorkflowRow(**rows[0]) if rows else None

    async def get_settled(self, workflow_id: UUID) -> WorkflowRow | None:
        """Return one row, or None, once every transaction that was writing it has ended."""
        rows = await self._pool.fetch(self._named("get_settled"), id=workflow_id)
        return WorkflowRow(**rows[0]) if rows else None

    async def find(self, suffix: str) -> list[UUID]:
        """Return up to ten ids that end in the hexadecimal digits `suffix`, newest first."""
        rows = await self._pool.fetch(self._named("find"), suffix=suffix)
        return [row["id"] for row in rows]

    async def list(
        self,
        *,
        contract: str | None = None,
        status: str | None = None,
        parent: UUID | None = None,
        before: UUID | None = None,
        count: int = 50,
    ) -> list[WorkflowRow]:
        """Return a page of rows, newest first; `before` is the last id of the page before."""
        rows = await self._pool.fetch(
            self._named("list"), contract=contract, status=status, parent=parent, before=before, count=count
        )
        return [WorkflowRow(**row) for row in rows]

    async def count_by_status(self) -> dict[str, int]:
        """Return how many workflows stand in each status."""
        return {row["status"]: row["count"] for row in await self._pool.fetch(self._named("count_by_status"))}

    async def read_endings(self, ids: Sequence[UUID]) -> dict[UUID, tuple[str, int]]:
        """Return (status, next_seq) of those that have ended."""
        rows = await self._pool.fetch(self._named("read_endings"), ids=list(ids))
        return {row["id"]: (row["status"], row["next_seq"]) for row in rows}

    async def count_ready(self, contract: str) -> int:
        """Return how many workflows of `contract` are ready and taken by nobody."""
        rows = await self._pool.fetch(self._named("count_ready"), contract=contract, now=self._pool.now())
        return int(rows[0]["count"])
