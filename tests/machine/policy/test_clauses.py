"""Clauses and calendars: what each operator says of a known value, and that it says nothing of an unknown one."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

import pytest
from policy_making import CLAUSES, HEAD, OWN, WRONG, make_policy

from actum.machine.policy import Operation, Policy, Truth, parse_policy
from actum.machine.policy.calendars import Calendar, read_hours, write_hours
from actum.machine.policy.clauses import make_glob

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN


def policy_of(match: str, sort: str = "floor") -> Policy:
    return make_policy([f'[[{sort}]]\nid = "one"\nmatch = {match}\ntier = 2'])


def value_of(match: str, **facts: object) -> Truth:
    """Return the value of a match; own facts and those of a preview are given alike."""
    own = {name: facts.pop(name) for name in OWN if name in facts}
    return policy_of(match).trace(Operation(own.pop("kind", "a"), facts=facts, **own))[0].value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("match", "fact", "given", "value"),
    [
        ("{ rows = 3 }", "rows", 3, T),
        ("{ rows = 3 }", "rows", 4, F),
        ("{ rows = { in = [1, 2] } }", "rows", 2, T),
        ("{ rows = { not_in = [1, 2] } }", "rows", 2, F),
        ("{ rows = { not_in = [1, 2] } }", "rows", 3, T),
        ("{ rows = { lt = 3 } }", "rows", 3, F),
        ("{ rows = { le = 3 } }", "rows", 3, T),
        ("{ rows = { gt = 3 } }", "rows", 3, F),
        ("{ rows = { ge = 3 } }", "rows", 3, T),
        ("{ rows = { ge = 2, lt = 4 } }", "rows", 4, F),
        ("{ rows = { exists = true } }", "rows", 0, T),
        ("{ rows = { exists = false } }", "rows", 0, F),
        ("{ ratio = { le = 0.1 } }", "ratio", 0.1, T),
        ("{ ratio = 1 }", "ratio", 1.0, T),
        ("{ amount = 12.5 }", "amount", "12.50", T),
        ("{ amount = 0.1 }", "amount", 0.1, T),
        ("{ amount = { lt = 12.5 } }", "amount", Decimal("12.49"), T),
        ("{ flagged = false }", "flagged", False, T),
        ('{ table = "Users" }', "table", "users", F),
        ('{ table = { glob = "audit_*" } }', "table", "audit_", T),
        ('{ table = { glob = "audit_*" } }', "table", "my_audit_log", F),
        ("{ due = { lt = 2030-01-01T00:00:00Z } }", "due", "2029-12-31T23:59:59Z", T),
        ("{ due = { lt = 2030-01-01T00:00:00Z } }", "due", "2030-01-01T00:30:00+01:00", T),
        ('{ due = { inside = "office" } }', "due", "2029-07-02T08:00:00+02:00", T),
        ('{ due = { outside = "office" } }', "due", "2029-07-02T08:00:00+02:00", F),
        ('{ environment = "prod" }', "environment", "prod", T),
        ('{ reversibility = "final" }', "reversibility", "undoable", F),
        ('{ team = { not_in = ["red"] } }', "team", "blue", T),
    ],
)
def test_an_operator_says_of_a_known_value(match: str, fact: str, given: object, value: Truth) -> None:
    assert value is value_of(match, **{fact: given})


@pytest.mark.parametrize("fact", CLAUSES)
def test_no_operator_says_anything_of_an_unknown_value(fact: str) -> None:
    for clause in CLAUSES[fact]:
        for given in (None, *WRONG[fact]):
            assert U is value_of(f"{{ {fact} = {clause} }}", **{fact: given})
        if fact not in OWN:
            assert U is value_of(f"{{ {fact} = {clause} }}")


def test_one_false_clause_makes_a_match_false_whatever_is_unknown() -> None:
    match = '{ rows = 3, table = "users" }'
    assert F is value_of(match, rows=4)
    assert U is value_of(match, rows=3)


def test_a_preview_cannot_set_what_actum_knows_itself() -> None:
    policy = policy_of('{ environment = "prod" }')
    assert T is policy.trace(Operation("a", environment="prod", facts={"environment": "dev"}))[0].value
    assert U is policy.trace(Operation("a", facts={"environment": "dev"}))[0].value


def test_an_instant_at_the_end_of_time_is_unknown_and_no_error() -> None:
    for given in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        assert U is value_of('{ due = { inside = "office" } }', due=given)


def test_a_glob_agrees_with_the_shell_and_stays_quick() -> None:
    chance = random.Random(40)
    for _ in range(4_000):
        pattern = "".join(chance.choices("ab*?", k=chance.randint(0, 7)))
        text = "".join(chance.choices("ab\n", k=chance.randint(0, 8)))
        assert fnmatchcase(text, pattern) is make_glob(pattern)(text), (pattern, text)
    assert not make_glob("*a" * 30 + "b")("a" * 20_000)  # hours, if each star tried every place anew
    assert make_glob("[a]*.(x)")("[a]1.(x)")
    assert not make_glob("[a]")("a")


BERLIN = ZoneInfo("Europe/Berlin")


def calendar(hours: str, days: str = "0 1 2 3 4", holidays: tuple[date, ...] = ()) -> Calendar:
    begins, ends = read_hours(hours) or (0, 0)
    return Calendar("x", frozenset(map(int, days.split())), begins, ends, frozenset(holidays), BERLIN)


@pytest.mark.parametrize(
    ("hours", "instant", "holds"),
    [
        ("08:00-18:00", "2029-07-02T08:00+02:00", True),  # a Monday
        ("08:00-18:00", "2029-07-02T07:59:59+02:00", False),
        ("08:00-18:00", "2029-07-02T18:00+02:00", False),
        ("08:00-18:00", "2029-07-02T06:00+00:00", True),
        ("08:00-18:00", "2029-01-01T07:00+00:00", True),  # in winter the clock is another
        ("08:00-18:00", "2029-07-07T12:00+02:00", False),  # a Saturday
        ("22:00-06:00", "2029-07-07T02:00+02:00", True),  # Friday's night
        ("22:00-06:00", "2029-07-07T06:00+02:00", False),
        ("22:00-06:00", "2029-07-07T22:00+02:00", False),
        ("22:00-06:00", "2029-07-02T02:00+02:00", False),  # Sunday's night
        ("22:00-00:00", "2029-07-07T00:00+02:00", False),
        ("22:00-24:00", "2029-07-06T23:59+02:00", True),
        ("00:00-24:00", "2029-07-06T00:00+02:00", True),
        ("08:00-18:00", "2029-12-25T12:00+01:00", False),  # a holiday
        ("22:00-06:00", "2029-12-26T02:00+01:00", False),  # the holiday's night
        ("22:00-06:00", "2029-12-25T02:00+01:00", True),  # the night before
    ],
)
def test_a_calendar_holds_by_the_clock_on_its_wall(hours: str, instant: str, holds: bool) -> None:
    made = calendar(hours, holidays=(date(2029, 12, 25),))
    assert holds is made.holds(datetime.fromisoformat(instant))


@pytest.mark.parametrize("hours", ["08:00-18:00", "22:00-06:00", "00:00-24:00", "23:59-00:00"])
def test_hours_are_written_as_they_are_read(hours: str) -> None:
    assert hours == write_hours(*(read_hours(hours) or (0, 0))).replace("24:00", hours[-5:])


@pytest.mark.parametrize(
    "hours", ["8:00-18:00", "08:00-24:01", "24:00-25:00", "08:60-09:00", "08:00", "09:00-09:00"]
)
def test_hours_that_cannot_be_meant_are_none(hours: str) -> None:
    assert read_hours(hours) is None


def test_a_calendar_is_asked_for_the_instant_of_the_operation() -> None:
    text = HEAD.format(tier=2) + '[[rule]]\nid = "one"\nmatch = { at = { inside = "office" } }\ntier = 0'
    policy = parse_policy(text)
    monday = datetime(2029, 7, 2, 10, tzinfo=UTC)
    assert [0, 2, 2] == [
        policy.rule(Operation("a", at=at)).tier for at in (monday, monday.replace(hour=20), None)
    ]
