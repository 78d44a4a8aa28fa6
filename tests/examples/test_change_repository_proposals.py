"""The main example's proposals: checked in scratch copies, judged, and asked of models."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from repositories import (
    PASSING,
    QUICK,
    UNUSED,
    make_diff,
    make_repository,
    photograph,
    propose,
    run_git,
)

from change_repository.checks import check_proposal, run_tests
from change_repository.collection import collect
from change_repository.models import Answer, Question, open_model
from change_repository.patches import normalize
from change_repository.problems import (
    PatchRefused,
    ToolMissing,
)
from change_repository.proposer import find_fault, propose_with_model, propose_with_ruff
from change_repository.records import Proposal, Stopped, Task
from change_repository.repository import read_head
from change_repository.summary import summarize


@dataclass
class Scripted:
    """A model that answers from a list and remembers what it was asked."""

    answers: list[str]
    name: str = "scripted:one"
    asked: list[Question] = field(default_factory=list)

    def answer(self, question: Question) -> Answer:
        self.asked.append(question)
        return Answer.read(self.answers[len(self.asked) - 1])


# Checks


def test_failing_tests_fail_the_report_and_show_their_words(small: Path) -> None:
    diff = make_diff(small, {"code_under_test.py": "def answer():\n    return 41\n"})
    words = "import code_under_test as code; assert code.answer() == 42, f'{code.answer()} is no answer'"
    broken = propose(small, diff, test_command=["python", "-c", words])
    report = check_proposal(broken)
    assert not report.passed
    assert [check.name for check in report.checks if not check.passed] == ["tests pass"]
    assert "41 is no answer" in next(check.detail for check in report.checks if check.name == "tests pass")
    stopped = summarize(broken.task, Stopped(at="run_checks", reason=report.failures, report=report))
    assert "**FAILED**: tests pass" in stopped.markdown
    assert "Next steps" in stopped.markdown


def test_tests_that_failed_before_are_not_blamed_on_the_patch(tmp_path: Path) -> None:
    top = make_repository(
        tmp_path / "red", {"code_under_test.py": UNUSED.replace("42", "1"), "test_code.py": PASSING}
    )
    task = Task(repository=str(top), test_command=QUICK)
    report = check_proposal(propose_with_ruff(collect(task)))
    assert "fail without the patch as well" in report.failures


def test_a_repository_without_tests_is_not_checked(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "bare", {"a.py": UNUSED})
    report = check_proposal(propose_with_ruff(collect(Task(repository=str(top)))))
    assert "no tests were found" in report.failures


def test_a_patch_that_mends_nothing_fails_the_findings_check(small: Path, reworded: Proposal) -> None:
    report = check_proposal(reworded)
    assert report.failures == "fewer findings: 1 before, 1 after"


def test_tests_are_stopped_at_their_limit_with_all_they_started(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    os.mkfifo(tmp_path / "never")
    reader = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    script = "exec 3>held; echo started >&3; cat never & echo waiting; wait"
    check = run_tests(tmp_path, Task(repository="unused", test_command=["sh", "-c", script], test_seconds=1))
    os.set_blocking(reader, True)
    with os.fdopen(reader) as held:
        # Ends only when nobody holds the other side any more, the child in the background included.
        assert held.read() == "started\n"
    assert not check.passed
    assert check.detail == "still running after 1 seconds, and stopped\nwaiting"


def test_tests_see_no_secrets_of_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("ACTUM_DATABASE_URL", "secret")
    task = Task(
        repository="unused",
        test_command=["python", "-c", "import os, sys; sys.exit('secret' in os.environ.values())"],
    )
    assert run_tests(tmp_path, task).passed


def test_a_test_command_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    check = run_tests(tmp_path, Task(repository="unused", test_command=["no-such-program"]))
    assert "no-such-program cannot be run" in check.detail


def test_checks_leave_no_trace_in_the_repository(small: Path) -> None:
    before = photograph(small)
    check_proposal(propose_with_ruff(collect(Task(repository=str(small), test_command=QUICK))))
    assert photograph(small) == before
    assert run_git(small, "worktree", "list").count("\n") == 0


# What makes a patch unusable


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no patch"),
        ({"ruff.toml": "lint.select = []\n"}, "changes the rules"),
        ({"conftest.py": "collect_ignore = ['test_code.py']\n"}, "changes the rules"),
        (
            {"code_under_test.py": UNUSED.replace("import os", "import os  # noqa: F401")},
            "silences the linter",
        ),
        ({f"file{number}.txt": "x\n" for number in range(4)}, "touches 4 files and the limit is 3"),
        ({"large.txt": "x" * 300_000}, "the limit is"),
    ],
    ids=["empty", "linter settings", "test settings", "noqa", "many files", "large"],
)
def test_a_patch_that_cannot_be_used_is_told_why(
    small: Path, files: dict[str, str | bytes | None], words: str
) -> None:
    proposal = propose(small, make_diff(small, files), max_files=3)
    assert words in str(find_fault(proposal))


def test_a_patch_may_not_make_symbolic_links(small: Path) -> None:
    (small / "link").symlink_to("/etc/passwd")
    run_git(small, "add", "--all")
    diff = run_git(small, "diff", "--cached") + "\n"
    run_git(small, "reset", "--quiet", "--hard")
    assert "symbolic link" in str(find_fault(propose(small, diff)))


@pytest.mark.parametrize("target", ["../outside.txt", ".git/config"])
def test_a_patch_cannot_leave_the_repository(small: Path, target: str) -> None:
    diff = f"--- /dev/null\n+++ b/{target}\n@@ -0,0 +1 @@\n+x\n"
    with pytest.raises(PatchRefused):
        normalize(small, read_head(small), diff)


# Models


def test_a_model_is_told_why_its_last_patch_was_unusable(small: Path) -> None:
    good = "--- a/code_under_test.py\n+++ b/code_under_test.py\n@@ -1,9 +1,9 @@\n-import os\n-\n-\n def answer():\n"
    model = Scripted(
        [
            "TITLE: Try\n```diff\n--- a/absent.py\n+++ b/absent.py\n@@ -1 +1 @@\n-a\n+b\n```\n",
            f"TITLE: Drop an unused import\nWHY: Nobody uses it.\n```diff\n{good}     return 42\n```\n",
        ]
    )
    context = collect(Task(repository=str(small), model="scripted:one", test_command=QUICK))
    first = propose_with_model(context, model)
    fault = find_fault(first)
    assert fault is not None
    assert "absent.py" in fault
    second = propose_with_model(context, model, fault)
    assert fault in model.asked[1].matter
    assert fault not in model.asked[0].matter
    assert find_fault(second) is None
    assert (second.title, second.rationale) == ("Drop an unused import", "Nobody uses it.")
    assert check_proposal(second).passed


def test_a_model_sees_committed_text_and_which_files_are_being_edited(small: Path) -> None:
    context = collect(Task(repository=str(small)))
    matter = Question.about(context, {"code_under_test.py"}, None).matter
    assert "leave them alone: code_under_test.py" in matter
    assert "return 42" not in matter
    assert "return 42" in Question.about(context, set(), None).matter


def test_an_answer_without_a_patch_is_unusable(small: Path) -> None:
    context = collect(Task(repository=str(small)))
    proposal = propose_with_model(context, Scripted(["I would rather not."]))
    assert "holds no patch" in str(find_fault(proposal))


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        ("somebody:else", "", "write provider:name"),
        ("openai:", "", "write provider:name"),
        ("openai:any", "", "set OPENAI_API_KEY"),
        ("anthropic:any", "", "set ANTHROPIC_API_KEY"),
        ("anthropic:any", "key", "pip install anthropic"),
        ("openai:any", "key", "pip install openai"),
    ],
)
def test_a_model_that_cannot_be_asked_says_what_is_missing(
    name: str, key: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for provider in ("openai", "anthropic"):
        monkeypatch.setenv(f"{provider.upper()}_API_KEY", key)
        monkeypatch.setitem(sys.modules, provider, None)
    with pytest.raises(ToolMissing, match=words):
        open_model(name)
