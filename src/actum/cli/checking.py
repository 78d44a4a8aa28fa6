"""`actum check`: mistakes in contracts, found without running them, as text, JSON or SARIF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import import_module as import_by_name
from pathlib import Path
from typing import Any, Protocol

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.modules import import_module
from actum.cli.printing import BAD, GOOD, WARN, say, say_all, say_json
from actum.cli.text import columns, indent, neutral
from actum.errors import NotPossible
from actum.version import VERSION

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


class Finding(Protocol):
    """What a look at a module finds; `severity` is `error`, `warning` or `note`."""

    @property
    def code(self) -> str: ...
    @property
    def sentence(self) -> str: ...
    @property
    def cure(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def contract(self) -> str | None: ...
    @property
    def severity(self) -> str: ...


@click.command()
@click.argument("modules", metavar="MODULE...", nargs=-1, required=True)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True
)
@click.option("--strict", is_flag=True, help="Let warnings fail the check too.")
@options.as_json
def check(modules: tuple[str, ...], form: str, strict: bool, is_json: bool) -> int:
    """Look for mistakes in the contracts of modules; exit code 1 when one of them is an error."""
    findings = [finding for name in modules for finding in _lint(name)]
    if is_json or form == "json":
        say_json([_as_json(one) for one in findings])
    elif form == "sarif":
        say_json(sarif(findings))
    else:
        _tell(findings)
    failing = ("error", "warning") if strict else ("error",)
    return Exit.FAILED if any(one.severity in failing for one in findings) else Exit.FINE


def _lint(name: str) -> Sequence[Finding]:
    module = import_module(name)
    try:
        lint: Any = import_by_name("actum.authoring.lint")
    except ModuleNotFoundError as error:
        if error.name != "actum.authoring.lint":
            raise
        raise NotPossible("this installation cannot check contracts: install actum again") from None
    found: Sequence[Finding] = lint.lint_module(module)
    return found


def _tell(findings: Sequence[Finding]) -> None:
    for one in findings:
        where = f" in {neutral(one.contract)}" if one.contract else ""
        style = BAD if one.severity == "error" else WARN
        say(f"{neutral(_place(one.file))}:{one.line}: {one.severity} {neutral(one.code)}{where}", style)
        say_all(indent(neutral(one.sentence), "  ", "  ", columns()))
        say_all(indent(neutral(one.cure), "  → ", "    ", columns()))
    if not findings:
        say("nothing found", GOOD)
        return
    counts = Counter(one.severity for one in findings)
    said = [f"{count} {word}{'s' if count != 1 else ''}" for word, count in sorted(counts.items())]
    say(", ".join(said))


def _as_json(one: Finding) -> dict[str, Any]:
    return {
        "code": one.code,
        "severity": one.severity,
        "contract": one.contract,
        "sentence": one.sentence,
        "cure": one.cure,
        "file": _place(one.file),
        "line": one.line,
    }


def sarif(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return findings as a SARIF 2.1.0 log, which code hosts show beside the lines."""
    rules = [{"id": code} for code in dict.fromkeys(one.code for one in findings)]
    driver = {"name": "actum", "version": VERSION, "rules": rules}
    return {
        "$schema": SARIF,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": _results(findings)}],
    }


def _results(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "ruleId": one.code,
            "level": one.severity,
            "message": {"text": f"{one.sentence}: {one.cure}"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": Path(_place(one.file)).as_posix()},
                        "region": {"startLine": max(one.line, 1)},
                    },
                    "logicalLocations": [{"name": one.contract or "", "kind": "function"}],
                }
            ],
        }
        for one in findings
    ]


def _place(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
