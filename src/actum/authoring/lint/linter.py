"""The two ways in: one contract, or all that a module declares."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from actum.authoring.contract import Contract
from actum.authoring.lint.bodies import check_body
from actum.authoring.lint.declared import check_declaration, reached
from actum.authoring.lint.finding import Finding
from actum.authoring.lint.report import Report
from actum.authoring.lint.rules import RULES
from actum.authoring.lint.source import Source
from actum.authoring.lint.writes import check_step
from actum.authoring.step import Step
from actum.errors import InvalidContract


def lint_contract(contract: Contract[..., Any], *, root: Path | None = None) -> list[Finding]:
    """Return what is wrong with one contract, its steps and their hooks, by file and line; nothing is executed.

    The runbook is looked for below `root`, the working directory when omitted: where a worker would look for it.
    Code whose source cannot be read is named in a finding of its own. Children are contracts of their own, and are
    not looked into. Calling it twice gives the same answer.
    """
    report = Report(contract.name)
    for one in check_declaration(contract, root or Path.cwd(), report):
        if isinstance(one, Step):
            check_step(one, report)
    check_body(contract.function, report)
    return report.findings


def lint_module(module: ModuleType, *, root: Path | None = None) -> list[Finding]:
    """Return what is wrong with all contracts that `module` holds, imported ones included, and with its steps.

    What several contracts share is reported for the first of them. A module without a contract is a finding.
    """
    contracts = _held(module, Contract)
    if not contracts:
        return [_no_contract(module)]
    found: dict[tuple[str, str, int, str], Finding] = {}
    for contract in contracts:
        for one in lint_contract(contract, root=root):
            found.setdefault((one.code, one.file, one.line, one.sentence), one)
    for one in _unused(module, contracts):
        found.setdefault((one.code, one.file, one.line, one.sentence), one)
    return sorted(found.values(), key=lambda one: (one.file, one.line, one.code, one.sentence))


def _unused(module: ModuleType, contracts: list[Contract[..., Any]]) -> list[Finding]:
    """Return a finding for every step written in `module` that none of its contracts reaches."""
    used = {id(one) for contract in contracts for one in (*_declared(contract), *reached(contract))}
    report = Report(None)
    for one in _held(module, Step):
        if id(one) not in used and one.__module__ == module.__name__:
            report.add(
                "step-unused", Source(one.function), f"no contract of {module.__name__} reaches {one.name}"
            )
    return report.findings


def _declared(contract: Contract[..., Any]) -> tuple[Any, ...]:
    try:
        return tuple(contract.steps)
    except InvalidContract:
        return ()


def _held(module: ModuleType, kind: type[Any]) -> list[Any]:
    return list({id(one): one for one in vars(module).values() if isinstance(one, kind)}.values())


def _no_contract(module: ModuleType) -> Finding:
    rule = RULES["no-contract"]
    sentence = f"{module.__name__} holds no contract"
    return Finding(
        "no-contract", sentence, rule.cure, getattr(module, "__file__", None) or "", 1, None, rule.severity
    )
