"""What is unknown only raises, order has no meaning, and another restriction never loosens: over random policies."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import pytest
from policy_making import HISTORIES, make_operation, make_policy, make_rule, make_rules, mutate

from actum.machine.policy import Operation, Policy, Ruling
from actum.machine.policy.program import Combination, Program
from actum.machine.policy.ruling import OWNER

NO_LIMIT = timedelta.max
WAYS = 3
Rules: TypeAlias = Callable[[Operation], "Ruling | Combination"]


def looser(before: Ruling | Combination, after: Ruling | Combination, *, named_only: bool = False) -> str:
    """Say what is easier `after` than it was `before`, in one word; empty if nothing is.

    With `named_only` the owner's team may give way to approvers who are named.
    """
    if before.is_denied or after.is_denied:
        return "" if after.is_denied else "deny"
    if after.tier < before.tier:
        return "tier"
    if _looser_asked(before, after, named_only):
        return "approvals"
    return "batch" if after.tier == before.tier == 1 and not _is_within(after, before) else ""


def _looser_asked(before: Ruling | Combination, after: Ruling | Combination, named_only: bool) -> bool:
    asked = {one.group: one for one in after.approvals}
    for one in before.approvals:
        now = asked.get(one.group)
        if now is None:
            if named_only and one.group == OWNER and asked:
                continue
            return True
        if bool(now.by) < bool(one.by) or now.quorum < one.quorum or not set(one.never) <= set(now.never):
            return True
        if (now.expires or NO_LIMIT) > (one.expires or NO_LIMIT):
            return True
    return False


def _is_within(after: Ruling | Combination, before: Ruling | Combination) -> bool:
    if after.batch is None or before.batch is None:
        return after.batch is None
    return (
        set(before.batch.by) <= set(after.batch.by)
        and after.batch.window <= before.batch.window
        and (after.batch.max_items or 99) <= (before.batch.max_items or 99)
    )


@dataclass
class Campaign:
    """What many mutations did: how many there were, what they lowered, and how many raised anything."""

    tried: int
    tiers: Counter[object]
    lowered: Counter[str]
    raised: int


def campaign(seed: int, policies: int, each: int, ruling_by: Callable[[Policy], Rules]) -> Campaign:
    """Rule on operations as they are and with facts spoilt in three ways, under random policies."""
    chance = random.Random(seed)
    tiers: Counter[object] = Counter()
    lowered: Counter[str] = Counter()
    tried = raised = 0
    for _ in range(policies):
        rule = ruling_by(make_policy(make_rules(chance), tier=chance.choice([1, 2, 2])))
        for _ in range(each):
            operation = make_operation(chance)
            before = rule(operation)
            for _ in range(WAYS):
                spoilt = mutate(chance, operation)
                after = rule(spoilt)
                tried += 1
                if isinstance(before, Ruling) and isinstance(after, Ruling) and spoilt.team:
                    lowered["stricter before"] += before.is_stricter_than(after)
                tiers["denied" if before.is_denied else before.tier] += 1
                lowered[looser(before, after)] += 1
                raised += bool(looser(after, before))
    del lowered[""]
    return Campaign(tried, tiers, +lowered, raised)


@pytest.mark.campaign
def test_spoiling_facts_never_lowers_anything() -> None:
    found = campaign(20, HISTORIES // 4, 70, lambda policy: policy.rule)
    assert HISTORIES * 50 <= found.tried
    assert {} == dict(found.lowered)
    assert min(found.tiers[key] for key in (0, 1, 2, "denied")) > found.tried / 50  # there was much to lose
    assert found.raised > found.tried / 20


class UnknownDoesNotMatch(Program):
    """The first wrong thought: what is not certain does not count."""

    def sets(self, operation: Operation) -> tuple[int, int]:
        certain, _ = super().sets(operation)
        return certain, certain


class UnknownMatches(Program):
    """The second: what is possible counts as if it were certain."""

    def sets(self, operation: Operation) -> tuple[int, int]:
        _, possible = super().sets(operation)
        return possible, possible


@pytest.mark.parametrize("wrong", [UnknownDoesNotMatch, UnknownMatches])
def test_the_two_first_thoughts_are_caught_lowering(wrong: type[Program]) -> None:
    found = campaign(21, 12, 34, lambda policy: wrong(policy.document).rule)
    assert found.lowered["tier"] > 5


def test_the_order_of_rules_has_no_meaning() -> None:
    chance = random.Random(22)
    for _ in range(15):
        rules = make_rules(chance)
        one, other = make_policy(rules), make_policy(chance.sample(rules, len(rules)))
        for _ in range(20):
            operation = mutate(chance, make_operation(chance))
            assert shape(one.rule(operation)) == shape(other.rule(operation))


def shape(ruling: Ruling) -> object:
    """Return all of a ruling but the hash, which names the text."""
    return (
        (ruling.tier, ruling.is_denied, ruling.rules, ruling.whys),
        (ruling.approvals, ruling.batch),
        sorted((one.id, one.value, one.has_counted) for one in ruling.trace),
    )


@pytest.mark.parametrize("added", ["floor", "deny", "rule"])
def test_adding_a_restriction_never_lowers(added: str) -> None:
    chance = random.Random(23)
    changed = 0
    for number in range(20):
        rules = make_rules(chance)
        before = make_policy(rules)
        after = make_policy([*rules, make_rule(chance, added, f"added-{number}", tier=2)])
        for _ in range(20):
            operation = mutate(chance, make_operation(chance))
            was, now = before.rule(operation), after.rule(operation)
            assert "" == looser(was, now, named_only=added == "rule")
            changed += bool(looser(now, was))
    assert changed > 20
