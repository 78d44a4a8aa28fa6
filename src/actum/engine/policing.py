"""The active policy as one worker knows it: it rules every effect.

It is read at the start, every few seconds, on a hint, and at once when the database refuses an intent because another
policy is active. Between those a worker may rule by an older policy, and no effect begins by it: each intent names
the policy it was ruled under. If the process dies, nothing is lost: it holds no truth.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TypeAlias

from actum.errors import PolicyError
from actum.machine.policy import STRICTEST, Operation, Policy, Ruling, parse_policy, rule_without_policy
from actum.store.grants import GrantRow
from actum.store.store import Store

logger = logging.getLogger("actum.policing")

FROZEN_RULE = "freeze"
Raised: TypeAlias = tuple[str, str]
"""Why something is asked for at tier 2 whatever the rules say: what stands where a rule's name does, and a sentence."""
BY_FREEZE: Raised = (FROZEN_RULE, "a freeze has everything here decided one by one.")
REDUCED_RULE = "slo"


class Policing:
    """Rules the effects of one worker by the policy that is active in its database."""

    def __init__(self, store: Store, environment: str | None) -> None:
        self._store = store
        self.environment = environment
        """Where this worker's effects happen, such as `prod`; None where nobody said."""
        self.policy: Policy | None = None
        self.policy_hash: bytes | None = None
        self._fault: PolicyError | None = None
        self.grants: list[GrantRow] = []
        self.reduced: frozenset[str] = frozenset()
        """Contracts whose error budget is used up: their tier 0 is asked for."""
        self._plain: dict[tuple[str | None, ...], Ruling] = {}
        """Rulings of what has no facts and cannot depend on the hour."""

    @property
    def unreadable(self) -> str | None:
        """Why nothing can be ruled, where the active policy is one that this worker cannot read."""
        return (
            None if self._fault is None else f"the active policy cannot be read by this worker: {self._fault}"
        )

    async def refresh_once(self) -> int:
        """Read which policy and which grants are active; return 1 if the policy is another one than before.

        A policy that this version cannot read rules nothing, and nothing is asked for: what it may deny waits, as
        `unreadable` says, until another policy is active or a worker that can read it comes.
        """
        active = await self._store.policies.read_active()
        self.grants = await self._store.grants.list()
        self.reduced = await self._store.incidents.list_reduced()
        found = active.hash if active is not None else None
        if found == self.policy_hash:
            return 0
        self.policy_hash, self.policy, self._fault = found, None, None
        self._plain = {}
        if active is not None:
            try:
                self.policy = parse_policy(active.body, file=active.name)
            except PolicyError as error:
                self._fault = error
                logger.error("%s; effects wait", self.unreadable)
        return 1

    def rule(self, operation: Operation, *, raised: Raised | None = None) -> Ruling:
        """Return the ruling for an operation; where it is `raised`, at tier 2 whatever the rules say.

        Without an active policy it is the owner's team that decides. Raises PolicyError where it is `unreadable`.
        """
        if self._fault is not None:
            raise self._fault
        if self.policy is None:
            return rule_without_policy(operation.team)
        ruling = self.policy.rule(operation)
        if ruling.tier == 0 and operation.contract in self.reduced:
            ruling = _reduce(ruling, operation.team)
        if raised is None or ruling.is_denied or ruling.tier == STRICTEST:
            return ruling
        return replace(
            ruling,
            tier=STRICTEST,
            rules=(*ruling.rules, raised[0]),
            whys=(*ruling.whys, raised[1]),
            approvals=ruling.approvals or rule_without_policy(operation.team).approvals,
            batch=None,
        )

    def lets_run(self, kind: str, contract: str, team: str | None, reversibility: str) -> Ruling | None:
        """Return the ruling of an effect that shows no facts and that policy lets run unasked, None for every other.

        Where the hour does not matter it is the same until the policy is another one, and is kept so long.
        """
        policy = self.policy
        if policy is None or policy.document.calendars or contract in self.reduced:
            return None
        known = (kind, contract, team, reversibility)
        found = self._plain.get(known)
        if found is None:
            operation = Operation(kind, contract, team, reversibility, self.environment)
            found = self._plain[known] = policy.rule(operation)
        return found if found.tier == 0 and not found.is_denied else None


def _reduce(ruling: Ruling, team: str | None) -> Ruling:
    """Return a ruling of tier 0 as one of tier 1, asked alone: by itself the policy has nobody decide it."""
    return replace(
        ruling,
        tier=1,
        rules=(*ruling.rules, REDUCED_RULE),
        whys=(*ruling.whys, "the contract's error budget is used up, so a person decides."),
        approvals=ruling.approvals or rule_without_policy(team).approvals,
    )
