"""Incidents as people work on them: looking, taking on, mitigating, resolving; promises and owners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from actum.client.arguments import check_count, check_id, check_texts, check_word
from actum.client.finding import find_workflow
from actum.engine.promises import Promise, read_promises
from actum.errors import InvalidInput, NotFound, NotPossible
from actum.model.ids import new_id, short
from actum.model.incident import RootCause, Rule
from actum.store.incidents import DigestRow, IncidentRow, TimelineRow

if TYPE_CHECKING:
    from actum.client.client import Client

ROLES = ("operator", "admin")
"""Who may act on an incident, once there are accounts."""
WEEK = timedelta(days=7)
LONGEST_SUMMARY = 500


@dataclass(frozen=True, slots=True)
class ContractOwner:
    """Who answers for a contract as registered last; `slo` is its promises as JSON values, None without any.

    `authors` decide no approval of its workflows.
    """

    contract: str
    about: str
    team: str | None
    contacts: tuple[str, ...]
    runbook: str | None
    quiet_hours: str | None
    slo: dict[str, Any] | None
    authors: tuple[str, ...] = ()


class Incidents:
    """The incidents of a client's database: `client.incidents`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._store = client.store.incidents

    # looking

    async def list(
        self, *, only_open: bool = True, contract: str | None = None, team: str | None = None, count: int = 50
    ) -> Sequence[IncidentRow]:
        """Return incidents, newest first."""
        check_texts(contract=contract, team=team)
        check_count(count)
        return await self._store.list(only_open=only_open, contract=contract, team=team, count=count)

    async def get(self, incident_id: UUID) -> IncidentRow:
        """Return one incident; raises NotFound."""
        row = await self._store.get(check_id(incident_id, "an incident", "actum incident list"))
        if row is None:
            raise NotFound(f"there is no incident {incident_id}: `actum incident list --all` shows them")
        return row

    async def find(self, digits: str) -> UUID:
        """Return the incident whose id ends in these digits (four at least); raises NotFound and InvalidInput."""
        wanted = digits.strip().lower().replace("-", "")
        is_name = len(wanted) >= 4 and all(char in "0123456789abcdef" for char in wanted)
        found = await self._store.find(wanted) if is_name else []
        if not found:
            raise NotFound(f"no incident ends in {digits!r}: `actum incident list --all` shows them")
        if len(found) > 1:
            raise InvalidInput(f"{len(found)} incidents end in {digits!r}: give more of its digits")
        return found[0]

    async def timeline(self, incident_id: UUID) -> Sequence[TimelineRow]:
        """Return what happened about an incident, in order; raises NotFound."""
        await self.get(incident_id)
        return await self._store.read_timeline(incident_id)

    async def digest(self, since: datetime | None = None) -> Sequence[DigestRow]:
        """Return how each team's incidents went that were opened since an instant, the last week unless given."""
        return await self._store.digest(since or await self._client.store.read_clock() - WEEK)

    async def promises(self, contract: str | None = None) -> Sequence[Promise]:
        """Return how the promises of all contracts, or of one, stand over thirty days; raises NotFound for no contract."""
        if contract is not None:
            await self._require_contract(contract)
        return await read_promises(self._client.store, contract)

    async def owners(self) -> Sequence[ContractOwner]:
        """Return who answers for each contract, as registered last."""
        return [
            _owner(row.contract, row.about, row.team, row.owner, row.slo)
            for row in await self._store.list_owners()
        ]

    # acting

    async def open(
        self,
        summary: str,
        *,
        contract: str = "",
        step: str = "",
        rule: Rule = Rule.REPORTED,
        workflows: Sequence[str] = (),
    ) -> tuple[IncidentRow, bool]:
        """Open what a person saw; return it and whether it is new, or else the open incident of that key.

        A new one is a detection miss (`is_missed`) unless the machine has an incident of this contract open. An open one
        keeps the sentence in its timeline and the workflows among its affected; the same said twice is kept once. Raises
        InvalidInput, NotFound for a workflow that is none and a contract that nobody registered, and NotEntitled.
        """
        contract, ids = await self.check_report(summary, contract=contract, step=step, workflows=workflows)
        incident_id = new_id()
        is_new = await self._store.report(
            incident_id,
            rule=rule,
            contract=contract,
            step=step,
            summary=summary.strip(),
            actor=self._client.actor,
            workflow_ids=ids,
        )
        if is_new:
            return await self.get(incident_id), True
        found = await self.find_open(contract=contract, step=step, rule=rule)
        if found is None:
            raise NotPossible("the incident that was open was resolved this moment: open it again")
        return found, False

    async def check_report(
        self, summary: str, *, contract: str = "", step: str = "", workflows: Sequence[str] = ()
    ) -> tuple[str, Sequence[UUID]]:
        """Return the contract and the workflows that `open` would tell of; raises as it does and changes nothing."""
        check_texts(summary=summary, contract=contract, step=step)
        if not summary.strip() or len(summary) > LONGEST_SUMMARY:
            raise InvalidInput(
                f"an incident needs a sentence of at most {LONGEST_SUMMARY} characters", path="summary"
            )
        await self._require("open an incident")
        ids = [await find_workflow(self._client.store, name) for name in workflows]
        if ids and not contract:
            contract = (await self._client.get(ids[0])).contract
        elif contract:  # of one that does not exist nobody would be told
            await self._require_contract(contract)
        return contract, ids

    async def find_open(
        self, *, contract: str, step: str = "", rule: Rule = Rule.REPORTED
    ) -> IncidentRow | None:
        """Return the open incident that a report of this contract, step and rule belongs to, or None."""
        key = rule.value, contract, step, ""
        return next((row for row in await self._store.list(contract=contract) if row.key == key), None)

    async def acknowledge(self, incident_id: UUID) -> None:
        """Take an incident on, which ends its escalation; twice changes nothing. Raises NotFound and NotPossible."""
        check_id(incident_id, "an incident", "actum incident list")
        await self._require("take on an incident")
        if not await self._store.acknowledge(incident_id, actor=self._client.actor):
            await self._refuse(incident_id)

    async def mitigate(self, incident_id: UUID, *, note: str | None = None) -> None:
        """Say that the harm is over while the cause may not be known; raises as `acknowledge` does."""
        check_id(incident_id, "an incident", "actum incident list")
        check_texts(note=note)
        await self._require("mitigate an incident")
        if not await self._store.mitigate(incident_id, actor=self._client.actor, note=note or None):
            await self._refuse(incident_id)

    async def resolve(self, incident_id: UUID, *, cause: str, note: str | None = None) -> None:
        """End an incident with a cause of the closed list; what comes up again opens another.

        Raises InvalidInput for another cause, NotFound, NotPossible (it has ended), NotEntitled.
        """
        check_id(incident_id, "an incident", "actum incident list")
        check_texts(note=note)
        _check_cause(cause, note)
        await self._require("resolve an incident")
        if not await self._store.resolve(
            incident_id, actor=self._client.actor, cause=cause, note=note or None
        ):
            await self._refuse(incident_id)

    async def check_turn(
        self, incident_id: UUID, *, cause: str | None = None, note: str | None = None
    ) -> None:
        """Raise what taking on, mitigating or, with a `cause`, resolving an incident would raise; changes nothing."""
        check_texts(note=note)
        if cause is not None:
            _check_cause(cause, note)
        await self._require("act on an incident")
        if (await self.get(incident_id)).resolved_at is not None:
            await self._refuse(incident_id)

    async def _require_contract(self, contract: str) -> None:
        if await self._client.store.quality.newest_document(contract) is None:
            raise NotFound(
                f"no contract {contract!r} was ever registered: `actum owners list` shows those that were"
            )

    async def _require(self, what: str) -> None:
        await self._client.accounts.require_role(ROLES, what)

    async def _refuse(self, incident_id: UUID) -> None:
        row = await self.get(incident_id)
        raise NotPossible(
            f"incident {short(row.id)} was resolved by {row.resolved_by} ({row.cause}): "
            "`actum incident open` opens another"
        )


def _check_cause(cause: str, note: str | None) -> None:
    check_word(cause, [one.value for one in RootCause if one is not RootCause.RECOVERED], "cause")
    if cause == RootCause.OTHER and not (note or "").strip():
        raise InvalidInput("the cause `other` needs a note: say in a few words what it was", path="note")


def _owner(contract: str, about: str | None, team: str | None, owner: str, slo: str | None) -> ContractOwner:
    data: dict[str, Any] = orjson.loads(owner or "null") or {}
    return ContractOwner(
        contract,
        about or "",
        team,
        tuple(data.get("escalation") or ()),
        data.get("runbook"),
        data.get("quiet_hours"),
        orjson.loads(slo or "null"),
        tuple(data.get("authors") or ()),
    )
