"""How the promises of contracts stand: counted in the database, judged by the pure rules."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from actum.errors import DatabaseMismatch
from actum.machine.incidents import Trouble
from actum.machine.slo import PERIOD, Burning, Count, budget_left, is_exhausted, judge_burn
from actum.model.incident import Rule, Urgency
from actum.model.slo import Objective
from actum.store.incidents import Outcomes
from actum.store.store import Store

logger = logging.getLogger("actum.watcher")


@dataclass(frozen=True, slots=True)
class Promise:
    """One objective of one contract: what is promised, how it went over thirty days, and whether it burns."""

    contract: str
    team: str | None
    objective: Objective
    share: float
    counts: Count
    left: float
    burning: Burning | None
    is_exhausted: bool
    reduces: bool
    last_bad_at: datetime | None


async def read_promises(store: Store, contract: str | None = None) -> list[Promise]:
    """Return how each promise stands, by contract; only those that are a share of events, for one contract or all.

    What is new is added to the rollup first, where this account may. Raises DatabaseMismatch after a dump was restored.
    """
    rows = [row for row in await store.incidents.list_owners() if contract in (None, row.contract)]
    slos: dict[str, dict[str, Any]] = {row.contract: orjson.loads(row.slo or "null") or {} for row in rows}
    targets = {
        name: None if slo.get("decision") is None else timedelta(seconds=slo["decision"])
        for name, slo in slos.items()
        if _shares(slo)
    }
    outcomes = {}
    if targets:
        await store.rollups.refresh()
        outcomes = await store.incidents.count_outcomes(targets)
    return [
        _judge(row.contract, row.team, objective, share, slos[row.contract], outcomes)
        for row in rows
        for objective, share in _shares(slos[row.contract]).items()
    ]


def _shares(slo: dict[str, Any]) -> dict[Objective, float]:
    """Return the promised share of each objective that is promised."""
    decided = slo.get("decided") if slo.get("decision") is not None else None
    shares = {
        Objective.COMPLETION: slo.get("completion"),
        Objective.USABILITY: slo.get("usability"),
        Objective.DECISION: decided,
    }
    return {objective: share for objective, share in shares.items() if share is not None}


def _judge(
    contract: str,
    team: str | None,
    objective: Objective,
    share: float,
    slo: dict[str, Any],
    outcomes: dict[tuple[str, str], Outcomes],
) -> Promise:
    found = outcomes.get((contract, objective.value), Outcomes({}, None))
    period = found.counts.get(PERIOD, Count())
    judged = judge_burn(share, found.counts)
    return Promise(
        contract,
        team,
        objective,
        share,
        period,
        budget_left(share, period),
        judged if isinstance(judged, Burning) else None,
        is_exhausted(share, period),
        slo.get("when_exhausted") == "reduce_autonomy",
        found.last_bad_at,
    )


async def list_burns(store: Store, now: datetime) -> list[Trouble]:
    """Return a trouble for each promise that burns, and for each whose budget is used up.

    After a dump was restored nothing can be counted until its facts are added up anew: then there is none.
    """
    try:
        promises = await read_promises(store)
    except DatabaseMismatch as error:
        logger.error("promises cannot be judged: %s", error)
        return []
    troubles = []
    for one in promises:
        at = one.last_bad_at or now
        if one.burning is not None:
            hours = one.burning.alarm.long / timedelta(hours=1)
            said = (
                f"its budget for {one.objective} burns {one.burning.rate:.1f} times too fast over {hours:g} h"
            )
            troubles.append(_trouble(one, one.objective.value, said, one.burning.alarm.urgency, at))
        if one.is_exhausted:
            reason = f"{one.objective.value}.exhausted"
            said = f"its budget for {one.objective} is used up: {one.counts.bad} of {one.counts.total} went wrong"
            troubles.append(_trouble(one, reason, said, Urgency.WAKING_HOURS, at))
    return troubles


def _trouble(one: Promise, reason: str, said: str, urgency: Urgency, at: datetime) -> Trouble:
    return Trouble(
        Rule.BURN,
        one.contract,
        "",
        reason,
        one.team,
        one.counts.bad,
        at,
        at,
        urgency=urgency,
        reduces=one.reduces and reason.endswith(".exhausted"),
        summary=said,
    )
