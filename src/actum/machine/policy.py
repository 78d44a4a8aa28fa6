"""Which tier an effect has. Until a policy is active there is one rule, and it is the strictest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Ruling:
    """A tier with the rule that gave it and the reason a person reads; `approvers` may decide (`team:…`, `user:…`)."""

    tier: int
    rule: str
    why: str
    approvers: tuple[str, ...]
    policy_hash: bytes | None = None


STRICTEST: Final = 2


def rule_without_policy(team: str | None) -> Ruling:
    """Return the ruling where no policy says otherwise: tier 2, decided by the owner's team.

    Without a team anybody but the requester may decide, which is what a laptop needs and a deployed worker refuses.
    """
    return Ruling(
        STRICTEST,
        "no-policy",
        "no policy is active, so every effect is decided by the owner's team",
        (f"team:{team}",) if team else (),
    )
