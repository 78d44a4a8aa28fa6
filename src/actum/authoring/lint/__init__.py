"""What `actum check` finds: declarations and code that will surprise somebody in production.

    for finding in lint_module(workflows):
        print(f"{finding.file}:{finding.line}: {finding.sentence}. {finding.cure}.")

Nothing is executed: declarations are read from the contract, code from its source. A statement that is right all the
same says so on one of its lines, with `# actum: ignore[code]`.
"""

from __future__ import annotations

from actum.authoring.lint.finding import Finding, Severity
from actum.authoring.lint.linter import lint_contract, lint_module
from actum.authoring.lint.rules import RULES, RUNBOOK_HEADINGS, Rule

__all__ = ["RULES", "RUNBOOK_HEADINGS", "Finding", "Rule", "Severity", "lint_contract", "lint_module"]
