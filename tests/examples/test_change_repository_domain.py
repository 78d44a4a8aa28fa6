"""The main example from findings to a summary, on real Git repositories."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from repositories import (
    QUICK,
    REPORT,
    UNUSED,
    make_diff,
    make_repository,
    photograph,
    propose,
    run_git,
    write,
)

from change_repository import git as git_module
from change_repository.branches import (
    commit_on_branch,
)
from change_repository.checks import check_proposal
from change_repository.collection import collect
from change_repository.findings import list_findings
from change_repository.patches import list_changes, scratch_copy
from change_repository.problems import (
    ChangeProblem,
    GitStopped,
    NoCommits,
    NoRepository,
    NothingToPropose,
    ToolMissing,
    UncommittedChanges,
    is_problem,
)
from change_repository.proposer import find_fault, propose_with_ruff
from change_repository.records import Commit, Proposal, Stopped, Task
from change_repository.repository import find_top, list_uncommitted
from change_repository.sample_repository import make_sample_repository
from change_repository.summary import describe, find_facts, summarize

# The whole way


def test_the_sample_goes_from_findings_to_a_checked_commit(tmp_path: Path) -> None:
    top = make_sample_repository(tmp_path / "tally")
    context = collect(Task(repository=str(top)))
    proposal = propose_with_ruff(context)
    assert find_fault(proposal) is None
    report = check_proposal(proposal)
    assert [(check.name, check.passed) for check in report.checks] == [
        ("patch applies", True),
        ("tests pass", True),
        ("fewer findings", True),
    ]
    assert context.finding_count == report.findings_before
    assert 0 < report.findings_after < report.findings_before
    commit = commit_on_branch(proposal, report)
    summary = summarize(proposal.task, commit)
    assert summary.outcome == "committed"
    assert f"merge {commit.branch}" in summary.markdown
    assert all(rule in summary.markdown for rule in report.remaining)
    with scratch_copy(top, commit.commit) as root:
        assert report.findings_after == len(list_findings(root))


def test_the_sample_has_a_history_that_a_log_can_tell(tmp_path: Path) -> None:
    top = make_sample_repository(tmp_path / "tally")
    context = collect(Task(repository=str(top)))
    assert [entry.subject for entry in context.log] == [
        "Print a report",
        "Sum expenses by month and category",
        "Read expenses from CSV",
    ]
    assert context.log[0].commit == context.base
    assert not list_uncommitted(top)
    with pytest.raises(FileExistsError, match="not empty"):
        make_sample_repository(top)


def test_the_offline_proposal_is_the_same_every_time(small: Path) -> None:
    context = collect(Task(repository=str(small)))
    assert propose_with_ruff(context) == propose_with_ruff(context)


# Problems with the repository


def test_a_plain_folder_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(NoRepository, match="no Git checkout"):
        collect(Task(repository=str(tmp_path)))


def test_a_missing_folder_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(NoRepository, match="is no folder"):
        collect(Task(repository=str(tmp_path / "absent")))


def test_a_bare_repository_is_no_checkout(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "--quiet", "--bare", "store.git")
    with pytest.raises(NoRepository):
        collect(Task(repository=str(tmp_path / "store.git")))


def test_a_repository_without_commits_is_told_so(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "--quiet")
    with pytest.raises(NoCommits, match="first commit"):
        collect(Task(repository=str(tmp_path)))


def test_a_folder_inside_a_checkout_means_the_checkout(small: Path) -> None:
    (small / "deep").mkdir()
    assert find_top(str(small / "deep")) == small.resolve()


def test_a_surrounding_hook_cannot_point_git_elsewhere(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repository(tmp_path / "other", {"a.txt": "a"})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    assert find_top(str(small)) == small.resolve()


def test_without_git_the_way_out_is_named(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissing, match="install git"):
        find_top(str(small))


def test_a_git_that_was_killed_leaves_a_doubt_and_not_a_refusal(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "git"
    write(tmp_path, {"bin/git": "#!/bin/sh\nkill -9 $$\n"})
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(GitStopped) as stopped:
        git_module.git(small, "status")
    assert not isinstance(stopped.value, ChangeProblem)


def test_a_clean_tree_has_nothing_to_propose(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "clean", {"a.py": "A = 1\n"})
    with pytest.raises(NothingToPropose, match="finds nothing"):
        propose_with_ruff(collect(Task(repository=str(top))))


def test_findings_that_ruff_cannot_fix_are_counted(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "hard", {"a.py": "print(missing)\n"})
    with pytest.raises(NothingToPropose, match="finds 1 thing and can fix none"):
        propose_with_ruff(collect(Task(repository=str(top))))


def test_broken_linter_settings_are_one_sentence(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "odd", {"ruff.toml": "select = 3\n", "a.py": "A = 1\n"})
    with pytest.raises(ToolMissing, match="ruff could not look"):
        collect(Task(repository=str(top)))


# Uncommitted work


def test_the_offline_proposer_leaves_edited_files_alone(small: Path) -> None:
    write(small, {"other.py": "import sys\n"})
    run_git(small, "add", "--all")
    run_git(small, "commit", "--quiet", "-m", "Add other")
    write(small, {"other.py": "import sys\nimport json\n"})
    proposal = propose_with_ruff(collect(Task(repository=str(small))))
    changes = list_changes(small, proposal.base, proposal.diff)
    assert [change.path for change in changes] == ["code_under_test.py"]


def test_when_all_that_is_fixable_is_being_edited_the_files_are_named(small: Path) -> None:
    write(small, {"code_under_test.py": UNUSED + "\n"})
    with pytest.raises(NothingToPropose, match=r"uncommitted changes \(code_under_test.py\)"):
        propose_with_ruff(collect(Task(repository=str(small))))


@pytest.mark.parametrize(
    "edit",
    [
        lambda top: write(top, {"notes.txt": "mine\n"}),
        lambda top: (top / "notes.txt").unlink(),
        lambda top: run_git(top, "rm", "--quiet", "--cached", "notes.txt"),
        lambda top: run_git(top, "mv", "notes.txt", "renamed.txt"),
    ],
    ids=["changed", "deleted", "unstaged", "renamed"],
)
def test_a_commit_on_files_being_edited_is_refused(
    small: Path, reworded: Proposal, edit: Callable[[Path], object]
) -> None:
    edit(small)
    before = photograph(small)
    with pytest.raises(UncommittedChanges, match=r"notes\.txt"):
        commit_on_branch(reworded, REPORT)
    assert photograph(small) == before
    assert run_git(small, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert "uncommitted changes" in str(find_fault(reworded))


def test_an_untracked_file_in_the_way_is_refused(small: Path) -> None:
    proposal = propose(small, make_diff(small, {"new.txt": "theirs\n"}))
    write(small, {"new.txt": "mine\n"})
    with pytest.raises(UncommittedChanges, match=r"new\.txt"):
        commit_on_branch(proposal, REPORT)


# What people and policies read


def test_the_sentence_says_what_where_and_that_the_world_moved(small: Path, reworded: Proposal) -> None:
    report = check_proposal(reworded)
    sentence = describe(reworded, report, reworded.base, "actum/x")
    assert sentence == (
        f"Commit a change of 1 file (+1 −1 lines) on the new branch actum/x of {small}; findings go from 1 to 1."
    )
    assert "HEAD has moved on since" in describe(reworded, report, "f" * 40, "actum/x")


def test_facts_come_from_the_report(small: Path) -> None:
    proposal = propose_with_ruff(collect(Task(repository=str(small), test_command=QUICK)))
    facts = find_facts(proposal, check_proposal(proposal), "actum/x")
    assert (
        facts.files,
        facts.tests_pass,
        facts.findings_before,
        facts.findings_after,
        facts.proposed_by,
    ) == (1, True, 1, 0, "tool")


@pytest.mark.parametrize("at", ["collect_context", "propose_change", "request_approval", "apply_change"])
def test_every_stop_is_summarized_with_its_reason_and_a_next_step(at: str) -> None:
    summary = summarize(Task(repository="somewhere"), Stopped(at=at, reason="the reason given"))
    assert summary.outcome == "stopped"
    assert "the reason given" in summary.markdown
    assert "1. " in summary.markdown.partition("## Next steps")[2]


def test_records_survive_their_checkpoint(small: Path, reworded: Proposal) -> None:
    made = commit_on_branch(reworded, check_proposal(reworded))
    assert made == Commit.model_validate_json(made.model_dump_json())


def test_problems_are_known_by_name() -> None:
    assert is_problem("NoCommits")
    assert not is_problem("GitStopped")
    assert not is_problem("KeyError")
