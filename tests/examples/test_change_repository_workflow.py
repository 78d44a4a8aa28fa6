"""The contract of the main example: its body in a real flow, its steps and hooks on real repositories, no database."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import orjson
import pytest
from repositories import QUICK, make_repository, move, photograph, run_git, write

from actum import Call, Happened, NotHappened, Preview, Unusable, Usable
from actum.authoring.failures import encode_failure
from actum.flow import Command, Flow, Outcome, Raised, Returned
from change_repository.problems import ChangeProblem
from change_repository.records import Facts, Proposal, Report, Summary, Task
from change_repository.repository import read_head
from change_repository.workflow import apply_change, change_repository, propose_change

Ruling = tuple[str, dict[str, Any]]
Known = dict[tuple[str, bytes], tuple[str, bytes]]
APPROVED: Ruling = ("approved", {"by": ["user:ada"], "rationale": "reads well"})


def play(task: Task, ruling: Ruling = APPROVED, known: Known | None = None) -> tuple[Summary, list[str]]:
    """Run the body to its end, each step once; return the summary and the names in the order they were asked for.

    What is `known` of a step's call is delivered as it is recorded, and what is not is added.
    """
    known = {} if known is None else known
    flow = Flow(lambda: change_repository.function(task), started_at=0, seed=b"0123456789abcdef")
    names: list[str] = []
    commands = flow.advance(())
    while not flow.is_done:
        names += [command.request.name for command in commands.start]
        commands = flow.advance([carry_out(command, ruling, known) for command in commands.start])
    match flow.ending():
        case Returned(value=Summary() as summary):
            return summary, names
        case Raised(exception=error):
            raise error
    raise AssertionError(flow.ending())


def carry_out(command: Command, ruling: Ruling, known: Known) -> Outcome:
    request = command.request
    if isinstance(request, Call):
        call = request.name, request.argument_hash
        if call not in known:
            known[call] = attempt_once(request)
        word, body = known[call]
    else:
        word, body = ruling[0], orjson.dumps(ruling[1])
    return Outcome(command.address, request.name, request.argument_hash, 1, word, body)


def attempt_once(call: Call[Any]) -> tuple[str, bytes]:
    """Do what one attempt of a step does: decode, run, judge, encode."""
    step: Any = call.subject
    args, kwargs = step.codec.decode_arguments(call.arguments)
    try:
        result = step.function(*args, **kwargs)
    except Exception as error:
        return "failed", encode_failure(step.name, "other", error, 1)
    if "verdict" in step.hooks:
        verdict = step.hooks["verdict"].function(result, *args, **kwargs)
        if isinstance(verdict, Unusable):
            return "failed", encode_failure(step.name, "check.failed", ValueError(verdict.why), 3)
    return "completed", step.codec.encode_result(result)


@pytest.fixture(scope="session")
def judged_original(small_original: Path) -> tuple[Proposal, Report]:
    flow = Flow(
        lambda: change_repository.function(Task(repository=str(small_original), test_command=QUICK)),
        started_at=0,
        seed=b"0123456789abcdef",
    )
    commands = flow.advance(())
    while isinstance(commands.start[0].request, Call):
        commands = flow.advance([carry_out(command, APPROVED, {}) for command in commands.start])
    call = commands.start[0].request.calls[0]  # type: ignore[attr-defined]  # the approval that was asked for
    args, _ = apply_change.codec.decode_arguments(call.arguments)
    flow.close()
    return args[0], args[1]


@pytest.fixture
def judged(judged_original: tuple[Proposal, Report], small: Path) -> tuple[Proposal, Report]:
    """A proposal and its report, as the effect's hooks get them."""
    proposal, report = judged_original
    return move(proposal, small), report


def test_the_six_steps_are_taken_in_their_order(small: Path) -> None:
    summary, names = play(Task(repository=str(small), test_command=QUICK))
    assert names == [
        "collect_context",
        "propose_change",
        "run_checks",
        "request_approval",
        "apply_change",
        "summarize_result",
    ]
    assert summary.outcome == "committed"
    assert run_git(small, "for-each-ref", "--format=%(refname)", "refs/heads/actum").startswith(
        "refs/heads/actum/"
    )


def test_without_an_approval_nothing_is_committed(small: Path) -> None:
    rulings: dict[str, Ruling] = {
        "not this week": ("rejected", {"reason": "not this week"}),
        "nobody decided in time": ("expired", {}),
        "frozen": ("denied", {"reason": "frozen"}),
    }
    before = photograph(small)
    known: Known = {}
    for reason, ruling in rulings.items():
        summary, names = play(Task(repository=str(small), test_command=QUICK), ruling, known)
        assert "apply_change" not in names
        assert summary.title == "Nothing was changed: the change was not approved"
        assert reason in summary.markdown
        assert photograph(small) == before


