"""Doubts: how often one is repeated, and who is believed when a person and a probe speak at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest
from patience import until

from actum import Happened, NotHappened, Retry, RollBack, Unknown, contract, effect, step
from actum.authoring.contract import Contract
from actum.store.rows import MessageRow
from actum.testing.harness import Harness

KEPT: list[str] = []
GATES: dict[str, asyncio.Event] = {}


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    KEPT.clear()
    GATES.update({name: asyncio.Event() for name in ("probing", "probed")})
    yield
    GATES["probed"].set()


@effect("mail.send", in_doubt="repeat", retry=Retry(attempts=3, first="1ms"))
async def always_strange() -> None:
    KEPT.append("tried")
    raise RuntimeError("connection lost")


@contract(on_failure="hold")
async def repeats() -> None:
    await always_strange()


@effect("mail.send", timeout="1m")
async def strange_once() -> str:
    KEPT.append("begun")
    if len(KEPT) == 1:
        raise RuntimeError("connection lost")
    KEPT.append("ended")
    return "the second attempt"


@strange_once.probe
async def _() -> Happened[str] | NotHappened | Unknown:
    GATES["probing"].set()
    await GATES["probed"].wait()
    return Happened("the probe")


@contract(on_failure="hold")
async def probes() -> str:
    return await strange_once()


async def test_repeating_ends_with_the_attempts_and_then_asks_a_person(actum: Harness) -> None:
    await actum.worker([repeats])
    handle = await actum.start(repeats())
    await actum.approve(handle)

    async def is_blocked() -> bool:
        return (await handle.row()).cause == "in_doubt"

    await until(is_blocked, "the workflow asks a person")
    actum.clock.advance("1h")
    await actum.run_until_idle()
    assert KEPT == ["tried"] * 3
    await handle.settle("1", "happened", reason="looked")
    await handle.result(10)
    assert KEPT == ["tried"] * 3


@pytest.mark.parametrize(
    ("word", "result", "expected", "kept"),
    [
        ("happened", "a person", "a person", ["begun"]),
        ("did_not_happen", None, "the second attempt", ["begun", "begun", "ended"]),
    ],
)
async def test_a_person_who_settles_while_a_probe_looks_is_the_one_believed(
    actum: Harness, word: str, result: str | None, expected: str, kept: list[str]
) -> None:
    await actum.worker([probes])
    handle = await actum.start(probes())
    await actum.approve(handle)
    await asyncio.wait_for(GATES["probing"].wait(), 10)

    async def is_in_doubt() -> bool:
        return ["in_doubt"] == [one.state for one in await actum.store.effects.list_of(handle.workflow_id)]

    await until(is_in_doubt, "the doubt is recorded")
    await handle.settle("1", word, result=result, reason="looked into the outbox")

    async def is_settled() -> bool:
        return "effect.settled" in await actum.kinds(handle)

    await until(is_settled, "the person's word is recorded")
    GATES["probed"].set()
    assert await handle.result(10) == expected
    assert kept == KEPT
    assert (await actum.kinds(handle)).count("effect.settled") == 1
    assert ["succeeded"] == [one.state for one in await actum.store.effects.list_of(handle.workflow_id)]


@effect("mail.send", in_doubt="repeat", retry=Retry(attempts=2, first="1h"))
async def strange_twice() -> None:
    KEPT.append("tried")
    raise RuntimeError("connection lost")


@step
async def works() -> None:
    await GATES["probed"].wait()


@contract(on_failure="hold")
async def works_and_repeats() -> None:
    await asyncio.gather(works(), strange_twice())


async def test_a_word_about_an_earlier_attempt_does_not_settle_a_later_one(
    actum: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await actum.worker([works_and_repeats])
    handle = await actum.start(works_and_repeats())

    async def is_asked() -> bool:
        return bool((await actum.inbox())[0])

    async def has_tried(times: int) -> bool:
        return (await actum.kinds(handle)).count("effect.doubted") == times

    await until(is_asked, "somebody is asked")
    await actum.reviewer.approve((await actum.inbox())[0][0].id, "fine")
    await until(lambda: has_tried(1), "the first attempt is in doubt")
    real, may_read = actum.store.messages.read_open, asyncio.Event()

    async def read_open(ids: Sequence[UUID]) -> Sequence[MessageRow]:
        await may_read.wait()
        return await real(ids)

    monkeypatch.setattr(actum.store.messages, "read_open", read_open)
    (doubted,) = await actum.store.effects.list_of(handle.workflow_id)
    await handle.settle(doubted.address, "did_not_happen", reason="looked after the first attempt")
    actum.clock.advance("2h")
    await until(lambda: has_tried(2), "the second attempt is in doubt")
    may_read.set()
    GATES["probed"].set()
    await actum.run_until_idle()
    assert KEPT == ["tried"] * 2
    assert "effect.settled" not in await actum.kinds(handle)
    assert (await handle.row()).cause == "in_doubt"


ANSWERS: list[str] = []
"""What the next looks say: `lost` and `no` and `yes`."""


@effect("order.place", settle_after="10m")
async def place() -> str:
    raise ConnectionError("lost")


@place.undo
async def _(result: str) -> None: ...


@place.probe
async def _() -> Happened[str] | NotHappened:
    match ANSWERS.pop(0):
        case "lost":
            raise ConnectionError("lost again")
        case "no":
            return NotHappened()
        case _:
            return Happened("placed")


@effect("order.cancel", settle_after="10m", retry=Retry(attempts=1))
async def call_off() -> str:
    return "called off"


@call_off.undo
async def _(result: str) -> None:
    raise ConnectionError("lost")


@call_off.probe
async def _() -> Happened[str]:
    ANSWERS.pop(0)
    raise ConnectionError("lost again")


@contract(on_failure="hold")
async def places() -> str:
    return await place()


@contract(on_failure="hold")
async def calls_off() -> str:
    await call_off()
    raise RollBack("not what was wanted")


@pytest.mark.parametrize("body", [places, calls_off], ids=["an effect", "an undo"])
async def test_probes_that_fail_three_times_in_a_row_end_with_a_person_though_they_are_parked_between(
    actum: Harness, body: Contract[[], str]
) -> None:
    ANSWERS[:] = ["lost"] * 6
    await actum.worker([body])
    handle = await actum.start(body())
    await actum.approve(handle)
    for _ in range(4):
        await actum.run_until_idle()
        actum.clock.advance("1m")
    await actum.run_until_idle()
    assert (3, "in_doubt") == (len(ANSWERS), (await handle.row()).cause)


async def test_probes_that_fail_now_and_then_bother_nobody(actum: Harness) -> None:
    ANSWERS[:] = ["lost", "lost", "no", "lost", "lost", "yes"]
    await actum.worker([places])
    handle = await actum.start(places())
    await actum.approve(handle)
    while ANSWERS:
        left = len(ANSWERS)
        await actum.run_until_idle()
        assert (await handle.row()).cause is None, f"a person is asked, with {ANSWERS} to come"
        actum.clock.advance("20m" if len(ANSWERS) == 3 else "25s")
        assert len(ANSWERS) < left or left == 6, "nothing looks any more"
    assert "placed" == await handle.result(10)
