"""Reading a policy file: what is meant is taken, and each mistake is named with its line, its key and the way out."""

from __future__ import annotations

import hashlib
import random
from datetime import date, timedelta

import pytest
from policy_making import HEAD

from actum.errors import InvalidInput, PolicyError
from actum.machine.policy import Batch, parse_policy
from actum.machine.policy.clauses import Clause, Operator
from actum.machine.policy.ruling import NEVER, OnExpiry

GOOD = """\
schema = 1
name = "default"
owner = "platform"
timezone = "Europe/Berlin"

[facts]
environment = { type = "text", values = ["dev", "prod"] }
rows = "int"
table = "text"
amount = "decimal"
due = "instant"

[calendar.office]
days = ["mon", "fri"]
hours = "08:00-18:00"
holidays = [2030-12-25]

[approvers.dba]
by = ["group:dba", "user:dana"]
quorum = 2
never = ["requester", "group:vendors"]
expires = "4h"
on_expiry = "escalate"
escalate_to = "lead"

[approvers.lead]
by = ["owner"]

[[rule]]
id = "small"
match = { kind = "db.write", environment = "prod", rows = { le = 100 } }
tier = 1
approvers = "dba"
# A comment is for readers.
why = "Few rows."

[rule.batch]
by = ["contract", "table"]
window = "30m"
max_items = 20
max_sum = { rows = 500 }

[[floor]]
id = "final"
match = { reversibility = "final" }
except = { at = { inside = "office" } }
tier = 2
why = "Nothing can put it back."

[[deny]]
id = "audit"
match = { table = { glob = "audit_*" } }
why = "Never."

[activation]
approvers = ["lead"]
"""


