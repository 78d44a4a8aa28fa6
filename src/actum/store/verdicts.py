"""Verdicts: whether completed outputs were of use. They are only ever added, and the last one counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

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
