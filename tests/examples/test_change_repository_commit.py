"""The main example's one change to a repository: made once, found again, taken back exactly."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from repositories import (
    REPORT,
    UNUSED,
    make_diff,
    make_repository,
    photograph,
    propose,
    run_git,
    write,
)

from change_repository.branches import (
    branch_name,
    commit_on_branch,
    delete_branch,
    find_commit,
    operation_key,
)
from change_repository.checks import check_proposal
from change_repository.collection import collect
from change_repository.patches import list_changes, normalize, scratch_copy
from change_repository.problems import (
    BranchInUse,
    BranchTaken,
    NoRepository,
    PatchRefused,
)
from change_repository.proposer import find_fault, propose_with_ruff
from change_repository.records import Proposal, Task
from change_repository.repository import read_head

# The commit


def test_a_commit_leaves_tree_index_and_head_as_they_were(small: Path, reworded: Proposal) -> None:
    write(small, {"test_code.py": "# being edited\n", "untracked.txt": "mine"})
    run_git(small, "add", "test_code.py")
    write(small, {"test_code.py": "# being edited again\n"})
    before = photograph(small)
    commit = commit_on_branch(reworded, REPORT)
    assert photograph(small) == before
    assert commit.commit == run_git(small, "rev-parse", commit.branch)
    assert reworded.base == run_git(small, "rev-parse", f"{commit.branch}^") == read_head(small)
    assert run_git(small, "show", f"{commit.branch}:notes.txt") == "one\n2"
    assert run_git(small, "diff", "--name-only", "main", commit.branch) == "notes.txt"


def test_the_commit_names_its_operation(small: Path, reworded: Proposal) -> None:
    commit = commit_on_branch(reworded, REPORT)
    message = run_git(small, "log", "-1", "--format=%B", commit.branch)
    assert message == f"Say it better\n\nBecause.\n\nActum-Operation: {operation_key(reworded)}"


def test_a_commit_asked_for_twice_is_made_once(small: Path, reworded: Proposal) -> None:
    first = commit_on_branch(reworded, REPORT)
    count = run_git(small, "rev-list", "--all", "--count")
    assert commit_on_branch(reworded, REPORT) == first
    assert run_git(small, "rev-list", "--all", "--count") == count


def test_no_hook_of_the_user_runs(small: Path, reworded: Proposal) -> None:
    for hook in ("pre-commit", "post-checkout", "reference-transaction", "post-commit"):
        write(small, {f".git/hooks/{hook}": f"#!/bin/sh\ntouch '{small}/{hook}-ran'\n"})
        (small / ".git/hooks" / hook).chmod(0o755)
    check_proposal(reworded)
    commit_on_branch(reworded, REPORT)
    assert list(small.glob("*-ran")) == []


def test_a_commit_needs_no_configured_name(
    small: Path, reworded: Proposal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{name}_NAME", raising=False)
        monkeypatch.delenv(f"GIT_{name}_EMAIL", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    commit = commit_on_branch(reworded, REPORT)
    assert run_git(small, "log", "-1", "--format=%an <%ae>", commit.branch) == "Actum <actum@localhost>"


def test_a_patch_that_does_not_apply_changes_nothing(small: Path, reworded: Proposal) -> None:
    late = reworded.model_copy(update={"diff": reworded.diff.replace("-two", "-three")})
    before = photograph(small)
    with pytest.raises(PatchRefused, match=r"notes\.txt"):
        commit_on_branch(late, REPORT)
    assert photograph(small) == before
    assert "does not apply" in str(find_fault(late))
    report = check_proposal(late)
    assert not report.passed
    assert "does not apply" in report.failures


def test_the_key_tells_repositories_bases_and_patches_apart(
    small: Path, reworded: Proposal, tmp_path: Path
) -> None:
    run_git(tmp_path, "clone", "--quiet", str(small), "clone")
    clone = propose(tmp_path / "clone", reworded.diff)
    other_patch = propose(small, make_diff(small, {"notes.txt": "one\n3\n"}))
    run_git(small, "commit", "--quiet", "--allow-empty", "-m", "Move on")
    later = reworded.model_copy(update={"base": read_head(small)})
    keys = {operation_key(proposal) for proposal in (reworded, other_patch, clone, later)}
    assert len(keys) == 4


def test_worktrees_of_one_repository_share_the_key(small: Path, reworded: Proposal) -> None:
    run_git(small, "worktree", "add", "--quiet", "--detach", "../second")
    second = propose(small.parent / "second", reworded.diff)
    assert operation_key(second) == operation_key(reworded)
    made = commit_on_branch(second, REPORT)
    assert find_commit(reworded, REPORT) == made.model_copy(update={"repository": str(small)})


# Branch names


def test_a_taken_branch_is_left_as_it_is(small: Path, reworded: Proposal) -> None:
    run_git(small, "branch", "mine")
    named = reworded.model_copy(update={"task": Task(repository=str(small), branch="mine")})
    with pytest.raises(BranchTaken, match="mine"):
        commit_on_branch(named, REPORT)
    assert run_git(small, "rev-parse", "mine") == reworded.base


def test_a_branch_called_like_our_folder_is_a_collision_with_a_way_out(
    small: Path, reworded: Proposal
) -> None:
    run_git(small, "branch", "actum")
    with pytest.raises(BranchTaken, match="name another one with --branch"):
        commit_on_branch(reworded, REPORT)


def test_a_name_that_git_would_refuse_is_refused_before_anything_happens(
    small: Path, reworded: Proposal
) -> None:
    before = photograph(small)
    for name in ("two..dots", "-dash", "space here", "ends.lock", "@{-1}"):
        named = reworded.model_copy(update={"task": Task(repository=str(small), branch=name)})
        with pytest.raises(BranchTaken, match=f"'{re.escape(name)}' is no name for a branch"):
            commit_on_branch(named, REPORT)
    assert photograph(small) == before


def test_titles_in_any_script_make_a_branch(reworded: Proposal) -> None:
    key = "0123456789abcdef"
    titles = {"Fix 3 things!": "actum/fix-3-things-01234567", "日本語": "actum/change-01234567"}
    for title, branch in titles.items():
        assert branch_name(reworded.model_copy(update={"title": title}), key) == branch


# Probe and undo


def test_the_probe_tells_before_from_after(small: Path, reworded: Proposal) -> None:
    assert find_commit(reworded, REPORT) is None
    made = commit_on_branch(reworded, REPORT)
    assert find_commit(reworded, REPORT) == made


def test_the_probe_finds_a_renamed_and_a_merged_branch(small: Path, reworded: Proposal) -> None:
    made = commit_on_branch(reworded, REPORT)
    run_git(small, "branch", "-m", made.branch, "renamed")
    assert find_commit(reworded, REPORT) == made
    run_git(small, "merge", "--quiet", "--no-ff", "-m", "Merge", "renamed")
    run_git(small, "branch", "-D", "renamed")
    assert find_commit(reworded, REPORT) == made


def test_the_probe_is_not_fooled_by_a_mention_of_the_key(small: Path, reworded: Proposal) -> None:
    mention = f"Talk about Actum-Operation: {operation_key(reworded)} in passing"
    run_git(small, "commit", "--quiet", "--allow-empty", "-m", mention)
    assert find_commit(reworded, REPORT) is None


def test_undo_deletes_the_branch_and_a_second_undo_is_fine(small: Path, reworded: Proposal) -> None:
    before = photograph(small)
    made = commit_on_branch(reworded, REPORT)
    delete_branch(made)
    delete_branch(made)
    assert run_git(small, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert photograph(small) == before
    assert find_commit(reworded, REPORT) is None


def test_undo_keeps_a_branch_with_newer_commits(small: Path, reworded: Proposal) -> None:
    made = commit_on_branch(reworded, REPORT)
    newer = run_git(small, "commit-tree", f"{made.branch}^{{tree}}", "-p", made.branch, "-m", "More")
    run_git(small, "update-ref", f"refs/heads/{made.branch}", newer)
    with pytest.raises(BranchInUse, match="has moved on"):
        delete_branch(made)
    assert run_git(small, "rev-parse", made.branch) == newer


def test_undo_keeps_a_branch_that_is_checked_out(small: Path, reworded: Proposal) -> None:
    made = commit_on_branch(reworded, REPORT)
    run_git(small, "switch", "--quiet", made.branch)
    with pytest.raises(BranchInUse, match="is checked out"):
        delete_branch(made)
    assert read_head(small) == made.commit


def test_a_repository_that_went_away_is_said_to_be_gone(small: Path, reworded: Proposal) -> None:
    small.rename(small.with_name("moved"))
    with pytest.raises(NoRepository, match="is gone"):
        commit_on_branch(reworded, REPORT)


# Every kind of file


BEFORE: dict[str, str | bytes] = {
    "a file.txt": "1\n",
    "größe/日本.txt": "1\n",
    '"quoted"\ttab.txt': "1\n",
    "dos.txt": "one\r\ntwo\r\n",
    "mixed.txt": "one\r\ntwo\n",
    "gone.txt": "1\n",
    "old.txt": "1\n2\n3\n",
    "open.txt": "no end",
    "empty.txt": "x",
    "picture.bin": b"\0\1\2",
    "separators.txt": "a\x0cb\x85\u2028c\n",
}
AFTER: dict[str, str | bytes | None] = {
    "a file.txt": "2\n",
    "größe/日本.txt": "2\n",
    '"quoted"\ttab.txt': "2\n",
    "dos.txt": "one\r\nthree\r\n",
    "mixed.txt": "one\ntwo\r\n",
    "gone.txt": None,
    "old.txt": None,
    "renamed.txt": "1\n2\n3\n",
    "open.txt": "still no end",
    "empty.txt": "",
    "fresh/deep/new.txt": "1\n",
    "picture.bin": b"\0\1\3\xff",
    "separators.txt": "a\x0cb\x85\u2028d\n",
}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BEFORE, AFTER),
        ({"gone.txt": "1\n"}, {"gone.txt": None}),
        ({}, {"fresh/deep/new.txt": "1\n"}),
        ({"open.txt": "no end"}, {"open.txt": "still no end"}),
    ],
    ids=["every kind", "the only file is deleted", "the first file", "no newline at the end of the patch"],
)
def test_the_committed_tree_is_what_was_proposed(
    tmp_path: Path, before: dict[str, str | bytes], after: dict[str, str | bytes | None]
) -> None:
    top = make_repository(tmp_path / "files", before)
    diff = make_diff(top, after)
    proposal = propose(top, normalize(top, read_head(top), diff))
    assert proposal == Proposal.model_validate_json(proposal.model_dump_json())
    assert find_fault(proposal) is None
    made = commit_on_branch(proposal, REPORT)
    expected = {name: content for name, content in {**before, **after}.items() if content is not None}
    with scratch_copy(top, made.commit) as root:
        found = {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and ".git" not in path.relative_to(root).parts
        }
    assert found == {
        name: content.encode() if isinstance(content, str) else content for name, content in expected.items()
    }
    assert {change.path for change in list_changes(top, proposal.base, proposal.diff)} == set(after)


def test_repositories_with_sha_256_are_committed_to_like_others(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "--quiet", "--object-format=sha256", "--initial-branch=main", "new")
    top = tmp_path / "new"
    write(top, {"a.py": UNUSED})
    run_git(top, "add", "--all")
    run_git(top, "commit", "--quiet", "-m", "Begin")
    proposal = propose_with_ruff(collect(Task(repository=str(top))))
    made = commit_on_branch(proposal, REPORT)
    assert len(made.commit) == 64
    assert list_changes(top, proposal.base, proposal.diff)[0].path == "a.py"
    delete_branch(made)
    assert find_commit(proposal, REPORT) is None


def test_the_linter_keeps_windows_line_ends(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "dos", {"a b.py": UNUSED.replace("\n", "\r\n").encode()})
    proposal = propose_with_ruff(collect(Task(repository=str(top))))
    with scratch_copy(top, proposal.base, proposal.diff) as root:
        assert (root / "a b.py").read_bytes().lstrip(b"\r\n") == b"def answer():\r\n    return 42\r\n"


def test_a_user_who_converts_line_ends_gets_the_same_patch(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = collect(Task(repository=str(small)))
    plain = propose_with_ruff(context)
    write(tmp_path, {"gitconfig": "[core]\n\tautocrlf = true\n[diff]\n\tnoprefix = true\n\tcontext = 0\n"})
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    assert propose_with_ruff(context) == plain


def test_a_latin_1_file_is_left_out_of_the_context(small: Path) -> None:
    write(small, {"latin.py": "import os  # café\n".encode("latin-1")})
    run_git(small, "add", "--all")
    run_git(small, "commit", "--quiet", "-m", "Add latin")
    context = collect(Task(repository=str(small)))
    assert "latin.py" not in {file.path for file in context.files}
    proposal = propose_with_ruff(context)
    assert {change.path for change in list_changes(small, proposal.base, proposal.diff)} == {
        "code_under_test.py"
    }
