"""A zombie changes nothing: every write names instance, epoch and position, and a stale one writes no row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from holding import Held, K, claim, count_rows, hold

from actum.engine.log import Park
from actum.testing.harness import Harness

TABLES = ("events", "snapshots", "effects", "approvals", "messages", "questions")
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


async def everything(actum: Harness, held: Held) -> tuple[Any, ...]:
    return await actum.store.workflows.get(held.id), [await count_rows(actum, table) for table in TABLES]


async def zombies(actum: Harness, held: Held) -> dict[str, Held]:
    row, store = held.row, actum.store
    return {
        "epoch": Held(store, held.instance, row, epoch=row.epoch - 1),
        "later epoch": Held(store, held.instance, row, epoch=row.epoch + 1),
        "position": Held(store, held.instance, row, next_seq=row.next_seq - 1),
        "later position": Held(store, held.instance, row, next_seq=row.next_seq + 1),
        "instance": Held(store, uuid4(), row),
    }


STALE = ["epoch", "later epoch", "position", "later position", "instance"]


@pytest.mark.parametrize("what", STALE)
async def test_a_write_with_a_stale_claim_writes_no_row(actum: Harness, what: str) -> None:
    held = await hold(actum)
    zombie = (await zombies(actum, held))[what]
    before = await everything(actum, held)
    said = await zombie.write(
        await zombie.record(K.STEP_COMPLETED, step="look", snapshot="output", body=b"1")
    )
    assert "fenced" == said
    assert before == await everything(actum, held)


@pytest.mark.parametrize("what", STALE)
async def test_an_intent_with_a_stale_claim_writes_no_row(actum: Harness, what: str) -> None:
    held = await hold(actum)
    zombie = (await zombies(actum, held))[what]
    before = await everything(actum, held)
    assert "fenced" == await zombie.intend()
    assert before == await everything(actum, held)


async def test_a_workflow_that_was_released_and_claimed_again_fences_its_first_holder(actum: Harness) -> None:
    first = await hold(actum)
    await actum.store.workflows.release(instance=first.instance, ids=[first.id])
    (second,) = await claim(actum.store)
    assert "fenced" == await first.complete()
    assert "released" == await second.complete()


async def test_an_ended_workflow_takes_no_more_records_from_its_last_holder(actum: Harness) -> None:
    held = await hold(actum)
    assert "released" == await held.complete()
    again = Held(
        actum.store, held.instance, held.row, next_seq=held.log.next_seq, chain_head=held.log.chain_head
    )
    again.status = held.status.RUNNING
    assert "fenced" == await again.write(await again.record(K.TIMER_FIRED))


async def test_one_stale_workflow_does_not_hinder_the_others_of_a_flush(actum: Harness) -> None:
    await actum.start(_errand("one"))
    await actum.start(_errand("two"))
    good, stale = await claim(actum.store, slots=2)
    stale.log.epoch -= 1
    stale.instance = good.instance
    for held in (good, stale):
        record = await held.record(
            K.STEP_COMPLETED, step="look", status="running", snapshot="output", body=b"1"
        )
        held.log.pending.append(record)
        good.recorder.queue(held.log)
    await good.recorder.flush_once()
    await good.recorder._disconnect()
    assert (["written"], ["fenced"]) == (good.said, stale.said)


async def test_a_park_gives_the_lease_back(actum: Harness) -> None:
    held = await hold(actum)
    said = await held.write(await held.record(K.WORKFLOW_PARKED), park=Park(held.wake, NEVER))
    row = await actum.store.workflows.get(held.id)
    assert row is not None
    assert ("released", None, NEVER, "waiting") == (said, row.instance, row.run_at, row.status)


async def test_a_park_after_a_wake_keeps_the_lease_and_the_earlier_instant(actum: Harness) -> None:
    held = await hold(actum)
    await actum.store.messages.send(workflow_id=held.id, kind="signal", actor="user:author", name="go")
    said = await held.write(await held.record(K.WORKFLOW_PARKED), park=Park(held.row.wake, NEVER))
    row = await actum.store.workflows.get(held.id)
    assert row is not None
    assert ("written", held.instance) == (said, row.instance)
    assert row.run_at < NEVER
    assert held.row.wake + 1 == held.wake


def _errand(place: str) -> Any:
    from holding import errand

    return errand(place)
