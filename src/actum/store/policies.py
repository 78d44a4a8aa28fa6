"""Statements over `policies`: the texts of the rules, which of them is active, and which is tried in its shadow.

Activation is one SQL function under one lock: two people who activate at once get one active policy, and the earlier
one is retired. A crash half-way leaves the policy that was active.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actum.store.pool import Pool

FIRST = (UUID(int=0), "")
"""Before every workflow and address."""


@dataclass(slots=True)
class PolicyRow:
    """One policy, named by the hash of its text; `activation`, `agreements` and `history` are JSON text."""

    hash: bytes
    name: str
    body: str
    activation: str
    registered_at: datetime
    registered_by: str | None
    requested_at: datetime | None
    requested_by: str | None
    request_reason: str | None
    agreements: str
    activated_at: datetime | None
    activated_by: str | None
    retired_at: datetime | None
    shadow_since: datetime | None
    shadow_by: str | None
    history: str

    @property
    def is_active(self) -> bool:
        """Whether effects are ruled by this policy."""
        return self.activated_at is not None and self.retired_at is None


@dataclass(slots=True)
class OperationRow:
    """One effect call that was ruled: `facts`, else the whole `preview`, are JSON text; None is not known."""

    workflow_id: UUID
    address: str
    at: datetime
    contract: str
    team: str | None
    kind: str | None
    reversibility: str | None
    environment: str | None
    facts: str | None
    preview: str | None


class Policies:
    """The policies of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def register(
        self,
        *,
        hash: bytes,  # noqa: A002  # the column's name
        name: str,
        body: str,
        actor: str,
        activation: Sequence[Mapping[str, Any]] = (),
    ) -> bool:
        """Keep a policy's text with what its activation requires; False when it is there already."""
        rows = await self._pool.fetch(
            self._pool.statement("policies", "register"),
            hash=hash,
            name=name,
            body=body,
            activation=orjson.dumps(list(activation)).decode(),
            actor=actor,
            now=self._pool.now(),
        )
        return bool(rows)

    async def activate(
        self,
        *,
        hash: bytes,  # noqa: A002  # the column's name
        actor: str,
        rationale: str | None = None,
    ) -> str:
        """Activate a policy, retiring the one before, as far as the two require no second person.

        Answers `activated`, `already`, `requested` (others have to agree), `agreed` (more have to); or, with nothing
        changed, `unknown`, `not_entitled`, `self` (one's own request), `repeated` and `not_named`.
        """
        rows = await self._pool.fetch(
            self._pool.statement("policies", "activate"),
            hash=hash,
            actor=actor,
            rationale=rationale,
            now=self._pool.now(),
        )
        answer: str = rows[0]["answer"]
        return answer

    async def shadow(
        self,
        *,
        hash: bytes | None,  # noqa: A002  # the column's name
        actor: str,
    ) -> str:
        """Mark one policy, or none, as tried beside the active one.

        Answers `shadowed`, `already`, `off`; or, with nothing changed, `unknown`, `active` and `not_entitled`.
        """
        rows = await self._pool.fetch(
            self._pool.statement("policies", "shadow"), hash=hash, actor=actor, now=self._pool.now()
        )
        answer: str = rows[0]["answer"]
        return answer

    async def read_active(self) -> PolicyRow | None:
        """Return the policy by which effects are ruled, or None."""
        rows = await self._pool.fetch(self._pool.statement("policies", "read_active"))
        return PolicyRow(**rows[0]) if rows else None

    async def list(self) -> Sequence[PolicyRow]:
        """Return every policy, those registered last first."""
        rows = await self._pool.fetch(self._pool.statement("policies", "list"))
        return [PolicyRow(**row) for row in rows]

    async def find(self, digits: str) -> Sequence[PolicyRow]:
        """Return the policies whose hash begins with these hexadecimal digits, ten at most."""
        rows = await self._pool.fetch(self._pool.statement("policies", "find"), digits=digits.lower())
        return [PolicyRow(**row) for row in rows]

    async def list_operations(
        self, since: datetime, *, after: tuple[UUID, str] = FIRST, count: int
    ) -> Sequence[OperationRow]:
        """Return a page of what was ruled since an instant, by workflow and address, after the one named."""
        rows = await self._pool.fetch(
            self._pool.statement("policies", "list_operations"),
            since=since,
            after_workflow=after[0],
            after_address=after[1],
            count=count,
        )
        return [OperationRow(*row.values()) for row in rows]

    async def find_operation(self, approval_id: UUID) -> OperationRow | None:
        """Return what was ruled when an approval was asked for, or None."""
        rows = await self._pool.fetch(self._pool.statement("policies", "find_operation"), id=approval_id)
        return OperationRow(*rows[0].values()) if rows else None
