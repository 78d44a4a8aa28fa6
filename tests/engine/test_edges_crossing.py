"""People and deployments at cross purposes: said twice, said too late, or said about code that has changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Literal

import asyncpg
import pytest
from patience import until_blocked

from actum import NotDone, Retry, StepFailed, WorkflowFailed, contract, effect, step
from actum.client.handle import Handle
from actum.errors import NotPossible
from actum.testing.harness import Harness

RAN: Counter[str] = Counter()
BROKEN: set[str] = set()


@pytest.fixture(autouse=True)
def world() -> None:
    RAN.clear()
    BROKEN.clear()


@step(retry=Retry(attempts=1))
async def work(name: str) -> str:
    RAN[name] += 1
    if name in BROKEN:
        raise ValueError(f"{name} is broken")
    return name


@contract(on_failure="hold")
async def works() -> str:
    return await work("a")


async def retry_twice(actum: Harness, handle: Handle[str]) -> None:
    """Have two people retry, who have both looked at the same failure before either is heard."""
    holder = await asyncpg.connect(actum.dsn)
    async with holder.transaction():
        await holder.execute("select from actum.workflows where id = $1 for update", handle.workflow_id)
        both = asyncio.gather(handle.retry(reason="one terminal"), handle.retry(reason="another"))
        await until_blocked(holder, 2)
    await both
    await holder.close()


@pytest.mark.parametrize("is_mended", [True, False], ids=["mended", "still broken"])
@pytest.mark.parametrize("is_served", [True, False], ids=["a worker is there", "a worker comes later"])
async def test_two_people_who_retry_at_once_have_it_tried_once(
    actum: Harness, is_mended: bool, is_served: bool
) -> None:
    BROKEN.add("a")
    worker = await actum.worker([works])
    handle = await actum.start(works())
    await actum.run_until_idle()
    if not is_served:
        await worker.stop()
    if is_mended:
        BROKEN.clear()
    await retry_twice(actum, handle)
    if not is_served:
        await actum.worker([works])
    await actum.run_until_idle()
    assert (RAN["a"], (await actum.kinds(handle)).count("step.reopened")) == (2, 1)
    if is_mended:  # a worker that was there may have ended it before it read the second
        assert await handle.result(10) == "a"
    else:
        assert (await handle.row()).cause == "held"
        assert [] == await actum.store.messages.read_open([handle.workflow_id])


@effect("thing.make")
async def make(name: str) -> str:
    RAN[f"make {name}"] += 1
    return name


@make.undo
async def _(result: str, name: str) -> None:
    RAN[f"undo {name}"] += 1


@contract(on_failure="hold")
async def makes_and_fails() -> str:
    await make("a")
    return await work("later")


@contract(on_failure="rollback")
async def has_a_held_child() -> list[str]:
    async def fails() -> str:
        await asyncio.sleep(3600)
        return await work("parent")

    return list(await asyncio.gather(makes_and_fails(), fails()))


async def test_a_child_that_is_held_when_its_parent_fails_is_ended_and_undone(actum: Harness) -> None:
    BROKEN.update(("later", "parent"))
    await actum.worker([has_a_held_child, makes_and_fails])
    handle = await actum.start(has_a_held_child())
    await actum.run_until_idle()
    for one in (await actum.inbox())[0]:
        await actum.reviewer.approve(one.id, "fine")
    await actum.run_until_idle()
    assert RAN["make a"] == 1
    actum.clock.advance("2h")
    with pytest.raises(WorkflowFailed) as caught:
        await handle.result(10)
    assert (caught.value.status, RAN["undo a"]) == ("rolled_back", 1)


@effect("word.say", name="say", retry=Retry(attempts=1))
async def say_anything(word: str) -> str:
    RAN[f"say {word}"] += 1
    if "say" in BROKEN:
        raise NotDone("nobody listens")
    return word


@effect("word.say", name="say", retry=Retry(attempts=1))
async def say_little(word: Literal["yes", "no"]) -> str:
    RAN[f"say {word}"] += 1
    return word


async def _says_anything() -> str:
    return await say_anything("yes")


async def _says_little() -> str:
    return await say_little("yes")


LAX = contract(name="says", on_failure="hold")(_says_anything)
STRICT = contract(name="says", on_failure="hold")(_says_little)


async def test_what_a_person_gave_instead_and_the_code_takes_no_more_waits_for_code_that_does(
    actum: Harness,
) -> None:
    BROKEN.add("say")
    worker = await actum.worker([LAX])
    handle = await actum.start(LAX())
    await actum.approve(handle)
    await actum.run_until_idle()
    await handle.edit(arguments={"word": "perhaps"}, reason="more careful")
    await actum.run_until_idle()
    await worker.stop()
    BROKEN.clear()
    worker = await actum.worker([STRICT])
    await actum.approve(handle)
    await actum.run_until_idle()
    assert (await handle.row()).cause == "mismatch"
    assert RAN == {"say yes": 1}
    await worker.stop()


@effect("mail.send")
async def send(to: str) -> str:
    RAN[to] += 1
    raise ConnectionError("lost")


@contract(on_failure="hold")
async def sends() -> str:
    try:
        return await send("ana")
    except StepFailed as failed:
        return failed.reason


@pytest.mark.parametrize("is_served", [True, False], ids=["a worker is there", "a worker comes later"])
async def test_of_two_people_who_settle_one_doubt_the_first_is_believed(
    actum: Harness, is_served: bool
) -> None:
    worker = await actum.worker([sends])
    handle = await actum.start(sends())
    await actum.approve(handle)
    await actum.run_until_idle()
    assert (await handle.row()).cause == "in_doubt"
    if not is_served:
        await worker.stop()
    await handle.settle("1", "happened", result="it arrived", reason="I saw it")
    try:
        await handle.settle("1", "did_not_happen", reason="I did not")
    except NotPossible:
        assert is_served
    if not is_served:
        await actum.worker([sends])
    assert await handle.result(10) == "it arrived"
    await actum.run_until_idle()
    assert RAN == {"ana": 1}
    with pytest.raises(NotPossible, match="no effect is in doubt"):
        await handle.settle("1", "abandon", reason="too late")
