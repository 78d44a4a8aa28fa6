"""Ruling again: what a log says was ruled, held against what the policy it names says of the facts that were logged.

A worker rules on its own effects, and writes what it ruled. So the log is audited: whoever let through, or asked for
less than the policy of that time wants, is found by the facts it logged itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from actum.machine.policy.policy import Policy
from actum.machine.policy.ruling import Operation, Ruling, rule_without_policy

LEEWAY: Final = timedelta(minutes=5)
"""By how much an operation may have been ruled before it was logged: a calendar may have ended meanwhile."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A ruling as it was logged: on what, and what was said of it; `said.policy_hash` names the policy, None is none."""

    operation: Operation
    said: Ruling


def rule_again(policy: Policy | None, logged: Logged) -> Ruling | None:
    """Return what `policy` rules if it is stricter than what was logged, else None.

    Stricter than the policy is no fault: freezes, budgets and objectives raise what it says. An operation is given the
    instant of its logging and, since looking and waiting take time, also one a little earlier: only what is stricter at
    both was ruled otherwise.
    """
    operation = logged.operation
    if policy is None:
        found = rule_without_policy(operation.team)
        return found if found.is_stricter_than(logged.said) else None
    found = policy.rule(operation)
    earlier = found if operation.at is None else policy.rule(replace(operation, at=operation.at - LEEWAY))
    return found if found.is_stricter_than(logged.said) and earlier.is_stricter_than(logged.said) else None
