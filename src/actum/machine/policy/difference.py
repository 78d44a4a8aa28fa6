"""What changed between two policies, in sentences for whoever reviews or activates the new one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from enum import Enum
from typing import Any, TypeVar

from actum.machine.policy.calendars import DAYS, Calendar, write_hours
from actum.machine.policy.clauses import Clause
from actum.machine.policy.facts import Fact
from actum.machine.policy.policy import Policy
from actum.machine.policy.rules import Group, Rule, Sort
from actum.machine.policy.ruling import Batch

T = TypeVar("T")

_WORDS = {"exceptions": "except", "is_own": "own"}
_PASSED_OVER = frozenset({"line", "is_own", "name", "zone", "days", "begins", "ends"})


def difference(old: Policy, new: Policy) -> list[str]:
    """Return what differs in meaning, one sentence each; empty for the same rules in another order or with comments."""
    return [
        *_top(old, new),
        *_parts("fact", old.document.facts, new.document.facts, _fact),
        *_parts("calendar", old.document.calendars, new.document.calendars, _calendar),
        *_parts("approvers", old.document.groups, new.document.groups, _group),
        *_parts("", _by_id(old.document.rules), _by_id(new.document.rules), _rule),
    ]


def _top(old: Policy, new: Policy) -> Iterator[str]:
    for name in ("name", "owner", "timezone", "default_tier", "activation"):
        before, after = getattr(old.document, name), getattr(new.document, name)
        if before != after:
            yield f"{name} changes from {_shown(before)} to {_shown(after)}."


def _by_id(rules: Iterable[Rule]) -> dict[str, Rule]:
    return {rule.id: rule for rule in rules}


def _parts(
    what: str, old: Mapping[str, T], new: Mapping[str, T], describe: Callable[[T], str]
) -> Iterator[str]:
    for name in sorted(old.keys() - new.keys()):
        yield f"{_title(what, name, old[name])} is gone; it was {describe(old[name])}."
    for name in sorted(new.keys() - old.keys()):
        yield f"{_title(what, name, new[name])} is new: {describe(new[name])}."
    for name in sorted(old.keys() & new.keys()):
        for sentence in _changes(old[name], new[name]):
            yield f"{_title(what, name, new[name])}: {sentence}."


def _title(what: str, name: str, part: object) -> str:
    return f"{(what or (part.sort.value if isinstance(part, Rule) else '')).capitalize()} {name}"


def _changes(old: Any, new: Any) -> Iterator[str]:
    for one in fields(old):
        before, after = getattr(old, one.name), getattr(new, one.name)
        if one.name == "match" or one.name == "exceptions":
            yield from _clauses(_WORDS.get(one.name, one.name), before, after)
        elif before != after and one.name not in _PASSED_OVER:
            yield f"{_WORDS.get(one.name, one.name)} changes from {_shown(before)} to {_shown(after)}"
    if isinstance(old, Calendar) and isinstance(new, Calendar) and _hours(old) != _hours(new):
        yield f"it holds {_hours(new)} instead of {_hours(old)}"


def _clauses(word: str, old: tuple[Clause, ...], new: tuple[Clause, ...]) -> Iterator[str]:
    gone = [str(one) for one in old if one not in new]
    come = [str(one) for one in new if one not in old]
    if gone and come:
        yield f"{word} has `{' and '.join(come)}` instead of `{' and '.join(gone)}`"
    elif gone:
        yield f"{word} no longer asks for `{' and '.join(gone)}`"
    elif come:
        yield f"{word} asks for `{' and '.join(come)}` as well"


def _fact(fact: Fact) -> str:
    return f"{fact.type}{f', one of {_shown(fact.values)}' if fact.values else ''}"


def _calendar(calendar: Calendar) -> str:
    free = f" but {len(calendar.holidays)} days" if calendar.holidays else ""
    return f"{_hours(calendar)}{free}"


def _hours(calendar: Calendar) -> str:
    days = " ".join(DAYS[day] for day in sorted(calendar.days))
    return f"{days} {write_hours(calendar.begins, calendar.ends)}"


def _group(group: Group) -> str:
    return f"{group.quorum} of {', '.join(group.by)}"


def _rule(rule: Rule) -> str:
    asked = " and ".join(map(str, rule.match)) or "everything"
    but = f", except {' and '.join(map(str, rule.exceptions))}" if rule.exceptions else ""
    says = "denies" if rule.sort is Sort.DENY else f"tier {rule.tier}"
    by = f", decided by {' and '.join(rule.approvers)}" if rule.approvers else ""
    return f"{says} for {asked}{but}{by}"


def _shown(value: object) -> str:
    match value:
        case None | () | frozenset() if not value:
            return "nothing"
        case Batch():
            items = "" if value.max_items is None else f", {value.max_items} items"
            sums = "".join(f", {name} up to {most}" for name, most in value.max_sum)
            return f"{' and '.join(value.by)} within {value.window}{items}{sums}"
        case Enum():
            return str(value.value)
        case tuple() | frozenset():
            return ", ".join(map(_shown, value if isinstance(value, tuple) else sorted(map(str, value))))
        case str() if value.endswith("."):  # a sentence has a full stop of its own
            return f"“{value}”"
        case _:
            return str(value)
