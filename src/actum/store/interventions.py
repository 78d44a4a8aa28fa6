"""Statements over `interventions`: what people do to many workflows at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from actum.store.pool import Pool


@dataclass(frozen=True, slots=True)
class Filter:
    """Which unfinished workflows are meant; what is None does not matter. `text` is as somebody wrote it."""

    text: str
    contract: str | None = None
    team: str | None = None
    status: str | None = None
    cause: str | None = None
    step: str | None = None
    queue: str | None = None
    requester: str | None = None
    older: timedelta | None = None
    incident: UUID | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class MatchRow:
    """A workflow that fits a filter and that the verb can reach; `total` is how many of them there are."""

    id: UUID
    contract: str
    key: str | None
    status: str
    cause: str | None
    current_step: str | None
    team: str | None
    created_at: datetime
    total: int


class Interventions:
    """The interventions of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list_matching(self, wanted: Filter, verb: str, count: int) -> list[MatchRow]:
        """Return up to `count` workflows that fit and that `verb` can reach as they stand, oldest first."""
        rows = await self._pool.fetch(
            self._pool.statement("interventions", "list_matching"),
            contract=wanted.contract,
            team=wanted.team,
            status=wanted.status,
            cause=wanted.cause,
            step=wanted.step,
            queue=wanted.queue,
            requester=wanted.requester,
            older=wanted.older,
            incident=wanted.incident,
            tags=orjson.dumps(dict(wanted.tags)).decode(),
            verb=verb,
            count=count,
            now=self._pool.now(),
        )
        return [MatchRow(**row) for row in rows]

    async def intervene(
        self,
        bulk: UUID,
        places: Mapping[UUID, tuple[str | None, str | None]],
        *,
        verb: str,
        actor: str,
        reason: str,
        filter_text: str,
    ) -> list[UUID]:
        """Leave a message for each workflow, with its name and address; return those that had not ended."""
        rows = await self._pool.fetch(
            self._pool.statement("interventions", "intervene"),
            bulk=bulk,
            ids=list(places),
            names=[name for name, _ in places.values()],
            addresses=[address for _, address in places.values()],
            verb=verb,
            actor=actor,
            reason=reason,
            filter=filter_text,
            now=self._pool.now(),
        )
        return [row["workflow_id"] for row in rows]
