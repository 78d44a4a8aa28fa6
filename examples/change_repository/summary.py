"""Says how it ended, in Markdown, with the commands to go on with."""

from __future__ import annotations

import shlex

from .records import Check, Commit, Facts, Proposal, Report, Stopped, Summary, Task

REHEARSAL = "rehearsal/"
"""How branches begin on which a release is tried."""
_PROTECTED_FOLDERS = (".ci/", ".circleci/", ".github/", "deploy/")
_PROTECTED_NAMES = {".gitlab-ci.yml", "CODEOWNERS", "Dockerfile", "Jenkinsfile", "LICENSE", "Makefile"}
_HEADLINES = {
    "collect_context": "the repository could not be read",
    "propose_change": "there is no usable proposal",
    "run_checks": "the checks failed",
    "request_approval": "the change was not approved",
    "apply_change": "the commit could not be made",
}


def summarize(task: Task, outcome: Commit | Stopped) -> Summary:
    """Return the summary of either ending; it reads nothing but its arguments."""
    if isinstance(outcome, Commit):
        return _summarize_commit(outcome)
    title = f"Nothing was changed: {_HEADLINES.get(outcome.at, outcome.at + ' stopped it')}"
    parts = [f"# {title}", f"`{task.repository}`: {outcome.reason}"]
    if outcome.report is not None:
        parts.append(_list_checks(outcome.report))
    parts += ["## Next steps", _advise(outcome)]
    return Summary(outcome="stopped", title=title, markdown="\n\n".join(parts) + "\n")


def describe(proposal: Proposal, report: Report, head: str, branch: str) -> str:
    """Return the one sentence an approver reads first, built from facts alone."""
    added = sum(change.added for change in report.changes)
    removed = sum(change.removed for change in report.changes)
    files = len(report.changes)
    what = "the formatting" if report.is_formatting_only else "a change"
    sentence = (
        f"Commit {what} of {files} file{'' if files == 1 else 's'} (+{added} −{removed} lines) "
        f"on the new branch {branch} of {proposal.repository}; "
        f"findings go from {report.findings_before} to {report.findings_after}"
    )
    if head != proposal.base:
        sentence += f"; HEAD has moved on since, from {proposal.base[:12]} to {head[:12]}"
    return sentence + "."


def find_facts(proposal: Proposal, report: Report, branch: str) -> Facts:
    """Return what a policy may rule by."""
    return Facts(
        repository=proposal.repository,
        branch=branch,
        is_rehearsal=branch.startswith(REHEARSAL),
        files=len(report.changes),
        lines_added=sum(change.added for change in report.changes),
        lines_removed=sum(change.removed for change in report.changes),
        is_formatting_only=report.is_formatting_only,
        touches_tests=any("test" in change.path.lower() for change in report.changes),
        protected_files=sum(_is_protected(change.path) for change in report.changes),
        tests_pass=any(check.name == "tests pass" and check.passed for check in report.checks),
        findings_before=report.findings_before,
        findings_after=report.findings_after,
        proposed_by="model" if proposal.task.model else "tool",
    )


def _is_protected(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return name in _PROTECTED_NAMES or any(f"{folder}/".startswith(one) for one in _PROTECTED_FOLDERS)


def _summarize_commit(commit: Commit) -> Summary:
    report = commit.report
    title = f"Committed on {commit.branch}: {commit.title}"
    where = f"git -C {shlex.quote(commit.repository)}"
    branch = shlex.quote(commit.branch)
    steps = [
        f"Look at it: `{where} show {branch}`",
        f"Take it: `{where} merge {branch}`",
        f"Drop it: `{where} branch -D {branch}`",
    ]
    if report.remaining:
        rules = ", ".join(f"{rule} ({count})" for rule, count in report.remaining.items())
        steps.append(f"Mend by hand what is left: {rules}")
    files = [f"- `{change.path}` (+{change.added} −{change.removed})" for change in report.changes]
    parts = [
        f"# {title}",
        f"Commit `{commit.commit[:12]}` on `{commit.base[:12]}`; your branch, index and files are as they were.",
        _list_checks(report),
        "## Files",
        "\n".join(files),
        "## Next steps",
        "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1)),
    ]
    return Summary(outcome="committed", title=title, markdown="\n\n".join(parts) + "\n")


def _list_checks(report: Report) -> str:
    worst_first = sorted(report.checks, key=lambda check: check.passed)
    return "\n".join(["## Checks", "", *map(show_check, worst_first)])


def show_check(check: Check) -> str:
    """Return one check as an item of a Markdown list, with its output folded out below."""
    first, *rest = check.detail.splitlines() or [""]
    line = f"- {'passed' if check.passed else '**FAILED**'}: {check.name}{f' ({first})' if first else ''}"
    if not rest:
        return line
    return "\n".join([line, "", "  ~~~~text", *(f"  {text}" for text in rest), "  ~~~~", ""])


def _advise(outcome: Stopped) -> str:
    match outcome.at:
        case "propose_change":
            return "1. Do what the sentence above says, or ask a model with `--model provider:name`."
        case "run_checks":
            return "1. Read the failed check above.\n2. Mend its cause, commit, and start the change again."
        case "request_approval":
            return "1. Take the reason above up with the approver; start again with another goal if it helps."
        case _:
            return "1. Do what the sentence above says, then start the change again."
