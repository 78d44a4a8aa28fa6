"""What `actum audit verify` says of rulings: each is made again from the facts and the policy that the log names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from actum.cli.policy_times import PolicyTimes
from actum.client import Client
from actum.client.policies import read_policy, require_own_activation
from actum.errors import NotFound, NotPossible, PolicyError
from actum.machine.policy import Operation, Policy, Requirement, Ruling
from actum.machine.policy.again import Logged, rule_again
from actum.machine.policy.simulation import in_words
from actum.model.events import Event, EventKind
from actum.model.ids import short
from actum.store.rows import ApprovalRow, DecisionRow, SnapshotRow, WorkflowRow

CHANGING = ("escalated", "handed_over")
"""Decisions after which others decide than were asked at first."""


class Rulings:
    """Rules again on what workflows logged; keeps the policies that it has read."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._policies: dict[bytes, Policy | str] = {}
        self._times = PolicyTimes(client)

    async def find_faults(
        self,
        row: WorkflowRow,
        events: Sequence[Event],
        snapshots: Sequence[SnapshotRow],
        decisions: Sequence[DecisionRow],
    ) -> list[str]:
        """Return a sentence for each ruling of a workflow that its policy would have made stricter, with its id."""
        approvals = {one.id: one for one in await self._client.store.approvals.list_of([row.id])}
        faults = [said for one in approvals.values() if (said := _find_other_requester(row, events, one))]
        declared = await self._client.store.contracts.list_authors(row.contract) if approvals else []
        faults += [
            f"approval {short(one.id)} leaves out authors whom every document of its contract names"
            for one in approvals.values()
            if declared and not any(authors <= set(one.authors) for authors in declared)
        ]
        changed = {one.approval_id for one in decisions if one.ruling in CHANGING}
        seen = {one.seq: one for one in snapshots}
        asked = set()
        for event in events:
            data = orjson.loads(event.data) if event.data else {}
            if event.kind is EventKind.APPROVAL_REQUESTED:
                asked.add(str(data.get("approval_id")))
                found = next(
                    (one for one in approvals.values() if str(one.id) == data.get("approval_id")), None
                )
                if found is not None:
                    faults += await self._check_asked(row, event, data, found, is_changed=found.id in changed)
            elif event.kind is EventKind.EFFECT_STARTED and event.tier == 0 and not data.get("approval_id"):
                faults += await self._check_free(row, event, data, seen.get(event.seq))
        faults += [
            f"approval {short(one.id)} was asked for by no event of its log"
            for one in approvals.values()
            if str(one.id) not in asked
        ]
        return faults

    async def _check_asked(
        self,
        row: WorkflowRow,
        event: Event,
        data: Mapping[str, Any],
        approval: ApprovalRow,
        *,
        is_changed: bool,
    ) -> list[str]:
        if "ruling" not in data:
            return [f"approval {short(approval.id)} was asked for without a ruling"]
        said = Ruling.from_data(data["ruling"])
        required = tuple(Requirement.from_data(one) for one in orjson.loads(approval.requirements or "[]"))
        if not is_changed and said.is_stricter_than(Ruling(approval.tier, said.rules, said.whys, required)):
            return [f"approval {short(approval.id)} asks for less than was ruled when it was asked for"]
        facts = orjson.loads(approval.preview).get("facts") if approval.preview else None
        operation = _operation(row, event, {**data, "kind": approval.kind}, facts)
        if approval.address.startswith("undo."):  # whatever policy says, a freeze has it asked for
            return []
        return await self._check(Logged(operation, said), f"approval {short(approval.id)}")

    async def _check_free(
        self, row: WorkflowRow, event: Event, data: Mapping[str, Any], snapshot: SnapshotRow | None
    ) -> list[str]:
        """Check what ran unasked. What its preview showed is deleted by age, and then nothing can be said."""
        if str(event.address).startswith("undo.") or "ruling" not in data:
            return []
        if event.payload_hash is not None and (snapshot is None or snapshot.body is None):
            return []
        facts = orjson.loads(snapshot.body).get("facts") if snapshot is not None and snapshot.body else None
        hashed = data.get("policy")
        said = Ruling(
            data["ruling"]["tier"],
            (),
            (),
            policy_hash=bytes.fromhex(hashed) if isinstance(hashed, str) else None,
        )
        return await self._check(
            Logged(_operation(row, event, data, facts), said), f"the effect at {event.address}"
        )

    async def _check(self, logged: Logged, what: str) -> list[str]:
        fault = await self._times.find_fault(
            logged.said.policy_hash, logged.operation.at or datetime.now(UTC)
        )
        if fault is not None:
            return [f"{what} {fault}"]
        policy = None
        if logged.said.policy_hash is not None:
            policy = await self._read(logged.said.policy_hash)
        if isinstance(policy, str):
            return [f"{what} cannot be ruled again: {policy}"]
        found = rule_again(policy, logged)
        if found is None:
            return []
        return [f"{what} was ruled otherwise: tier {logged.said.tier}, and its policy says {in_words(found)}"]

    async def _read(self, policy_hash: bytes) -> Policy | str:
        if policy_hash not in self._policies:
            try:
                row = await self._client.policies.get(policy_hash.hex())
                policy = self._policies[policy_hash] = read_policy(row)
                require_own_activation(row, policy)
            except (NotFound, NotPossible, PolicyError) as error:
                self._policies[policy_hash] = str(error)
        return self._policies[policy_hash]


def _find_other_requester(row: WorkflowRow, events: Sequence[Event], approval: ApprovalRow) -> str | None:
    """Return what is wrong if an approval names another requester than the workflow's start: one may not decide."""
    logged = row.requester
    if row.parent is None and events and events[0].kind is EventKind.WORKFLOW_STARTED:
        logged = orjson.loads(events[0].data or "{}").get("requester")
    if approval.requester == logged:
        return None
    return f"approval {short(approval.id)} names {approval.requester} as requester, and the log {logged}"


def _operation(row: WorkflowRow, event: Event, data: Mapping[str, Any], facts: object) -> Operation:
    return Operation(
        kind=data.get("kind"),
        contract=row.contract,
        team=row.team,
        reversibility=data.get("reversibility"),
        environment=data.get("environment"),
        facts=facts if isinstance(facts, dict) else None,
        at=event.at,
    )
