"""`actum policy`: mistakes with their places, cases, explanations, simulation, and activation by one person or two."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest
from commanding import HERE, Actum, execute

POLICY = """\
schema = 1
name = "team"
owner = "platform"

[facts]
count = "int"

[approvers.dba]
by = ["group:dba"]

[[rule]]
id = "few"
match = { kind = "file.write", count = { le = 10 } }
tier = 1
approvers = "dba"
why = "A few files."
"""
CASES = """\
[[case]]
name = "a few files"
operation = { kind = "file.write" }
facts = { count = 3 }
expect = { tier = 1, approvers = ["dba"] }
"""
ASKED = """
insert into actum.approvals (id, workflow_id, address, step, kind, key, action_hash, arguments, preview, tier, rule,
                             contract, team, requester, approvers)
select gen_random_uuid(), id, '1', 'write', 'file.write', id::text, 'hash', '{}', $2, 2, 'no-policy', contract, 'platform',
       'user:ana', '{}'
  from actum.workflows where id = $1
"""
EVENT = """
insert into actum.events (workflow_id, seq, at, kind, address, contract, team, data, hash)
select workflow_id, 2, now(), 'approval.requested', '1', contract, team,
       json_build_object('approval_id', id, 'reversibility', 'final', 'environment', 'prod'), 'x'
  from actum.approvals where workflow_id = $1
"""
TYPED = """
from typing import Literal

from pydantic import BaseModel

from actum import Preview, contract, effect


class Facts(BaseModel):
    count: int
    place: Literal["here", "there"]


@effect("file.write")
async def write(count: int) -> str: ...


@write.preview
async def _(count: int) -> Preview[Facts]: ...


@effect("mail.send")
async def send(count: int) -> str: ...


@send.preview
async def _(count: int) -> Preview: ...


@contract(on_failure="hold")
async def inner(count: int) -> str:
    return await write(count)


@contract(on_failure="hold")
async def outer(count: int) -> str:
    await send(count)
    return await inner(count)
