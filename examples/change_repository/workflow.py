"""The contract: six steps from a repository to a commit on a new branch, approved by a person where policy wants it.

The steps only put the domain modules under contract. Reading, proposing and checking may run again after a crash,
since they work in scratch copies. The commit happens once, under a key made of repository, base commit and patch.
"""

from __future__ import annotations

import asyncio

from actum import (
    Expired,
    Happened,
    NotApproved,
    NotHappened,
    Owner,
    Preview,
    Rejected,
    Retry,
    RollBack,
    StepFailed,
    Unusable,
    Usable,
    attempt,
    contract,
    effect,
    request_approval,
    step,
)

from .branches import branch_name, commit_on_branch, delete_branch, find_commit, operation_key
from .checks import check_commit, check_proposal
from .collection import collect
from .models import open_model
from .problems import ChangeProblem, is_problem
from .proposer import find_fault, propose_with_model, propose_with_ruff
from .records import Check, Commit, Context, Facts, Proposal, Report, Stopped, Summary, Task
from .repository import find_top, read_head
from .summary import describe, find_facts, show_check, summarize

# A problem with the repository or the machine does not go away by trying again.
RETRY = Retry(attempts=3, first="100ms", never=(ChangeProblem,))
OWNER = Owner(
    team="platform",
    escalation=["#platform-oncall"],
    runbook="examples/change_repository/runbook.md",
)


@step(timeout="2m", retry=RETRY)
def collect_context(task: Task) -> Context:
    """Read log, findings and files of the last commit."""
    return collect(task)


@step(timeout="5m", retry=RETRY)
def propose_change(context: Context) -> Proposal:
    """Propose a patch: a model's when the task names one, else ruff's own fixes."""
    if context.task.model is None:
        return propose_with_ruff(context)
    previous = attempt().previous
    complaint = previous.why if isinstance(previous, Unusable) else None
    return propose_with_model(context, open_model(context.task.model), complaint)


@propose_change.verdict
def _(proposal: Proposal, context: Context) -> Usable | Unusable:
    fault = find_fault(proposal)
    return Unusable(fault) if fault else Usable()


@step(timeout="30m", retry=RETRY)
def run_checks(proposal: Proposal) -> Report:
    """Apply the patch to a scratch copy, run the tests there, and count the findings."""
    return check_proposal(proposal)


@effect("git.commit", timeout="2m", not_done=(ChangeProblem,), retry=RETRY)
def apply_change(proposal: Proposal, report: Report) -> Commit:
    """Commit the patch on a new branch; working tree, index and HEAD stay as they are."""
    return commit_on_branch(proposal, report)


@apply_change.preview
def _(proposal: Proposal, report: Report) -> Preview[Facts]:
    head = read_head(find_top(proposal.repository))
    branch = branch_name(proposal, operation_key(proposal))
    return Preview(
        describe(proposal, report, head, branch),
        target=f"{proposal.repository}@{branch}",
        facts=find_facts(proposal, report, branch),
        diff=proposal.diff,
        checks=[show_check(check) for check in report.checks],
        relies_on=head,
    )


@apply_change.key
def _(proposal: Proposal, report: Report) -> str:
    return operation_key(proposal)


@apply_change.probe
def _(proposal: Proposal, report: Report) -> Happened[Commit] | NotHappened:
    commit = find_commit(proposal, report)
    return Happened(commit) if commit else NotHappened()


@apply_change.undo
def _(commit: Commit, proposal: Proposal, report: Report) -> None:
    delete_branch(commit)


@step(timeout="30m", retry=RETRY)
def check_release(commit: Commit, task: Task) -> Check:
    """Look at the commit itself, as a release would take it."""
    return check_commit(commit, task)


@step
def summarize_result(task: Task, outcome: Commit | Stopped) -> Summary:
    """Say how it ended, with next steps."""
    return summarize(task, outcome)


@contract(owner=OWNER, on_failure="rollback", deadline="2d")
async def change_repository(task: Task) -> Summary:
    """Improve a repository: on a new branch, checked, and approved where policy wants it."""
    return await improve(task)


@contract(owner=OWNER, on_failure="rollback", deadline="2d")
async def change_repositories(tasks: list[Task]) -> list[Summary]:
    """Improve several repositories side by side; what policy lets share a card is asked on one."""
    return list(await asyncio.gather(*(improve(task) for task in tasks)))


async def improve(task: Task) -> Summary:
    """Take one repository through its six steps; whatever is foreseen ends in a summary."""
    try:
        context = await collect_context(task)
        proposal = await propose_change(context)
        report = await run_checks(proposal)
        if not report.passed:
            stopped = Stopped(at="run_checks", reason=report.failures, report=report)
            return await summarize_result(task, stopped)
        change = apply_change(proposal, report)
        match await request_approval(change):
            case Rejected(reason=reason) | Expired(reason=reason):
                stopped = Stopped(at="request_approval", reason=reason, report=report)
                return await summarize_result(task, stopped)
        commit = await change
    except NotApproved as refusal:
        return await summarize_result(task, Stopped(at="request_approval", reason=str(refusal)))
    except StepFailed as failure:
        return await summarize_result(task, explain(failure))
    return await summarize_result(task, commit)


@contract(owner=OWNER, on_failure="rollback", deadline="2d")
async def release_change(task: Task) -> Summary:
    """Commit a change and check the commit itself: when that check fails, the commit is put back."""
    context = await collect_context(task)
    proposal = await propose_change(context)
    report = await run_checks(proposal)
    commit = await apply_change(proposal, report)
    check = await check_release(commit, task)
    if not check.passed:
        raise RollBack(f"the release check failed: {check.detail}")
    return await summarize_result(task, commit)


def explain(failure: StepFailed) -> Stopped:
    """Turn a failure that the example foresees into an ending; raise every other one again."""
    if failure.reason == "check.failed" or is_problem(failure.error_type):
        return Stopped(at=failure.step, reason=failure.message)
    raise failure
