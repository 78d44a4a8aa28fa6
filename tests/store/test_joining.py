"""An effect that another workflow holds is not undone, and one that is being undone is not joined: in one statement."""

from __future__ import annotations

from uuid import uuid4

from holding import Held, K, claim, errand, hold

from actum.engine.log import Ended
from actum.testing.harness import Harness


async def second(actum: Harness) -> Held:
    await actum.start(errand("elsewhere"))
    (other,) = await claim(actum.store)
    return other


async def done(actum: Harness) -> Held:
    """Return a workflow that did the effect `door`."""
    held = await hold(actum)
    assert "written" == await held.intend()
    succeeded = await held.record(
        K.EFFECT_SUCCEEDED,
        step="open",
        address="1",
        attempt=1,
        snapshot="output",
        argument_hash=b"h" * 32,
        body=b'"open"',
        ended=Ended("open", "door", 1, "succeeded", b'"open"'),
    )
    assert "written" == await held.write(succeeded)
    return held


async def begin_undo(held: Held, family: str | None = None) -> str:
    return await held.intend(kind="open.undo", attempt=2, family=family or f"{{{held.id}}}")


async def state_of(actum: Harness, held: Held) -> dict[str, str]:
    return {one.kind: one.state for one in await actum.store.effects.list_of(held.id)}


async def test_who_joins_becomes_a_holder(actum: Harness) -> None:
    owner = await done(actum)
    other = await second(actum)
    assert "written" == await other.intend(mode="join")
    (effect,) = await actum.store.effects.list_of(owner.id)
    assert [owner.id, other.id] == effect.holders


async def test_only_what_succeeded_can_be_joined_and_only_with_its_arguments(actum: Harness) -> None:
    owner = await hold(actum)
    assert "written" == await owner.intend()
    other = await second(actum)
    assert "refused: key" == await other.intend(mode="join")
    assert "refused: key" == await other.intend("window", mode="join")
    (effect,) = await actum.store.effects.list_of(owner.id)
    assert [owner.id] == effect.holders


async def test_what_is_being_undone_cannot_be_joined(actum: Harness) -> None:
    owner = await done(actum)
    assert "written" == await begin_undo(owner)
    assert {"open": "undoing", "open.undo": "started"} == await state_of(actum, owner)
    other = await second(actum)
    assert "refused: key" == await other.intend(mode="join")


async def test_what_another_holds_is_not_undone_and_no_trace_of_an_undo_is_left(actum: Harness) -> None:
    owner = await done(actum)
    other = await second(actum)
    assert "written" == await other.intend(mode="join")
    assert "refused: held" == await begin_undo(owner)
    assert {"open": "succeeded"} == await state_of(actum, owner)


async def test_a_holder_of_the_family_keeps_nothing_standing(actum: Harness) -> None:
    owner = await done(actum)
    child = await second(actum)
    assert "written" == await child.intend(mode="join")
    assert "written" == await begin_undo(owner, f"{{{owner.id},{child.id}}}")


async def test_a_holder_that_has_failed_keeps_nothing_standing(actum: Harness) -> None:
    owner = await done(actum)
    other = await second(actum)
    assert "written" == await other.intend(mode="join")
    failed = await other.record(K.WORKFLOW_FAILED, snapshot="error", body=b"{}", is_final=True)
    assert "released" == await other.write(failed)
    assert "written" == await begin_undo(owner)


async def test_a_holder_nobody_can_see_keeps_it_standing(actum: Harness) -> None:
    """It may have been started after the statement began to wait for the row."""
    owner = await done(actum)
    async with actum.store.pool.connection() as connection:
        await connection.execute("update actum.effects set holders = holders || $1::uuid", uuid4())
    assert "refused: held" == await begin_undo(owner)
