"""Who must approve what: the strictest combination of all that counts, and what it means to be stricter."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from policy_making import make_policy

from actum.machine.policy import (
    Batch,
    Operation,
    Policy,
    Requirement,
    Ruling,
    parse_policy,
    rule_without_policy,
)
from actum.machine.policy.ruling import NEVER, OnExpiry

OPERATION = Operation(
    "a", "pay", "red", "undoable", "prod", {"rows": 3, "table": "users"}, datetime(2029, 7, 2, 10, tzinfo=UTC)
)


def rule(name: str, match: str = "{}", tier: int = 2, more: str = "", sort: str = "rule") -> str:
    return f'[[{sort}]]\nid = "{name}"\nmatch = {match}\ntier = {tier}\nwhy = "{name}."\n{more}'


def deny(name: str, match: str = "{}", more: str = "") -> str:
    return f'[[deny]]\nid = "{name}"\nmatch = {match}\nwhy = "{name}."\n{more}'


def by(name: str) -> str:
    return f'approvers = "{name}"'


LOW = rule("low", tier=0)
SMALL = rule("small", "{ rows = { le = 5 } }", 1, by("dba"))
PROD = rule("prod", '{ environment = "prod" }', 2, by("sec"))
FLOOR = rule("floor", '{ kind = "a" }', 2, sort="floor")
NAMED_FLOOR = rule("named", '{ kind = "a" }', 1, by("lead"), sort="floor")
BUT = rule("but", "{}", 2, 'except = { table = "users" }', sort="floor")
NO_ROWS = replace(OPERATION, facts={"table": "users"})
NO_TABLE = replace(OPERATION, facts={"rows": 3})


@pytest.mark.parametrize(
    ("rules", "operation", "tier", "decided_by", "groups"),
    [
        ([], OPERATION, 2, "default", "owner"),
        ([LOW], OPERATION, 0, "low", ""),
        ([SMALL], OPERATION, 1, "small", "dba"),
        ([LOW, SMALL, PROD], OPERATION, 2, "prod", "dba sec"),
        ([SMALL], NO_ROWS, 2, "default", "dba owner"),
        ([LOW, SMALL], NO_ROWS, 1, "small", "dba"),
        ([LOW, FLOOR], OPERATION, 2, "floor", "owner"),
        ([SMALL, FLOOR], OPERATION, 2, "floor", "dba"),
        ([SMALL, FLOOR], NO_ROWS, 2, "floor default", "dba owner"),
        ([LOW, NAMED_FLOOR], OPERATION, 1, "named", "lead"),
        ([NAMED_FLOOR], OPERATION, 2, "default", "lead owner"),
        ([LOW, BUT], OPERATION, 0, "low", ""),
        ([LOW, BUT], NO_TABLE, 2, "but", "owner"),
        ([LOW, deny("no", '{ table = "users" }')], NO_TABLE, "denied", "no", ""),
        ([LOW, deny("no", '{ table = "audit" }')], OPERATION, 0, "low", ""),
        ([LOW, deny("no", more="except = { rows = 3 }")], OPERATION, 0, "low", ""),
        ([LOW, deny("no", more="except = { rows = 3 }")], NO_ROWS, "denied", "no", ""),
    ],
)
def test_the_strictest_of_what_counts_holds(
    rules: list[str], operation: Operation, tier: int | str, decided_by: str, groups: str
) -> None:
    ruling = make_policy(rules).rule(operation)
    assert tier == ("denied" if ruling.is_denied else ruling.tier)
    assert (decided_by.split(), groups.split()) == (
        list(ruling.rules),
        [one.group for one in ruling.approvals],
    )


def test_the_owner_is_the_contracts_team_and_the_policys_where_that_is_unknown() -> None:
    policy = make_policy([])
    assert ("team:red",) == policy.rule(OPERATION).approvers
    assert ("team:platform",) == policy.rule(replace(OPERATION, team=None)).approvers


def test_a_group_called_owner_says_how_the_owner_decides() -> None:
    head = 'schema = 1\nname = "a"\nowner = "b"\n[approvers.owner]\nby = ["owner", "user:dana"]\nquorum = 2'
    (asked,) = parse_policy(head).rule(OPERATION).approvals
    assert (("team:red", "user:dana"), 2) == (asked.by, asked.quorum)


def test_an_approval_carries_what_its_group_says_and_the_shortest_time_counts() -> None:
    ruling = make_policy([SMALL, PROD]).rule(OPERATION)
    dba, sec = ruling.approvals
    assert Requirement("dba", ("group:dba",), expires=timedelta(hours=4)) == dba
    escalating = (
        "sec",
        ("group:sec", "user:sam"),
        2,
        NEVER,
        timedelta(hours=1),
        OnExpiry.ESCALATE,
        "dba",
        0.8,
    )
    assert Requirement(*escalating) == sec
    assert timedelta(hours=1) == ruling.expires
    assert {"group": "dba", "expires": 14400.0, "on_expiry": "reject"}.items() <= dba.as_data().items()


HOLD = '[approvers.hold]\nby = ["user:dana"]\nexpires = "2h"\non_expiry = "hold"\nremind = 0.5'


@pytest.mark.parametrize(
    ("rules", "expires", "end", "escalated"),
    [
        ([SMALL, PROD], 1, OnExpiry.REJECT, ""),  # dba rejects, so nothing escalates
        ([PROD], 1, OnExpiry.ESCALATE, "dba"),
        ([PROD, rule("held", more=by("hold"))], 1, OnExpiry.ESCALATE, "dba hold"),
        ([rule("held", more=by("hold"))], 2, OnExpiry.HOLD, ""),
        ([rule("held", more=by("hold")), SMALL], 2, OnExpiry.REJECT, ""),
        ([], None, OnExpiry.REJECT, ""),
    ],
)
def test_a_request_ends_at_the_shortest_time_in_the_strictest_way(
    rules: list[str], expires: int | None, end: OnExpiry, escalated: str
) -> None:
    ruling = make_policy([HOLD, *rules]).rule(OPERATION)
    assert (expires and timedelta(hours=expires), end) == (ruling.expires, ruling.on_expiry)
    assert escalated.split() == [one.group for one in ruling.escalation]
    assert ruling.remind == (0.5 if any("held" in one for one in rules) else 0.8)


def batched(name: str, batch: str, match: str = "{}") -> str:
    return rule(name, match, 1, f"batch = {{ {batch} }}")


WIDE = batched("wide", 'by = ["kind"], window = "30m", max_items = 20')
TIGHT = batched("tight", 'by = ["table"], window = "5m", max_sum = { rows = 9 }')


@pytest.mark.parametrize(
    ("rules", "batch"),
    [
        ([WIDE], Batch(("kind",), timedelta(minutes=30), 20)),
        ([WIDE, TIGHT], Batch(("kind", "table"), timedelta(minutes=5), 20, (("rows", 9),))),
        ([WIDE, rule("alone", tier=1)], None),
        ([WIDE, rule("prod", tier=2)], None),
        ([batched("unsure", 'by = ["kind"], window = "1m"', "{ flagged = true }")], None),
    ],
)
def test_a_card_is_shared_within_all_limits_or_not_at_all(rules: list[str], batch: Batch | None) -> None:
    assert batch == make_policy(rules).rule(OPERATION).batch


def test_a_batch_is_joined_by_known_facts_only() -> None:
    policy = make_policy([TIGHT])
    batch = policy.rule(OPERATION).batch
    assert batch is not None
    place = policy.place(batch, OPERATION)
    assert place is not None
    assert (("users",), (("rows", 3),)) == (place.key, place.sums)
    assert policy.place(batch, NO_ROWS) is None
    assert policy.place(batch, NO_TABLE) is None


def asking(*requirements: Requirement, tier: int = 2, is_denied: bool = False) -> Ruling:
    return Ruling(tier, ("x",), ("y",), requirements, is_denied)


DBA, ONE = Requirement("dba", ("group:dba",)), Requirement("one", ("user:dana",))
BOTH = Requirement("both", ("group:dba", "user:dana"))


@pytest.mark.parametrize(
    ("now", "then", "is_stricter"),
    [
        (asking(DBA), asking(DBA), False),
        (asking(replace(DBA, group="renamed", expires=timedelta(1))), asking(DBA), False),
        (asking(DBA, tier=2), asking(DBA, tier=1), True),
        (asking(DBA, tier=1), asking(DBA, tier=2), False),
        (asking(BOTH), asking(DBA), False),  # whoever of dba said yes is in both
        (asking(DBA), asking(BOTH), True),  # it may have been dana
        (asking(ONE, tier=1), asking(DBA, tier=2), True),
        (asking(DBA, ONE), asking(DBA), True),
        (asking(DBA), asking(DBA, ONE), False),
        (asking(replace(DBA, quorum=2)), asking(DBA), True),
        (asking(replace(DBA, never=(*NEVER, "user:mal"))), asking(DBA), True),
        (asking(replace(DBA, by=())), asking(DBA), False),
        (asking(DBA), asking(replace(DBA, by=())), True),
        (asking(is_denied=True), asking(DBA), True),
        (asking(DBA), asking(is_denied=True), False),
        (asking(tier=0), asking(DBA), False),
        (asking(DBA), rule_without_policy("red"), True),
    ],
)
def test_a_ruling_is_stricter_if_what_satisfied_the_other_does_not_satisfy_it(
    now: Ruling, then: Ruling, is_stricter: bool
) -> None:
    assert is_stricter is now.is_stricter_than(then)


def test_a_reworded_policy_does_not_ask_again() -> None:
    one, other = make_policy([PROD]), make_policy([PROD.replace("prod.", "In production two agree.")])
    assert one.policy_hash != other.policy_hash
    assert not other.rule(OPERATION).is_stricter_than(one.rule(OPERATION))
    assert one.policy_hash == one.rule(OPERATION).policy_hash


def test_a_ruling_tells_each_clause_and_why_it_is_unknown() -> None:
    policy = make_policy([LOW, SMALL, deny("no", '{ kind = "b" }')])
    text = policy.rule(NO_ROWS).explain()
    assert "small counts because a fact it asks for is unknown" in text
    assert "  rows le 5: unknown (rows is missing)" in text
    assert "deny no (denies): false, does not count\n  kind = \"b\": false (kind is 'a')" in text
    assert "dba: 1 of group:dba" in text
    (small,) = (one.as_data() for one in policy.rule(NO_ROWS).trace if one.id == "small")
    assert ("unknown", True) == (small["value"], small["counted"])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "null"),
        ("3", "str, and not int"),
        (float("nan"), "nan, which is no number"),
        (Decimal("sNaN"), "sNaN, which is no number"),
        (3.0, "float, and not int"),
    ],
)
def test_a_trace_says_why_a_fact_is_unknown(given: object, reason: str) -> None:
    (looked,) = make_policy([SMALL]).trace(replace(OPERATION, facts={"rows": given}))[0].clauses
    assert reason in looked.reason


def test_a_number_of_any_length_is_ruled_and_explained() -> None:
    ruling = make_policy([SMALL]).rule(replace(OPERATION, facts={"rows": 10**5000}))
    assert (2, "too long to write" in ruling.explain()) == (ruling.tier, True)


def test_what_is_unknown_says_so_among_the_reasons() -> None:
    policy = make_policy([LOW, BUT])
    assert ("but. (but counts because a fact it asks for is unknown.)",) == policy.rule(NO_TABLE).whys
    assert ("but.",) == policy.rule(replace(OPERATION, facts={"table": "orders"})).whys


def test_a_ruling_that_was_kept_is_compared_as_it_was() -> None:
    for rules in ([SMALL, PROD], [HOLD, rule("held", more=by("hold"))], [deny("no")]):
        ruling = make_policy(rules).rule(OPERATION)
        kept = Ruling.from_data(json.loads(json.dumps(ruling.as_data())))
        assert (ruling.approvals, ruling.rules, ruling.whys) == (kept.approvals, kept.rules, kept.whys)
        assert (ruling.tier, ruling.is_denied, ruling.policy_hash) == (
            kept.tier,
            kept.is_denied,
            kept.policy_hash,
        )
        assert [False, False] == [ruling.is_stricter_than(kept), kept.is_stricter_than(ruling)]


def test_activation_may_need_a_second_person() -> None:
    policy: Policy = make_policy(['[activation]\napprovers = ["sec"]'])
    assert ["sec"] == [one.group for one in policy.activation]
    assert () == make_policy([]).activation
