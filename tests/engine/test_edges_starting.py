"""Starting: one key is one workflow, and several are started together or not at all."""

from __future__ import annotations

import asyncio
import random

import pytest

from actum import contract, step
from actum.errors import KeyConflict
from actum.testing.harness import Harness

ECHOED: list[str] = []


@step
async def echo(word: str) -> str:
    ECHOED.append(word)
    return word


@contract
async def echoes(word: str) -> str:
    return await echo(word)


async def test_twenty_starts_of_one_key_at_the_same_moment_are_one_workflow(actum: Harness) -> None:
    ECHOED.clear()
    await actum.worker([echoes])
    handles = await asyncio.gather(*(actum.start(echoes("once"), key="one") for _ in range(20)))
    assert ["once"] * 20 == await asyncio.gather(*(handle.result(10) for handle in handles))
    assert len({handle.workflow_id for handle in handles}) == 1
    assert [handles[0].workflow_id] == [row.id for row in await actum.client.list()]
    assert ECHOED == ["once"]


async def test_twenty_starts_of_many_keys_in_any_order_each_get_every_keys_one_workflow(
    actum: Harness,
) -> None:
    words = [f"word {number}" for number in range(10)]
    dice = random.Random(7)

    async def start_all() -> dict[str, object]:
        mixed = dice.sample(words, len(words))
        handles = await actum.client.start_many([echoes(word) for word in mixed], keys=mixed)
        return {word: handle.workflow_id for word, handle in zip(mixed, handles, strict=True)}

    first, *others = await asyncio.gather(*(start_all() for _ in range(20)))
    assert [first] * 19 == others
    assert len(await actum.client.list()) == len(words)


async def test_twenty_starts_of_one_key_with_two_inputs_let_one_input_win(actum: Harness) -> None:
    answers = await asyncio.gather(
        *(actum.start(echoes(str(number % 2)), key="one") for number in range(20)), return_exceptions=True
    )
    conflicts = [one for one in answers if isinstance(one, KeyConflict)]
    assert len(conflicts) == 10
    started = {one.workflow_id for one in answers if not isinstance(one, BaseException)}
    assert [one.id for one in await actum.client.list()] == list(started)


async def test_many_with_one_key_in_conflict_start_nothing(actum: Harness) -> None:
    await actum.start(echoes("taken"), key="taken")
    before = len(await actum.client.list())
    with pytest.raises(KeyConflict):
        await actum.client.start_many([echoes("new"), echoes("other")], keys=["new", "taken"])
    assert len(await actum.client.list()) == before
    handle = await actum.start(echoes("whatever"), key="new")
    assert (await handle.row()).key == "new"