"""


@pytest.fixture
def files(tmp_path: Path) -> Actum:
    """Commands in a folder with a policy and its cases, and without any database."""
    (tmp_path / "policy.toml").write_text(POLICY)
    (tmp_path / "policy.cases.toml").write_text(CASES)
    return Actum(tmp_path, ACTUM_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")


def asked(own: Actum, count: int) -> str:
    """Have a workflow ask for a write of `count` files, on a database that no worker serves; return the approval."""
    name = own.start("greet", {"name": str(count)}, "--requester", "user:ana")
    workflow_id = UUID(own.fine("show", name, "--json").json["id"])
    execute(own, ASKED, workflow_id, json.dumps({"facts": {"count": count}}))
    execute(own, EVENT, workflow_id)
    approval: str = own.fine("show", name, "--json").json["approvals"][0]["id"]
    return approval


def test_every_mistake_of_a_file_is_told_at_once_with_its_line_and_the_nearest_word(files: Actum) -> None:
    text = (
        POLICY.replace("owner =", "ownr =")
        .replace("count = { le", "cuont = { le")
        .replace("tier = 1", "tier = 9")
    )
    (files.folder / "bad.toml").write_text(text)
    for command, code in (
        (("lint", "bad.toml"), 1),
        (("test", "bad.toml"), 2),
        (("diff", "default", "bad.toml"), 2),
    ):
        done = files("policy", *command)
        said = done.out + done.err
        assert code == done.code, said
        for place in ("bad.toml:3: ", "bad.toml:13: ", "bad.toml:14: ", "'owner'?", "'count'?"):
            assert place in said.replace(": error mistake\n ", ":")
    told = files("policy", "lint", "bad.toml", "--json").json
    assert [3, 13, 14] == sorted({one["line"] for one in told} - {1})
    assert 3 == files("policy", "lint", "none.toml").code
    (files.folder / "latin.toml").write_bytes(b'name = "\xe9"')
    assert "is not UTF-8" in files("policy", "lint", "latin.toml").err


def test_lint_says_which_contracts_name_no_author_where_a_policy_keeps_authors_out(files: Actum) -> None:
    text = POLICY.replace(
        "[[rule]]", '[approvers.ops]\nby = ["user:ops"]\nnever = ["contract_author"]\n\n[[rule]]', 1
    )
    (files.folder / "policy.toml").write_text(text)
    assert "author-unknown" not in files.fine("policy", "lint", "policy.toml").out
    (files.folder / "homeless.py").write_text((HERE / "project" / "homeless.py").read_text())
    done = files.fine("policy", "lint", "policy.toml", "--contracts", "homeless")
    assert "warning author-unknown" in done.out
    assert "no author is named by lost, orphan" in " ".join(done.out.split())


def test_doubts_fail_only_where_strict(files: Actum) -> None:
    (files.folder / "policy.toml").write_text(POLICY.replace('why = "A few files."\n', ""))
    done = files.fine("policy", "lint", "policy.toml")
    assert "policy.toml:11: warning why-missing" in done.out
    assert "1 warning" in done.out
    assert 1 == files("policy", "lint", "policy.toml", "--strict").code


def test_cases_that_are_ruled_otherwise_are_named_with_line_and_rule(files: Actum) -> None:
    assert "1 case, all as expected" in files.fine("policy", "test", "policy.toml").out
    (files.folder / "policy.cases.toml").write_text(CASES.replace("count = 3", "count = 30"))
    done = files("policy", "test", "policy.toml", "--explain")
    assert 1 == done.code
    assert "policy.cases.toml:1: a few files: expected tier 1: it is tier 2, by default" in done.out
    assert "count le 10: false (count is 30)" in done.out
    assert "no case reaches few" in done.out
    (told,) = files("policy", "test", "policy.toml", "--json").json["cases"]
    assert (False, 2) == (told["passed"], told["ruling"]["tier"])
    assert 3 == files("policy", "test", "policy.toml", "--cases", "none.toml").code


OPERATION = '{"kind": "file.write", "facts": {"count": 3}}'


def test_an_operation_is_explained_clause_by_clause(files: Actum) -> None:
    out = files.fine("policy", "explain", "policy.toml", "--operation", OPERATION).out
    assert out.startswith("tier 1, by few: A few files.\n  dba: 1 of group:dba")
    told = files.fine("policy", "explain", "policy.toml", "--operation", OPERATION, "--json").json
    assert (1, ["few"], {"count": 3}) == (told["tier"], told["rules"], told["operation"]["facts"])
    assert ["true", "true"] == [one["value"] for one in told["trace"][0]["clauses"]]


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ('{"knd": "file.write"}', "did you mean 'kind'?"),
        ("{}", "lacks its kind"),
        ("[]", "has to be a JSON object"),
        ('{"kind": 3}', "write a text"),
        ('{"kind": "x", "facts": []}', "has to be an object"),
        ('{"kind": "x", "at": "2030-01-31T12:00:00"}', "with its offset"),
        ("{", "is not JSON"),
    ],
)
def test_an_operation_that_cannot_be_meant_is_refused(files: Actum, operation: str, said: str) -> None:
    done = files("policy", "explain", "default", "--operation", operation)
    assert (2, 1) == (done.code, len(done.err.splitlines()))
    assert said in done.err


def test_two_policies_are_compared_in_sentences(files: Actum) -> None:
    (files.folder / "new.toml").write_text("# reworded\n" + POLICY.replace("le = 10", "le = 20"))
    done = files.fine("policy", "diff", "policy.toml", "new.toml")
    assert "Rule few: match has `count le 20` instead of `count le 10`.\n" == done.out
    assert [done.out.strip()] == files.fine("policy", "diff", "policy.toml", "new.toml", "--json").json[
        "differences"
    ]
    assert "the same text" in files.fine("policy", "diff", "dev", "dev").out
    body = files.fine("policy", "show", "default", "--body").out
    (files.folder / "first.toml").write_text(body)
    assert "the same text" in files.fine("policy", "diff", "default", "first.toml").out


def test_the_vocabulary_is_written_from_what_previews_return(files: Actum) -> None:
    (files.folder / "typed_flows.py").write_text(TYPED)
    done = files("policy", "facts", "typed_flows:outer")
    assert 0 == done.code
    assert '[facts]\ncount = "int"  # file.write\n' in done.out
    assert 'place = { type = "text", values = ["here", "there"] }  # file.write' in done.out
    assert "mail.send: its preview does not name its facts" in done.err


def test_what_happened_is_ruled_again_and_compared(own: Actum) -> None:
    for count in (3, 4, 30):
        approval = asked(own, count)
    path = own.folder / "policy.toml"
    path.write_text(POLICY)
    out = own.fine("policy", "simulate", str(path)).out
    assert "3 operations since" in out
    assert "2 would be let through more easily" in out
    told = own.fine("policy", "simulate", str(path), "--since", "1d", "--json").json
    assert ({"tier 2": 3}, {"tier 1": 2, "tier 2": 1}) == (told["then"]["tiers"], told["now"]["tiers"])
    assert {"group:dba": 2, "team:platform": 1} == told["now"]["prompts_by"]
    assert (2, 3) == (told["changed"], told["operations"])
    assert (
        "count le 10: false (count is 30)"
        in own.fine("policy", "explain", str(path), "--approval", approval).out
    )
    assert 'count = "int"' in own.fine("policy", "facts").out
    assert 3 == own("policy", "simulate").code, "nothing is shadowed"
    own.fine("policy", "shadow", str(path))
    assert "nothing was ruled in that time" in own.fine("policy", "simulate").out
    asked(own, 5)
    assert 1 == own.fine("policy", "simulate", "--json").json["operations"]
    own.fine("policy", "shadow", "--off")
    assert 2 == own("policy", "shadow").code


def test_an_activation_is_tested_explained_and_kept(own: Actum) -> None:
    path, cases = own.folder / "policy.toml", own.folder / "policy.cases.toml"
    path.write_text(POLICY)
    cases.write_text(CASES.replace("tier = 1", "tier = 2"))
    assert "there are no policies" in own.fine("policy", "show").out
    done = own("policy", "activate", str(path), "--reason", "first")
    assert 1 == done.code
    assert "1 of the cases" in done.err
    cases.write_text(CASES)
    assert (
        "nothing was done" in own.fine("policy", "activate", str(path), "--reason", "first", "--dry-run").out
    )
    assert [] == own.fine("policy", "show", "--json").json
    assert "is active" in own.fine("policy", "activate", str(path), "--reason", "first").out
    assert "is active already" in own.fine("policy", "activate", str(path), "--reason", "first").out
    assert POLICY == own.fine("policy", "show", "active", "--body").out
    path.write_text(
        POLICY.replace("le = 10", "le = 20").replace(
            "[[rule]]", '[activation]\napprovers = "dba"\n\n[[rule]]'
        )
    )
    cases.unlink()
    done = own("policy", "activate", str(path), "--reason", "more files")
    assert 5 == done.code
    assert "`count le 20` instead of `count le 10`" in done.out
    assert "1 of group:dba has to agree" in done.out
    done = own("policy", "activate", str(path), "--reason", "more files")
    assert (4, 1) == (done.code, len(done.err.splitlines()))
    told = own.fine("policy", "show", "--json").json
    assert {"active", "requested"} == {one["state"] for one in told}
    assert "first" in own.fine("policy", "show", "active").out
