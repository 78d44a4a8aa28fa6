"""The policy that a worker, a client or a command line holds: it rules, explains, and places in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from actum.machine.policy.approvers import require, resolve
from actum.machine.policy.clauses import Clause, make_test
from actum.machine.policy.facts import Value, make_reader, why_unknown
from actum.machine.policy.program import Program
from actum.machine.policy.rules import Document, Rule
from actum.machine.policy.ruling import Batch, Operation, Requirement, Ruling
from actum.machine.policy.tracing import Considered, Looked, Truth, all_of


@dataclass(frozen=True, slots=True)
class Place:
    """Where an approval belongs among the batches: it shares a card with those of the same `key`; `sums` it adds."""

    key: tuple[str, ...]
    sums: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy file, read and compiled once; made by `parse_policy`. It rules from values alone and never changes.

    `policy_hash` is the SHA-256 of the source text with its line ends as `\\n`, so it can be had with `sha256sum`, is
    the same on every machine, and covers the reasons that people read. Rewording one therefore makes another policy;
    whether anybody is asked again is for `Ruling.is_stricter_than`, which does not look at words.
    """

    document: Document
    source: str = field(repr=False)
    policy_hash: bytes
    _program: Program = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_program", Program(self.document))

    def rule(self, operation: Operation) -> Ruling:
        """Return the ruling for `operation`; the same operation always has the same."""
        found = self._program.rule(operation)
        return Ruling(
            found.tier,
            found.rules,
            found.whys,
            found.approvals,
            found.is_denied,
            found.batch,
            self.policy_hash,
            found.escalation,
            partial(self.trace, operation),
        )

    def trace(self, operation: Operation) -> tuple[Considered, ...]:
        """Return each rule, floor and deny with every clause of it, its value and the reason, in the file's order."""
        possible = self._program.sets(operation)[1]
        return tuple(
            self._consider(rule, operation, has_counted=bool(possible >> bit & 1))
            for bit, rule in enumerate(self.document.rules)
        )

    def place(self, batch: Batch, operation: Operation) -> Place | None:
        """Return where `operation` belongs among batches of this shape; None if a fact for it is unknown: ask alone."""
        keys = [self._known(name, operation) for name in batch.by]
        sums = [(name, self._known(name, operation)) for name, _ in batch.max_sum]
        if any(key is None for key in keys) or any(value is None for _, value in sums):
            return None
        return Place(tuple(map(str, keys)), tuple((name, value) for name, value in sums if value is not None))

    def require(self, group: str, team: str | None = None) -> Requirement:
        """Return what approval by `group` of this policy means for a contract of `team`, such as after escalation."""
        return require(self.document, group, team)

    @property
    def activation(self) -> tuple[Requirement, ...]:
        """What must be reached before this policy may replace another; empty if one person is enough."""
        return resolve(self.document, self.document.activation, None)

    def _consider(self, rule: Rule, operation: Operation, *, has_counted: bool) -> Considered:
        match = tuple(self._look(rule.match, operation))
        exceptions = tuple(self._look(rule.exceptions, operation, is_exception=True))
        return Considered(
            rule.id,
            rule.sort.value,
            rule.tier,
            all_of(one.value for one in match),
            has_counted,
            match + exceptions,
            rule.reason,
        )

    def _look(
        self, clauses: tuple[Clause, ...], operation: Operation, *, is_exception: bool = False
    ) -> Iterator[Looked]:
        for clause in clauses:
            fact = self.document.facts[clause.fact]
            is_there, given = self._given(clause.fact, operation)
            value = make_reader(fact)(given)
            if value is None:
                truth, reason = Truth.UNKNOWN, why_unknown(fact, given, is_there=is_there)
            else:
                holds = make_test(clause, self.document.calendars)(value)
                truth, reason = (Truth.TRUE if holds else Truth.FALSE), ""
            yield Looked(str(clause), clause.fact, given, truth, reason, is_exception)

    def _given(self, name: str, operation: Operation) -> tuple[bool, object]:
        if self.document.facts[name].is_own:
            given = getattr(operation, name)
            return given is not None, given
        facts = operation.facts or {}
        return name in facts, facts.get(name)

    def _known(self, name: str, operation: Operation) -> Value | None:
        return make_reader(self.document.facts[name])(self._given(name, operation)[1])
