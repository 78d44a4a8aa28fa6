"""No effect starts without its intent, and a refused intent leaves no row at all."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from holding import Held, K, claim, count_rows, errand, hold

from actum.engine.log import Ended
from actum.testing.harness import Harness

TABLES = ("events", "snapshots", "effects", "start_keys", "messages", "decisions")


async def everything(actum: Harness, held: Held) -> tuple[Any, ...]:
    approvals = await actum.store.approvals.list_of([held.id])
    return await actum.store.workflows.get(held.id), approvals, [await count_rows(actum, t) for t in TABLES]


async def approved(actum: Harness, held: Held, **options: Any) -> UUID:
    approval_id = await held.ask(**options)
    await actum.reviewer.approve(approval_id, "it is right")
    return approval_id


async def freeze(actum: Harness, scope: str, subject: str | None, mode: str = "deny") -> None:
    async with actum.store.pool.connection() as connection:
        await connection.execute(
            "insert into actum.freezes (id, scope, subject, mode, actor, reason) values ($1, $2, $3, $4, 'user:x', 'x')",
            uuid4(), scope, subject, mode,
        )  # fmt: skip


async def test_an_intent_that_needs_no_approval_is_in_the_ledger_when_it_is_written(actum: Harness) -> None:
    held = await hold(actum)
    assert "written" == await held.intend()
    (effect,) = await actum.store.effects.list_of(held.id)
    assert ("started", 1, [held.id]) == (effect.state, effect.attempt, effect.holders)


async def test_an_approved_intent_uses_its_approval_up(actum: Harness) -> None:
    held = await hold(actum)
    approval_id = await approved(actum, held)
    assert "written" == await held.intend(tier=2, approval_id=approval_id)
    (approval,) = await actum.store.approvals.list_of([held.id])
    assert "used" == approval.state


async def refusal(actum: Harness, held: Held, why: str, **intent: Any) -> None:
    before = await everything(actum, held)
    assert f"refused: {why}" == await held.intend(**intent)
    assert before == await everything(actum, held)


async def test_above_tier_0_an_intent_without_approval_is_refused(actum: Harness) -> None:
    await refusal(actum, await hold(actum), "approval", tier=1)


async def test_an_approval_that_does_not_exist_permits_nothing(actum: Harness) -> None:
    await refusal(actum, await hold(actum), "approval", tier=2, approval_id=uuid4())


async def test_a_pending_approval_permits_nothing(actum: Harness) -> None:
    held = await hold(actum)
    await refusal(actum, held, "approval", tier=2, approval_id=await held.ask())


async def test_a_rejected_approval_permits_nothing(actum: Harness) -> None:
    held = await hold(actum)
    approval_id = await held.ask()
    await actum.reviewer.reject(approval_id, "no")
    await refusal(actum, held, "approval", tier=2, approval_id=approval_id)


async def test_the_approval_of_one_action_permits_no_other(actum: Harness) -> None:
    held = await hold(actum)
    approval_id = await approved(actum, held)
    await refusal(actum, held, "approval", tier=2, approval_id=approval_id, action_hash=b"another".ljust(32))


async def test_the_approval_of_another_workflow_permits_nothing(actum: Harness) -> None:
    owner = await hold(actum)
    approval_id = await approved(actum, owner)
    await actum.start(errand("elsewhere"))
    (other,) = await claim(actum.store)
    await refusal(actum, other, "approval", tier=2, approval_id=approval_id)


async def test_a_used_approval_permits_nothing_more(actum: Harness) -> None:
    held = await hold(actum)
    approval_id = await approved(actum, held)
    assert "written" == await held.intend(tier=2, approval_id=approval_id)
    await refusal(actum, held, "approval", tier=2, approval_id=approval_id, generation=2)


async def test_an_approval_expires_before_its_use(actum: Harness) -> None:
    held = await hold(actum)
    actum.clock.advance("1s")
    approval_id = await approved(actum, held, expires_at=actum.clock.read().replace(year=2100))
    actum.clock.advance_to(actum.clock.read().replace(year=2101))
    await refusal(actum, held, "expired", tier=2, approval_id=approval_id)


@pytest.mark.parametrize(
    ("scope", "subject"), [("everything", None), ("kind", "open"), ("contract", errand.name)]
)
async def test_a_freeze_refuses_intents_in_its_scope(actum: Harness, scope: str, subject: str | None) -> None:
    held = await hold(actum)
    await freeze(actum, scope, subject)
    await refusal(actum, held, "frozen")


@pytest.mark.parametrize(("scope", "subject"), [("kind", "shut"), ("contract", "another")])
async def test_a_freeze_of_something_else_refuses_nothing(actum: Harness, scope: str, subject: str) -> None:
    held = await hold(actum)
    await freeze(actum, scope, subject)
    assert "written" == await held.intend()


async def test_a_retired_policy_refuses_intents_ruled_under_it(actum: Harness) -> None:
    await refusal(actum, await hold(actum), "policy", policy_hash=b"p" * 32)


async def test_a_taken_key_is_refused_and_its_entry_stays_as_it_was(actum: Harness) -> None:
    first = await hold(actum)
    assert "written" == await first.intend()
    await actum.start(errand("elsewhere"))
    (second,) = await claim(actum.store)
    before = await actum.store.effects.reach([("open", "door")])
    await refusal(actum, second, "key")
    assert before == await actum.store.effects.reach([("open", "door")])


async def test_a_key_whose_effect_failed_can_be_taken_over(actum: Harness) -> None:
    first = await hold(actum)
    await first.intend()
    failed = await first.record(
        K.EFFECT_FAILED, step="open", address="1", attempt=1, ended=Ended("open", "door", 1, "failed")
    )
    assert "written" == await first.write(failed)
    await actum.start(errand("elsewhere"))
    (second,) = await claim(actum.store)
    assert "written" == await second.intend(mode="take_over")
    reached = (await actum.store.effects.reach([("open", "door")]))["open", "door"]
    assert (second.id, "started", [first.id, second.id]) == (
        reached.workflow_id,
        reached.state,
        reached.holders,
    )


async def test_a_started_effect_cannot_be_started_again_by_its_own_workflow(actum: Harness) -> None:
    held = await hold(actum)
    await held.intend()
    await refusal(actum, held, "key", mode="again")


async def test_what_was_queued_before_a_refused_intent_is_written_without_it(actum: Harness) -> None:
    held = await hold(actum)
    step = await held.record(
        K.STEP_COMPLETED, step="look", address="0", status="running", snapshot="output", body=b"1"
    )
    held.log.pending.append(step)
    assert "written" == await held.intend(tier=2)
    assert ["refused: approval", "written"] == held.said
    events = await actum.store.records.read_events(held.id)
    assert ["workflow.started", "step.completed"] == [event.kind.value for event in events]


async def test_of_twelve_workflows_that_reach_for_one_key_at_once_one_gets_it(actum: Harness) -> None:
    import asyncio

    for number in range(12):
        await actum.start(errand(str(number)))
    reaching = await claim(actum.store, slots=12)
    said = await asyncio.gather(*(held.intend() for held in reaching))
    assert ["refused: key"] * 11 + ["written"] == sorted(said)


async def test_what_is_doubted_and_settled_at_once_is_settled_in_the_ledger_too(actum: Harness) -> None:
    held = await hold(actum)
    assert "written" == await held.intend()
    moves = {K.EFFECT_DOUBTED: "in_doubt", K.EFFECT_SETTLED: "succeeded"}
    records = [
        await held.record(kind, step="open", address="1", attempt=1, ended=Ended("open", "door", 1, state))
        for kind, state in moves.items()
    ]
    assert "written" == await held.write(*records)
    (effect,) = await actum.store.effects.list_of(held.id)
    assert "succeeded" == effect.state
