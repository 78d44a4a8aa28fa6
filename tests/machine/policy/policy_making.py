"""Random policies, operations and mutations, the same ones for the same seed."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from actum.machine.policy import Operation, Policy, parse_policy

HISTORIES = int(os.environ.get("HISTORIES", "250"))
"""Four for each random policy, under which 210 operations are spoilt; `make test` says 2,000: 105,000 mutations."""
HEAD = """
schema = 1
name = "random"
owner = "platform"
timezone = "Europe/Berlin"
default_tier = {tier}

[facts]
environment = {{ type = "text", values = ["dev", "staging", "prod"] }}
rows = "int"
ratio = "number"
amount = "decimal"
table = "text"
flagged = "bool"
due = "instant"

[calendar.office]
days = ["mon", "tue", "wed", "thu", "fri"]
hours = "08:00-18:00"

[calendar.night]
hours = "22:00-06:00"

[approvers.dba]
by = ["group:dba"]
expires = "4h"

[approvers.sec]
by = ["group:sec", "user:sam"]
quorum = 2
expires = "1h"
on_expiry = "escalate"
escalate_to = "dba"

[approvers.lead]
by = ["owner", "user:lee"]
"""

CLAUSES = {
    "kind": ['"a"', '"b"', '{ in = ["a", "b"] }', '{ not_in = ["a"] }', '{ glob = "?" }'],
    "contract": ['"pay"', '{ glob = "p*" }'],
    "team": ['"red"', '{ not_in = ["red"] }', "{ exists = true }", "{ exists = false }"],
    "reversibility": [
        '"final"',
        '"undoable"',
        '{ not_in = ["final"] }',
        '{ in = ["undoable", "compensable"] }',
    ],
    "environment": ['"dev"', '"prod"', '{ not_in = ["prod"] }', '{ glob = "*d*" }', "{ exists = false }"],
    "rows": [
        "3",
        "{ le = 5 }",
        "{ gt = 5 }",
        "{ ge = 2, lt = 7 }",
        "{ not_in = [1, 2] }",
        "{ exists = true }",
    ],
    "ratio": ["{ le = 0.5 }", "{ gt = 0.5 }", "{ ge = 0.1, le = 0.9 }"],
    "amount": ["{ lt = 12.5 }", "{ ge = 12.5 }", "12.5"],
    "table": ['{ glob = "audit_*" }', '{ in = ["users", "audit_log"] }', '"users"', '{ not_in = ["users"] }'],
    "flagged": ["true", "false", "{ exists = false }"],
    "due": ["{ lt = 2030-01-01T00:00:00Z }", '{ inside = "office" }', '{ outside = "night" }'],
    "at": [
        '{ inside = "office" }',
        '{ outside = "office" }',
        '{ inside = "night" }',
        "{ ge = 2029-06-01T00:00:00Z }",
    ],
}
OWN = ("kind", "contract", "team", "reversibility", "environment", "at")
FACTS = tuple(name for name in CLAUSES if name not in OWN)
GROUPS = ("dba", "sec", "lead", "owner")
WRONG: dict[str, list[object]] = {
    "kind": [],
    "contract": [],
    "team": [],
    "reversibility": ["Final", "reversible", ""],
    "environment": ["PROD", "production", " dev"],
    "at": [datetime(2029, 7, 2, 12)],  # without its offset
    "rows": ["3", 3.0, True, float("nan"), [3], {"n": 3}],
    "ratio": ["0.5", float("nan"), float("inf"), True, [0.5]],
    "amount": ["12,5", "NaN", "1e3", float("-inf"), False],
    "table": [7, ["users"], b"users", False],
    "flagged": [1, "true", 0, []],
    "due": ["tomorrow", "2029-07-02T12:00:00", 0, datetime(2029, 7, 2, 12)],
}


def make_match(chance: random.Random, most: int = 3) -> str:
    """Return a match of up to `most` clauses, sometimes of none."""
    names = chance.sample(list(CLAUSES), chance.randint(0 if chance.random() < 0.1 else 1, most))
    return f"{{ {', '.join(f'{name} = {chance.choice(CLAUSES[name])}' for name in names)} }}"


def make_rule(chance: random.Random, sort: str, name: str, tier: int | None = None) -> str:
    """Return one rule, floor or deny as it stands in a file; with `tier` one that restricts."""
    tier = tier if tier is not None else chance.choice([0, 0, 1, 1, 2] if sort == "rule" else [1, 2])
    lines = [f"[[{sort}]]", f'id = "{name}"', f"match = {make_match(chance)}"]
    if sort != "deny":
        lines.append(f"tier = {tier}")
        if tier and chance.random() < 0.6:
            lines.append(f"approvers = {chance.sample(GROUPS, chance.randint(1, 2))!r}")
    if sort != "rule" and chance.random() < 0.4:
        lines.append(f"except = {make_match(chance, 2)}".replace("{  }", '{ kind = "a" }'))
    if sort == "rule" and tier == 1 and chance.random() < 0.8:
        keys = chance.sample(["contract", "kind", "table"], 2)
        lines.append(
            f'batch = {{ by = {keys!r}, window = "{chance.randint(1, 60)}m", max_items = {chance.randint(1, 9)} }}'
        )
    return "\n".join(lines)


def make_rules(chance: random.Random) -> list[str]:
    """Return the rules of one policy: more that lower than that raise, so that there is something to lose."""
    counts = {
        "rule": chance.randint(0, 8),
        "floor": chance.randint(0, 3),
        "deny": chance.choice([0, 0, 0, 1, 2]),
    }
    return [
        make_rule(chance, sort, f"{sort}-{number}")
        for sort, count in counts.items()
        for number in range(count)
    ]


def make_policy(rules: list[str], tier: int = 2) -> Policy:
    """Return the policy of these rules."""
    return parse_policy("\n\n".join([HEAD.format(tier=tier), *rules]))


def make_operation(chance: random.Random) -> Operation:
    """Return an operation that knows almost everything about itself."""
    at = datetime(2029, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(525_600))
    facts: dict[str, object] = {
        "rows": chance.randint(0, 9),
        "ratio": chance.choice([0, 0.25, 0.5, 0.75, 1]),
        "amount": chance.choice([5, "12.50", 12.5, "99.99"]),
        "table": chance.choice(["users", "audit_log", "orders"]),
        "flagged": chance.random() < 0.5,
        "due": (at + timedelta(days=chance.randint(-400, 400))).isoformat(),
    }
    for name in FACTS:
        if chance.random() < 0.05:
            del facts[name]
    return Operation(
        kind=chance.choice("ab"),
        contract=chance.choice(["pay", "sync"]),
        team=chance.choice(["red", "blue"]),
        reversibility=chance.choice(["undoable", "compensable", "final"]),
        environment=chance.choice(["dev", "staging", "prod"]),
        facts=facts,
        at=at,
    )


def mutate(chance: random.Random, operation: Operation) -> Operation:
    """Return the operation with up to three facts dropped, null, of a wrong type or out of vocabulary."""
    facts = dict(operation.facts or {})
    own: dict[str, object] = {}
    for name in chance.sample(list(CLAUSES), chance.choice([1, 1, 1, 2, 3])):
        spoilt = chance.choice([None, *WRONG[name]])
        if name in OWN:
            own[name] = spoilt
        elif chance.random() < 0.3:
            facts.pop(name, None)
        else:
            facts[name] = spoilt
    return replace(operation, facts=facts, **own)  # type: ignore[arg-type]  # wrong types are the point
