"""What travels from step to step; each record is kept at a checkpoint, so it stays small and readable."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """A value that never changes once made, and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(Record):
    """What is wanted: a repository to improve, by which proposer, under which checks."""

    repository: str = Field(description="path of a Git checkout, or of a folder inside one")
    goal: str = Field(default="Fix lint findings without changing behaviour", min_length=1, max_length=2000)
    model: str | None = Field(default=None, description='"provider:name"; without it, ruff proposes offline')
    branch: str | None = Field(default=None, description="name of the new branch; chosen when left out")
    max_files: int = Field(default=20, ge=1, le=200, description="how many files one proposal may touch")
    test_command: list[str] = Field(
        default=["python", "-m", "pytest", "-q", "-p", "no:actum"],
        min_length=1,
        description='run at the top of the scratch copy; "python" stands for the interpreter of the worker',
    )
    release_command: list[str] | None = Field(
        default=None,
        min_length=1,
        description="a last check on the commit itself; when it fails, the commit is undone",
    )
    test_seconds: float = Field(
        default=300, gt=0, description="time limit of one run of the tests, in seconds"
    )


class Finding(Record):
    """One thing the linter found; lines and columns count from 1."""

    path: str
    line: int
    column: int
    rule: str
    message: str
    fixable: bool


class LogEntry(Record):
    """One commit of the history, newest first in lists."""

    commit: str
    subject: str


class SourceFile(Record):
    """A file with findings, as it stands in the base commit."""

    path: str
    text: str


class Context(Record):
    """What the proposer may know: always the state of the last commit, never of the working tree."""

    task: Task
    repository: str
    identity: str = Field(description="what tells this repository from every other on the machine")
    base: str
    log: list[LogEntry]
    findings: list[Finding]
    finding_count: int
    files: list[SourceFile]
    left_out: list[str] = Field(description="files with findings whose text was too large to carry along")


class Change(Record):
    """What a patch does to one file, in lines; both counts are 0 for a binary file."""

    path: str
    added: int
    removed: int


class Proposal(Record):
    """A patch for the base commit, with the reasons for it; whether it is usable is judged separately."""

    task: Task
    repository: str
    identity: str
    base: str
    title: str
    rationale: str
    proposer: str
    diff: str
    input_tokens: int = 0
    output_tokens: int = 0


class Check(Record):
    """One check of a proposal, with what a person needs to believe it."""

    name: str
    passed: bool
    detail: str


class Report(Record):
    """The checks of one proposal, and the findings before and after it."""

    checks: list[Check]
    changes: list[Change]
    findings_before: int
    findings_after: int
    remaining: dict[str, int] = Field(description="findings left after the patch, counted by rule")
    is_formatting_only: bool = Field(
        default=False, description="whether the patch changes how Python files look, and nothing else"
    )

    @property
    def passed(self) -> bool:
        """Whether there were checks and all of them passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def failures(self) -> str:
        """The failed checks as one line of text, each with the first line of its detail."""
        failed = [(check.name, *check.detail.splitlines()[:1]) for check in self.checks if not check.passed]
        return "; ".join(": ".join(words) for words in failed)


class Commit(Record):
    """The commit that was made, on a branch of its own."""

    repository: str
    branch: str
    commit: str
    base: str
    key: str
    title: str
    report: Report


class Stopped(Record):
    """Why there is no commit; `report` holds the checks when it came that far."""

    at: str = Field(description="name of the step that stopped it")
    reason: str
    report: Report | None = None


class Summary(Record):
    """How it ended, as Markdown for people, with next steps."""

    outcome: Literal["committed", "stopped"]
    title: str
    markdown: str


class Facts(Record):
    """What a policy may rule by; every value comes from code, none from a model."""

    repository: str
    branch: str
    is_rehearsal: bool = Field(
        description="whether the branch is for trying a release, and nobody builds on it"
    )
    files: int
    lines_added: int
    lines_removed: int
    is_formatting_only: bool
    touches_tests: bool
    protected_files: int = Field(description="files that say who may do what, or how it is built and shipped")
    tests_pass: bool
    findings_before: int
    findings_after: int
    proposed_by: Literal["tool", "model"]
