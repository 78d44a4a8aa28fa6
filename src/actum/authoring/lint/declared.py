"""What a contract declares: owner, runbook, effects, limits, and which of its steps it uses."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from actum.authoring.contract import Contract
from actum.authoring.discovery import find_steps
from actum.authoring.effect import Effect
from actum.authoring.lint.report import Report
from actum.authoring.lint.rules import RUNBOOK_HEADINGS
from actum.authoring.lint.source import Source
from actum.authoring.step import Step
from actum.errors import InvalidContract
from actum.model.contract import parse_duration

AnyStep = Step[..., Any] | Contract[..., Any]


def check_declaration(contract: Contract[..., Any], root: Path, report: Report) -> Sequence[AnyStep]:
    """Check what `contract` declares, runbooks below `root`, and return its steps."""
    source = Source(contract.function)
    steps = _steps_of(contract, source, report)
    _check_owner(contract, source, root, report)
    _check_use(contract, steps, source, report)
    for one in steps:
        if isinstance(one, Step):
            _check_limits(contract, one, report)
        if isinstance(one, Effect):
            _check_effect(contract, one, report)
    return steps


def reached(contract: Contract[..., Any]) -> tuple[AnyStep, ...]:
    """Return the steps that the code of `contract` speaks of, whether or not it is declared well."""
    return find_steps(contract.function, lambda one: isinstance(one, Step | Contract))


def _steps_of(contract: Contract[..., Any], source: Source, report: Report) -> Sequence[AnyStep]:
    try:
        return contract.steps
    except InvalidContract as error:
        found = reached(contract)
        effects = [one.name for one in found if isinstance(one, Effect)]
        has_twins = len({one.name for one in found}) < len(found)
        if effects and not has_twins:
            sentence = f"{contract.name} has effects ({', '.join(effects)}) and no on_failure"
            report.add("on-failure-missing", source, sentence)
        else:
            report.add("contract-invalid", source, str(error))
        return found


def _check_owner(contract: Contract[..., Any], source: Source, root: Path, report: Report) -> None:
    owner = contract.owner
    if owner is None:
        report.add("owner-missing", source, f"{contract.name} has no owner")
        return
    if not owner.escalation:
        report.add(
            "owner-missing", source, f"{contract.name} names nobody to call beyond the team {owner.team}"
        )
    if owner.runbook is None:
        report.add("runbook-missing", source, f"{contract.name} has no runbook")
        return
    try:
        text = (root / owner.runbook).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError):
        sentence = f"the runbook {owner.runbook} of {contract.name} cannot be read from {root}"
        report.add("runbook-missing", source, sentence)
        return
    missing = [heading for heading in RUNBOOK_HEADINGS if heading.lower() not in _headings(text)]
    if missing:
        sentence = f"the runbook {owner.runbook} of {contract.name} has no heading {', '.join(missing)}"
        report.add("runbook-headings", source, sentence)


def _headings(text: str) -> set[str]:
    """Return the Markdown headings of `text` in lower case, those inside fenced blocks left out."""
    outside = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
    return {found.strip().lower() for found in re.findall(r"^#+\s+(.*?)\s*#*$", outside, re.MULTILINE)}


def _check_use(
    contract: Contract[..., Any], steps: Sequence[AnyStep], source: Source, report: Report
) -> None:
    named = {id(one) for one in reached(contract)}
    for one in steps:
        if id(one) not in named:
            sentence = f"{contract.name} declares the {one.word} {one.name}, and its code does not reach it"
            report.add("step-unused", source, sentence)


def _check_limits(contract: Contract[..., Any], one: Step[..., Any], report: Report) -> None:
    deadline = contract.deadline
    if deadline is None:
        return
    for name in ("attempt", "total"):
        limit = getattr(one.timeout, name)
        if limit is not None and parse_duration(limit) > deadline:
            sentence = (
                f"{one.word} {one.name} may take {_shown(parse_duration(limit))} ({name}), "
                f"and {contract.name} as a whole {_shown(deadline)}"
            )
            report.add("timeout-beyond-deadline", Source(one.function), sentence)
            return


def _check_effect(contract: Contract[..., Any], one: Effect[..., Any], report: Report) -> None:
    source = Source(one.function)
    if one.way_out == "ask" and not one.transactional and not _says_in_doubt(source):
        report.add(
            "doubt-asks-person", source, f"after a crash a person is asked whether {one.name} happened"
        )
    if one.reversibility == "final":
        if "preview" not in one.hooks:
            report.add("preview-missing", source, f"{one.name} is final and has no preview")
        if contract.on_failure == "rollback":
            sentence = f"when {contract.name} is rolled back, {one.name} is left standing"
            report.add("rollback-incomplete", source, sentence)


def _says_in_doubt(source: Source) -> bool:
    """Whether the decorator spells out `in_doubt`, so that asking was chosen and not forgotten."""
    node = source.node
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
        keyword.arg == "in_doubt"
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        for keyword in decorator.keywords
    )


def _shown(length: timedelta) -> str:
    return f"{length / timedelta(seconds=1):g} s"
