"""Watches over everything: opens incidents for what is wrong, has their owners told, and ends what has gone away.

One pass looks once and carries out what the pure rules say. What wakes it: a poll. Any number of workers may run it at
the same time: of one key one incident is open, and each telling is kept once. If the process dies half-way, the next
pass of any worker goes on from what is written.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from actum.engine.promises import list_burns
from actum.engine.recorder import Recorder
from actum.engine.spending import list_spent
from actum.machine.chain import Intact, verify
from actum.machine.incidents import End, Trouble, consider_end, due_level, merge, recipient
from actum.model.ids import short
from actum.model.incident import Rule, Urgency
from actum.model.quiet import QuietHours
from actum.store.incidents import IncidentRow, Telling
from actum.store.rows import WorkflowRow
from actum.store.store import Store

logger = logging.getLogger("actum.watcher")

PATIENCE = timedelta(days=1)
"""How long a workflow may stand still, or an approval wait, where no `Slo` says otherwise."""
UNSERVED = timedelta(minutes=5)
"""How long ready workflows may find no live worker: a deployment takes less."""
RESPITE = timedelta(seconds=30)
"""How long what still stands may do so after its incident was resolved, for what mends it has to take effect first."""
HORIZON = timedelta(days=7)
"""How far back failed effects are looked for; no outage of all workers should be longer."""
EVERY = timedelta(seconds=25)
"""How often somebody looks: once for all workers, because a look reads whatever has not ended."""
OVERDUE = timedelta(hours=1)
"""How often overdue verdicts are looked for: each contract's owner is told once a day anyway."""
CHAINS = 5
"""How many logs one pass verifies, in turn, so that all are seen again and again and none costs much."""


class Watcher:
    """The passes over what is wrong, as `actor`; with `recorder` also over whether this worker could write."""

    def __init__(self, store: Store, actor: str, recorder: Recorder | None = None) -> None:
        self._store = store
        self._actor = actor
        self._recorder = recorder
        self._stops = 0
        self._after: UUID | None = None
        self._judged_at: datetime | None = None

    async def watch_in_turn(self) -> int:
        """Look if nobody has for a while, or if this worker alone has something to tell; return as `watch_once`."""
        is_own = self._recorder is not None and self._recorder.stops > self._stops
        if not is_own and not await self._store.incidents.take_turn(EVERY):
            return 0
        return await self.watch_once()

    async def watch_once(self) -> int:
        """Open, tell and end what is due; return how many incidents changed."""
        looked_at = await self._store.read_clock()
        await self._ask_for_verdicts(looked_at)
        troubles = [
            *await self._list_standing(),
            *await list_burns(self._store, looked_at),
            *await list_spent(self._store, looked_at),
        ]
        stops = self._recorder.stops if self._recorder is not None else 0
        if stops > self._stops:
            troubles.append(Trouble(Rule.WRITER_STOPPED, "", self._actor, "", None, 1, looked_at, looked_at))
        troubles += merge(await self._verify_some(looked_at))
        opened = await self._store.incidents.open(troubles, actor=self._actor) if troubles else 0
        self._stops = stops
        rows = await self._store.incidents.list()
        ended = await self._end_gone(rows, {one.key for one in troubles}, looked_at)
        told = await self._tell([row for row in rows if row.id not in ended], await self._store.read_clock())
        return opened + len(ended) + told

    async def _ask_for_verdicts(self, now: datetime) -> None:
        if self._judged_at is None or now - self._judged_at >= OVERDUE:
            await self._store.verdicts.tell_overdue()
            self._judged_at = now

    async def _list_standing(self) -> list[Trouble]:
        return await self._store.incidents.list_troubles(
            patience=PATIENCE, unserved=UNSERVED, respite=RESPITE, horizon=HORIZON
        )

    async def _verify_some(self, now: datetime) -> list[Trouble]:
        """Verify the next few logs, newest first and from the start again; return those that are broken."""
        page = await self._store.workflows.list(before=self._after, count=CHAINS)
        self._after = page[-1].id if len(page) == CHAINS else None
        found = [await self._verify(row, now) for row in page]
        return [one for one in found if one is not None]

    async def _verify(self, row: WorkflowRow, now: datetime) -> Trouble | None:
        """Verify one log; one that moves while it is read, or was looked into by a person, is left alone."""
        verdict = verify(await self._store.records.read_events(row.id), row.chain_head, row.next_seq)
        if isinstance(verdict, Intact):
            return None
        again = await self._store.workflows.get(row.id)
        known = await self._store.incidents.list(only_open=False, contract=row.contract)
        is_known = any(one.rule == Rule.CHAIN_BROKEN and row.id in one.workflow_ids for one in known)
        if again is None or again.next_seq != row.next_seq or is_known:
            return None
        why = type(verdict).__name__.lower()
        return Trouble(Rule.CHAIN_BROKEN, row.contract, "", why, row.team, 1, now, now, row.id, (row.id,))

    async def _end_gone(
        self, rows: Sequence[IncidentRow], standing: set[tuple[str, str, str, str]], looked_at: datetime
    ) -> set[UUID]:
        ended = {}
        for row in rows:
            if row.mitigated_at is not None:
                continue
            match consider_end(
                Rule(row.rule),
                stands=row.key in standing,
                was_seen=row.machine_at is not None,
                is_acknowledged=row.acknowledged_at is not None,
            ):
                case End.MITIGATED:
                    ended[row.id] = False
                case End.RESOLVED:
                    ended[row.id] = True
                case End.STAYS:
                    pass
        if not ended:
            return set()
        return set(await self._store.incidents.end(ended, looked_at=looked_at, actor=self._actor))

    async def _tell(self, rows: Sequence[IncidentRow], now: datetime) -> int:
        """Have the next contacts told where it is time; several levels behind, they are told one after the other."""
        tellings = []
        for row in rows:
            if row.acknowledged_at is not None or row.mitigated_at is not None:
                continue
            quiet = QuietHours.parse(row.quiet_hours) if row.quiet_hours else None
            due = due_level(row.opened_at, now, len(row.contacts), Urgency(row.urgency), quiet)
            if row.level < due:
                level = row.level + 1
                tellings.append(
                    Telling(row.id, level, recipient(level, row.team, row.contacts), describe(row))
                )
        return len(await self._store.incidents.escalate(tellings)) if tellings else 0


def describe(row: IncidentRow) -> str:
    """Return what a contact is told below the summary: how often, what to read, and what to type."""
    parts = [f"{row.count} affected" if row.count > 1 else ""]
    parts.append(f"runbook: {row.runbook}" if row.runbook else "")
    parts.append(f"actum incident ack {short(row.id)}")
    return "; ".join(part for part in parts if part)