def test_failing_checks_end_before_anybody_is_asked(small: Path) -> None:
    summary, names = play(Task(repository=str(small), test_command=["python", "-c", "raise SystemExit(1)"]))
    assert "request_approval" not in names
    assert summary.title == "Nothing was changed: the checks failed"
    assert "**FAILED**: tests pass" in summary.markdown


def test_each_foreseen_problem_ends_in_a_summary(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "--quiet", "empty")
    clean = make_repository(tmp_path / "clean", {"a.py": "A = 1\n"})
    (tmp_path / "plain").mkdir()
    endings = {
        str(tmp_path / "plain"): "no Git checkout",
        str(tmp_path / "absent"): "is no folder",
        str(tmp_path / "empty"): "has no commits yet",
        str(clean): "ruff finds nothing",
    }
    for path, words in endings.items():
        summary, names = play(Task(repository=path, test_command=QUICK))
        assert summary.outcome == "stopped"
        assert words in summary.markdown
        assert "apply_change" not in names


def test_a_taken_branch_ends_in_a_summary(small: Path) -> None:
    run_git(small, "branch", "mine")
    summary, _ = play(Task(repository=str(small), test_command=QUICK, branch="mine"))
    assert summary.title == "Nothing was changed: the commit could not be made"
    assert "mine" in summary.markdown


def test_work_begun_between_proposal_and_commit_ends_in_a_summary(small: Path) -> None:
    edit = f"open({str(small / 'code_under_test.py')!r}, 'a').write('# mine\\n')"
    summary, names = play(Task(repository=str(small), test_command=["python", "-c", edit]))
    assert "apply_change" in names
    assert "uncommitted changes (code_under_test.py)" in summary.markdown


def test_a_bug_is_not_dressed_up_as_an_ending(small: Path) -> None:
    context = change_repository.steps_by_name["collect_context"]
    failure = context.failed(encode_failure("collect_context", "bug", KeyError("x"), 1))
    flow = Flow(
        lambda: change_repository.function(Task(repository=str(small))),
        started_at=0,
        seed=b"0123456789abcdef",
    )
    [command] = flow.advance(()).start
    body = encode_failure("collect_context", "bug", KeyError("x"), 1)
    request = command.request
    flow.advance([Outcome(command.address, request.name, request.argument_hash, 1, "failed", body)])
    ending = flow.ending()
    assert isinstance(ending, Raised)
    assert str(ending.exception) == str(failure)


def test_the_preview_says_what_it_relies_on_and_changes_nothing(
    small: Path, judged: tuple[Proposal, Report]
) -> None:
    proposal, report = judged
    before = photograph(small)
    preview = apply_change.hooks["preview"].function(proposal, report)
    assert isinstance(preview, Preview)
    assert preview.relies_on == read_head(small)
    assert preview.diff == proposal.diff
    assert isinstance(preview.facts, Facts)
    assert preview.facts.tests_pass
    assert [line.startswith("- passed") for line in preview.checks] == [True, True, True]
    assert apply_change.hooks["preview"].function(proposal, report) == preview
    assert photograph(small) == before
    run_git(small, "commit", "--quiet", "--allow-empty", "-m", "Move on")
    assert apply_change.hooks["preview"].function(proposal, report).relies_on != preview.relies_on


def test_probe_and_undo_follow_the_commit(judged: tuple[Proposal, Report]) -> None:
    proposal, report = judged
    probe, undo = apply_change.hooks["probe"].function, apply_change.hooks["undo"].function
    assert probe(proposal, report) == NotHappened()
    commit = apply_change.function(proposal, report)
    assert probe(proposal, report) == Happened(commit)
    undo(commit, proposal, report)
    assert probe(proposal, report) == NotHappened()


def test_the_key_is_computed_from_the_arguments_alone(small: Path, judged: tuple[Proposal, Report]) -> None:
    proposal, report = judged
    key = apply_change.key_for((proposal, report), {})
    small.rename(small.with_name("gone"))
    assert key == apply_change.key_for((proposal, report), {})


def test_an_unusable_patch_is_a_failed_attempt_with_a_reason(
    small: Path, judged: tuple[Proposal, Report]
) -> None:
    proposal, _ = judged
    verdict = propose_change.hooks["verdict"].function
    context = object()  # the verdict looks at the proposal alone
    assert verdict(proposal, context) == Usable()
    write(small, {"code_under_test.py": "# being edited\n"})
    assert isinstance(verdict(proposal, context), Unusable)


def test_problems_are_never_retried_and_leave_no_doubt() -> None:
    assert ChangeProblem in apply_change.not_done
    for name, step in change_repository.steps_by_name.items():
        if name != "summarize_result":
            assert ChangeProblem in step.retry.never  # type: ignore[union-attr]  # steps, not contracts


def test_the_runbook_is_where_the_contract_says() -> None:
    owner = change_repository.owner
    assert owner is not None
    assert owner.runbook is not None
    source = inspect.getsourcefile(change_repository.function)
    assert source is not None
    assert (Path(source).parents[2] / owner.runbook).is_file()
