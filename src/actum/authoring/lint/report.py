"""Collects findings: each once for a code and a line, none for a line that says it is meant."""

from __future__ import annotations

from actum.authoring.lint.finding import Finding
from actum.authoring.lint.rules import RULES
from actum.authoring.lint.source import Source


class Report:
    """The findings of one contract, or of none."""

    def __init__(self, contract: str | None) -> None:
        self.contract = contract
        self._findings: dict[tuple[str, str, int, str], Finding] = {}

    def add(self, code: str, source: Source, sentence: str, line: int | None = None) -> None:
        """Add a finding in `source`, at its first line unless `line` is given.

        Two of one code at one line of code are one, unless they are about the declaration as a whole.
        """
        at = source.line if line is None else line
        if source.is_ignored(code, at):
            return
        rule = RULES[code]
        found = Finding(code, sentence, rule.cure, source.file, at, self.contract, rule.severity)
        self._findings.setdefault((code, source.file, at, sentence if line is None else ""), found)

    @property
    def findings(self) -> list[Finding]:
        """What was found, by file and line."""
        return sorted(self._findings.values(), key=lambda one: (one.file, one.line, one.code, one.sentence))
