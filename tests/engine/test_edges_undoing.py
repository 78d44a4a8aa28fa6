"""Undoing: how often an undo in doubt is repeated, and who is believed when a person and a probe speak at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from patience import until

from actum import Happened, NotDone, NotHappened, Retry, RollBack, WorkflowFailed, contract, effect
from actum.client.handle import Handle
from actum.testing.harness import Harness

LOG: list[str] = []
GATES: dict[str, asyncio.Event] = {}


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    LOG.clear()
    GATES.clear()
    yield
    for gate in GATES.values():
        gate.set()


@effect("thing.make", in_doubt="repeat", retry=Retry(attempts=3, first="1ms"))
async def make_repeatably() -> str:
    return "thing"


@make_repeatably.undo
async def _(result: str) -> None:
    LOG.append("undo")
    raise RuntimeError("connection lost")


@effect("thing.make", settle_after="1ms", retry=Retry(attempts=3, first="1ms"))
async def make_firmly() -> str:
    return "thing"


@make_firmly.undo
async def _(result: str) -> None:
    LOG.append("undo")
    raise RuntimeError("connection lost")


@make_firmly.probe
async def _() -> Happened[str]:
    return Happened("thing")


@effect("thing.make", timeout="1m")
async def make() -> str:
    return "thing"


@make.undo
async def _(result: str) -> None:
    LOG.append("undo")
    if LOG.count("undo") == 1:
        raise RuntimeError("connection lost")
    await GATES["undone"].wait()
    LOG.append("undone")


@make.probe
async def _() -> NotHappened:
    LOG.append("look")
    await GATES["looked"].wait()
    return NotHappened()


@contract(on_failure="hold")
async def repeats() -> None:
    await make_repeatably()
    raise RollBack("not what was wanted")


@effect("thing.make", in_doubt="repeat", retry=Retry(attempts=3, first="10s"))
async def make_patiently() -> str:
    return "thing"


@make_patiently.undo
async def _(result: str) -> None:
    LOG.append("undo")
    raise ConnectionError("the line broke")


@contract(on_failure="hold")
async def repeats_patiently() -> None:
    await make_patiently()
    raise RollBack("not what was wanted")


@contract(on_failure="hold")
async def looks_and_repeats() -> None:
    await make_firmly()
    raise RollBack("not what was wanted")


@contract(on_failure="hold")
async def looks() -> None:
    await make()
    raise RollBack("not what was wanted")


async def assert_blocked(handle: Handle[None], cause: str) -> None:
    """The workflow asks a person, and its undo was tried three times."""

    async def is_blocked() -> bool:
        return (await handle.row()).cause == cause

    await until(is_blocked, f"the workflow is blocked as {cause}")
    assert LOG == ["undo"] * 3


async def assert_rolled_back(handle: Handle[None]) -> None:
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert caught.value.status == "rolled_back"


async def test_an_undo_that_stays_in_doubt_is_repeated_as_often_as_its_effect_and_then_asks_a_person(
    actum: Harness,
) -> None:
    await actum.worker([repeats])
    handle = await actum.start(repeats())
    await actum.approve(handle)
    await assert_blocked(handle, "in_doubt")
    actum.clock.advance("1h")
    await actum.run_until_idle()
    assert LOG == ["undo"] * 3
    await handle.settle("undo.1", "happened", reason="it is gone")
    await assert_rolled_back(handle)
    assert LOG == ["undo"] * 3


async def test_an_undo_whose_repeat_waits_long_enough_to_be_parked_is_repeated_all_the_same(
    actum: Harness,
) -> None:
    await actum.worker([repeats_patiently])
    handle = await actum.start(repeats_patiently())
    await actum.approve(handle)
    for count in (1, 2, 3):
        await actum.run_until_idle()
        assert LOG == ["undo"] * count
        actum.clock.advance("1m")
    await assert_blocked(handle, "in_doubt")


async def test_an_undo_whose_probe_finds_the_effect_still_there_gives_up_after_its_attempts(
    actum: Harness,
) -> None:
    await actum.worker([looks_and_repeats])
    handle = await actum.start(looks_and_repeats())
    await actum.approve(handle)
    await assert_blocked(handle, "undo_failed")
    states = {one.kind: one.state for one in await actum.store.effects.list_of(handle.workflow_id)}
    assert states == {"thing.make": "undo_failed", "thing.make.undo": "failed"}


async def test_a_person_who_says_that_nothing_was_undone_is_believed_over_a_probe_that_still_looks(
    actum: Harness,
) -> None:
    GATES.update({name: asyncio.Event() for name in ("looked", "undone")})
    await actum.worker([looks])
    handle = await actum.start(looks())
    await actum.approve(handle)

    async def is_looking() -> bool:
        states = [one.state for one in await actum.store.effects.list_of(handle.workflow_id)]
        return "look" in LOG and "in_doubt" in states

    await until(is_looking, "the probe looks, and the doubt is recorded")
    await handle.settle("undo.1", "did_not_happen", reason="it is still there")

    async def is_undone_again() -> bool:
        return LOG.count("undo") == 2

    await until(is_undone_again, "the undo is begun again")
    GATES["looked"].set()
    GATES["undone"].set()
    await assert_rolled_back(handle)
    assert LOG == ["undo", "look", "undo", "undone"]
    assert ["did_not_happen"] == [
        one.outcome for one in await actum.events(handle) if one.kind.value == "effect.settled"
    ]


@effect("thing.make", name="make_thing", retry=Retry(attempts=1))
async def make_named(name: str) -> str:
    return name


@make_named.undo
async def _(result: str, name: str) -> None:
    LOG.append(f"undo {name}")
    if LOG == [f"undo {name}"]:
        raise NotDone("it resists")


@effect("thing.make", name="make_thing", retry=Retry(attempts=1))
async def make_numbered(number: int) -> int:
    return number


@make_numbered.undo
async def _(result: int, number: int) -> None:
    LOG.append("undo a number")


async def _makes_by_name() -> None:
    await make_named("a name")
    raise RollBack("not what was wanted")


async def _makes_by_number() -> None:
    await make_numbered(1)
    raise RollBack("not what was wanted")


EARLIER = contract(name="makes", on_failure="hold")(_makes_by_name)
LATER = contract(name="makes", on_failure="hold")(_makes_by_number)


@pytest.mark.parametrize(
    ("outcome", "log"), [("happened", ["undo a name"]), ("did_not_happen", ["undo a name"] * 2)]
)
async def test_what_the_code_cannot_undo_any_more_is_undone_by_hand_or_by_the_version_that_did_it(
    actum: Harness, outcome: str, log: list[str]
) -> None:
    worker = await actum.worker([EARLIER])
    handle = await actum.start(EARLIER())
    await actum.approve(handle)
    await actum.run_until_idle()
    assert (await handle.row()).cause == "undo_failed"
    await worker.stop()
    worker = await actum.worker([LATER])
    await handle.resume("it gives way by now")
    await actum.run_until_idle()
    assert (await handle.row()).cause == "in_doubt"
    block = (await actum.events(handle))[-1].data or ""
    assert "undo it by hand and settle undo.1 as happened" in block
    await handle.settle("undo.1", outcome, reason="looked")
    if outcome == "did_not_happen":
        await actum.run_until_idle()
        assert (await handle.row()).cause == "in_doubt"
        await worker.stop()
        await actum.worker([EARLIER])
        await handle.settle("undo.1", outcome, reason="the earlier version is back")
    await assert_rolled_back(handle)
    assert LOG == log
