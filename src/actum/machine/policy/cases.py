"""Cases beside a policy file (`policy.cases.toml`): operations with the ruling they shall have, checked on every change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from actum.machine.policy.facts import OWN
from actum.machine.policy.policy import Policy
from actum.machine.policy.reading import Reading, Table, nearest
from actum.machine.policy.ruling import DEFAULT, OWNER, STRICTEST, Operation, Ruling

_CASE: Final = ("name", "operation", "facts", "at", "expect")
_OPERATION: Final = ("kind", "contract", "team", "reversibility", "environment")
_EXPECT: Final = ("tier", "denied", "rule", "approvers")


@dataclass(frozen=True, slots=True)
class Case:
    """One `[[case]]`: what is None in the expectation does not matter."""

    name: str
    line: int
    operation: Operation
    tier: int | None = None
    is_denied: bool | None = None
    rules: tuple[str, ...] | None = None
    approvers: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of a case: `differences` in sentences, empty if it passed; `ruling` explains itself."""

    name: str
    line: int
    differences: tuple[str, ...]
    ruling: Ruling = field(repr=False)

    @property
    def has_passed(self) -> bool:
        """Whether the ruling is as expected."""
        return not self.differences


def run_cases(policy: Policy, text: str, *, file: str = "policy.cases.toml") -> list[CaseResult]:
    """Rule on every case of `text` under `policy`, in the order of the file.

    Raises PolicyError, with every mistake, for a file that cannot be meant: an unknown key, a rule or a group that the
    policy does not have, a case that expects nothing.
    """
    return [_run(policy, case) for case in parse_cases(policy, text, file=file)]


def parse_cases(policy: Policy, text: str, *, file: str = "policy.cases.toml") -> list[Case]:
    """Return the cases of `text`; raises PolicyError as `run_cases` does."""
    reading = Reading(text, file)
    top = Table(reading, (), reading.values)
    top.refuse_others(("case",), ("case",))
    cases = [_read(table, policy) for table in top.tables("case")]
    reading.end()
    return cases


def _read(table: Table, policy: Policy) -> Case:
    table.refuse_others(_CASE, ("name", "operation", "expect"))
    expect = table.table("expect") or Table(table.reading, table.path, {})
    if "expect" in table.values:
        expect.refuse_others(_EXPECT, ())
    if table.values.get("expect") == {}:
        table.blame(
            "expect", "a case that expects nothing proves nothing: write tier, denied, rule or approvers"
        )
    denied = expect.values.get("denied")
    if denied is not None and not isinstance(denied, bool):
        expect.blame("denied", "write true or false")
    document = policy.document
    return Case(
        table.text("name") or "",
        table.reading.line(table.path),
        _operation(table, policy),
        expect.whole("tier", 0, STRICTEST),
        denied,
        _names(expect, "rule", [*(rule.id for rule in document.rules), DEFAULT]),
        _names(expect, "approvers", [*document.groups, OWNER]),
    )


def _names(table: Table, key: str, known: list[str]) -> tuple[str, ...] | None:
    if key not in table.values:
        return None
    names = table.texts(key, or_one=True)
    for name in names:
        if name not in known:
            table.blame(key, f"the policy has no {name!r}{nearest(name, known)}")
    return names


def _operation(table: Table, policy: Policy) -> Operation:
    given = table.table("operation") or Table(table.reading, table.path, {})
    if "operation" in table.values:
        given.refuse_others(_OPERATION, ("kind",))
    facts = table.table("facts")
    for name in facts.values if facts else ():
        known = [one for one in policy.document.facts if one not in OWN]
        if facts and name not in known:
            way = ": it is Actum's own, write it in operation" if name in OWN else nearest(name, known)
            facts.blame(name, f"{name!r} is not declared in the policy's [facts]{way}")
    at = table.values.get("at")
    if at is not None and (not isinstance(at, datetime) or at.utcoffset() is None):
        table.blame("at", "this is no instant: write it bare with its offset, such as 2030-01-31T12:00:00Z")
        at = None
    values = {name: given.text(name) if name in given.values else None for name in _OPERATION}
    return Operation(**values, facts=_plain(facts.values if facts else {}), at=at)


def _plain(values: Mapping[str, Any]) -> dict[str, object]:
    """Return facts as a preview gives them: numbers with a fraction as floats."""
    return {name: float(one) if isinstance(one, Decimal) else one for name, one in values.items()}


def _run(policy: Policy, case: Case) -> CaseResult:
    ruling = policy.rule(case.operation)
    return CaseResult(case.name, case.line, tuple(_differences(case, ruling)), ruling)


def _differences(case: Case, ruling: Ruling) -> Iterator[str]:
    is_denied = case.is_denied
    if is_denied is not None and is_denied is not ruling.is_denied:
        yield f"expected {'a' if is_denied else 'no'} denial: {_found(ruling)}"
    elif case.tier is not None and (ruling.is_denied or case.tier != ruling.tier):
        yield f"expected tier {case.tier}: {_found(ruling)}"
    missing = [one for one in case.rules or () if one not in ruling.rules]
    if missing:
        yield f"expected {', '.join(missing)} to decide: {_found(ruling)}"
    groups = {one.group for one in ruling.approvals}
    if case.approvers is not None and set(case.approvers) != groups:
        names = ", ".join(sorted(case.approvers)) or "nobody"
        yield f"expected {names} to approve: it is {', '.join(sorted(groups)) or 'nobody'}"


def _found(ruling: Ruling) -> str:
    return f"it is {'denied' if ruling.is_denied else f'tier {ruling.tier}'}, by {ruling.rule}"
