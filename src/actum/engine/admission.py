"""Which contracts a worker may serve: those it was given, those they start, and only owned ones in production."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actum.authoring.contract import Contract
from actum.errors import InvalidContract


def with_children(contracts: Sequence[Contract[..., Any]]) -> dict[str, Contract[..., Any]]:
    """Return contracts and those they may start, by name."""
    found: dict[str, Contract[..., Any]] = {}
    queue = list(contracts)
    while queue:
        contract = queue.pop()
        if not isinstance(contract, Contract):
            raise InvalidContract(
                f"a worker serves contracts, and {contract!r} is none: decorate it with @contract"
            )
        known = found.setdefault(contract.name, contract)
        if known is not contract:
            raise InvalidContract(
                f"two contracts are named {contract.name!r}: give one of them another with name=…"
            )
        queue.extend(one for one in contract.steps if isinstance(one, Contract) and one.name not in found)
    if not found:
        raise InvalidContract("a worker without contracts does nothing: pass at least one")
    return found


def require_ownership(contract: Contract[..., Any]) -> None:
    """Raise InvalidContract unless team, escalation and runbook are there: no owner, no production."""
    owner = contract.owner
    missing = [
        name
        for name, value in (
            ("team", owner and owner.team),
            ("escalation", owner and owner.escalation),
            ("runbook", owner and owner.runbook),
        )
        if not value
    ]
    if missing:
        raise InvalidContract(
            f"{contract.name} has no {' and no '.join(missing)}: a deployed worker serves owned contracts only; write "
            'owner=Owner(team="…", escalation=["…"], runbook="…"), or use `actum dev` on a laptop'
        )
