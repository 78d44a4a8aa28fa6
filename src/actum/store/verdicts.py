"""Verdicts: whether completed outputs were of use. They are only ever added, and the last one counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from actum.model.sample import HORIZON
from actum.store.pool import Pool


@dataclass(slots=True)
class VerdictRow:
    """One word on an output: `usable` or `unusable`, said by a judge (a model), a person, or work that came later."""

    number: int
    verdict: str
    by: str
    actor: str
    why: str
    given_at: datetime


@dataclass(slots=True)
class DueRow:
    """One output of a sample on which no person and no later work has said a word; it is overdue from `due_at` on."""

    workflow_id: UUID
    contract: str
    team: str | None
    finished_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class SampleCount:
    """How many outputs a sample holds, of how many there is a word, and how many wait longer than they may."""

    sampled: int
    judged: int
    overdue: int

    @property
    def not_judged(self) -> int:
        """How many are silent; silence is never counted as good."""
        return self.sampled - self.judged

    def describe(self) -> str:
        """Return this in words."""
        late = f", {self.overdue} of them overdue" if self.overdue else ""
        return f"{self.judged} of {self.sampled} judged, {self.not_judged} not judged{late}"

    def as_data(self) -> dict[str, int]:
        """Return this as JSON values."""
        return {
            "sampled": self.sampled,
            "judged": self.judged,
            "not_judged": self.not_judged,
            "overdue": self.overdue,
        }


class Verdicts:
    """The verdicts of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def give(
        self, workflow_id: UUID, *, verdict: str, by: str, actor: str, why: str
    ) -> tuple[str, str]:
        """Add a verdict; return what became of it and the workflow's status.

        `given`, `repeated` where this was the last word already, `not_completed` where there is no output, `not_found`.
        """
        while True:
            rows = await self._pool.fetch(
                self._pool.statement("verdicts", "give"),
                workflow_id=workflow_id,
                verdict=verdict,
                by=by,
                actor=actor,
                why=why,
                now=self._pool.now(),
            )
            if not rows:
                return "not_found", ""
            if rows[0]["answer"] != "again":
                return rows[0]["answer"], rows[0]["status"]

    async def list_of(self, workflow_id: UUID) -> list[VerdictRow]:
        """Return the verdicts on a workflow's output, in order."""
        rows = await self._pool.fetch(self._pool.statement("verdicts", "list_of"), workflow_id=workflow_id)
        return [VerdictRow(**row) for row in rows]

    async def list_due(
        self, *, contract: str | None = None, team: str | None = None, count: int = 50
    ) -> list[DueRow]:
        """Return the outputs of samples that wait for a word, those that have waited longest first."""
        rows = await self._pool.fetch(
            self._pool.statement("verdicts", "list_due"),
            horizon=HORIZON,
            contract=contract,
            team=team,
            count=count,
            now=self._pool.now(),
        )
        return [DueRow(**row) for row in rows]

    async def count_sample(
        self,
        *,
        since: datetime,
        until: datetime | None = None,
        contract: str | None = None,
        team: str | None = None,
        workflows: Sequence[UUID] | None = None,
    ) -> SampleCount:
        """Return how the samples stand whose outputs completed since an instant, and before another one."""
        rows = await self._pool.fetch(
            self._pool.statement("verdicts", "count_sample"),
            horizon=HORIZON,
            since=since,
            until=until,
            contract=contract,
            team=team,
            workflows=None if workflows is None else list(workflows),
            now=self._pool.now(),
        )
        return SampleCount(**rows[0])

    async def tell_overdue(self) -> list[str]:
        """Have owners told of what waits longer than it may, once for each contract and day; return the keys."""
        rows = await self._pool.fetch(
            self._pool.statement("verdicts", "tell_overdue"), horizon=HORIZON, now=self._pool.now()
        )
        return [row["key"] for row in rows]
