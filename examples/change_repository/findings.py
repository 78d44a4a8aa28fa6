"""The linter: ruff, offline, under the repository's own settings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from .problems import ToolMissing
from .records import Finding

SECONDS = 120.0


def list_findings(root: Path) -> list[Finding]:
    """Return what ruff finds under `root`, by path and line; an empty list for a clean tree.

    Raises ToolMissing when ruff is not installed beside this interpreter, or cannot read the repository's settings.
    """
    rows = json.loads(run_ruff(root, "check", "--output-format", "json", "--exit-zero", "."))
    findings = [_finding(root, row) for row in rows]
    return sorted(findings, key=lambda finding: (finding.path, finding.line, finding.column, finding.rule))


def fix_findings(root: Path, paths: Iterable[str]) -> None:
    """Let ruff mend, in place, what it can mend safely in `paths` (relative to `root`)."""
    chosen = sorted(paths)
    if chosen:
        run_ruff(root, "check", "--fix", "--exit-zero", "--quiet", "--force-exclude", "--", *chosen)


def count_rules(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings each rule has, most frequent first."""
    return dict(Counter(finding.rule for finding in findings).most_common())


def name_tool() -> str:
    """Return the linter's name and version, such as "ruff 0.14.1"."""
    return run_ruff(Path.cwd(), "--version").strip()


def run_ruff(root: Path, *arguments: str) -> str:
    """Run ruff in `root`, without its cache, and return what it printed."""
    done = subprocess.run(
        [*_find_ruff(), *arguments],
        cwd=root,
        capture_output=True,
        env={**os.environ, "RUFF_NO_CACHE": "true", "NO_COLOR": "1"},
        timeout=SECONDS,
        check=False,
    )
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "replace")
    reason = " ".join(done.stderr.decode("utf-8", "replace").split())
    if "No module named ruff" in reason:
        raise ToolMissing(
            f"ruff is not installed for {sys.executable}: run {sys.executable} -m pip install ruff"
        )
    raise ToolMissing(f"ruff could not look at the repository: {reason[:600]}")


def _find_ruff() -> list[str]:
    """The program that pip put beside this interpreter; else as a module, which costs the start of another Python."""
    program = shutil.which("ruff", path=sysconfig.get_path("scripts"))
    return [program] if program else [sys.executable, "-m", "ruff"]


def _finding(root: Path, row: dict[str, object]) -> Finding:
    location = row["location"]
    fix = row.get("fix")
    return Finding(
        path=Path(os.path.relpath(str(row["filename"]), root)).as_posix(),
        line=int(location["row"]) if isinstance(location, dict) else 1,
        column=int(location["column"]) if isinstance(location, dict) else 1,
        rule=str(row.get("code") or "invalid-syntax"),
        message=str(row["message"]),
        fixable=isinstance(fix, dict) and fix.get("applicability") == "safe",
    )
