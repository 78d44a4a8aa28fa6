"""Statements over `budgets` and `budget_uses`: what contracts and teams may use, and what attempts took of it.

Amounts are decimal numbers by unit. Each method is one short transaction of its own; one that was lost on the way is
sent again, since every one of them finds what it did before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from actum.store.pool import Pool


@dataclass(slots=True)
class ReservedRow:
    """The answer to a reservation: reserved, repeated or spent; then which budget (from 1), unit, amount and limit."""

    answer: str
    ordinal: int | None
    unit: str | None
    used: Decimal | None
    granted: Decimal | None


@dataclass(slots=True)
class BudgetRow:
    """One budget; `used` is JSON text of amounts by unit, `open` counts the uses that are not settled."""

    scope: str
    subject: str
    day: date | None
    used: str
    open: int


@dataclass(slots=True)
class RefusedRow:
    """A budget of a contract (`contract` or each `workflow`), or of a team, that let somebody not in.

    `count` is how many budgets that were, `used` and `granted` what the fullest of them had, `latest` whom it refused.
    """

    contract: str
    team: str | None
    scope: str
    unit: str
    used: Decimal
    granted: Decimal
    count: int
    first_at: datetime
    last_at: datetime
    latest: UUID
    workflow_ids: Sequence[UUID]


class Budgets:
    """The budgets of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def reserve(
        self,
        workflow_id: UUID,
        address: str,
        attempt: int,
        epoch: int,
        *,
        is_effect: bool,
        budgets: Sequence[Mapping[str, Any]],
        amounts: Mapping[str, str],
        is_forced: bool = False,
    ) -> ReservedRow:
        """Take amounts from every budget or from none, exactly, however many race; forced, whatever is left."""
        rows = await self._pool.fetch(
            self._pool.statement("budgets", "reserve"),
            workflow_id=workflow_id,
            address=address,
            attempt=attempt,
            epoch=epoch,
            is_effect=is_effect,
            budgets=orjson.dumps(list(budgets)).decode(),
            amounts=orjson.dumps(dict(amounts)).decode(),
            is_forced=is_forced,
            now=self._pool.now(),
        )
        return ReservedRow(**rows[0])

    async def reserve_prompt(
        self,
        workflow_id: UUID,
        name: str,
        epoch: int,
        *,
        budgets: Sequence[Mapping[str, Any]],
        rule: str | None = None,
        key: str | None = None,
        policy_hash: bytes | None = None,
        grants: Sequence[UUID] = (),
    ) -> ReservedRow:
        """Take one prompt from every budget or from none, exactly, however many race.

        `name` is an approval's id, or `request/` or `question/` and an address. Where no prompt is left, what joins
        the open batch of `rule` and `key`, or is covered by one of `grants` with uses left, is let in without one.
        """
        rows = await self._pool.fetch(
            self._pool.statement("budgets", "reserve_prompt"),
            workflow_id=workflow_id,
            name=name,
            epoch=epoch,
            budgets=orjson.dumps(list(budgets)).decode(),
            rule=rule,
            key=key,
            policy_hash=policy_hash,
            grants=list(grants),
            now=self._pool.now(),
        )
        return ReservedRow(**rows[0])

    async def settle(
        self,
        workflow_id: UUID,
        address: str,
        attempt: int,
        epoch: int,
        state: str,
        amounts: Mapping[str, str] | None,
    ) -> int:
        """Charge (`charged`) what an attempt used, or give back (`released`) what it reserved; return how many uses ended."""
        rows = await self._pool.fetch(
            self._pool.statement("budgets", "settle"),
            workflow_id=workflow_id,
            address=address,
            attempt=attempt,
            epoch=epoch,
            state=state,
            amounts=None if amounts is None else orjson.dumps(dict(amounts)).decode(),
            now=self._pool.now(),
        )
        return int(rows[0]["ended"])

    async def settle_left(self, workflow_id: UUID, epoch: int) -> int:
        """End what holders before `epoch` left reserved; return how many uses that were."""
        rows = await self._pool.fetch(
            self._pool.statement("budgets", "settle_left"),
            workflow_id=workflow_id,
            epoch=epoch,
            now=self._pool.now(),
        )
        return int(rows[0]["ended"])

    async def list(
        self, scope: str, *, since: date, subject: str | None = None, team: str | None = None
    ) -> list[BudgetRow]:
        """Return all budgets of workflows, contracts or teams since a day, the latest first.

        With a team, its own, and those of contracts whose newest document says that the team answers for them.
        """
        rows = await self._pool.fetch(
            self._pool.statement("budgets", "list"), scope=scope, since=since, subject=subject, team=team
        )
        return [BudgetRow(**row) for row in rows]

    async def list_refused(self, since: datetime) -> Sequence[RefusedRow]:
        """Return the budgets that let somebody not in since an instant."""
        rows = await self._pool.fetch(self._pool.statement("budgets", "list_refused"), since=since)
        return [RefusedRow(**row) for row in rows]

    async def prune(self, kept: timedelta, count: int) -> int:
        """Delete what is kept of budgets whose workflows, or days, ended `kept` ago; thirty days at least. Return how many rows."""
        rows = await self._pool.fetch(
            self._pool.statement("budgets", "prune"), kept=kept, count=count, now=self._pool.now()
        )
        return int(rows[0]["pruned"])
