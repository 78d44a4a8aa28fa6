"""An effect that a person gave up without knowing: whoever tries it again does not learn that it never happened."""

from __future__ import annotations

from typing import Any

import pytest
from patience import until

from actum import (
    Fatal,
    Happened,
    NotDone,
    NotHappened,
    Preview,
    Retry,
    RollBack,
    Unknown,
    attempt,
    contract,
    effect,
)
from actum.client.handle import Handle
from actum.errors import NotPossible
from actum.testing.harness import Harness

ACTS: list[str] = []


@pytest.fixture(autouse=True)
def world() -> None:
    ACTS.clear()


async def act() -> None:
    """Lose the line in the first attempt, be refused in the second, and act in the third."""
    ACTS.append(attempt().key or "")
    if len(ACTS) == 1:
        raise ConnectionError("the line went dead")
    if len(ACTS) == 2:
        raise NotDone("the other side refuses")


@effect("thing.make", retry=Retry(attempts=1))
async def make(name: str) -> str:
    await act()
    return name


@make.key
def _(name: str) -> str:
    return "thing"


@contract(on_failure="hold")
async def makes(name: str) -> str:
    return await make(name)


@effect("thing.look", retry=Retry(attempts=1), timeout="10m", settle_after="1ms")
async def make_visibly(name: str) -> str:
    await act()
    return name


@make_visibly.key
def _(name: str) -> str:
    return "thing"


@make_visibly.probe
async def _(name: str) -> Happened[str] | NotHappened | Unknown:
    return Unknown() if len(ACTS) == 1 else NotHappened()


@contract(on_failure="hold")
async def makes_visibly(name: str) -> str:
    return await make_visibly(name)


@effect("thing.lend", retry=Retry(attempts=1))
async def make_for_now() -> str:
    return "thing"


@make_for_now.undo
async def _(result: str) -> None:
    await act()


@contract(on_failure="rollback")
async def makes_for_now() -> None:
    await make_for_now()
    raise RollBack("not what was wanted")


@effect("thing.repeat", in_doubt="repeat", retry=Retry(attempts=3, first="1h"))
async def make_again() -> str:
    await act()
    return "thing"


@contract(on_failure="fail")
async def makes_again() -> str:
    return await make_again()


DENY = """
schema = 1
name = "tests"
owner = "platform"
default_tier = 2

[[deny]]
id = "no"
match = { kind = "thing.repeat" }
why = "Not any more."
"""


async def blocked(handle: Handle[Any], cause: str) -> None:
    async def is_blocked() -> bool:
        return (await handle.row()).cause == cause

    await until(is_blocked, f"it is blocked as {cause}")


async def states(actum: Harness, handle: Handle[Any]) -> list[str]:
    return [one.state for one in await actum.store.effects.list_of(handle.workflow_id)]


async def abandoned(actum: Harness, handle: Handle[Any], address: str = "1", cause: str = "held") -> None:
    await actum.approve(handle)
    await blocked(handle, "in_doubt")
    await handle.settle(address, "abandon", reason="nobody can tell")
    await blocked(handle, cause)


async def test_a_retry_that_was_refused_leaves_the_doubt_and_takes_no_other_arguments(actum: Harness) -> None:
    await actum.worker([makes])
    handle = await actum.start(makes("one"))
    await abandoned(actum, handle)
    await handle.retry(reason="once more")
    await actum.approve(handle)
    await blocked(handle, "in_doubt")
    assert ["in_doubt"] == await states(actum, handle)
    assert "an earlier attempt may have happened" in ((await actum.events(handle))[-2].data or "")
    await handle.settle("1", "abandon", reason="nobody can tell")
    await blocked(handle, "held")
    with pytest.raises(NotPossible, match="may have happened"):
        await handle.edit(arguments={"name": "two"}, reason="another")
    await handle.retry(reason="a last time")
    await actum.approve(handle)
    assert "one" == await handle.result(10)
    assert ["thing"] * 3 == ACTS


