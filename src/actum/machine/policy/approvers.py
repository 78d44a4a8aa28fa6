"""Who must say yes when several rules count, and which approvals may share a card."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from actum.machine.policy.rules import ANYBODY, Document, Group, Rule, Sort
from actum.machine.policy.ruling import OWNER, Batch, OnExpiry, Requirement, strictest_end


def resolve(document: Document, names: Iterable[str], team: str | None) -> tuple[Requirement, ...]:
    """Return the requirement of each group named, sorted by name, for a contract of `team`."""
    return tuple(require(document, name, team) for name in sorted(set(names)))


def escalate(
    document: Document, approvals: tuple[Requirement, ...], team: str | None
) -> tuple[Requirement, ...]:
    """Return what takes the place of `approvals` on escalation; empty if they do not escalate.

    Each group that escalates gives way to the one it names, and the others stay.
    """
    if strictest_end(approvals) is not OnExpiry.ESCALATE:
        return ()
    names = [
        one.escalate_to if one.on_expiry is OnExpiry.ESCALATE and one.escalate_to else one.group
        for one in approvals
    ]
    return resolve(document, names, team)


def require(document: Document, name: str, team: str | None) -> Requirement:
    """Return the requirement of the group `name`.

    `owner` is the contract's team; if that is not known, the team that owns the policy, and never anybody at all.
    """
    group = document.groups.get(name)
    if group is None:
        return Requirement(name, (_owner(document, team),))
    return Requirement(
        group.name,
        _entries(document, group, team),
        group.quorum,
        group.never,
        group.expires,
        group.on_expiry,
        group.escalate_to,
        group.remind,
    )


def _entries(document: Document, group: Group, team: str | None) -> tuple[str, ...]:
    if group.by == (ANYBODY,):
        return ()
    return tuple(sorted({_owner(document, team) if entry == OWNER else entry for entry in group.by}))


def _owner(document: Document, team: str | None) -> str:
    return f"team:{team or document.owner}"


def combine_batches(sure: Iterable[Rule], may: Iterable[Rule]) -> Batch | None:
    """Return the batch that is within those of all tier-1 rules of `may`.

    None, which is asked alone, if one of them has none, or none of `sure` is such a rule.
    """
    batches = [rule.batch for rule in may if _is_batching(rule)]
    found = [batch for batch in batches if batch is not None]
    if len(found) < len(batches) or not any(map(_is_batching, sure)):
        return None
    items = [batch.max_items for batch in found if batch.max_items is not None]
    sums: dict[str, int | float | Decimal] = {}
    for name, most in (limit for batch in found for limit in batch.max_sum):
        sums[name] = min(most, sums.get(name, most))
    return Batch(
        by=tuple(sorted({key for batch in found for key in batch.by})),
        window=min(batch.window for batch in found),
        max_items=min(items, default=None),
        max_sum=tuple(sorted(sums.items())),
    )


def _is_batching(rule: Rule) -> bool:
    return rule.sort is Sort.RULE and rule.tier == 1
