"""Proposes a change: ruff's own fixes offline, or a model's patch; and judges whether a patch can be used."""

from __future__ import annotations

import re
from pathlib import Path

from .branches import refuse_uncommitted
from .findings import count_rules, fix_findings, list_findings, name_tool
from .models import Model, Question
from .patches import list_changes, normalize, scratch_copy, take_difference
from .problems import ChangeProblem, NothingToPropose, PatchRefused
from .records import Context, Finding, Proposal
from .repository import list_uncommitted

DIFF_BYTES = 256_000

# Whoever may rewrite the rules passes every check: the settings of linter and tests are not the proposer's.
_REFEREES = {
    ".ruff.toml",
    "conftest.py",
    "pyproject.toml",
    "pytest.ini",
    "ruff.toml",
    "setup.cfg",
    "tox.ini",
}
_SPECIAL_FILE = re.compile(r"^new (?:file )?mode (?:120000|160000)$", re.MULTILINE)
_SILENCED = re.compile(r"^\+.*#\s*(?:ruff:\s*)?noqa", re.MULTILINE | re.IGNORECASE)


def propose_with_ruff(context: Context) -> Proposal:
    """Return ruff's safe fixes for the files with the most to mend, leaving files alone that somebody is editing.

    The same context gives the same patch. Raises NothingToPropose when ruff has nothing to mend.
    """
    top = Path(context.repository)
    edited = list_uncommitted(top)
    with scratch_copy(top, context.base) as root:
        before = list_findings(root)
        fixable = [finding for finding in before if finding.fixable]
        chosen = _choose_files(fixable, edited, context.task.max_files)
        fix_findings(root, chosen)
        diff = take_difference(root) if chosen else ""
        after = list_findings(root)
    if not diff:
        raise NothingToPropose(_why_nothing(before, fixable, edited))
    mended = count_rules(before)
    for rule, count in count_rules(after).items():
        mended[rule] = mended.get(rule, 0) - count
    tool = name_tool()
    rules = ", ".join(f"{rule} ({count})" for rule, count in sorted(mended.items()) if count > 0)
    return Proposal(
        task=context.task,
        repository=context.repository,
        identity=context.identity,
        base=context.base,
        title=f"Fix {_number(len(before) - len(after), 'lint finding')}",
        rationale=f"Safe fixes of {tool} for {rules}.",
        proposer=tool,
        diff=diff,
    )


def propose_with_model(context: Context, model: Model, complaint: str | None = None) -> Proposal:
    """Return the patch a model answers with; `complaint` tells it why its last one could not be used.

    A patch that does not apply is returned as it came, for `find_fault` to say so. Raises NothingToPropose when
    there are no findings to ask about.
    """
    if not context.findings:
        raise NothingToPropose(
            "the linter finds nothing in the last commit, so there is nothing to ask a model"
        )
    answer = model.answer(Question.about(context, list_uncommitted(Path(context.repository)), complaint))
    try:
        diff = normalize(Path(context.repository), context.base, answer.diff) if answer.diff else ""
    except PatchRefused:
        diff = answer.diff
    return Proposal(
        task=context.task,
        repository=context.repository,
        identity=context.identity,
        base=context.base,
        title=answer.title,
        rationale=answer.rationale,
        proposer=model.name,
        diff=diff,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
    )


def find_fault(proposal: Proposal) -> str | None:
    """Return why the patch cannot be used, in words that its proposer can act upon, or None."""
    if not proposal.diff.strip():
        return (
            "the answer holds no patch that changes anything: answer with a unified diff in a ```diff block"
        )
    size = len(proposal.diff.encode("utf-8", "replace"))
    if size > DIFF_BYTES:
        return f"the patch is {size} bytes long and the limit is {DIFF_BYTES}: change fewer files"
    try:
        changes = list_changes(Path(proposal.repository), proposal.base, proposal.diff)
        refuse_uncommitted(Path(proposal.repository), changes)
    except ChangeProblem as problem:
        return str(problem)
    if len(changes) > proposal.task.max_files:
        return f"the patch touches {len(changes)} files and the limit is {proposal.task.max_files}"
    referees = [change.path for change in changes if Path(change.path).name in _REFEREES]
    if referees:
        return f"the patch changes the rules it is checked by ({', '.join(referees)}): leave these files as they are"
    if _SPECIAL_FILE.search(proposal.diff):
        return "the patch makes a symbolic link or a submodule: use plain files"
    if _SILENCED.search(proposal.diff):
        return "the patch silences the linter with a noqa comment: mend the code, or leave the finding"
    return None


def _choose_files(fixable: list[Finding], edited: set[str], limit: int) -> list[str]:
    weights: dict[str, int] = {}
    for finding in fixable:
        if finding.path not in edited:
            weights[finding.path] = weights.get(finding.path, 0) + 1
    return sorted(sorted(weights), key=lambda path: -weights[path])[:limit]


def _why_nothing(before: list[Finding], fixable: list[Finding], edited: set[str]) -> str:
    if not before:
        return "ruff finds nothing in the last commit: there is nothing to fix"
    busy = sorted({finding.path for finding in fixable} & edited)
    if busy:
        return (
            f"all that ruff could fix lies in files with uncommitted changes ({', '.join(busy[:5])}): "
            "commit or stash them and run again"
        )
    return f"ruff finds {_number(len(before), 'thing')} and can fix none safely: mend by hand, or ask a model with --model"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
