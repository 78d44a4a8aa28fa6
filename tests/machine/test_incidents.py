"""Who is told of an incident and when, what is one incident, and when it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from actum.errors import InvalidContract
from actum.machine.incidents import (
    LASTING,
    SENTENCES,
    URGENT,
    End,
    Trouble,
    consider_end,
    due_level,
    recipient,
    summarize,
    urgency_of,
)
from actum.model.contract import Owner
from actum.model.incident import Rule, Urgency
from actum.model.quiet import QuietHours

NIGHT = QuietHours.parse("22:00-07:00 Europe/Berlin")


def at(hour: int, minute: int = 0, day: int = 5) -> datetime:
    """An instant in UTC; Berlin is an hour ahead in January."""
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant", "end"),
    [
        ("22:00-07:00 Europe/Berlin", at(20, 59), at(20, 59)),
        ("22:00-07:00 Europe/Berlin", at(21), at(6, day=6)),
        ("22:00-07:00 Europe/Berlin", at(23, 30), at(6, day=6)),
        ("22:00-07:00 Europe/Berlin", at(5, 59), at(6)),
        ("22:00-07:00 Europe/Berlin", at(6), at(6)),
        ("12:00-13:30", at(12, 1), at(13, 30)),
        ("12:00-13:30", at(13, 30), at(13, 30)),
    ],
)
def test_quiet_hours_end_on_the_wall_of_their_zone(text: str, instant: datetime, end: datetime) -> None:
    assert end == QuietHours.parse(text).end_after(instant)


@pytest.mark.parametrize("text", ["", "22-07", "22:00-22:00", "25:00-07:00", "22:00-07:00 Nowhere/City"])
def test_quiet_hours_that_cannot_be_meant_are_refused_where_the_owner_is_declared(text: str) -> None:
    with pytest.raises(InvalidContract, match="quiet_hours"):
        Owner("platform", quiet_hours=text)


def test_one_text_as_escalation_is_refused_rather_than_told_letter_by_letter() -> None:
    with pytest.raises(InvalidContract, match="one text"):
        Owner("platform", escalation="#oncall")


@pytest.mark.parametrize(
    ("minutes", "level"), [(0, 1), (14, 1), (15, 2), (44, 2), (45, 3), (105, 4), (164, 4), (165, 5), (999, 5)]
)
def test_the_team_is_told_at_once_and_its_contacts_one_after_the_other(minutes: int, level: int) -> None:
    opened = at(12)
    assert level == due_level(opened, opened + timedelta(minutes=minutes), 4, Urgency.NOW, None)


def test_what_can_wait_is_told_after_quiet_hours_and_what_cannot_within_them() -> None:
    opened = at(23)
    assert 1 == due_level(opened, opened, 2, Urgency.NOW, NIGHT)
    assert 0 == due_level(opened, opened, 2, Urgency.WAKING_HOURS, NIGHT)
    assert 0 == due_level(opened, at(5, 59, day=6), 2, Urgency.WAKING_HOURS, NIGHT)
    assert 1 == due_level(opened, at(6, 0, day=6), 2, Urgency.WAKING_HOURS, NIGHT)
    assert 2 == due_level(opened, at(6, 15, day=6), 2, Urgency.WAKING_HOURS, NIGHT)
    assert 0 == due_level(at(20, 50), at(21, 10), 2, Urgency.WAKING_HOURS, NIGHT)


def test_the_first_telling_is_for_the_team_and_the_others_for_its_contacts() -> None:
    assert ["team:a", "#b", "ana"] == [recipient(level, "a", ["#b", "ana"]) for level in (1, 2, 3)]
    assert "everybody" == recipient(1, None, [])


@pytest.mark.parametrize("rule", Rule)
def test_an_incident_ends_by_itself_only_where_its_trouble_can_go_away(rule: Rule) -> None:
    for stands, was_seen, is_acknowledged in product((True, False), repeat=3):
        end = consider_end(rule, stands=stands, was_seen=was_seen, is_acknowledged=is_acknowledged)
        is_gone = not stands and was_seen and rule not in LASTING
        assert end is (End.STAYS if not is_gone else End.MITIGATED if is_acknowledged else End.RESOLVED)


def test_every_rule_has_its_sentence_and_its_urgency() -> None:
    assert set(Rule) == set(SENTENCES)
    assert {urgency_of(rule) for rule in URGENT} == {Urgency.NOW}
    trouble = Trouble(Rule.DOUBT, "pay", "send", "timeout.attempt", "a", 3, at(1), at(2))
    assert "pay, send: nobody knows whether an effect happened (timeout.attempt)" == summarize(trouble)
