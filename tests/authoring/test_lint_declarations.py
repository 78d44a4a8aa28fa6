"""What `actum check` finds in declarations: owners, runbooks, effects, limits, steps that nobody uses."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from actum import Happened, NotHappened, Owner, Preview, Timeout, contract, effect, step
from actum.authoring.contract import Contract
from actum.authoring.lint import RUNBOOK_HEADINGS, Finding, lint_contract, lint_module

ROOT = Path(__file__).parents[2]
RUNBOOK = "".join(f"## {heading}\n\nText.\n\n" for heading in RUNBOOK_HEADINGS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "runbook.md").write_text(RUNBOOK)
    return tmp_path


OWNER = Owner(team="platform", escalation=["#oncall"], runbook="runbook.md")


@step
async def read(name: str) -> str:
    return name


@effect("mail.send")
async def send(text: str) -> str:
    return text


@send.preview
def _(text: str) -> Preview:
    return Preview(f"Send {text}")


@send.probe
def _(text: str) -> Happened[str] | NotHappened:
    return NotHappened()


@effect("mail.recall")
async def bare(text: str) -> str:
    return text


@effect("mail.flag", in_doubt="ask")
async def chosen(text: str) -> str:
    return text


@chosen.undo
async def _(result: str, text: str) -> None:
    return None


@contract(owner=OWNER, on_failure="hold", deadline="1h")
async def clean(name: str) -> str:
    """A contract with nothing to say about."""
    return await send(await read(name))


def codes(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(one.code, one.severity) for one in findings]


def only(findings: list[Finding]) -> Finding:
    assert 1 == len(findings)
    return findings[0]


def test_a_contract_in_order_yields_nothing(root: Path) -> None:
    assert [] == lint_contract(clean, root=root)


def test_the_example_of_the_project_yields_nothing() -> None:
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        from change_repository import workflow
    finally:
        sys.path.remove(str(ROOT / "examples"))
    assert [] == lint_module(workflow, root=ROOT)


def test_no_owner_is_an_error_at_the_line_of_the_contract(root: Path) -> None:
    @contract
    async def orphan(name: str) -> str:
        return await read(name)

    finding = only(lint_contract(orphan, root=root))
    assert ("owner-missing", "orphan has no owner") == (finding.code, finding.sentence)
    line = Path(__file__).read_text().splitlines()[finding.line - 1]
    assert "async def orphan(name: str) -> str:" == line.strip()
    assert (__file__, "orphan", "error") == (finding.file, finding.contract, finding.severity)


def test_an_owner_without_people_and_runbook_is_told_both(root: Path) -> None:
    @contract(owner=Owner(team="platform"))
    async def lonely(name: str) -> str:
        return await read(name)

    assert [("owner-missing", "error"), ("runbook-missing", "error")] == codes(
        lint_contract(lonely, root=root)
    )


def test_a_runbook_that_is_not_there_is_named_with_where_it_was_looked_for(tmp_path: Path) -> None:
    finding = only(lint_contract(clean, root=tmp_path))
    assert "runbook-missing" == finding.code
    assert f"the runbook runbook.md of clean cannot be read from {tmp_path}" == finding.sentence


def test_missing_headings_of_a_runbook_are_named(root: Path) -> None:
    (root / "runbook.md").write_text("# What it does\n\n```\n## When it fails\n```\n\n### whom to call ##\n")
    finding = only(lint_contract(clean, root=root))
    assert "runbook-headings" == finding.code
    assert "the runbook runbook.md of clean has no heading When it fails, How to stop it" == finding.sentence


def test_effects_without_on_failure_are_named(root: Path) -> None:
    @contract(owner=OWNER)
    async def undecided(name: str) -> str:
        return await send(name)

    finding = only(lint_contract(undecided, root=root))
    assert ("on-failure-missing", "undecided has effects (send) and no on_failure") == (
        finding.code,
        finding.sentence,
    )


def test_a_contract_that_would_be_refused_is_told_why(root: Path) -> None:
    @step(name="read")
    async def other(name: str) -> str:
        return name

    @contract(owner=OWNER)
    async def twins(name: str) -> str:
        return await read(await other(name))

    finding = only(lint_contract(twins, root=root))
    assert ("contract-invalid", True) == (finding.code, "two steps named 'read'" in finding.sentence)


def test_an_effect_that_says_nothing_about_doubt_is_noted_and_one_that_chose_is_not(root: Path) -> None:
    @contract(owner=OWNER, on_failure="hold")
    async def doubtful(name: str) -> str:
        return await chosen(await bare(name))

    findings = lint_contract(doubtful, root=root)
    assert [("doubt-asks-person", "note"), ("preview-missing", "warning")] == codes(findings)
    assert {"after a crash a person is asked whether bare happened", "bare is final and has no preview"} == {
        one.sentence for one in findings
    }


def test_a_transactional_effect_asks_nobody_and_nothing_is_noted(root: Path) -> None:
    @effect("row.write", transactional=True)
    async def put(name: str) -> str:
        return name

    @put.undo
    async def _(result: str, name: str) -> None: ...

    @contract(owner=OWNER, on_failure="hold", steps=[put])
    async def certain(name: str) -> str:
        return await put(name)

    assert [] == codes(lint_contract(certain, root=root))


def test_a_rollback_that_leaves_something_standing_is_noted(root: Path) -> None:
    @contract(owner=OWNER, on_failure="rollback")
    async def partial(name: str) -> str:
        return await send(await chosen(name))

    assert [("rollback-incomplete", "note")] == codes(lint_contract(partial, root=root))


@pytest.mark.parametrize(
    ("timeout", "shown"), [("2h", "7200 s (attempt)"), (Timeout(attempt="1m", total="3h"), "10800 s (total)")]
)
def test_a_step_that_may_outlast_its_workflow_is_found(
    root: Path, timeout: str | Timeout, shown: str
) -> None:
    @step(timeout=timeout)
    async def slow(name: str) -> str:
        return name

    @contract(owner=OWNER, deadline="1h")
    async def hurried(name: str) -> str:
        return await slow(name)

    finding = only(lint_contract(hurried, root=root))
    assert "timeout-beyond-deadline" == finding.code
    assert f"step slow may take {shown}, and hurried as a whole 3600 s" == finding.sentence


def test_a_declared_step_that_the_code_does_not_reach_is_found(root: Path) -> None:
    @contract(owner=OWNER, on_failure="hold", steps=[read, send])
    async def half(name: str) -> str:
        return await send(name)

    finding = only(lint_contract(half, root=root))
    assert ("step-unused", "half declares the step read, and its code does not reach it") == (
        finding.code,
        finding.sentence,
    )


def test_a_step_of_a_module_that_no_contract_reaches_is_found(root: Path) -> None:
    module = ModuleType(__name__)
    vars(module).update({"clean": clean, "again": clean, "read": read, "send": send, "bare": bare})
    finding = only(lint_module(module, root=root))
    assert ("step-unused", f"no contract of {__name__} reaches bare", None) == (
        finding.code,
        finding.sentence,
        finding.contract,
    )


def test_what_two_contracts_share_is_reported_once(root: Path) -> None:
    @contract(owner=OWNER, on_failure="hold")
    async def first(name: str) -> str:
        return await bare(name)

    @contract(owner=OWNER, on_failure="hold")
    async def second(name: str) -> str:
        return await bare(name)

    module = ModuleType(__name__)
    vars(module).update({"first": first, "second": second})
    assert ["doubt-asks-person", "preview-missing"] == [one.code for one in lint_module(module, root=root)]


def test_a_module_without_a_contract_is_told_so() -> None:
    finding = only(lint_module(ModuleType("empty")))
    assert ("no-contract", "empty holds no contract") == (finding.code, finding.sentence)


def test_nothing_is_executed(root: Path) -> None:
    ran: list[str] = []

    @step
    async def loud(name: str) -> str:
        ran.append(name)
        return name

    @contract(owner=OWNER)
    async def quiet(name: str) -> str:
        return await loud(name)

    assert isinstance(quiet, Contract)
    assert [] == lint_contract(quiet, root=root)
    assert [] == ran
