"""What deciding costs people, measured over what was recorded; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from actum.store.pool import Pool
from actum.store.quality import Span, as_values


@dataclass(slots=True)
class PromptsRow:
    """What one person answered on one day (UTC): cards by approval or batch, questions by workflow and address."""

    person: str
    day: date
    count: int
    ids: list[str]


@dataclass(slots=True)
class TimesRow:
    """How long approvals waited, in seconds (None without any), and in all; `ids` with the slowest first."""

    count: int
    median: float | None
    ninetieth: float | None
    total: float
    ids: list[str]


@dataclass(slots=True)
class HasteRow:
    """How many prompts there were, how many of them were measured, and which were answered too fast."""

    count: int
    measured: int
    hasty: int
    ids: list[str]


@dataclass(slots=True)
class ShareRow:
    """How many there were, how many of them are `some`, and the ids that the statement says."""

    count: int
    some: int
    ids: list[str]


@dataclass(slots=True)
class RuleRow:
    """What became of what one rule asked for."""

    rule: str
    count: int
    approved: int
    ids: list[str]


class People:
    """The measures of one database. Each method is the statement of its name; Spans are taken to the instant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def prompts(self, span: Span) -> list[PromptsRow]:
        """Return how many prompts each person answered on each day."""
        rows = await self._pool.fetch(self._pool.statement("people", "prompts"), **as_values(span))
        return [PromptsRow(**row) for row in rows]

    async def time_to_decide(self, span: Span) -> TimesRow:
        """Return how long approvals waited for their decision."""
        rows = await self._pool.fetch(self._pool.statement("people", "time_to_decide"), **as_values(span))
        return TimesRow(**rows[0])

    async def haste(self, span: Span, *, words_a_minute: int) -> HasteRow:
        """Return how many prompts were answered faster than they can be read at this speed."""
        rows = await self._pool.fetch(
            self._pool.statement("people", "haste"), **as_values(span), words_a_minute=words_a_minute
        )
        return HasteRow(**rows[0])

    async def unopened(self, span: Span) -> ShareRow:
        """Return how many approvals were approved by somebody not known to have opened all their evidence."""
        rows = await self._pool.fetch(self._pool.statement("people", "unopened"), **as_values(span))
        return _share(rows[0])

    async def regret(self, span: Span) -> ShareRow:
        """Return how many approvals that were used were regretted."""
        rows = await self._pool.fetch(self._pool.statement("people", "regret"), **as_values(span))
        return _share(rows[0])

    async def rules(self, span: Span) -> Sequence[RuleRow]:
        """Return what became of what each rule asked for, the busiest first."""
        rows = await self._pool.fetch(self._pool.statement("people", "rules"), **as_values(span))
        return [RuleRow(**row) for row in rows]

    async def touchless(self, span: Span) -> ShareRow:
        """Return how many workflows ended without anybody asked or intervening; `ids` are those touched."""
        rows = await self._pool.fetch(self._pool.statement("people", "touchless"), **as_values(span))
        return _share(rows[0])


def _share(row: Sequence[object]) -> ShareRow:
    count, some, ids = row
    return ShareRow(count, some, ids)  # type: ignore[arg-type]  # as the statement has them
