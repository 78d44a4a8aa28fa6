"""Budgets that let nobody in any more: a trouble for each, until none is refused for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from actum.engine.budgeting import UNPRICED
from actum.machine.incidents import Trouble
from actum.model.incident import Rule
from actum.store.budgets import RefusedRow
from actum.store.store import Store

FRESH = timedelta(minutes=15)
"""How long a refusal is trouble: what a budget holds looks again every minute, and is refused each time."""
WHOSE = {
    "workflow": "its budget for each workflow",
    "contract": "its budget for a day",
    "team": "the budget of its team for a day",
}


async def list_spent(store: Store, now: datetime) -> list[Trouble]:
    """Return a trouble for each contract or team, and unit, of which a budget has refused somebody of late."""
    return [_trouble(row) for row in await store.budgets.list_refused(now - FRESH)]


def _trouble(row: RefusedRow) -> Trouble:
    scope = f"team.{row.team}" if row.scope == "team" else row.scope
    return Trouble(
        Rule.BUDGET_SPENT,
        row.contract,
        "",
        f"{scope}.{row.unit}",
        row.team,
        row.count,
        row.first_at,
        row.last_at,
        row.latest,
        tuple(row.workflow_ids),
        summary=_sentence(row),
    )


def _sentence(row: RefusedRow) -> str:
    later = "" if row.scope == "workflow" else ", or wait for the next day (UTC)"
    if row.unit == UNPRICED:
        return (
            f"{WHOSE[row.scope]} is one of money, and models were used whose cost is not known: install actum[usage], "
            f"or give report_usage(cost=…){later}"
        )
    return (
        f"{WHOSE[row.scope]} lets nothing more in, {row.used:f} of {row.granted:f} {row.unit} are used: "
        f"raise Budget({row.unit}=…){later}"
    )
