"""A bug of ours stops one workflow: its slot is free again, others go on, and a person can end it."""

from __future__ import annotations

import asyncio
import time

import pytest

from actum import RollBack, Signal, WorkflowFailed, ask, contract, effect, request_approval, step
from actum.engine.asking import Asking
from actum.engine.children import ChildExecution, QuestionExecution
from actum.engine.effects import EffectExecution
from actum.engine.execution import TimerExecution
from actum.engine.requesting import ApprovalExecution
from actum.engine.rollback import Rollback
from actum.engine.steps import StepExecution
from actum.engine.undoing import UndoExecution
from actum.testing.harness import Harness

replied = Signal("replied", str)


@step
async def echo(word: str) -> str:
    return word


@effect("mail.send")
async def send(to: str) -> str:
    return f"sent to {to}"


@effect("thing.make")
async def make() -> str:
    return "thing"


@make.undo
async def _(result: str) -> None:
    pass


@contract
async def child() -> str:
    return await replied.wait()


@contract
async def harmless() -> str:
    return "fine"


@contract(on_failure="hold")
async def does(what: str) -> str:
    match what:
        case "step":
            return await echo("said")
        case "timer":
            await asyncio.sleep(60)
        case "question":
            return await ask("Shall we?", str)
        case "child":
            return await child()
        case "effect":
            return await send("ana")
        case "request":
            await request_approval(send("ana"))
        case "rollback":
            await make()
            raise RollBack("not what was wanted")
    return "done"


async def push(actum: Harness) -> None:
    """Do for all workflows what moves them: decide, answer, and let time pass."""
    await actum.run_until_idle()
    approvals, questions = await actum.inbox()
    for approval in approvals:
        await actum.reviewer.approve(approval.id, "fine")
    for question in questions:
        await actum.reviewer.answer(question.workflow_id, question.address, "yes")
    actum.clock.advance("61s")


@pytest.mark.parametrize(
    ("what", "part", "method"),
    [
        ("step", StepExecution, "start"),
        ("step", StepExecution, "_begin"),
        ("step", StepExecution, "_tried"),
        ("timer", TimerExecution, "start"),
        ("timer", TimerExecution, "act"),
        ("question", QuestionExecution, "start"),
        ("question", QuestionExecution, "receive"),
        ("question", QuestionExecution, "waits"),
        ("child", ChildExecution, "start"),
        ("effect", EffectExecution, "start"),
        ("effect", EffectExecution, "decided"),
        ("effect", EffectExecution, "intend"),
        ("effect", EffectExecution, "intended"),
        ("effect", EffectExecution, "_begin"),
        ("effect", EffectExecution, "_tried"),
        ("request", ApprovalExecution, "start"),
        ("request", ApprovalExecution, "decided"),
        ("request", Asking, "_ask"),
        ("rollback", Rollback, "begin"),
        ("rollback", Rollback, "_start"),
        ("rollback", Rollback, "_finish"),
        ("rollback", UndoExecution, "start"),
        ("rollback", UndoExecution, "intended"),
        ("rollback", UndoExecution, "_begin"),
        ("rollback", UndoExecution, "_tried"),
    ],
)
async def test_a_workflow_stopped_by_a_bug_gives_its_slot_back_and_can_be_cancelled(
    actum: Harness, monkeypatch: pytest.MonkeyPatch, what: str, part: type, method: str
) -> None:
    def buggy(*args: object, **values: object) -> None:
        raise ZeroDivisionError("a planted bug")

    monkeypatch.setattr(part, method, buggy)
    worker = await actum.worker([does, harmless], concurrency=1)
    handle = await actum.start(does(what))
    deadline = time.monotonic() + 10
    while (row := await handle.row()).status != "blocked":
        assert time.monotonic() < deadline, f"still {row.status}"
        await push(actum)
    await actum.run_until_idle()
    row = await handle.row()
    assert (row.status, row.cause, row.instance) == ("blocked", "refused", None)
    assert worker.held == ()
    assert await (await actum.start(harmless())).result(10) == "fine"
    await handle.cancel("there is a bug")
    for entry in await actum.store.effects.list_of(handle.workflow_id):
        if entry.state == "in_doubt":
            assert method in ("intended", "_begin", "_tried")
            assert entry.address == ("undo.1" if what == "rollback" else "1")
            await handle.settle(entry.address, "abandon", reason="nobody knows")
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert (caught.value.status, worker.failure) == ("cancelled", None)


async def test_a_workflow_stopped_by_a_bug_goes_on_where_it_was_once_the_bug_is_mended(
    actum: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def buggy(*args: object, **values: object) -> None:
        raise ZeroDivisionError("a planted bug")

    with monkeypatch.context() as planted:
        planted.setattr(StepExecution, "_tried", buggy)
        await actum.worker([does])
        handle = await actum.start(does("step"))
        await actum.run_until_idle()
        assert (await handle.row()).cause == "refused"
    await handle.resume()
    assert await handle.result(10) == "said"


LEFT = asyncio.Event()


@step
async def linger() -> None:
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        LEFT.set()


@contract(on_failure="hold")
async def lingers_and_makes() -> None:
    async def makes() -> None:
        await echo("said")
        await make()

    await asyncio.gather(linger(), makes())


async def test_what_executes_beside_a_bug_is_ended_with_its_workflow(
    actum: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def buggy(*args: object, **values: object) -> None:
        raise ZeroDivisionError("a planted bug")

    monkeypatch.setattr(EffectExecution, "_proceed", buggy)
    LEFT.clear()
    worker = await actum.worker([lingers_and_makes])
    handle = await actum.start(lingers_and_makes())
    await asyncio.wait_for(LEFT.wait(), 10)
    await actum.run_until_idle()
    assert (await handle.row()).cause == "refused"
    assert (worker.held, worker.failure) == ((), None)
