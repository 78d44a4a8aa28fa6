"""Why an approval is asked for: the rules that decided, their reasons, and the facts that made them match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actum.machine.policy import Operation, Policy
from actum.machine.policy.tracing import Considered, Truth, shown

NO_POLICY = "no-policy"


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that decided: its id, its `why`, and each clause (but the kind's) with the fact that answered it."""

    rule: str
    why: str
    because: tuple[str, ...] = ()


def explain_rules(
    rule: str, requested: Mapping[str, Any], policy: Policy | None, operation: Operation
) -> tuple[Reason, ...]:
    """Return the reasons of an approval from what its workflow wrote when it asked.

    `policy` is the one it was ruled under: with it the clauses are looked up, by ruling the same facts again. Without
    it, and for what older workers wrote, only what is known is said.
    """
    ruling = requested.get("ruling")
    ruling = ruling if isinstance(ruling, dict) else {}
    rules = [str(one) for one in ruling.get("rules") or ()] or [rule]
    whys = [str(one) for one in ruling.get("whys") or ()]
    considered = {one.id: one for one in policy.rule(operation).trace} if policy is not None else {}
    if len(whys) != len(rules):
        whys = [considered[one].why if one in considered else "" for one in rules]
    return tuple(
        Reason(name, why or _known_why(name), _because(considered.get(name)))
        for name, why in zip(rules, whys, strict=True)
    )


def operation_of(
    *, kind: str, contract: str, team: str | None, at: datetime, facts: object, requested: Mapping[str, Any]
) -> Operation:
    """Return the operation as it was ruled, from what was kept of it."""
    return Operation(
        kind=kind,
        contract=contract,
        team=team,
        reversibility=_text(requested.get("reversibility")),
        environment=_text(requested.get("environment")),
        facts=facts if isinstance(facts, dict) else {},
        at=at,
    )


def _because(considered: Considered | None) -> tuple[str, ...]:
    if considered is None:
        return ()
    return tuple(
        f"{one.fact} is {shown(one.given)}" if one.value is Truth.TRUE else f"{one.clause}: {one.reason}"
        for one in considered.clauses
        if one.value is not Truth.FALSE and not one.is_exception and one.fact != "kind"
    )


def _known_why(rule: str) -> str:
    return "no policy is active, so every effect is decided by a person" if rule == NO_POLICY else ""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
