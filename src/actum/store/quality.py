"""How well it goes, added up over facts: what events and verdicts add to each measure; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from actum.store.pool import Pool
from actum.store.rollups import read_place
from actum.store.statements import Statement

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Span:
    """What is looked at: from `since` on and before `until`, of one contract, team (as it was then) or some workflows, or all.

    The rollup is kept by the hour (UTC): spans of whole hours, as `of` returns them, are added up from it.
    """

    since: datetime
    until: datetime
    contract: str | None = None
    team: str | None = None
    workflows: tuple[UUID, ...] | None = None

    @classmethod
    def of(
        cls,
        since: datetime,
        until: datetime,
        contract: str | None = None,
        team: str | None = None,
        workflows: tuple[UUID, ...] | None = None,
    ) -> Span:
        """Return the span of whole hours that holds both instants."""
        ended = _hour(until)
        return cls(_hour(since), ended + HOUR if ended < until else ended, contract, team, workflows)

    def previous(self) -> Span:
        """Return the span of the same length that ends where this one begins."""
        return replace(self, since=self.since - (self.until - self.since), until=self.since)


def _hour(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


@dataclass(slots=True)
class TallyRow:
    """Facts of one measure added up, by outcome and reason; `us` are microseconds."""

    measure: str
    outcome: str | None
    reason: str | None
    count: int
    us: int


@dataclass(slots=True)
class BehindRow:
    """One fact: the event it comes from, and what it adds; of verdicts, what those on one output come to."""

    workflow_id: UUID
    seq: int
    at: datetime
    step: str | None
    outcome: str | None
    reason: str | None
    count: int
    us: int


@dataclass(slots=True)
class PromptRow:
    """The outputs of one prompt version, None for workflows that name none; `caught` are attempts a check refused."""

    prompt: str | None
    outputs: int
    usable: int
    unusable: int
    caught: int


class Quality:
    """The measures of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def tally(self, span: Span, measures: Sequence[str]) -> list[TallyRow]:
        """Return the facts of these measures added up, by measure, outcome and reason, the most frequent first.

        The rollup's hours and what it does not hold yet, both as they were at one instant; of some workflows, their own
        facts alone.
        """
        if span.workflows is not None:
            statement = self._pool.statement("quality", "tally_of")
            return _add(
                [
                    TallyRow(**row)
                    for row in await self._pool.fetch(statement, measures=list(measures), **as_values(span))
                ]
            )
        tally = self._pool.statement("quality", "tally")
        rest = self._pool.statement("quality", "tally_rest")
        values: dict[str, object] = {"measures": list(measures), **as_values(span)}
        del values["workflows"]
        async with (
            self._pool.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            place = await read_place(self._pool, connection)
            rows = await connection.fetch(tally.text, *tally.order(values))
            if place.first != place.last:
                values |= {"first": place.first, "last": place.last}
                rows += await connection.fetch(rest.text, *rest.order(values))
        return _add([TallyRow(**row) for row in rows])

    async def behind(
        self,
        span: Span,
        measure: str,
        *,
        outcomes: Sequence[str] | None = None,
        reasons: Sequence[str] | None = None,
        count: int,
    ) -> list[BehindRow]:
        """Return the facts behind a measure, those that took longest first; of verdicts, see `words`."""
        statement = self._pool.statement("quality", "behind")
        return await self._list(statement, span, measure, outcomes, reasons, count)

    async def words(
        self,
        span: Span,
        measure: str,
        *,
        outcomes: Sequence[str] | None = None,
        reasons: Sequence[str] | None = None,
        count: int,
    ) -> list[BehindRow]:
        """Return the outputs behind `verdicts` or `disagreements` as they are called now, what was bad for longest first."""
        statement = self._pool.statement("quality", "words")
        return await self._list(statement, span, measure, outcomes, reasons, count)

    async def _list(
        self,
        statement: Statement,
        span: Span,
        measure: str,
        outcomes: Sequence[str] | None,
        reasons: Sequence[str] | None,
        count: int,
    ) -> list[BehindRow]:
        rows = await self._pool.fetch(
            statement,
            measure=measure,
            outcomes=None if outcomes is None else list(outcomes),
            reasons=None if reasons is None else list(reasons),
            count=count,
            **as_values(span),
        )
        return [BehindRow(**row) for row in rows]

    async def unjudged(self, span: Span, *, count: int) -> list[BehindRow]:
        """Return the ends of completed workflows without a verdict, newest first."""
        statement = self._pool.statement("quality", "unjudged")
        rows = await self._pool.fetch(statement, count=count, **as_values(span))
        return [BehindRow(**row) for row in rows]

    async def prompts(self, span: Span) -> list[PromptRow]:
        """Return what became of the outputs of each prompt version."""
        rows = await self._pool.fetch(self._pool.statement("quality", "prompts"), **as_values(span))
        return [PromptRow(**row) for row in rows]

    async def newest_document(self, contract: str) -> str | None:
        """Return a contract's document as registered last; None for a contract nobody registered."""
        rows = await self._pool.fetch(self._pool.statement("quality", "newest_document"), contract=contract)
        return rows[0]["document"] if rows else None


def _add(rows: Sequence[TallyRow]) -> list[TallyRow]:
    """Return rows with the same labels as one; what comes to nothing, such as a verdict taken back, is left out."""
    sums: dict[tuple[str, str | None, str | None], TallyRow] = {}
    for row in rows:
        found = sums.setdefault(
            (row.measure, row.outcome, row.reason), TallyRow(row.measure, row.outcome, row.reason, 0, 0)
        )
        found.count += row.count
        found.us += row.us
    some = [row for row in sums.values() if row.count or row.us]
    return sorted(some, key=lambda row: (row.measure, -row.count, row.outcome or "", row.reason or ""))


def as_values(span: Span) -> dict[str, object]:
    """Return a span as arguments of a statement."""
    workflows = None if span.workflows is None else list(span.workflows)
    return {
        "since": span.since,
        "until": span.until,
        "contract": span.contract,
        "team": span.team,
        "workflows": workflows,
    }
