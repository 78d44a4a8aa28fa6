"""Changed code meets running workflows: nothing is executed on a guess."""

from __future__ import annotations

import asyncio
import logging

import pytest

from actum import Signal, contract, step
from actum.authoring.contract import Contract
from actum.testing.harness import Harness

go = Signal("go", str)
RAN: list[str] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    RAN.clear()


@step
async def first(word: str) -> str:
    RAN.append("first")
    return word


@step
async def second(word: str) -> str:
    RAN.append("second")
    return word


async def _old(word: str) -> str:
    await first(word)
    await go.wait()
    return await second(word)


async def _other_step(word: str) -> str:
    await second(word)
    await go.wait()
    return "other"


async def _other_argument(word: str) -> str:
    await first(word + "!")
    await go.wait()
    return "other"


async def _surplus(word: str) -> str:
    return word


async def _compatible(word: str) -> str:
    await first(word)
    await go.wait()
    return "new: " + await second(word)


def journey(body: object, *, changes: tuple[str, ...] = ()) -> Contract[..., str]:
    """Return a version of the contract `journey`."""
    return contract(name="journey", steps=[first, second], changes=changes)(body)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "recorded", "asked"),
    [(_other_step, "first", "second"), (_other_argument, "first", "first"), (_surplus, "first", "nothing")],
)
async def test_code_that_does_not_fit_the_history_blocks_the_workflow_with_both_sides_shown(
    actum: Harness, body: object, recorded: str, asked: str
) -> None:
    old = await actum.worker([journey(_old)])
    handle = await actum.start(journey(_old)("x"))
    await actum.run_until_idle()
    await old.stop()
    await actum.worker([journey(body)])
    await handle.signal(go, "now")
    await actum.run_until_idle()
    row = await handle.row()
    assert (row.status, row.cause) == ("blocked", "mismatch")
    blocked = (await actum.events(handle))[-1]
    assert recorded in (blocked.data or "")
    assert asked in (blocked.data or "")
    assert RAN == ["first"]


async def test_a_mismatch_ends_by_itself_when_fitting_code_of_a_new_shape_comes(actum: Harness) -> None:
    old = await actum.worker([journey(_old)])
    handle = await actum.start(journey(_old)("x"))
    await actum.run_until_idle()
    await old.stop()
    wrong = await actum.worker([journey(_other_step)])
    await handle.signal(go, "now")
    await actum.run_until_idle()
    await wrong.stop()
    await actum.worker([journey(_compatible, changes=("prefix",))])
    assert await handle.result(10) == "new: x"
    kinds = await actum.kinds(handle)
    assert (
        kinds.index("workflow.blocked")
        < kinds.index("workflow.unblocked")
        < kinds.index("workflow.completed")
    )


async def test_old_workers_leave_workflows_of_a_newer_shape_alone(
    actum: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    old = await actum.worker([journey(_old)])
    handle = await actum.start(journey(_compatible, changes=("prefix",))("x"))
    assert await old.claimer.claim_once() == 0
    with caplog.at_level(logging.WARNING), pytest.raises(TimeoutError, match="newer code"):
        await handle.result(0.1)
    await old.stop()
    await actum.worker([journey(_compatible, changes=("prefix",))])
    await handle.signal(go, "now")
    assert await handle.result(10) == "new: x"


async def test_new_workers_go_on_with_workflows_of_an_older_shape(actum: Harness) -> None:
    old = await actum.worker([journey(_old)])
    handle = await actum.start(journey(_old)("x"))
    await actum.run_until_idle()
    await old.stop()
    await actum.worker([journey(_compatible, changes=("prefix",))])
    await handle.signal(go, "now")
    assert await handle.result(10) == "new: x"
    assert RAN == ["first", "second"]


async def test_a_contract_nobody_serves_is_named_by_whoever_waits(actum: Harness) -> None:
    handle = await actum.start(journey(_old)("x"))
    with pytest.raises(TimeoutError, match="no live worker serves journey"):
        await handle.result(0.05)


async def test_log_lines_of_a_replay_are_dropped(actum: Harness, caplog: pytest.LogCaptureFixture) -> None:
    said = logging.getLogger("author")

    async def talkative(word: str) -> str:
        await first(word)
        said.warning("after the first step")
        await go.wait()
        return word

    handler = logging.Handler()
    lines: list[str] = []
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        await actum.worker([journey(talkative)])
        handle = await actum.start(journey(talkative)("x"))
        await actum.run_until_idle()
        await handle.signal(go, "now")
        await handle.result(10)
    finally:
        logging.getLogger().removeHandler(handler)
    assert lines.count("after the first step") == 1


async def test_a_stopping_worker_lets_attempts_finish_and_hands_the_rest_over(actum: Harness) -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    @step
    async def slow() -> str:
        begun.set()
        await gate.wait()
        RAN.append("slow")
        return "done"

    @contract
    async def two() -> str:
        return await slow() + await first("!")

    leaving = await actum.worker([two], grace=30)
    handle = await actum.start(two())
    await begun.wait()
    stopping = asyncio.create_task(leaving.stop())
    gate.set()
    await stopping
    assert (await handle.row()).instance is None
    await actum.worker([two])
    assert await handle.result(10) == "done!"
    assert RAN == ["slow", "first"]
    assert (await handle.row()).crash_count == 0
