"""What attempts used, added up; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from actum.store.pool import Pool


@dataclass(frozen=True, slots=True)
class UsedRow:
    """What was used under one name (None where none was given); `unpriced` calls are not in `cost`, None is not known."""

    name: str | None
    workflows: int
    attempts: int
    model_calls: int
    unpriced: int
    input_tokens: int
    output_tokens: int
    tool_calls: int
    cost: Decimal | None
    prices: list[str]


class UsageReports:
    """The usage of one database. Its method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def sum(
        self,
        by: str,
        *,
        since: datetime,
        until: datetime,
        contract: str | None = None,
        team: str | None = None,
    ) -> list[UsedRow]:
        """Return what was used by `contract`, `team`, `model` or `prompt`, the dearest first."""
        rows = await self._pool.fetch(
            self._pool.statement("usage", "sum"),
            by=by,
            since=since,
            until=until,
            contract=contract,
            team=team,
        )
        return [UsedRow(**row) for row in rows]
