"""It happened, and its result cannot be kept: nobody is handed anything in its place."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from patience import until

from actum import RollBack, WorkflowFailed, contract, effect
from actum.client.handle import Handle
from actum.errors import InvalidInput
from actum.testing.harness import Harness

DONE: list[tuple[Any, ...]] = []


@pytest.fixture(autouse=True)
def world() -> None:
    DONE.clear()


@effect("thing.make")
async def make(name: str) -> dict[str, Any]:
    DONE.append(("made", name))
    return {"name": name, "made_by": object()}


@make.key
def _(name: str) -> str:
    return f"thing/{name}"


@make.undo
async def _(result: dict[str, Any], name: str) -> None:
    DONE.append(("undone", name, result))


@contract(on_failure="rollback")
async def makes(name: str) -> dict[str, Any]:
    return await make(name)


@contract(on_failure="hold")
async def makes_and_is_held(name: str) -> str:
    made = await make(name)
    if name == "unwanted":
        raise RollBack("not what was wanted")
    return str(made["name"])


@effect("thing.ask")
async def lose(name: str) -> int:
    DONE.append(("begun", name))
    raise ConnectionError("the line went dead")


@contract(on_failure="rollback")
async def loses(name: str) -> int:
    return await lose(name)


async def block_of(actum: Harness, handle: Handle[Any], cause: str) -> dict[str, Any]:
    """Return what the workflow says about its block, once it is blocked for `cause`."""

    async def is_blocked() -> bool:
        return (await handle.row()).cause == cause

    await until(is_blocked, f"it is blocked as {cause}")
    return dict(orjson.loads((await actum.events(handle))[-1].data or "{}"))


async def report_of(actum: Harness, handle: Handle[Any]) -> dict[str, Any]:
    """Return the report of a rollback, from the last event."""
    return dict(orjson.loads((await actum.events(handle))[-1].data or "{}"))


async def results(actum: Harness, handle: Handle[Any]) -> list[tuple[str, bytes | None]]:
    """Return state and result of what the ledger holds of a workflow, without undos."""
    rows = await actum.store.effects.list_of(handle.workflow_id)
    return [(one.state, one.result) for one in rows if not one.kind.endswith(".undo")]


async def held_without_result(actum: Harness, name: str) -> Handle[str]:
    handle = await actum.start(makes_and_is_held(name))
    await actum.approve(handle)
    assert (await block_of(actum, handle, "held"))["failed"][0]["word"] == "invalid"
    assert [("succeeded", None)] == await results(actum, handle)
    return handle


async def test_who_reaches_its_key_is_told_so_too_until_a_person_says_what_the_result_is(
    actum: Harness,
) -> None:
    await actum.worker([makes_and_is_held])
    first = await held_without_result(actum, "one")
    second = await actum.start(makes_and_is_held("one"))
    await actum.approve(second)
    failed = (await block_of(actum, second, "held"))["failed"]
    assert [("1", "invalid")] == [(one["address"], one["word"]) for one in failed]
    await first.skip(output={"name": "by hand"}, reason="I looked")
    assert "by hand" == await first.result(10)
    third = await actum.start(makes_and_is_held("one"))
    await actum.approve(third)
    assert "by hand" == await third.result(10)
    assert [("made", "one")] == DONE


async def test_its_undo_is_a_persons_and_the_report_says_why(actum: Harness) -> None:
    await actum.worker([makes])
    handle = await actum.start(makes("two"))
    await actum.approve(handle)
    why = str((await block_of(actum, handle, "in_doubt"))["waits"])
    assert "make happened, and its result could not be kept" in why
    assert "settle undo.1 as happened" in why
    await handle.settle("undo.1", "happened", reason="I put it back")
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    report = await report_of(actum, handle)
    (entry,) = report["entries"]
    assert "its result could not be kept, so a person has to do it" in entry["why"]
    assert ("complete", "undone") == (report["outcome"], entry["outcome"])
    assert [("made", "two")] == DONE
    assert [("undone", None)] == await results(actum, handle)


async def test_its_undo_is_given_the_result_that_a_person_gave(actum: Harness) -> None:
    await actum.worker([makes_and_is_held])
    handle = await held_without_result(actum, "unwanted")
    (before,) = await actum.store.effects.list_of(handle.workflow_id)
    actum.clock.advance("1h")
    await handle.skip(output={"name": "by hand"}, reason="I looked")
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    assert [("made", "unwanted"), ("undone", "unwanted", {"name": "by hand"})] == DONE
    entries = (await report_of(actum, handle))["entries"]
    assert [before.ended_at.isoformat()] == [one["at"] for one in entries]  # type: ignore[union-attr]


@pytest.mark.parametrize("given", [{}, {"result": "seven"}, {"result": object()}])
async def test_a_result_that_does_not_fit_settles_nothing(actum: Harness, given: dict[str, Any]) -> None:
    await actum.worker([loses])
    handle = await actum.start(loses("three"))
    await actum.approve(handle)
    await block_of(actum, handle, "in_doubt")
    kinds = await actum.kinds(handle)
    with pytest.raises(InvalidInput, match="the result"):
        await handle.settle("1", "happened", reason="I looked", **given)
    await actum.run_until_idle()
    assert kinds == await actum.kinds(handle)
    await handle.settle("1", "happened", result=7, reason="I looked again")
    assert 7 == await handle.result(10)
