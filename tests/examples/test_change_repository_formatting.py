"""What counts as formatting, and what a policy is told about it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from repositories import QUICK, UNUSED, make_diff, make_repository, propose, write

from actum.cli.policy_facts import read_effects
from actum.machine.policy import Operation, lint, vocabulary
from actum.machine.policy.facts import OWN
from change_repository.checks import check_proposal
from change_repository.collection import collect
from change_repository.formatting import changes_only_formatting, is_formatting
from change_repository.patches import scratch_index, take_difference
from change_repository.proposer import propose_with_ruff
from change_repository.records import Task
from change_repository.repository import read_head
from change_repository.ruled import POLICY_FILE, read_own_policy
from change_repository.sample_repository import make_small_repository
from change_repository.small_samples import RATES, UNTIDY
from change_repository.summary import find_facts
from change_repository.workflow import change_repository

CODE = "def f(a, b):  # two\n    return [a, 'b', 0xff]\n"


@pytest.mark.parametrize(
    "after",
    [
        'def f(a, b):  # two\n    return [a, "b", 0xFF]\n',
        "def f(\n    a,\n    b,\n):  #two\n\n    return [\n        a, 'b',\n        0xff,\n    ]",
        "def f(a, b):  # two  \n  return ([a, 'b', (0xff)])\n",
        CODE.replace("\n", "\r\n"),
    ],
)
def test_quotes_commas_brackets_blanks_and_line_ends_are_formatting(after: str) -> None:
    assert is_formatting(CODE.encode(), after.encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CODE, CODE.replace("'b'", "'c'")),
        (CODE, CODE.replace("# two", "# three")),
        (CODE, CODE.replace("  # two", "")),
        (CODE, CODE.replace("0xff]", "0xff]  # noqa")),
        ("x = 1  # noqa\ny = 2\n", "x = 1\ny = 2  # noqa\n"),
        ("import b\nimport a\n", "import a\nimport b\n"),
        ('"""Text. """\n', '"""Text."""\n'),
        ("x = 1\n", "x = 1.0\n"),
        ("x = (1)\n", "x = (1,)\n"),
        ("if a:\n    b()\nc()\n", "if a:\n    b()\n    c()\n"),
        ("#!/bin/sh\nx = 1\n", "\n#!/bin/sh\nx = 1\n"),
        ("#!/bin/sh\nx = 1\n", "# !/bin/sh\nx = 1\n"),
        ("x = 1\n", "\ufeffx = 1\n"),
        ("x = (\n", "x = (  \n"),
        ("x = '''\n", "x = '''  \n"),
        ("x = 1\n", "x = 1\0\n"),
        ("x = " + "(" * 5000, "x = " + "(" * 5001),
    ],
    ids=range(17),
)
def test_whatever_else_changes_or_cannot_be_read_is_code(before: str, after: str) -> None:
    assert not is_formatting(before.encode(), after.encode())


def test_another_encoding_is_read_as_it_is_declared() -> None:
    before = "# coding: latin-1\nx = 'é'\n".encode("latin-1")
    assert is_formatting(before, before.replace(b"'", b'"'))
    assert not is_formatting(before, "# coding: latin-1\nx = 'é'\n".encode())
    assert not is_formatting(before, b"\n\n" + before)


def decide(top: Path, files: dict[str, str | bytes]) -> bool:
    with scratch_index(top, read_head(top), make_diff(top, files)) as root:
        return changes_only_formatting(root)


def test_only_plain_changes_of_python_files_are_formatting(small: Path) -> None:
    tidy = UNUSED.replace("return 42", "return  42")
    assert decide(small, {"code_under_test.py": tidy})
    assert not decide(small, {"code_under_test.py": tidy, "notes.txt": "one\ntwo \n"})
    assert not decide(small, {"code_under_test.py": tidy, "new.py": ""})
    assert not decide(small, {"code_under_test.py": tidy.replace("42", "43")})
    assert not decide(small, {})


def test_a_file_that_becomes_executable_is_not_formatted(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "one", {"a.py": "x = 1\n"})
    write(top, {"a.py": "x  =  1\n"})
    (top / "a.py").chmod(0o755)
    assert "new mode 100755" in take_difference(top)
    assert not changes_only_formatting(top)


@pytest.mark.parametrize(
    ("name", "tiers"),
    [
        ("slugs", {"actum/x": 1}),
        ("shades", {"actum/x": 1}),
        ("spans", {"actum/x": 1}),
        ("rates", {"actum/x": 2, "rehearsal/rates": 0}),
    ],
)
def test_the_samples_are_of_the_tiers_that_the_demo_shows(
    tmp_path: Path, name: str, tiers: dict[str, int]
) -> None:
    top = make_small_repository(tmp_path / "sample", UNTIDY.get(name, RATES))
    task = Task(repository=str(top), test_command=["python", "-c", f"import {name}"])
    proposal = propose_with_ruff(collect(task))
    report = check_proposal(proposal)
    for branch, tier in tiers.items():
        facts = find_facts(proposal, report, branch)
        operation = Operation(
            kind="git.commit", team="platform", reversibility="undoable", facts=facts.model_dump()
        )
        ruling = read_own_policy().rule(operation)
        assert (tier, False) == (ruling.tier, ruling.is_denied)
        assert facts.is_formatting_only == (tier == 1)


def test_facts_name_what_is_protected_and_what_is_changed_of_the_tests(small: Path) -> None:
    names = [".github/workflows/release.yml", "docker/Dockerfile", "tests/test_more.py", "makefiles/x.py"]
    files: dict[str, str | bytes] = dict.fromkeys(names, "x = 1\n")
    proposal = propose(small, make_diff(small, files), test_command=QUICK)
    facts = find_facts(proposal, check_proposal(proposal), "rehearsal/x")
    assert (4, 4, 0, 2, True, True, False) == (
        facts.files,
        facts.lines_added,
        facts.lines_removed,
        facts.protected_files,
        facts.touches_tests,
        facts.is_rehearsal,
        facts.is_formatting_only,
    )


def test_the_policy_asks_for_facts_that_previews_give_and_passes_its_cases() -> None:
    policy = read_own_policy()
    schemas, untyped = read_effects([change_repository])
    assert [] == untyped
    assert set(policy.document.facts) - set(OWN) <= set(schemas["git.commit"]["properties"])
    stated = [line.partition("  #")[0] for line in vocabulary(schemas).splitlines()]
    asked = policy.source.partition("[facts]\n")[2].partition("\n\n")[0].splitlines()
    assert [] == [line for line in asked if line not in stated]
    assert ["tier-zero"] == [one.code for one in lint(policy)]
    command = [sys.executable, "-m", "actum.cli", "policy", "test", str(POLICY_FILE)]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (0, "14 cases, all as expected\n") == (tested.returncode, tested.stdout)