async def test_a_retry_that_nobody_lets_run_takes_no_other_arguments_either(actum: Harness) -> None:
    await actum.worker([makes])
    handle = await actum.start(makes("one"))
    await abandoned(actum, handle)
    await handle.retry(reason="once more")
    await actum.reject(handle, "not this one")
    await blocked(handle, "held")
    with pytest.raises(NotPossible, match="may have happened"):
        await handle.edit(arguments={"name": "two"}, reason="another")
    assert ["abandoned"] == await states(actum, handle)


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_another_workflow_that_takes_it_over_has_the_doubt_too(
    actum: Harness, is_restarted: bool
) -> None:
    worker = await actum.worker([makes])
    first = await actum.start(makes("one"))
    await abandoned(actum, first)
    second = await actum.start(makes("one"))
    await actum.approve(second)
    await blocked(second, "in_doubt")
    if is_restarted:
        await worker.stop()
        await actum.worker([makes])
    assert ["in_doubt"] == await states(actum, second)
    await second.settle("1", "did_not_happen", reason="I looked")
    assert "one" == await second.result(10)


async def test_a_repeat_that_nobody_lets_run_leaves_the_doubt_to_a_person(actum: Harness) -> None:
    await actum.worker([makes_again])
    handle = await actum.start(makes_again())
    await actum.approve(handle)

    async def is_in_doubt() -> bool:
        return ["in_doubt"] == await states(actum, handle)

    await until(is_in_doubt, "the doubt is recorded")
    await actum.run_until_idle()
    await actum.activate(DENY)
    actum.clock.advance("2h")
    await blocked(handle, "in_doubt")
    assert ["in_doubt"] == await states(actum, handle)
    await handle.settle("1", "did_not_happen", reason="I looked")
    await actum.run_until_idle()
    assert ("failed", ["failed"]) == (await handle.status(), await states(actum, handle))
    assert 1 == len(ACTS)


async def test_a_probe_is_believed_about_all_attempts_once_none_of_them_can_act(actum: Harness) -> None:
    await actum.worker([makes_visibly])
    handle = await actum.start(makes_visibly("one"))
    await abandoned(actum, handle)
    await handle.retry(reason="once more")
    await actum.approve(handle)

    async def is_in_doubt() -> bool:
        return ["in_doubt"] == await states(actum, handle)

    await until(is_in_doubt, "the doubt stays")
    await actum.run_until_idle()
    assert ["in_doubt"] == await states(actum, handle)
    actum.clock.advance("11m")
    await blocked(handle, "held")
    assert ["failed"] == await states(actum, handle)
    await handle.edit(arguments={"name": "two"}, reason="another")
    await actum.approve(handle)
    assert "two" == await handle.result(10)


async def test_an_undo_that_is_taken_up_again_has_the_doubt_too(actum: Harness) -> None:
    await actum.worker([makes_for_now])
    handle = await actum.start(makes_for_now())
    await abandoned(actum, handle, "undo.1", "undo_failed")
    await handle.resume("once more")
    await blocked(handle, "in_doubt")
    assert ["in_doubt"] == (await states(actum, handle))[1:]
    await handle.settle("undo.1", "happened", reason="it is gone")
    await actum.run_until_idle()
    assert "rolled_back" == await handle.status()


@effect("thing.make", in_doubt="repeat", retry=Retry(attempts=5, first="1h", longest="1h"))
async def make_if_seen(name: str) -> str:
    ACTS.append(name)
    raise RuntimeError("the line broke")


@make_if_seen.preview
async def _(name: str) -> Preview:
    if ACTS:
        raise Fatal("nothing can be seen any more")
    return Preview(f"Make {name}")


@contract(on_failure="fail")
async def makes_if_seen() -> str:
    return await make_if_seen("one")


async def test_a_repeat_that_can_no_longer_be_looked_at_leaves_the_doubt_to_a_person(actum: Harness) -> None:
    await actum.worker([makes_if_seen])
    handle = await actum.start(makes_if_seen())
    await actum.approve(handle)
    await actum.run_until_idle()
    await actum.activate(DENY)
    actum.clock.advance("2h")
    await blocked(handle, "in_doubt")
    assert (["in_doubt"], 1) == (await states(actum, handle), len(ACTS))