def edited(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def test_a_file_is_read_as_it_is_meant() -> None:
    document = parse_policy(GOOD).document
    small, final, audit = document.rules
    assert ("default", "platform", 2) == (document.name, document.owner, document.default_tier)
    assert ("dev", "prod") == document.facts["environment"].values
    assert Clause("rows", Operator.LE, 100) in small.match
    assert Batch(("contract", "table"), timedelta(minutes=30), 20, (("rows", 500),)) == small.batch
    assert (1, ("dba",), "Few rows.") == (small.tier, small.approvers, small.why)
    assert (Clause("at", Operator.INSIDE, "office"),) == final.exceptions
    assert (Clause("table", Operator.GLOB, "audit_*"),) == audit.match
    dba = document.groups["dba"]
    assert (2, (*NEVER, "group:vendors"), timedelta(hours=4)) == (dba.quorum, dba.never, dba.expires)
    assert (OnExpiry.ESCALATE, "lead", 0.8) == (dba.on_expiry, dba.escalate_to, dba.remind)
    assert {date(2030, 12, 25)} == document.calendars["office"].holidays
    assert (29, ("lead",)) == (small.line, document.activation)


MISTAKES = [
    ("schema = 1", "schema = 2", 1, "schema", "reads schema 1"),
    ("schema = 1\n", "", 1, "", "'schema' is missing"),
    ('name = "default"', "name = 7", 2, "name", "7 stands where a text is needed"),
    ('owner = "platform"', 'ovner = "platform"', 3, "ovner", "did you mean 'owner'?"),
    ("Europe/Berlin", "Europe/Berlinn", 4, "timezone", "no time zone 'Europe/Berlinn'"),
    ('rows = "int"', 'rows = "integer"', 8, "facts.rows", "did you mean 'int'?"),
    ('type = "text", values', "values", 7, "facts.environment", "'type' is missing"),
    ('["dev", "prod"]', '["dev", 3]', 7, "facts.environment.values.2", "3 is not text"),
    ('table = "text"', 'kind = "int"', 9, "facts.kind", "one of Actum's own"),
    ('"mon", "fri"', '"mon", "fry"', 14, "calendar.office.days.2", "did you mean 'fri'?"),
    ("08:00-18:00", "8-18", 15, "calendar.office.hours", "such as 08:00-18:00"),
    ("08:00-18:00", "08:00-08:00", 15, "calendar.office.hours", "no time of day"),
    ("[2030-12-25]", '["25.12."]', 16, "calendar.office.holidays.1", "such as 2030-12-25"),
    ('"group:dba", "user:dana"', '"dana"', 19, "approvers.dba.by.1", "names nobody"),
    ('"group:dba", "user:dana"', '"anybody", "user:dana"', 19, "approvers.dba.by", "write it alone"),
    ('"group:dba", "user:dana"', "", 19, "approvers.dba.by", "nobody could decide"),
    ("quorum = 2", "quorum = 0", 20, "approvers.dba.quorum", "from 1 to 1000"),
    ("quorum = 2", "quorum = 3000000000", 20, "approvers.dba.quorum", "from 1 to 1000"),
    ("quorum = 2", "quorum = true", 20, "approvers.dba.quorum", "true stands where a whole number"),
    ('expires = "4h"', 'expires = "4 hours"', 22, "approvers.dba.expires", "is not a duration"),
    ('expires = "4h"', f'expires = "{10**12}w"', 22, "approvers.dba.expires", "give 36500d at most"),
    ('expires = "4h"', 'expires = "9999999d"', 22, "approvers.dba.expires", "give 36500d at most"),
    ('"escalate"', '"approve"', 23, "approvers.dba.on_expiry", "nothing is approved because time passed"),
    ('"escalate"', '"rejekt"', 23, "approvers.dba.on_expiry", "did you mean 'reject'?"),
    ('escalate_to = "lead"\n', "", 23, "approvers.dba.on_expiry", "add `expires` and `escalate_to`"),
    ('escalate_to = "lead"', 'escalate_to = "dba"', 24, "approvers.dba.escalate_to", "no other group 'dba'"),
    ('id = "small"', 'id = "final"', 44, "floor.1.id", "stands in line 30 already"),
    ('id = "small"', 'id = "default"', 30, "rule.1.id", "choose another id"),
    ("rows = { le", "row = { le", 31, "rule.1.match.row", "did you mean 'rows'?"),
    ("{ le = 100 }", "{ lte = 100 }", 31, "rule.1.match.rows.lte", "write le"),
    ("{ le = 100 }", '{ le = "100" }', 31, "rule.1.match.rows.le", '"100" is not int'),
    ("{ le = 100 }", "{ le = 99.5 }", 31, "rule.1.match.rows.le", "99.5 is not int"),
    ("{ le = 100 }", "{ glob = 'x' }", 31, "rule.1.match.rows.glob", "glob cannot be asked of rows"),
    ("{ le = 100 }", "{}", 31, "rule.1.match.rows", "asked nothing"),
    ("{ le = 100 }", "{ in = [] }", 31, "rule.1.match.rows.in", "at least one value"),
    ("{ le = 100 }", "[1, 2]", 31, "rule.1.match.rows", "write rows = { in = [...] }"),
    ('environment = "prod"', 'environment = "prd"', 31, "rule.1.match.environment", "did you mean 'prod'?"),
    ("amount =", "amount = nan", 10, "", "this is not TOML"),
    ("rows = { le = 100 }", "amount = { le = nan }", 31, "rule.1.match.amount.le", "NaN is not decimal"),
    ("rows = { le = 100 }", "due = { lt = 2030-01-01 }", 31, "rule.1.match.due.lt", "with its offset"),
    ("tier = 1", "tier = 3", 32, "rule.1.tier", "a number from 0 to 2"),
    ("tier = 1", "tier = 2", 37, "rule.1.batch", "only tier 1 is batched"),
    ("tier = 1\n", "", 29, "rule.1", "'tier' is missing"),
    ('approvers = "dba"', 'approvers = "bda"', 33, "rule.1.approvers", "did you mean 'dba'?"),
    ('approvers = "dba"', "approvers = []", 33, "rule.1.approvers", "names nobody"),
    ('"contract", "table"', '"contract", "tabel"', 38, "rule.1.batch.by.2", "did you mean 'table'?"),
    ("{ rows = 500 }", "{ table = 500 }", 41, "rule.1.batch.max_sum.table", "no fact that can be summed"),
    ("max_items = 20", "max_items = -1", 40, "rule.1.batch.max_items", "from 1 to 10000"),
    ("max_items = 20", "max_items = 3000000000", 40, "rule.1.batch.max_items", "from 1 to 10000"),
    ("tier = 2", "tier = 0", 47, "floor.1.tier", "a number from 1 to 2"),
    ('inside = "office"', 'inside = "offices"', 46, "floor.1.except.at.inside", "did you mean 'office'?"),
    ('{ at = { inside = "office" } }', "{}", 46, "floor.1.except", "leaves nothing"),
    ('glob = "audit_*"', "glob = 7", 52, "deny.1.match.table.glob", "where a text is needed"),
    ('["lead"]', '["leads"]', 56, "activation.approvers", "did you mean 'lead'?"),
    ("[[deny]]", "[deny]", 50, "deny", "where a list is needed"),
    ("schema = 1", "schema = 1\ndefault_tier = 0", 2, "default_tier", "a number from 1 to 2"),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "says"), MISTAKES, ids=lambda one: str(one)[:40])
