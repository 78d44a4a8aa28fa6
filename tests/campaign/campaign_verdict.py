"""What must be true after a campaign: the ledger against the service's own log, and each rollback against both."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from campaign_contracts import whole
from campaign_person import outside_name
from campaign_world import OutsideService

from actum.machine.keys import outside_key
from actum.model.events import EventKind
from actum.model.workflow import FINAL, Status
from actum.store.rows import EffectRow
from actum.store.store import Store
from actum.testing.auditor import audit, every_workflow


class Verdict:
    """Everything that is wrong, as sentences; an empty list is as it should be."""

    def __init__(self, store: Store, service: OutsideService) -> None:
        self.found: list[str] = []
        self.ends: Counter[str] = Counter()
        self.rollbacks: Counter[str] = Counter()
        self._store = store
        self._done = service.done()
        self._lines = service.lines()
        self._ledger: dict[str, EffectRow] = {}
        self._statuses: dict[Any, str] = {}

    async def reach(self) -> list[str]:
        """Look at everything, once nothing moves any more."""
        self.found += await audit(self._store)
        async for row in every_workflow(self._store):
            self._statuses[row.id] = row.status
            self.ends[row.status] += row.contract == whole.name
            if Status(row.status) not in FINAL:
                self.found.append(f"{row.id} is {row.status} ({row.cause}): {await self._tail(row.id)}")
            for effect in await self._store.effects.list_of(row.id):
                self._ledger[outside_name(effect)] = effect
            if row.status == "rolled_back":
                await self._judge_rollback(row.id)
        self._judge_keys()
        for effect in self._ledger.values():
            self._judge_entry(effect)
            self._judge_holders(effect)
        return self.found

    def _judge_keys(self) -> None:
        """No key was acted on without intent, nor twice, unless its way out is to repeat it."""
        for key, count in self._done.items():
            effect = self._ledger.get(key)
            if effect is None:
                self.found.append(f"{key} was done, and the ledger does not know it")
            elif count > 1 and not effect.kind.startswith("repeat."):
                self.found.append(f"{key} ({effect.kind}) was done {count} times: {self._story(key)}")

    def _judge_entry(self, effect: EffectRow) -> None:
        """What the ledger says of one operation is what the service did."""
        key, times = outside_name(effect), self._done[outside_name(effect)]
        match effect.state:
            case "succeeded" | "undone" if times:
                pass
            case "failed" if not times:
                pass
            case _:
                self.found.append(f"{key} is {effect.state} and was done {times} times: {self._story(key)}")
        if not effect.kind.endswith(".undo") and (effect.state == "undone") != (
            self._done[f"{key}/undo"] > 0
        ):
            self.found.append(f"{key} is {effect.state}, and the service says otherwise: {self._story(key)}")

    def _judge_holders(self, effect: EffectRow) -> None:
        """What a completed workflow took the result of still stands."""
        counting = [
            one
            for one in effect.holders
            if one != effect.workflow_id and self._statuses.get(one) == "completed"
        ]
        if counting and effect.state != "succeeded":
            self.found.append(f"{outside_name(effect)} is {effect.state}, and {counting} completed with it")

    async def _judge_rollback(self, workflow_id: Any) -> None:
        """The report calls it complete or partial, and says of each effect what became of it."""
        events = await self._store.records.read_events(workflow_id)
        assert events[-1].kind is EventKind.WORKFLOW_ROLLED_BACK
        report = json.loads(events[-1].data or "{}")
        self.rollbacks[report["outcome"]] += 1
        standing = [one for one in report["entries"] if one["outcome"] == "left standing"]
        if report["outcome"] != ("partial" if standing else "complete"):
            self.found.append(f"{workflow_id}: {report['outcome']}, with {len(standing)} left standing")
        named = set()
        for entry in report["entries"]:
            key = outside_key(entry["key"], entry["generation"])
            named.add(key)
            if entry["outcome"] == "undone" and not self._done[f"{key}/undo"]:
                self.found.append(
                    f"{workflow_id}: {key} is reported as undone, and was not: {self._story(key)}"
                )
            if entry["outcome"] != "undone" and not entry["why"]:
                self.found.append(f"{workflow_id}: {key} was left standing without a reason")
        for effect in await self._store.effects.list_of(workflow_id):
            is_own = effect.workflow_id == workflow_id and not effect.kind.endswith(".undo")
            if is_own and effect.state == "succeeded" and outside_name(effect) not in named:
                self.found.append(f"{workflow_id}: {outside_name(effect)} still stands, and is not named")

    async def _tail(self, workflow_id: Any) -> list[str]:
        """Return how a log ends, for whoever has to find out why it ends so."""
        events = (await self._store.records.read_events(workflow_id))[-12:]
        return [f"{e.at:%S.%f} {e.kind.value} {e.address} {e.attempt} {e.outcome} {e.data}" for e in events]

    def _story(self, key: str) -> list[str]:
        """Return what came under one key, and its undo, as the service wrote it down."""
        lines = [line for line in self._lines if line["key"] in (key, f"{key}/undo")]
        return [
            f"{line['at']:.2f} {line['what']} {line.get('verb', '')} {line.get('lie', '')}" for line in lines
        ]
