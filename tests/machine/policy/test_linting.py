"""What lint doubts, and that it does not doubt what is well."""

from __future__ import annotations

import pytest
from policy_making import HEAD
from test_document import GOOD

from actum.machine.policy import DEFAULT_POLICY, DEV_POLICY, Operation, lint, lint_text, parse_policy
from actum.machine.policy.linting import FINDINGS

UNUSED = {"fact-unused", "calendar-unused", "approvers-unused", "why-missing"}


def found(rules: str, **members: list[str]) -> dict[str, str]:
    """Return the findings by code, with the head's own unused parts left out."""
    text = HEAD.format(tier=2) + rules
    known = {name.replace("_", ":"): people for name, people in members.items()} or None
    return {
        one.code: one.sentence for one in lint(parse_policy(text), members=known) if one.code not in UNUSED
    }


def rule(match: str, tier: int = 1, more: str = "", sort: str = "rule", name: str = "one") -> str:
    tiers = "" if sort == "deny" else f"tier = {tier}\n"
    return f'[[{sort}]]\nid = "{name}"\nmatch = {match}\n{tiers}{more}\n'


IMPOSSIBLE = [
    "{ rows = { ge = 5, lt = 5 } }",
    "{ rows = { gt = 4, lt = 5 } }",
    "{ rows = { gt = 7, le = 3 } }",
    "{ rows = { in = [1, 2], gt = 2 } }",
    '{ environment = { not_in = ["dev", "staging", "prod"] } }',
    '{ environment = { glob = "x*" } }',
    "{ flagged = { not_in = [true, false] } }",
    '{ at = { inside = "office", outside = "office" } }',
    "{ due = { ge = 2030-01-02T00:00:00Z, lt = 2030-01-01T00:00:00Z } }",
]


@pytest.mark.parametrize("match", IMPOSSIBLE)
def test_a_match_that_no_value_fulfils_is_found(match: str) -> None:
    assert "match-impossible" in found(rule(match))


@pytest.mark.parametrize(
    "match",
    ["{ rows = { ge = 5, le = 5 } }", "{ ratio = { gt = 4, lt = 5 } }", '{ environment = { glob = "p*" } }'],
)
def test_a_match_that_some_value_fulfils_is_not_doubted(match: str) -> None:
    assert {} == found(rule(match))


BEATEN = [
    ('{ environment = "prod" }', "{}"),
    ('{ environment = "prod", rows = 3 }', '{ environment = { in = ["prod", "dev"] } }'),
    ("{ rows = { le = 5 } }", "{ rows = { le = 5 } }"),
    ("{ rows = { le = 5 } }", "{ rows = { lt = 6.0 } }"),
    ("{ rows = { le = 5 } }", "{ rows = { le = 9 } }"),
    ("{ rows = { le = 5 } }", "{ rows = { exists = true } }"),
    ('{ table = { glob = "a*" } }', '{ table = { glob = "a*" } }'),
    ('{ table = "audit_log" }', '{ table = { glob = "audit_*" } }'),
    ("{}", '{ environment = { not_in = ["nowhere"] } }'),
]
NOT_BEATEN = [
    ("{ rows = { le = 9 } }", "{ rows = { le = 5 } }"),
    ("{ ratio = { le = 5 } }", "{ ratio = { lt = 5 } }"),
    ('{ kind = "a" }', '{ kind = "a", rows = 3 }'),
    ('{ table = { glob = "*" } }', '{ table = { glob = "a*" } }'),
    ("{}", "{ rows = { exists = true } }"),
]


def _plain(match: str) -> str:
    return match.replace("6.0", "6").replace('["nowhere"]', '["dev"]')


@pytest.mark.parametrize(("inner", "outer"), BEATEN[:-1])
@pytest.mark.parametrize("sort", ["floor", "deny", "rule"])
def test_a_rule_that_something_stricter_always_meets_is_found(inner: str, outer: str, sort: str) -> None:
    outer = _plain(outer)
    assert "rule-beaten" in found(rule(inner) + rule(outer, 2, sort=sort, name="two"))


@pytest.mark.parametrize(("inner", "outer"), NOT_BEATEN)
def test_a_rule_that_may_hold_alone_is_not_doubted(inner: str, outer: str) -> None:
    assert "rule-beaten" not in found(rule(inner) + rule(outer, 2, sort="floor", name="two"))


def test_a_floor_with_exceptions_is_not_said_to_beat() -> None:
    floor = rule("{}", 2, 'except = { kind = "a" }', sort="floor", name="two")
    assert "rule-beaten" not in found(rule('{ kind = "a" }') + floor)


def test_a_rule_that_keeps_a_low_floor_from_the_default_is_not_called_beaten() -> None:
    assert "rule-beaten" not in found(rule("{}") + rule("{}", 1, sort="floor", name="two"))
    assert "rule-beaten" in found(rule("{}", 1) + rule("{}", 2, sort="floor", name="two"))


