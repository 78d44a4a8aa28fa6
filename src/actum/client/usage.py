"""What models and tools were used, and what is left of budgets: sums over what attempts reported."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import orjson

from actum.store.budgets import BudgetRow
from actum.store.usage import UsedRow

if TYPE_CHECKING:
    from actum.store.store import Store

By: TypeAlias = Literal["contract", "model", "prompt", "team"]


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What was used between two instants, by one thing, the dearest first; `budgets` are those of the days since."""

    by: By
    since: datetime
    until: datetime
    rows: tuple[UsedRow, ...]
    budgets: tuple[BudgetRow, ...]

    def as_data(self) -> dict[str, Any]:
        """Return this as JSON values; money is a decimal number as text, None where it is not known."""
        return {
            "by": self.by,
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "usage": [
                asdict(row) | {"cost": None if row.cost is None else f"{row.cost:f}"} for row in self.rows
            ],
            "budgets": [
                {
                    "scope": one.scope,
                    "subject": one.subject,
                    "day": None if one.day is None else one.day.isoformat(),
                    "used": orjson.loads(one.used),
                    "open": one.open,
                }
                for one in self.budgets
            ],
        }


async def read_usage(
    store: Store, by: By, *, since: datetime, contract: str | None = None, team: str | None = None
) -> UsageReport:
    """Return what was used since an instant, of one contract or team or of all.

    Usage is a team's by who owned the contract at the time, a contract's budget by who owns it now.
    """
    until = await store.read_clock()
    rows = await store.usage.sum(by, since=since, until=until, contract=contract, team=team)
    day = since.astimezone(UTC).date()
    budgets = await store.budgets.list("contract", since=day, subject=contract, team=team)
    if contract is None:
        budgets += await store.budgets.list("team", since=day, team=team)
    return UsageReport(by, since, until, tuple(rows), tuple(budgets))
