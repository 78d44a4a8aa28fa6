"""Reads a policy file into a `Policy`, or names every mistake in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from hashlib import sha256
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from actum.machine.policy.calendars import DAYS, Calendar, read_hours
from actum.machine.policy.facts import SUMMABLE, Fact, FactType
from actum.machine.policy.grammar import KEYS, SCHEMA, is_required, names_of
from actum.machine.policy.matches import read_facts, read_literal, read_match
from actum.machine.policy.policy import Policy
from actum.machine.policy.reading import Reading, Table, nearest, shown
from actum.machine.policy.rules import ANYBODY, Document, Group, Rule, Sort
from actum.machine.policy.ruling import (
    CONTRACT_AUTHOR,
    DEFAULT,
    DEFAULT_REMIND,
    NEVER,
    NO_POLICY,
    OWNER,
    STRICTEST,
    Batch,
    OnExpiry,
)

RESERVED: Final = (DEFAULT, NO_POLICY)
MOST_VOTES: Final = 1_000
"""The largest quorum."""
LARGEST_BATCH: Final = 10_000
"""The most that a rule may name as `max_items`; far more than anybody reads, and the database can count it."""
_PEOPLE: Final = ("user", "service", "group", "team")


def parse_policy(text: str, *, file: str = "policy.toml") -> Policy:
    """Return the policy that `text` describes; `file` is only its name in messages.

    Time zones are looked up in the system's list. Raises PolicyError with line and key, and all mistakes of the file
    in its `mistakes`.
    """
    reading = Reading(text, file)
    top = Table(reading, (), reading.values)
    document = _read(top)
    reading.end()
    return Policy(document, text, hash_policy(text))


def hash_policy(text: str) -> bytes:
    """Return the 32 bytes that name a policy: SHA-256 of its text in UTF-8, each line end being one `\\n`."""
    return sha256(text.replace("\r\n", "\n").encode("utf-8", "surrogatepass")).digest()


def _check_keys(table: Table, kind: str) -> None:
    table.refuse_others(names_of(kind), [key.name for key in KEYS[kind] if is_required(kind, key.name)])


def _read(top: Table) -> Document:
    _check_keys(top, "")
    schema = top.whole("schema", 1)
    if schema not in (None, SCHEMA):
        top.blame("schema", f"schema {schema} is of another version of Actum: this one reads schema {SCHEMA}")
    facts = read_facts(top)
    calendars = _read_calendars(top)
    groups = _read_groups(top)
    rules = tuple(_read_rules(top, facts, calendars, groups))
    activation = top.table("activation")
    if activation:
        _check_keys(activation, "activation")
    tier = top.whole("default_tier", 1, STRICTEST)
    return Document(
        name=top.text("name") or "",
        owner=(top.text("owner") or "").removeprefix("team:"),
        default_tier=STRICTEST if tier is None else tier,
        timezone=top.text("timezone"),
        facts=facts,
        calendars=calendars,
        groups=groups,
        rules=rules,
        activation=_read_approvers(activation, groups) if activation else (),
        file=top.reading.file,
        lines=MappingProxyType(
            {(str(path[0]), str(path[1])): line for path, line in top.reading.lines.items() if len(path) == 2}
        ),
    )


def _read_calendars(top: Table) -> Mapping[str, Calendar]:
    calendars = {}
    zone = _read_zone(top)
    for name, table in top.named("calendar"):
        _check_keys(table, "calendar.NAME")
        if "timezone" not in top.values:
            table.reading.blame(
                table.path, 'a calendar needs a time zone: write timezone = "Europe/Berlin" at the top'
            )
        calendars[name] = _read_calendar(name, table, zone)
    return MappingProxyType(calendars)


def _read_zone(top: Table) -> tzinfo:
    name = top.text("timezone")
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        top.blame(
            "timezone", f"there is no time zone {name!r} on this machine: write one such as Europe/Berlin"
        )
        return UTC


def _read_calendar(name: str, table: Table, zone: tzinfo) -> Calendar:
    days = []
    for position, day in enumerate(table.texts("days")):
        if day in DAYS:
            days.append(DAYS.index(day))
        else:
            table.reading.blame(
                (*table.path, "days", position), f"there is no day {day!r}{nearest(day, DAYS)}"
            )
    if table.values.get("days") == []:
        table.blame("days", "a calendar without days holds never: name its days, or leave `days` out")
    hours = table.text("hours")
    found = read_hours(hours or "00:00-24:00")
    if found is None:
        table.blame(
            "hours", f"{hours!r} is no time of day: write HH:MM-HH:MM, such as 08:00-18:00 or 22:00-06:00"
        )
    holidays = set()
    for path, item in table.items("holidays"):
        if isinstance(item, date) and not isinstance(item, datetime):
            holidays.add(item)
        else:
            table.reading.blame(path, f"{shown(item)} is no date: write it bare, such as 2030-12-25")
    begins, ends = found or (0, 24 * 60)
    return Calendar(name, frozenset(days or range(7)), begins, ends, frozenset(holidays), zone)


def _read_groups(top: Table) -> Mapping[str, Group]:
    tables = dict(top.named("approvers"))
    return MappingProxyType(
        {name: _read_group(name, table, (*tables, OWNER)) for name, table in tables.items()}
    )


def _read_group(name: str, table: Table, names: tuple[str, ...]) -> Group:
    _check_keys(table, "approvers.NAME")
    by = tuple(_read_people(table, "by", (OWNER, ANYBODY)))
    if ANYBODY in by and len(by) > 1:
        table.blame("by", f"{ANYBODY!r} stands beside others: write it alone, or leave it out")
    if table.values.get("by") == []:
        table.blame("by", f'nobody could decide: name somebody, or write by = ["{ANYBODY}"]')
    never = tuple(_read_people(table, "never", NEVER))
    expires, on_expiry = table.duration("expires"), _read_on_expiry(table)
    escalate_to = table.text("escalate_to")
    if escalate_to is not None and (escalate_to not in names or escalate_to == name):
        others = [one for one in names if one != name]
        table.blame("escalate_to", f"there is no other group {escalate_to!r}{nearest(escalate_to, others)}")
    if on_expiry is OnExpiry.ESCALATE and (
        "escalate_to" not in table.values or "expires" not in table.values
    ):
        table.blame("on_expiry", "to escalate needs a time and a group: add `expires` and `escalate_to`")
    return Group(
        name,
        by,
        table.whole("quorum", 1, MOST_VOTES) or 1,
        tuple(dict.fromkeys(NEVER + never)),
        expires,
        on_expiry,
        escalate_to,
        table.share("remind") or DEFAULT_REMIND,
        table.reading.line(table.path),
        CONTRACT_AUTHOR in never,
    )


def _read_on_expiry(table: Table) -> OnExpiry:
    given = table.values.get("on_expiry")
    if isinstance(given, str) and given.lower().startswith(("approve", "accept", "allow")):
        table.blame("on_expiry", "nothing is approved because time passed: write reject, escalate or hold")
        return OnExpiry.REJECT
    return OnExpiry(table.choice("on_expiry", OnExpiry) or OnExpiry.REJECT)


def _read_people(table: Table, key: str, words: tuple[str, ...]) -> Iterator[str]:
    for position, entry in enumerate(table.texts(key)):
        kind, _, name = entry.partition(":")
        if entry in words or (kind in _PEOPLE and name and name == name.strip()):
            yield entry
        else:
            near = nearest(entry, [f"user:{entry}", *words]) if ":" not in entry else nearest(kind, _PEOPLE)
            table.reading.blame(
                (*table.path, key, position), f"{entry!r} names nobody, as {_PEOPLE[0]}:NAME would{near}"
            )


def _read_approvers(table: Table, groups: Mapping[str, Group]) -> tuple[str, ...]:
    names = table.texts("approvers", or_one=True)
    for name in names:
        if name not in groups and name != OWNER:
            table.blame(
                "approvers", f"there is no group of approvers {name!r}{nearest(name, (*groups, OWNER))}"
            )
    if table.values.get("approvers") == []:
        table.blame("approvers", "an empty list names nobody: name a group, or leave `approvers` out")
    return tuple(sorted(set(names)))


def _read_rules(
    top: Table, facts: Mapping[str, Fact], calendars: Mapping[str, Calendar], groups: Mapping[str, Group]
) -> Iterator[Rule]:
    seen: dict[str, int] = {}
    for sort in Sort:
        for table in top.tables(sort.value):
            rule = _read_rule(table, sort, facts, calendars, groups)
            line = seen.get(rule.id)
            if rule.id and line is not None:
                table.blame("id", f"{rule.id!r} stands in line {line} already: give each its own id")
            seen.setdefault(rule.id, table.reading.line((*table.path, "id")))
            yield rule


def _read_rule(
    table: Table,
    sort: Sort,
    facts: Mapping[str, Fact],
    calendars: Mapping[str, Calendar],
    groups: Mapping[str, Group],
) -> Rule:
    _check_keys(table, sort.value)
    tier = None if sort is Sort.DENY else table.whole("tier", 1 if sort is Sort.FLOOR else 0, STRICTEST)
    approvers = _read_approvers(table, groups) if sort is not Sort.DENY else ()
    batch = table.table("batch") if sort is Sort.RULE else None
    if tier == 0 and approvers:
        table.blame("approvers", "tier 0 asks nobody: leave `approvers` out, or write tier = 1")
    if batch is not None and tier not in (None, 1):
        table.blame(
            "batch", f"only tier 1 is batched, and this is tier {tier}: leave `batch` out, or write tier = 1"
        )
    return Rule(
        id=_read_id(table),
        sort=sort,
        match=read_match(table, "match", facts, calendars),
        tier=STRICTEST if tier is None else tier,
        exceptions=read_match(table, "except", facts, calendars) if sort is not Sort.RULE else (),
        approvers=approvers,
        batch=_read_batch(batch, facts) if batch is not None else None,
        why=table.text("why") or "",
        line=table.reading.line(table.path),
    )


def _read_id(table: Table) -> str:
    found = table.text("id") or ""
    if found in RESERVED:
        table.blame("id", f"{found!r} is what rulings call the case without a rule: choose another id")
    return found


def _read_batch(table: Table, facts: Mapping[str, Fact]) -> Batch | None:
    _check_keys(table, "rule.batch")
    by = table.texts("by")
    for position, name in enumerate(by):
        if name not in facts or facts[name].type is FactType.INSTANT:
            keys = [fact.name for fact in facts.values() if fact.type is not FactType.INSTANT]
            table.reading.blame(
                (*table.path, "by", position),
                f"{name!r} is no fact that cards can share{nearest(name, keys)}",
            )
    sums = table.table("max_sum")
    window = table.duration("window")
    limits = tuple(sorted(_read_sums(sums, facts))) if sums else ()
    if window is None:
        return None
    return Batch(tuple(sorted(set(by))), window, table.whole("max_items", 1, LARGEST_BATCH), limits)


def _read_sums(table: Table, facts: Mapping[str, Fact]) -> Iterator[tuple[str, int | float | Decimal]]:
    for name, given in table.values.items():
        fact = facts.get(name)
        if fact is None or fact.type not in SUMMABLE:
            keys = [one.name for one in facts.values() if one.type in SUMMABLE]
            table.blame(name, f"{name!r} is no fact that can be summed{nearest(name, keys)}")
            continue
        value = read_literal(fact, given)
        if isinstance(value, int | float | Decimal):
            yield name, value
        else:
            table.blame(name, f"{shown(given)} is not {fact.type}, which {name} is: write such a number")
