"""Postgres behind its door: one object with the statements of every topic."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from actum.store.accounts import Accounts
from actum.store.approvals import Approvals, Questions
from actum.store.batches import Batches
from actum.store.budgets import Budgets
from actum.store.cards import Cards
from actum.store.effects import Effects
from actum.store.freezes import Freezes
from actum.store.grants import Grants
from actum.store.incidents import Incidents
from actum.store.interventions import Interventions
from actum.store.latency import Latency
from actum.store.messages import Messages
from actum.store.notifications import Notifications
from actum.store.people import People
from actum.store.policies import Policies
from actum.store.pool import Now, Pool, Row, _no_clock
from actum.store.quality import Quality
from actum.store.records import Records
from actum.store.rollups import Rollups
from actum.store.statements import SCHEMA
from actum.store.usage import UsageReports
from actum.store.verdicts import Verdicts
from actum.store.weeks import make_weeks
from actum.store.workers import Contracts, Workers
from actum.store.workflows import Workflows

CHANNEL_SUFFIX = "_hints"


class Store:
    """The statements of one database, by topic."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.home: Path | None = None
        """The folder of the embedded server that this is a database of, None for another server."""
        self.workflows = Workflows(pool)
        self.records = Records(pool)
        self.messages = Messages(pool)
        self.approvals = Approvals(pool)
        self.questions = Questions(pool)
        self.batches = Batches(pool)
        self.cards = Cards(pool)
        self.people = People(pool)
        self.quality = Quality(pool)
        self.latency = Latency(pool)
        self.rollups = Rollups(pool)
        self.verdicts = Verdicts(pool)
        self.accounts = Accounts(pool)
        self.freezes = Freezes(pool)
        self.grants = Grants(pool)
        self.budgets = Budgets(pool)
        self.usage = UsageReports(pool)
        self.policies = Policies(pool)
        self.effects = Effects(pool)
        self.notifications = Notifications(pool)
        self.incidents = Incidents(pool)
        self.interventions = Interventions(pool)
        self.workers = Workers(pool)
        self.contracts = Contracts(pool)

    @classmethod
    async def open(
        cls, dsn: str, *, schema: str = SCHEMA, size: int = 4, pooler: bool = False, now: Now = _no_clock
    ) -> Store:
        """Connect; raises as `Pool.open` does. The schema is not looked at: see `actum.store.migrate`."""
        return cls(await Pool.open(dsn, schema=schema, size=size, pooler=pooler, now=now))

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close()

    @property
    def channel(self) -> str:
        """The name under which hints about this schema are sent."""
        return self.pool.schema + CHANNEL_SUFFIX

    async def read_clock(self) -> datetime:
        """Return the database's clock, or the tests' one where time is moved."""
        moved = self.pool.now()
        if moved is not None:
            return moved
        rows = await self.pool.fetch(self.pool.statement("database", "read_clock"))
        instant: datetime = rows[0]["now"]
        return instant

    async def notify(self, payload: str) -> None:
        """Send a hint to every listener of this schema; nothing depends on its arrival."""
        await self.pool.fetch(
            self.pool.statement("database", "notify"), channel=self.channel, payload=payload
        )

    async def make_weeks(self) -> int:
        """Make the partitions of this week and the next four where they are missing; return how many were."""
        return await make_weeks(self.pool)

    async def describe(self) -> Row:
        """Return what server this is and how safely it writes."""
        return (await self.pool.fetch(self.pool.statement("database", "describe")))[0]