@pytest.mark.parametrize(
    ("rules", "code", "says"),
    [
        (rule("{}", 0), "tier-zero", "matches everything"),
        (rule('{ kind = "a" }', 0), "tier-zero", "without asking anybody"),
        (rule("{ rows = { exists = false } }"), "rule-never-certain", "never certain"),
        (
            rule("{}", 2, "except = { rows = { gt = 3, lt = 3 } }", "floor"),
            "except-impossible",
            "excepts nothing",
        ),
        (
            rule("{}", 1, 'approvers = "all"') + '[approvers.all]\nby = ["anybody"]',
            "anybody-decides",
            "anybody",
        ),
        (
            '[approvers.a]\nby = ["owner"]\nexpires = "1h"\non_expiry = "escalate"\nescalate_to = "b"\n'
            '[approvers.b]\nby = ["owner"]\nexpires = "1h"\non_expiry = "escalate"\nescalate_to = "a"\n',
            "escalation-circle",
            "comes back",
        ),
    ],
)
def test_what_may_surprise_is_found(rules: str, code: str, says: str) -> None:
    assert says in found(rules)[code]


def test_a_lowered_default_is_found() -> None:
    assert "default-lowered" in {one.code for one in lint(parse_policy(HEAD.format(tier=1)))}


def test_what_nothing_asks_for_is_found_with_its_line() -> None:
    text = HEAD.format(tier=2) + rule('{ at = { inside = "office" } }', 1, 'approvers = "lead"')
    unused = {one.sentence.split()[-1]: one for one in lint(parse_policy(text)) if "unused" in one.code}
    facts = {f"facts.{name}" for name in ("rows", "ratio", "amount", "table", "flagged", "due")}
    assert facts | {"calendar.night", "approvers.sec"} == set(unused)
    line = text.splitlines()[unused["calendar.night"].line - 1]
    assert ("[calendar.night]", "note") == (line, unused["calendar.night"].severity)


def test_quorums_are_counted_after_exclusions() -> None:
    group = '[approvers.few]\nby = ["group:few"]\nquorum = 2\nnever = ["user:Mal", "group:out"]\n'
    rules = group + rule("{}", 1, 'approvers = "few"')
    more = {"group_dba": ["user:d", "user:e"], "group_sec": ["user:s", "user:t"], "group_out": ["user:o"]}
    assert (
        "need 2 people and have 1"
        in found(rules, group_few=["user:ann", "user:mal", "user:o"], **more)["quorum-unreachable"]
    )
    assert "quorum-tight" in found(rules, group_few=["user:ann", "user:ben", "user:mal"], **more)
    assert {} == found(rules, group_few=["user:ann", "user:ben", "user:cem"], **more)
    assert "group:few" in found(rules, **more)["members-unknown"]


def test_a_contract_without_authors_is_named_where_a_group_keeps_its_author_out() -> None:
    group = '[approvers.few]\nby = ["group:few"]\nnever = ["contract_author"]\n'
    text = HEAD.format(tier=2) + group + rule("{}", 1, 'approvers = "few"')
    nameless = {"load": (), "pay": ("user:ada",), "fill": ()}
    (doubt,) = [one for one in lint(parse_policy(text), authors=nameless) if one.code == "author-unknown"]
    assert "'few'" in doubt.sentence
    assert doubt.sentence.endswith("no author is named by fill, load")
    assert "[approvers.few]" == text.splitlines()[doubt.line - 1]
    silent = parse_policy(text.replace('never = ["contract_author"]\n', ""))
    for policy, authors in ((silent, nameless), (parse_policy(text), {"pay": ("user:ada",)})):
        assert "author-unknown" not in {one.code for one in lint(policy, authors=authors)}


def test_lint_of_a_text_names_every_mistake_and_never_raises() -> None:
    findings = lint_text(GOOD.replace("tier = 1", "tier = 9").replace('"fri"', '"fry"'), file="x.toml")
    assert [("mistake", 14), ("mistake", 32)] == [(one.code, one.line) for one in findings]
    assert "calendar.office.days.2: there is no day 'fry': did you mean 'fri'?" == findings[0].sentence
    assert ["mistake"] == [one.code for one in lint_text("= 3")]


def test_every_finding_stands_in_the_list_and_has_a_cure() -> None:
    assert all(one.code in FINDINGS and one.cure for one in lint_text(HEAD.format(tier=1)))


@pytest.mark.parametrize("text", [DEFAULT_POLICY, DEV_POLICY])
def test_the_shipped_policies_are_strict(text: str) -> None:
    policy = parse_policy(text)
    assert {"anybody-decides"} >= {one.code for one in lint(policy)}
    for reversibility in ("undoable", "compensable", "final", None):
        for environment in ("dev", "prod", None):
            ruling = policy.rule(Operation("a.b", "c", "red", reversibility, environment, {}))
            assert (2, False) == (ruling.tier, ruling.is_denied)
            assert ruling.approvals


def test_anybody_may_answer_on_a_laptop_and_only_the_owner_elsewhere() -> None:
    operation = Operation("a.b", "c", "red", "undoable", "dev")
    assert () == parse_policy(DEV_POLICY).rule(operation).approvers
    assert ("team:red",) == parse_policy(DEFAULT_POLICY).rule(operation).approvers
