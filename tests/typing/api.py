"""The public names as authors use them; checked by mypy strict and pyright, never run."""

import asyncio
from dataclasses import dataclass
from typing import assert_type

from actum import (
    Approved,
    Call,
    Expired,
    Happened,
    NotHappened,
    NotNeeded,
    Owner,
    Preview,
    Rejected,
    Retry,
    Signal,
    Timeout,
    Unknown,
    Unusable,
    Usable,
    ask,
    attempt,
    contract,
    effect,
    now,
    random,
    request_approval,
    step,
    uuid4,
)


@dataclass
class Task:
    text: str


@dataclass
class Context:
    files: list[str]


@dataclass
class Proposal:
    diff: str


@dataclass
class Report:
    passed: bool


@dataclass
class Commit:
    sha: str


@dataclass
class Summary:
    text: str


@step(timeout="30s", retry=Retry(attempts=4))
async def collect_context(task: Task) -> Context:
    return Context([task.text])


@step(timeout="3m", retry=Retry(attempts=3))
async def propose_change(context: Context) -> Proposal:
    return Proposal(context.files[0])


@propose_change.verdict
async def _(proposal: Proposal, context: Context) -> Usable | Unusable:
    return Usable() if proposal.diff in context.files else Unusable("it names no file")


@step(timeout="10m")
def run_checks(proposal: Proposal) -> Report:
    return Report(bool(proposal.diff))


@effect("git.commit", timeout="1m")
async def apply_change(proposal: Proposal, report: Report) -> Commit:
    return Commit(attempt().key or proposal.diff)


@apply_change.preview
async def _(proposal: Proposal, report: Report) -> Preview:
    return Preview("commit one change", facts={"passed": report.passed})


@apply_change.key
def _(proposal: Proposal, report: Report) -> str:
    return proposal.diff


@apply_change.probe
async def _(proposal: Proposal, report: Report) -> Happened[Commit] | NotHappened:
    return Happened(Commit(proposal.diff))


@apply_change.undo
async def _(commit: Commit, proposal: Proposal, report: Report) -> None:
    return None


@step
def summarize_result(task: Task, outcome: Commit | str) -> Summary:
    return Summary(task.text)


@contract(
    owner=Owner(
        team="platform", escalation=["#platform-oncall"], runbook="runbooks/change.md", authors=["user:ada"]
    ),
    on_failure="rollback",
    deadline="2d",
)
async def change_repository(task: Task) -> Summary:
    context = await collect_context(task)
    proposal = await propose_change(context)
    report = await run_checks(proposal)
    change = apply_change(proposal, report)
    match await request_approval(change):
        case Rejected(reason=reason):
            return await summarize_result(task, reason)
    commit = await change
    return await summarize_result(task, commit)


@step
async def one(number: int) -> int:
    return number


@step
def two(text: str) -> str:
    return text


@effect("mail.send", in_doubt="repeat", not_done=(ConnectionError,), timeout=Timeout(attempt="5s"))
def send(to: str, *, text: str = "") -> str:
    return to


@send.probe
def _(to: str, *, text: str = "") -> Happened[str] | NotHappened | Unknown:
    return Unknown()


@send.compensate
def _(receipt: str, to: str, *, text: str = "") -> None:
    return None


replied = Signal("customer_replied", Context)


@contract
async def parent(task: Task) -> str:
    assert_type(await change_repository(task), Summary)
    assert_type(await one(1), int)
    assert_type(await two("x"), str)
    assert_type(one(1), Call[int])
    assert_type(two("x"), Call[str])
    assert_type(send("a", text="b"), Call[str])
    number, text = await asyncio.gather(one(1), two("x"))
    assert_type(number, int)
    assert_type(text, str)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(one(2))
    assert_type(first.result(), int)
    assert_type(await asyncio.wait_for(two("y"), 5), str)
    assert_type(await replied.wait(), Context)
    assert_type(await ask("Which one?", int, to="team:platform"), int)
    assert_type(await request_approval(send("a")), Approved | NotNeeded | Rejected | Expired)
    return f"{now().isoformat()} {uuid4()} {random().random()}"


assert_type(parent(Task("x")), Call[str])


async def in_a_unit_test() -> None:
    context = await collect_context.function(Task("x"))
    assert context.files
