"""Statements over `incidents`: what is wrong, what was opened for it, and how fast promises are being broken.

Of one key at most one incident is open, which an index holds; any number of watchers may look at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from actum.machine.incidents import Trouble, summarize, urgency_of
from actum.machine.slo import WINDOWS, Count
from actum.model.ids import new_id
from actum.model.incident import IncidentState, Rule
from actum.store.pool import Pool
from actum.store.rollups import read_place


@dataclass(slots=True)
class IncidentRow:
    """One incident. Team, contacts, runbook and quiet hours are those of the time it was opened."""

    id: UUID
    rule: str
    contract: str
    step: str
    reason: str
    summary: str
    team: str | None
    contacts: list[str]
    runbook: str | None
    quiet_hours: str | None
    urgency: str
    reduces_autonomy: bool
    opened_at: datetime
    opened_by: str
    machine_at: datetime | None
    is_missed: bool
    first_at: datetime
    last_at: datetime
    count: int
    workflow_ids: list[UUID]
    level: int
    told_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    mitigated_at: datetime | None
    mitigated_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    cause: str | None
    note: str | None

    @property
    def state(self) -> IncidentState:
        """How far people are with it."""
        if self.resolved_at is not None:
            return IncidentState.RESOLVED
        if self.mitigated_at is not None:
            return IncidentState.MITIGATED
        return IncidentState.OPEN if self.acknowledged_at is None else IncidentState.ACKNOWLEDGED

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes two troubles one incident."""
        return self.rule, self.contract, self.step, self.reason


@dataclass(frozen=True, slots=True)
class Telling:
    """The next of an incident's contacts, and what to tell them."""

    incident_id: UUID
    level: int
    recipient: str
    body: str


@dataclass(slots=True)
class OwnerRow:
    """A contract as registered last; `owner` and `slo` are JSON text, `null` where nothing is declared."""

    contract: str
    team: str | None
    owner: str
    slo: str | None
    about: str | None


@dataclass(slots=True)
class TimelineRow:
    """One thing that happened about an incident."""

    at: datetime
    what: str
    actor: str | None
    workflow_id: UUID | None
    about: str | None


