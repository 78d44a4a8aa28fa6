"""Alertmanager: each incident that its owner is told of is an alert there, until it is mitigated or resolved.

An alert is made of how the incident stands when it is sent, and its labels are the incident's key: sent twice it is one
alert, and one that comes late says what is true by then, of whichever incident of that key is the newest. Alertmanager
forgets what it holds when it is restarted, so what is open is sent again every few minutes, beside the outbox; so is
what is over where the outbox gave up saying so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson

from actum.engine.notices import INCIDENT, INCIDENT_BACK, INCIDENT_END, Message
from actum.engine.posting import post_json
from actum.machine.incidents import urgency_of
from actum.machine.neutral import neutral
from actum.model.ids import short
from actum.model.incident import Rule, Urgency
from actum.store.incidents import IncidentRow

UNTIL = timedelta(days=7)
"""How long an alert stands that nobody sends again: while no worker runs, nothing is known to be over."""
LONGEST_LABEL = 128
"""Characters of a label: names that contracts declare are shorter, what a person typed may not be."""
SEVERITIES = {Urgency.NOW: "critical", Urgency.WAKING_HOURS: "warning"}


class Alertmanager:
    """One Alertmanager, by its API v2. It takes incidents and nothing else."""

    name = "alertmanager"
    kinds: frozenset[str] | None = frozenset({INCIDENT, INCIDENT_END, INCIDENT_BACK})

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url.rstrip("/") + "/api/v2/alerts")

    async def send(self, message: Message) -> str | None:
        """Return None once the incident of a message is known there, else why not."""
        return await self.post(message.alerts)

    async def post(self, alerts: Sequence[dict[str, Any]]) -> str | None:
        """Return None once these alerts are known there, else why not, in words without the address."""
        if not alerts:
            return None
        return await post_json(self._parts, orjson.dumps(list(alerts)), {}, "Alertmanager")


def alerts_of(row: IncidentRow, now: datetime, link: str = "") -> tuple[dict[str, Any], ...]:
    """Return an incident as alerts of API v2: one, and where it has become urgent the end of what it was before."""
    rule = Rule(row.rule)
    ended_at = row.mitigated_at or row.resolved_at
    current = _alert(row, Urgency(row.urgency), ended_at or now + UNTIL, link)
    if Urgency(row.urgency) is Urgency.NOW and urgency_of(rule) is not Urgency.NOW:
        return _alert(row, Urgency.WAKING_HOURS, ended_at or now, link), current
    return (current,)


def _alert(row: IncidentRow, urgency: Urgency, ends_at: datetime, link: str) -> dict[str, Any]:
    """Return one alert. No id and no sentence is a label, or every incident would be a series of its own."""
    labels = {
        "alertname": "ActumIncident",
        "rule": row.rule,
        "contract": row.contract,
        "step": row.step,
        "reason": row.reason,
        "team": row.team or "",
        "severity": SEVERITIES[urgency],
    }
    annotations = {
        "summary": neutral(row.summary),
        "affected": str(row.count),
        "runbook": neutral(row.runbook or ""),
        "incident": short(row.id),
        "command": f"actum incident show {short(row.id)}",
    }
    alert: dict[str, Any] = {
        "labels": {name: neutral(value)[:LONGEST_LABEL] for name, value in labels.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": row.opened_at.isoformat(),
        "endsAt": max(ends_at, row.opened_at).isoformat(),
    }
    return alert | ({"generatorURL": link} if link else {})
