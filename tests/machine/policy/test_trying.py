"""Cases, differences, simulations and vocabularies: what an author sees before a policy is activated."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Literal

import pytest
from policy_making import make_operation, make_policy, make_rules
from pydantic import BaseModel
from test_document import GOOD

from actum.errors import PolicyError
from actum.machine.policy import (
    Operation,
    Past,
    difference,
    parse_policy,
    rule_without_policy,
    run_cases,
    simulate,
    vocabulary,
)

POLICY = parse_policy(GOOD)
CASE = """
[[case]]
name = "few rows"
operation = { kind = "db.write", contract = "pay", team = "red", environment = "prod", reversibility = "undoable" }
facts = { rows = 3, table = "users" }
at = 2029-07-02T10:00:00Z
expect = { tier = 1, rule = "small", approvers = ["dba"] }
"""


def test_a_case_passes_if_the_ruling_is_as_expected() -> None:
    (result,) = run_cases(POLICY, CASE)
    assert (True, "few rows", 2) == (result.has_passed, result.name, result.line)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("tier = 1", "tier = 0", "expected tier 0: it is tier 1, by small"),
        ('rule = "small"', 'rule = "final"', "expected final to decide: it is tier 1, by small"),
        ('["dba"]', '["lead"]', "expected lead to approve: it is dba"),
        ("tier = 1", "denied = true", "expected a denial: it is tier 1, by small"),
        ('"users"', '"audit_log"', "expected tier 1: it is denied, by audit"),
        ("rows = 3, ", "", "expected tier 1: it is tier 2, by default"),
    ],
)
def test_a_case_that_fails_says_what_is_instead(old: str, new: str, says: str) -> None:
    (result,) = run_cases(POLICY, CASE.replace(old, new))
    assert says in result.differences


def test_a_denial_may_be_expected_by_its_rule_alone() -> None:
    text = CASE.replace('"users"', '"audit_log"').replace(
        'tier = 1, rule = "small", approvers = ["dba"]', 'rule = "audit"'
    )
    assert [()] == [one.differences for one in run_cases(POLICY, text)]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("[[case]]", "[[cases]]", 2, "did you mean 'case'?"),
        ("few rows", "", 3, "blank"),
        ("kind =", "knd =", 4, "did you mean 'kind'?"),
        ("rows = 3", "row = 3", 5, "did you mean 'rows'?"),
        ("rows = 3", 'environment = "dev"', 5, "write it in operation"),
        ("10:00:00Z", "10:00:00", 6, "with its offset"),
        ('"small"', '"smal"', 7, "did you mean 'small'?"),
        ('["dba"]', '["dbb"]', 7, "did you mean 'dba'?"),
        ('{ tier = 1, rule = "small", approvers = ["dba"] }', "{}", 7, "proves nothing"),
        ("tier = 1", 'denied = "no"', 7, "write true or false"),
    ],
)
def test_a_case_that_cannot_be_meant_is_refused(old: str, new: str, line: int, says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        run_cases(POLICY, CASE.replace(old, new), file="x.cases.toml")
    assert line == caught.value.line
    assert says in str(caught.value)


def test_a_policy_does_not_differ_from_itself_in_another_order() -> None:
    rules = make_rules(random.Random(50))
    assert [] == difference(make_policy(rules), make_policy(rules[::-1]))
    assert [] == difference(POLICY, parse_policy("# a comment\n" + GOOD))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('owner = "platform"', 'owner = "data"', "owner changes from platform to data."),
        ("tier = 1", "tier = 2", "Rule small: tier changes from 1 to 2."),
        ("le = 100", "le = 50", "Rule small: match has `rows le 50` instead of `rows le 100`."),
        (', environment = "prod"', "", 'Rule small: match no longer asks for `environment = "prod"`.'),
        ('approvers = "dba"', 'approvers = "lead"', "Rule small: approvers changes from dba to lead."),
        ("quorum = 2", "quorum = 1", "Approvers dba: quorum changes from 2 to 1."),
        ('expires = "4h"', 'expires = "8h"', "Approvers dba: expires changes from 4:00:00 to 8:00:00."),
        ("08:00", "09:00", "Calendar office: it holds mon fri 09:00-18:00 instead of mon fri 08:00-18:00."),
        ("[2030-12-25]", "[]", "Calendar office: holidays changes from 2030-12-25 to nothing."),
        ('rows = "int"', 'rows = "number"', "Fact rows: type changes from int to number."),
        ('id = "audit"', 'id = "audits"', 'Deny audits is new: denies for table glob "audit_*".'),
        ('id = "audit"', 'id = "audits"', 'Deny audit is gone; it was denies for table glob "audit_*".'),
        ("except", "#", 'Floor final: except no longer asks for `at inside "office"`.'),
        (
            "max_items = 20",
            "",
            "Rule small: batch changes from contract and table within 0:30:00, 20 items, rows up to 500 to contract and table within 0:30:00, rows up to 500.",
        ),
        ('why = "Never."', 'why = "Not ever."', "Deny audit: why changes from “Never.” to “Not ever.”."),
    ],
)
def test_a_difference_is_a_sentence(old: str, new: str, sentence: str) -> None:
    text = GOOD.replace(old, new, 1)
    if "tier = 2" == new:  # a batch is for tier 1
        text = text.replace(
            '[rule.batch]\nby = ["contract", "table"]\nwindow = "30m"\nmax_items = 20\nmax_sum = { rows = 500 }',
            "",
        )
    assert sentence in difference(POLICY, parse_policy(text))


def test_a_simulation_says_of_each_operation_what_ruling_one_by_one_says() -> None:
    chance = random.Random(54)
    old, new = make_policy(make_rules(chance)), make_policy(make_rules(chance))
    past = [Past(str(number), make_operation(chance)) for number in range(800)]
    simulation = simulate(old, new, past)
    for policy, side in ((old, simulation.then), (new, simulation.now)):
        rulings = [policy.rule(one.operation) for one in past]
        assert side.tiers == Counter("denied" if one.is_denied else f"tier {one.tier}" for one in rulings)
        asked = [one for one in rulings if one.approvals]
        alone = [one for one in asked if one.batch is None]
        assert len(alone) <= side.prompts <= len(asked)
    pairs = [(old.rule(one.operation), new.rule(one.operation)) for one in past]
    drops = [one.id for one, (was, now) in zip(past, pairs, strict=True) if was.is_stricter_than(now)]
    assert drops == [one.id for one in simulation.drops]
    assert 0 < len(drops) < 800
    changed = [was.is_stricter_than(now) or now.is_stricter_than(was) for was, now in pairs]
    assert (800, sum(changed)) == (simulation.operations, simulation.changed)
    counts = [one.count for one in simulation.changes]
    assert sorted(counts, reverse=True) == counts


MONDAY = datetime(2029, 7, 2, 8, tzinfo=UTC)


def minutes(*after: int, rows: int = 1, table: str = "users") -> list[Past]:
    base = Operation("db.write", "pay", "red", "undoable", "prod", {"rows": rows, "table": table})
    return [Past(f"w{one}", replace(base, at=MONDAY + timedelta(minutes=one))) for one in after]


@pytest.mark.parametrize(
    ("past", "prompts"),
    [
        (minutes(0, 10, 20, 30), 1),
        (minutes(0, 10, 31), 2),
        (minutes(0, 1) + minutes(2, table="orders"), 2),
        (minutes(*range(21)), 2),
        (minutes(*range(20), rows=100), 4),
        (minutes(0, rows=101) + minutes(1, rows=101), 2),
    ],
)
def test_prompts_are_counted_as_cards_would_have_been_filled(past: list[Past], prompts: int) -> None:
    simulation = simulate(None, POLICY, past)
    assert (len(past), prompts) == (simulation.then.prompts, simulation.now.prompts)


def test_prompts_are_counted_for_each_person_and_day() -> None:
    past = minutes(0, 24 * 60, 2 * 24 * 60, 3 * 24 * 60)
    simulation = simulate(None, POLICY, past, members={"group:dba": ["user:ann", "user:dana"]})
    assert 4 == simulation.days
    assert {"user:ann": 1.0, "user:dana": 1.0} == simulation.prompts_per_day(simulation.now)
    assert {"team:red": 1.0} == simulation.prompts_per_day(simulation.then)


def test_a_simulation_names_what_would_drop_and_what_changes_most() -> None:
    past = minutes(0, 1, rows=500) + minutes(2)
    simulation = simulate(None, POLICY, past)
    (first,) = simulation.drops
    assert ("w2", "tier 2 for owner by no-policy", "tier 1 for dba by small") == (
        first.id,
        first.then,
        first.now,
    )
    assert rule_without_policy("red").approvers == POLICY.rule(past[0].operation).approvers
    assert [1] == [one.count for one in simulation.changes]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Facts(BaseModel):
    rows: int
    note: str | None = None
    price: Decimal
    share: float
    is_big: bool
    when: datetime
    colour: Colour
    size: Literal["s", "l"] | None = None
    paths: list[str]
    environment: str


class OtherFacts(BaseModel):
    rows: int
    note: int
    step: Literal[1, 2]


def test_a_vocabulary_is_written_from_the_types_of_facts() -> None:
    schemas = {"b.b": OtherFacts.model_json_schema(), "a.a": Facts.model_json_schema()}
    text = vocabulary(schemas)
    assert text == vocabulary(dict(reversed(schemas.items())))
    for line in (
        'rows = "int"  # a.a, b.b',
        'price = "decimal"  # a.a',
        'share = "number"  # a.a',
        'is_big = "bool"  # a.a',
        'when = "instant"  # a.a',
        'colour = { type = "text", values = ["red", "blue"] }  # a.a',
        'size = { type = "text", values = ["s", "l"] }  # a.a',
        'step = { type = "int", values = [1, 2] }  # b.b',
        "# environment is one of Actum's own: a preview cannot give it, so rename it there",
        '# note differs: "int" in b.b; "text" in a.a: rename one of them',
        "# paths of a.a is no simple value: give a count, a sum or a word instead",
    ):
        assert line in text.splitlines()
    facts = parse_policy(f'schema = 1\nname = "x"\nowner = "y"\n{text}').document.facts
    assert ("red", "blue") == facts["colour"].values


def test_facts_are_read_as_the_models_write_them() -> None:
    facts = Facts(
        rows=3,
        price=Decimal("0.10"),
        share=0.5,
        is_big=True,
        when=MONDAY,
        colour=Colour.RED,
        paths=[],
        environment="x",
    ).model_dump(mode="json")
    text = vocabulary({"a.a": Facts.model_json_schema()})
    head = f'schema = 1\nname = "x"\nowner = "y"\n{text}'
    match = (
        'rows = 3, price = { le = 0.1 }, share = 0.5, is_big = true, colour = "red", when = { exists = true }'
    )
    policy = parse_policy(f'{head}\n[[rule]]\nid = "one"\nmatch = {{ {match} }}\ntier = 0')
    assert 0 == policy.rule(Operation("a.a", facts=facts)).tier
