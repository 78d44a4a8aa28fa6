"""A policy compiled: facts in, the rules that count and what follows from them out.

The theory. What a fact says may be missing, and a missing fact must never make anything easier. So each clause has one
of three values: true, false, or unknown while its fact is unknown. A match is false if one clause is false, else
unknown if one is unknown, else true. Two sets are all that a ruling stands on:

    certain    the rules, floors and denies whose match is true
    possible   those whose match is not false; every certain one is possible

A floor or a deny whose `except` is true is in neither; while its `except` is unknown it is possible.
Making a fact unknown turns some values into unknown and leaves the others, so it only ever moves a rule out of
`certain` or into `possible`. What is decided is therefore safe exactly if it gets no looser when `certain` shrinks and
when `possible` grows:

    denied      if a deny is possible
    tier        the highest of: the possible rules' tiers, the possible floors' tiers, and the default tier unless a
                rule is certain. So a rule below the default lowers only when it is certain, and a certain lower rule
                is beaten by a higher one that is merely possible.
    approvals   each group that a possible rule or floor names, whatever its tier: another rule adds a group, and never
                replaces one. The owner's team is asked as well where a possible rule names nobody, where no rule is
                certain, and where a possible floor names nobody while no rule above tier 0 is certain.
    expiry      the shortest time of all approvals, ended in the strictest way that one with a time asks for: rejected
                before escalated before held. Each that escalates gives way to the group it names, the others stay
    batch       at tier 1 only, if a rule of tier 1 is certain and every possible one has a batch: the union of their
                keys and the smallest of each limit. Otherwise the operation is asked alone.

Sets have no order, so neither has the file. Adding a floor, a deny or a rule of tier 2 makes nothing easier for the
same reason, with one meaning to know: a rule that certainly matches and names approvers speaks for the owner's team,
which was only asked because nobody had spoken.

Two first thoughts that are wrong: "a rule that is unknown does not match" lowers whatever only it raised; "a rule that
is unknown matches" lowers what it was below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, TypeAlias

from actum.machine.policy.approvers import combine_batches, escalate, resolve
from actum.machine.policy.clauses import Clause, Test, make_test
from actum.machine.policy.facts import Fact, Reader, Value, make_reader
from actum.machine.policy.rules import Document, Rule, Sort
from actum.machine.policy.ruling import DEFAULT, OWNER, STRICTEST, Batch, Operation, Requirement

MOST_KEPT: Final = 4096
"""Combinations kept ready; a policy meets a handful of them."""

Tests: TypeAlias = tuple[tuple[int, Test], ...]
"""For each clause the slot of its fact, and its test."""


@dataclass(frozen=True, slots=True)
class Combination:
    """What follows from the rules that are certain and those that are possible, for the contracts of one team."""

    tier: int
    is_denied: bool
    rules: tuple[str, ...]
    whys: tuple[str, ...]
    approvals: tuple[Requirement, ...]
    batch: Batch | None
    escalation: tuple[Requirement, ...]


class Program:
    """One policy, ready to rule; it keeps nothing of what it ruled on but combinations of its own rules."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._default = (1 << len(document.rules)) - 1
        used = sorted({clause.fact for rule in document.rules for clause in rule.match + rule.exceptions})
        slots = {name: slot for slot, name in enumerate(used)}
        self._readers = tuple(_reader_of(document.facts[name]) for name in used)
        self._rules = tuple(
            (1 << bit, _compile(rule.match, slots, document), _compile(rule.exceptions, slots, document))
            for bit, rule in enumerate(document.rules)
        )
        self._kept: dict[tuple[int, int, str | None], Combination] = {}

    def rule(self, operation: Operation) -> Combination:
        """Return what follows for `operation`."""
        certain, possible = self.sets(operation)
        key = (certain, possible, operation.team)
        found = self._kept.get(key)
        if found is None:
            found = self._combine(certain, possible, operation.team)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = found
        return found

    def sets(self, operation: Operation) -> tuple[int, int]:
        """Return the rules that are certain and those that are possible, a bit for each in the order of the file."""
        facts = operation.facts or {}
        values = [read(operation, facts) for read in self._readers]
        certain = possible = 0
        for bit, match, exceptions in self._rules:
            is_certain = True
            for slot, test in match:
                value = values[slot]
                if value is None:
                    is_certain = False
                elif not test(value):
                    break
            else:
                if exceptions:
                    is_exception = _holds(exceptions, values)
                    if is_exception:
                        continue
                    is_certain = is_certain and is_exception is False
                possible |= bit
                if is_certain:
                    certain |= bit
        return certain, possible

    def _combine(self, certain: int, possible: int, team: str | None) -> Combination:
        document = self._document
        sure = [rule for bit, rule in enumerate(document.rules) if certain >> bit & 1]
        may = [rule for bit, rule in enumerate(document.rules) if possible >> bit & 1]
        denies = [rule for rule in may if rule.sort is Sort.DENY]
        if denies:
            return Combination(STRICTEST, True, *_reasons(denies, sure), (), None, ())
        has_default = not any(rule.sort is Sort.RULE for rule in sure)
        tiers = [rule.tier for rule in may] + [document.default_tier] * has_default
        tier = max(tiers)
        deciding = [rule for rule in may if rule.tier == tier]
        rules, whys = _reasons(deciding, sure)
        if has_default and document.default_tier == tier:
            rules = (*rules, DEFAULT)
            whys = (*whys, f"No rule certainly speaks about this, so it has the default tier {tier}.")
        approvals = resolve(document, _groups(sure, may, has_default=has_default, tier=tier), team)
        return Combination(
            tier,
            False,
            rules,
            whys,
            approvals,
            combine_batches(sure, may) if tier == 1 else None,
            escalate(document, approvals, team),
        )


def _reader_of(fact: Fact) -> Callable[[Operation, Mapping[str, object]], Value | None]:
    read: Reader = make_reader(fact)
    name = fact.name
    if fact.is_own:
        get = attrgetter(name)
        return lambda operation, _: read(get(operation))
    return lambda _, facts: read(facts.get(name))


def _compile(clauses: Iterable[Clause], slots: Mapping[str, int], document: Document) -> Tests:
    return tuple((slots[clause.fact], make_test(clause, document.calendars)) for clause in clauses)


def _holds(tests: Tests, values: list[Value | None]) -> bool | None:
    """Return whether all tests hold; None if that is unknown."""
    is_certain = True
    for slot, test in tests:
        value = values[slot]
        if value is None:
            is_certain = False
        elif not test(value):
            return False
    return True if is_certain else None


def _reasons(deciding: list[Rule], sure: list[Rule]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    ordered = sorted(deciding, key=lambda rule: rule.id)
    whys = [
        rule.reason
        if rule in sure
        else f"{rule.reason} ({rule.id} counts because a fact it asks for is unknown.)"
        for rule in ordered
    ]
    return tuple(rule.id for rule in ordered), tuple(whys)


def _groups(sure: list[Rule], may: list[Rule], *, has_default: bool, tier: int) -> set[str]:
    if tier == 0:
        return set()
    named = {name for rule in may for name in rule.approvers}
    speaks = any(rule.sort is Sort.RULE and rule.tier > 0 for rule in sure)
    silent = [rule for rule in may if rule.tier > 0 and not rule.approvers]
    asks_owner = has_default or any(rule.sort is Sort.RULE or not speaks for rule in silent)
    return named | {OWNER} if asks_owner else named
