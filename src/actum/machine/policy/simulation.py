"""Simulation: what a policy would have said of operations that happened, beside what another says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from actum.machine.policy.policy import Policy
from actum.machine.policy.ruling import MOST_ITEMS, Batch, Operation, Ruling, rule_without_policy

MOST_CHANGES: Final = 20


@dataclass(frozen=True, slots=True)
class Past:
    """An operation that happened; `id` is what a person finds it by, such as the workflow's id and the address."""

    id: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class Drop:
    """An operation that would have been let through more easily, with both rulings in words."""

    id: str
    kind: str
    then: str
    now: str


@dataclass(frozen=True, slots=True)
class Change:
    """Operations of one kind that were ruled alike before and would be ruled alike now; `example` is the id of one."""

    kind: str
    then: str
    now: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Side:
    """What one policy says of all operations.

    `tiers` counts `tier 0`, `tier 1`, `tier 2` and `denied`. `prompts` are the cards people would have read: one for
    each batch, and one for each operation asked alone; `prompts_by` counts them for each approver named.
    """

    tiers: Mapping[str, int]
    prompts: int
    prompts_by: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Simulation:
    """Both sides of a simulation over `operations` operations of `days` days.

    `drops` names every operation that the new policy lets through more easily: a lower tier, no denial any more, or
    approvers that the old one would not have been content with. `changes` are the most frequent ones.
    """

    operations: int
    days: int
    then: Side
    now: Side
    changed: int
    changes: tuple[Change, ...]
    drops: tuple[Drop, ...]

    def prompts_per_day(self, side: Side) -> dict[str, float]:
        """Return for each approver the cards of an average day, the most loaded first."""
        ordered = sorted(side.prompts_by.items(), key=lambda one: (-one[1], one[0]))
        return {who: count / max(1, self.days) for who, count in ordered}


def simulate(
    old: Policy | None,
    new: Policy,
    operations: Iterable[Past],
    *,
    members: Mapping[str, Iterable[str]] | None = None,
) -> Simulation:
    """Rule on each operation under both policies; no `old` is the ruling without a policy.

    Operations are taken in their order, which is that of time where batches shall be counted as they would have been.
    With `members` a card for a group counts for each person in it, else for the group by its name.
    """
    then, now = _Tally(old, members or {}), _Tally(new, members or {})
    changes: Counter[tuple[str, str, str]] = Counter()
    examples: dict[tuple[str, str, str], str] = {}
    drops: list[Drop] = []
    days: set[date] = set()
    count = 0
    for past in operations:
        was, would = then.add(past.operation), now.add(past.operation)
        count += 1
        if past.operation.at is not None:
            days.add(past.operation.at.date())
        if was.is_stricter_than(would):
            drops.append(Drop(past.id, past.operation.kind or "", in_words(was), in_words(would)))
        elif not would.is_stricter_than(was):
            continue
        key = (past.operation.kind or "", in_words(was), in_words(would))
        changes[key] += 1
        examples.setdefault(key, past.id)
    ordered = sorted(changes.items(), key=lambda one: (-one[1], one[0]))
    return Simulation(
        count,
        (max(days) - min(days)).days + 1 if days else 0,
        then.side(),
        now.side(),
        sum(changes.values()),
        tuple(Change(*key, number, examples[key]) for key, number in ordered[:MOST_CHANGES]),
        tuple(drops),
    )


def in_words(ruling: Ruling) -> str:
    """Return a ruling in a few words: what holds, and by which rules."""
    if ruling.is_denied:
        return f"denied by {ruling.rule}"
    groups = " and ".join(one.group for one in ruling.approvals)
    return f"tier {ruling.tier}{f' for {groups}' if groups else ''} by {ruling.rule}"


@dataclass(slots=True)
class _Open:
    """A card that still takes items."""

    closes: datetime
    items: int = 0
    sums: dict[str, Decimal] = field(default_factory=dict)


class _Tally:
    """Counts what one policy says, filling batches as they would have been filled."""

    def __init__(self, policy: Policy | None, members: Mapping[str, Iterable[str]]) -> None:
        self._policy = policy
        self._rule: Callable[[Operation], Ruling] = (
            policy.rule if policy is not None else lambda operation: rule_without_policy(operation.team)
        )
        self._members = {name: tuple(people) for name, people in members.items()}
        self._tiers: Counter[str] = Counter()
        self._prompts: Counter[tuple[str, ...]] = Counter()
        self._open: dict[tuple[object, ...], _Open] = {}

    def add(self, operation: Operation) -> Ruling:
        ruling = self._rule(operation)
        self._tiers["denied" if ruling.is_denied else f"tier {ruling.tier}"] += 1
        if ruling.approvals and not self._joins(ruling, operation):
            self._prompts[tuple(entry for one in ruling.approvals for entry in one.by or ("anybody",))] += 1
        return ruling

    def side(self) -> Side:
        by: Counter[str] = Counter()
        for entries, count in self._prompts.items():
            people = {person for entry in entries for person in self._members.get(entry, (entry,))}
            by.update(dict.fromkeys(people, count))
        return Side(dict(sorted(self._tiers.items())), self._prompts.total(), dict(sorted(by.items())))

    def _joins(self, ruling: Ruling, operation: Operation) -> bool:
        """Put an operation on a card that is open, or open one; return whether there was one."""
        batch, policy, at = ruling.batch, self._policy, operation.at
        if batch is None or policy is None or at is None or at.utcoffset() is None:
            return False
        place = policy.place(batch, operation)
        if place is None:
            return False
        key = (ruling.rules, ruling.approvals, batch, place.key)
        sums = {name: Decimal(str(value)) for name, value in place.sums}
        card = self._open.get(key)
        if card is not None and at <= card.closes and _fits(card, batch, sums):
            _put(card, sums)
            return True
        self._open[key] = card = _Open(at + batch.window)
        _put(card, sums)
        return False


def _fits(card: _Open, batch: Batch, sums: Mapping[str, Decimal]) -> bool:
    if card.items >= (batch.max_items or MOST_ITEMS):
        return False
    return all(
        card.sums.get(name, Decimal(0)) + sums[name] <= Decimal(str(most)) for name, most in batch.max_sum
    )


def _put(card: _Open, sums: Mapping[str, Decimal]) -> None:
    card.items += 1
    for name, value in sums.items():
        card.sums[name] = card.sums.get(name, Decimal(0)) + value