@dataclass(slots=True)
class DigestRow:
    """How a team's incidents went: medians in seconds, `rules` and `causes` as JSON text of counts."""

    team: str
    opened: int
    still_open: int
    missed: int
    acknowledge_seconds: float | None
    mitigate_seconds: float | None
    rules: str
    causes: str | None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The events of one objective of one contract, by window, and when the last bad one was."""

    counts: Mapping[timedelta, Count]
    last_bad_at: datetime | None


class Incidents:
    """The incidents of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take_turn(self, every: timedelta) -> bool:
        """Take the turn to look; False when somebody did so within `every`."""
        rows = await self._pool.fetch(
            self._pool.statement("incidents", "take_turn"), every=every, now=self._pool.now()
        )
        return bool(rows)

    async def list_troubles(
        self, *, patience: timedelta, unserved: timedelta, respite: timedelta, horizon: timedelta
    ) -> list[Trouble]:
        """Return what is wrong now, by key; what was resolved since it came up is left out, what stands for a `respite`."""
        rows = await self._pool.fetch(
            self._pool.statement("incidents", "list_troubles"),
            patience=patience,
            unserved=unserved,
            respite=respite,
            horizon=horizon,
            now=self._pool.now(),
        )
        return [Trouble(**{**row, "rule": Rule(row["rule"])}) for row in rows]

    async def open(self, troubles: Sequence[Trouble], *, actor: str) -> int:
        """Open an incident for each trouble whose key has none open, else note it there; return how many are new."""
        rows = await self._pool.fetch(
            self._pool.statement("incidents", "open"),
            ids=[new_id() for _ in troubles],
            rules=[one.rule.value for one in troubles],
            contracts=[one.contract for one in troubles],
            steps=[one.step for one in troubles],
            reasons=[one.reason for one in troubles],
            summaries=[summarize(one) for one in troubles],
            teams=[one.team for one in troubles],
            urgencies=[(one.urgency or urgency_of(one.rule)).value for one in troubles],
            reduces=[one.reduces for one in troubles],
            first_ats=[one.first_at for one in troubles],
            last_ats=[one.last_at for one in troubles],
            counts=[one.count for one in troubles],
            latests=[one.latest for one in troubles],
            workflow_ids=[" ".join(map(str, one.workflow_ids)) for one in troubles],
            actor=actor,
            now=self._pool.now(),
        )
        return sum(row["is_new"] for row in rows)

    async def report(
        self,
        incident_id: UUID,
        *,
        rule: Rule,
        contract: str,
        step: str,
        summary: str,
        actor: str,
        workflow_ids: Sequence[UUID] = (),
    ) -> bool:
        """Open what a person saw; False when one of its key is open already, which then keeps it."""
        rows = await self._pool.fetch(
            self._pool.statement("incidents", "report"),
            id=incident_id,
            rule=rule.value,
            contract=contract,
            step=step,
            summary=summary,
            urgency=urgency_of(rule).value,
            actor=actor,
            workflow_ids=list(workflow_ids),
            now=self._pool.now(),
        )
        return any(row["is_new"] for row in rows)

    async def escalate(self, tellings: Sequence[Telling]) -> list[str]:
        """Have contacts told, each once; return the keys of what is kept in the outbox."""
        rows = await self._pool.fetch(
            self._pool.statement("incidents", "escalate"),
            ids=[one.incident_id for one in tellings],
            levels=[one.level for one in tellings],
            recipients=[one.recipient for one in tellings],
            bodies=[one.body for one in tellings],
            now=self._pool.now(),
        )
        return [row["key"] for row in rows]

    async def end(self, ended: Mapping[UUID, bool], *, looked_at: datetime, actor: str) -> list[UUID]:
        """Mitigate what went away, or resolve it where the value is True; what was opened after the look stays."""
        rows = await self._pool.fetch(
            self._pool.statement("incidents", "end"),
            ids=list(ended),
            overs=list(ended.values()),
            looked_at=looked_at,
            actor=actor,
            now=self._pool.now(),
        )
        return [row["id"] for row in rows]

    async def acknowledge(self, incident_id: UUID, *, actor: str) -> bool:
        """Take an incident on; False when it has ended or never was."""
        rows = await self._pool.fetch(
            self._pool.statement("incidents", "acknowledge"),
            id=incident_id,
            actor=actor,
            now=self._pool.now(),
        )
        return bool(rows)

    async def mitigate(self, incident_id: UUID, *, actor: str, note: str | None) -> bool:
        """Note that the harm is over; False when it has ended or never was."""
        rows = await self._pool.fetch(
            self._pool.statement("incidents", "mitigate"),
            id=incident_id,
            actor=actor,
            note=note,
            now=self._pool.now(),
        )
        return bool(rows)

    async def resolve(self, incident_id: UUID, *, actor: str, cause: str, note: str | None) -> bool:
        """End an incident with its cause; False when it has ended or never was."""
        rows = await self._pool.fetch(
            self._pool.statement("incidents", "resolve"),
            id=incident_id,
            actor=actor,
            cause=cause,
            note=note,
            now=self._pool.now(),
        )
        return bool(rows)

    async def list(
        self,
        *,
        only_open: bool = True,
        contract: str | None = None,
        team: str | None = None,
        since: datetime | None = None,
        count: int = 1000,
    ) -> list[IncidentRow]:
        """Return incidents, newest first."""
        rows = await self._pool.fetch(
            self._pool.statement("incidents", "list"),
            only_open=only_open,
            contract=contract,
            team=team,
            since=since,
            count=count,
        )
        return [IncidentRow(**row) for row in rows]

    async def get(self, incident_id: UUID) -> IncidentRow | None:
        """Return one incident, or None."""
        rows = await self._pool.fetch(self._pool.statement("incidents", "get"), id=incident_id)
        return IncidentRow(**rows[0]) if rows else None

    async def get_newest_like(self, incident_id: UUID) -> IncidentRow | None:
        """Return the newest incident of this one's key of which somebody was told, else this one; None without it."""
        rows = await self._pool.fetch(self._pool.statement("incidents", "get_newest_like"), id=incident_id)
        return IncidentRow(**rows[0]) if rows else None

    async def list_alerting(self, *, lately: timedelta, no_older: timedelta) -> Sequence[IncidentRow]:
        """Return, of each key, the newest incident of which somebody was told: what is open, and some of what is over.

        That is what has been over since `lately` and has no notice saying so that was sent or, younger than `no_older`,
        still will be.
        """
        rows = await self._pool.fetch(
            self._pool.statement("incidents", "list_alerting"),
            lately=lately,
            no_older=no_older,
            now=self._pool.now(),
        )
        return [IncidentRow(**row) for row in rows]

    async def find(self, suffix: str) -> Sequence[UUID]:
        """Return up to ten incidents whose id ends in these hexadecimal digits."""
        rows = await self._pool.fetch(self._pool.statement("incidents", "find"), suffix=suffix)
        return [row["id"] for row in rows]

    async def list_reduced(self) -> frozenset[str]:
        """Return the contracts whose tier 0 is asked for while their budget is used up."""
        rows = await self._pool.fetch(self._pool.statement("incidents", "list_reduced"))
        return frozenset(row["contract"] for row in rows)

    async def read_timeline(self, incident_id: UUID, count: int = 1000) -> Sequence[TimelineRow]:
        """Return what happened about an incident, in order; empty when there is none."""
        rows = await self._pool.fetch(
            self._pool.statement("incidents", "read_timeline"), id=incident_id, count=count
        )
        return [TimelineRow(**row) for row in rows]

    async def digest(self, since: datetime) -> Sequence[DigestRow]:
        """Return how each team's incidents went that were opened since an instant."""
        rows = await self._pool.fetch(self._pool.statement("incidents", "digest"), since=since)
        return [DigestRow(**row) for row in rows]

    async def list_owners(self) -> Sequence[OwnerRow]:
        """Return the contracts as registered last, by name."""
        rows = await self._pool.fetch(self._pool.statement("incidents", "list_owners"))
        return [OwnerRow(**row) for row in rows]

    async def count_outcomes(
        self, targets: Mapping[str, timedelta | None]
    ) -> dict[tuple[str, str], Outcomes]:
        """Return the outcomes of these contracts by (contract, objective); each has its target for decisions.

        Each window is exact to the microsecond: whole hours are read from the rollup, what it does not hold and the
        part of an hour with which a window begins from the events, all as they were at one instant.
        Raises DatabaseMismatch after a dump was restored.
        """
        statement = self._pool.statement("incidents", "count_outcomes")
        values: dict[str, object] = {"contracts": list(targets), "targets": list(targets.values())}
        values |= {"windows": list(WINDOWS), "now": self._pool.now()}
        async with (
            self._pool.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            place = await read_place(self._pool, connection)
            values |= {"first": place.first, "last": place.last}
            rows = await connection.fetch(statement.text, *statement.order(values))
        found: dict[tuple[str, str], Outcomes] = {}
        for row in rows:
            key = row["contract"], row["objective"]
            known = found.get(key, Outcomes({}, None))
            counts = {**known.counts, row["length"]: Count(row["total"], row["bad"])}
            last = max(filter(None, (known.last_bad_at, row["last_bad_at"])), default=None)
            found[key] = Outcomes(counts, last)
        return found

    async def prune(self, kept: timedelta, count: int) -> int:
        """Delete incidents that were resolved `kept` ago; thirty days at least. Return how many rows."""
        rows = await self._pool.fetch(
            self._pool.statement("incidents", "prune"), kept=kept, count=count, now=self._pool.now()
        )
        return int(rows[0]["pruned"])
