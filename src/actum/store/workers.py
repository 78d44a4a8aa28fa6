"""Statements over `workers` and `contracts`: who serves what, and who is alive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from actum.store.pool import Pool, Row
from actum.store.rows import WorkerRow


class Document(Protocol):
    """What is stored of a contract when it is registered."""

    @property
    def contract(self) -> str: ...
    @property
    def team(self) -> str | None: ...
    @property
    def document(self) -> str: ...
    @property
    def document_hash(self) -> bytes: ...
    @property
    def shape_hash(self) -> bytes: ...


class Workers:
    """The workers of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def register(
        self,
        *,
        instance: UUID,
        name: str,
        machine: str,
        pid: int,
        pid_started: str,
        python: str,
        version: str,
        contracts: Sequence[str],
        queues: Sequence[str],
        shapes: Sequence[bytes],
        concurrency: int,
        lease: timedelta,
    ) -> None:
        """Announce a worker; its lease begins with this statement."""
        await self._pool.fetch(
            self._pool.statement("workers", "register"),
            instance=instance,
            name=name,
            machine=machine,
            pid=pid,
            pid_started=pid_started,
            python=python,
            version=version,
            contracts=list(contracts),
            queues=list(queues),
            shapes=list(shapes),
            concurrency=concurrency,
            lease=lease,
            now=self._pool.now(),
        )

    async def beat(self, instance: UUID) -> datetime | None:
        """Renew a lease; None when the worker was stopped or declared dead, and so has none."""
        rows = await self._pool.fetch(
            self._pool.statement("workers", "beat"), instance=instance, now=self._pool.now()
        )
        return rows[0]["heartbeat_at"] if rows else None

    async def stop(self, instances: Sequence[UUID], reason: str) -> list[UUID]:
        """End the rows of these workers; a second call ends nothing."""
        rows = await self._pool.fetch(
            self._pool.statement("workers", "stop"),
            instances=list(instances),
            reason=reason,
            now=self._pool.now(),
        )
        return [row["instance"] for row in rows]

    async def declare_dead(self, instance: UUID) -> list[UUID]:
        """End the rows of workers other than `instance` whose lease has run out."""
        rows = await self._pool.fetch(
            self._pool.statement("workers", "declare_dead"), instance=instance, now=self._pool.now()
        )
        return [row["instance"] for row in rows]

    async def list_neighbours(self, machine: str, instance: UUID) -> list[tuple[UUID, int, str]]:
        """Return (instance, pid, start of the process) of the other live-looking workers of a machine."""
        rows = await self._pool.fetch(
            self._pool.statement("workers", "list_neighbours"), machine=machine, instance=instance
        )
        return [(row["instance"], row["pid"], row["pid_started"]) for row in rows]

    async def list_stopped_owners(self) -> list[UUID]:
        """Return instances that are stopped and still own workflows."""
        return [
            row["instance"]
            for row in await self._pool.fetch(self._pool.statement("workers", "list_stopped_owners"))
        ]

    async def list_live(self) -> list[WorkerRow]:
        """Return the workers whose lease holds, oldest first."""
        rows = await self._pool.fetch(self._pool.statement("workers", "list_live"), now=self._pool.now())
        return [WorkerRow(**row) for row in rows]

    async def get(self, instance: UUID) -> Row | None:
        """Return one worker's row, alive or not."""
        rows = await self._pool.fetch(self._pool.statement("workers", "get"), instance=instance)
        return rows[0] if rows else None


class Contracts:
    """The registered documents of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def register(self, registration: Document) -> tuple[list[bytes], bool]:
        """Register a document; return the shapes a worker of it may claim, and whether its shape is new."""
        rows = await self._pool.fetch(
            self._pool.statement("contracts", "register"),
            contract=registration.contract,
            document_hash=registration.document_hash,
            shape_hash=registration.shape_hash,
            document=registration.document,
            team=registration.team,
        )
        return [row["shape_hash"] for row in rows], any(row["is_new"] for row in rows)

    async def get(self, contract: str, document_hash: bytes) -> Row | None:
        """Return one document as registered, or None."""
        rows = await self._pool.fetch(
            self._pool.statement("contracts", "get"), contract=contract, document_hash=document_hash
        )
        return rows[0] if rows else None

    async def list_authors(self, contract: str) -> list[frozenset[str]]:
        """Return the authors whom each document of a contract names, as registered at any time."""
        rows = await self._pool.fetch(self._pool.statement("contracts", "list_authors"), contract=contract)
        return [frozenset(row["authors"]) for row in rows]

    async def find_shapes(self) -> Sequence[Row]:
        """Return every contract's shapes, as numbered."""
        return await self._pool.fetch(self._pool.statement("contracts", "find_shapes"))