def test_a_mistake_is_named_with_line_key_and_cure(
    old: str, new: str, line: int, key: str, says: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(edited(old, new), file="prod.toml")
    first = caught.value.mistakes[0]
    assert (line, key, "prod.toml") == (first.line, first.key, first.file)
    assert says in str(first)
    assert str(first).startswith(f"prod.toml:{line}: ")


def test_all_mistakes_are_found_at_once_in_the_order_of_the_file() -> None:
    text = edited("tier = 1", "tier = 9").replace('"fri"', '"fry"').replace('glob = "', 'globb = "')
    with pytest.raises(PolicyError, match=r"policy.toml:14: .*\(and 2 more mistakes\)") as caught:
        parse_policy(text)
    assert [14, 32, 52] == [one.line for one in caught.value.mistakes]
    assert isinstance(caught.value, InvalidInput)


def test_tier_zero_asks_nobody_and_so_names_nobody() -> None:
    with pytest.raises(PolicyError, match="tier 0 asks nobody"):
        parse_policy(HEAD.format(tier=2) + '[[rule]]\nid = "a"\nmatch = {}\ntier = 0\napprovers = "dba"')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "a = " + "[" * 5000,
        "a = " + "9" * 5000,
        "[rule]\n[[rule]]",
        '"',
        "\ufeffschema = 1",
        "\ud800",
    ],
)
def test_a_text_that_is_no_policy_gets_one_sentence(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    assert all("\n" not in str(one) for one in caught.value.mistakes)


def test_a_mangled_file_is_read_or_refused_and_never_anything_else() -> None:
    chance = random.Random(30)
    refused = 0
    for _ in range(500):
        text = list(GOOD)
        for _ in range(chance.choice([1, 1, 2, 4])):
            at = chance.randrange(len(text))
            text[at : at + chance.choice([0, 1, 1, 8])] = chance.choice(
                ["", "=", "[", "]", "{", '"', "'", "\n", "0", "#"]
            )
        mangled = "".join(text)
        try:
            parse_policy(mangled)
        except PolicyError as error:
            refused += 1
            lines = [one.line for one in error.mistakes]
            if not 1 <= min(lines) <= max(lines) <= mangled.count("\n") + 1:
                pytest.fail(f"a mistake stands in no line of the file: {error}")
    assert 150 < refused < 500


def test_the_hash_is_that_of_the_text_whatever_its_line_ends() -> None:
    expected = hashlib.sha256(GOOD.encode()).digest()
    assert expected == parse_policy(GOOD).policy_hash
    assert expected == parse_policy(GOOD.replace("\n", "\r\n")).policy_hash
    assert expected != parse_policy(edited("Few rows.", "Few.")).policy_hash
