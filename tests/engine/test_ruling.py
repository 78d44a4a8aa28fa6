"""Effects under a policy: run at once, batched, asked for one by one, denied; and ruled anew when the policy changes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from ruled import DONE, POLICY, pending, write, writes

from actum import Approved, NotNeeded, Preview, Rejected, contract, effect, request_approval
from actum.client.handle import Handle
from actum.client.reviews import read_review
from actum.engine.attending import Attendant
from actum.machine.policy import parse_policy
from actum.testing.harness import Harness

pytestmark = pytest.mark.usefixtures("world")


@contract(on_failure="fail")
async def asks(tables: list[str], rows: int) -> str:
    calls = [write(table, rows) for table in tables]
    match await request_approval(*calls):
        case NotNeeded():
            said = "not needed"
        case Approved(calls=approved):
            said = f"approved {[call.kwargs or call.args for call in approved]}"
        case Rejected(reason=reason):
            again = write(tables[0], rows)
            return f"rejected: {reason}; again: {await request_approval(again)}"
        case other:
            return str(other)
    return f"{said}: {[await call for call in calls]}"


async def started(actum: Harness, handle: Handle[Any]) -> list[dict[str, Any]]:
    found = [one for one in await actum.events(handle) if one.kind.value == "effect.started"]
    return [orjson.loads(one.data or "{}") | {"tier": one.tier} for one in found]


async def test_tier_0_runs_at_once_and_the_decision_is_logged_with_the_intent(actum: Harness) -> None:
    await actum.activate(POLICY)
    await actum.worker([writes])
    handle = await actum.start(writes("orders", 5))
    assert "5 rows of orders" == await handle.result(10)
    (intent,) = await started(actum, handle)
    assert {"tier": 0, "rules": ["few"], "why": ["A few rows."]} == intent["ruling"]
    assert parse_policy(POLICY).policy_hash.hex() == intent["policy"]
    assert ["workflow.started", "effect.started", "effect.succeeded", "workflow.completed"] == (
        await actum.kinds(handle)
    )
    seen = [
        one for one in await actum.store.records.read_snapshots(handle.workflow_id) if one.kind == "preview"
    ]
    assert {"rows": 5, "table": "orders"} == orjson.loads(seen[0].body or b"{}")["facts"]


async def test_what_policy_denies_is_not_asked_and_not_done(actum: Harness) -> None:
    await actum.activate(POLICY)
    await actum.worker([writes])
    handle = await actum.start(writes("audit_log", 1))
    assert "Denied: write was not approved (denied): Nobody writes audit tables. (rule audit)" == (
        await handle.result(10)
    )
    assert [] == DONE + await pending(actum)


async def test_tier_1_waits_in_a_batch_that_closes_when_everybody_waits(actum: Harness) -> None:
    await actum.activate(POLICY)
    await actum.worker([writes])
    handles = [await actum.start(writes(table, 50)) for table in ("orders", "orders", "bills")]
    approvals = await pending(actum)
    assert {1} == {one.tier for one in approvals}
    batches = await actum.store.batches.list()
    assert {"orders": 2, "bills": 1} == {one.key: one.count for one in batches}
    await Attendant(actum.store).attend_once()
    assert {"parked"} == {one.close_reason for one in await actum.store.batches.list()}
    for one in approvals:
        await actum.reviewer.approve(one.id, "fine")
    await Attendant(actum.store).attend_once()
    assert [] == await actum.store.batches.list(), "decided, though nobody opened them as batches"
    assert ["50 rows of orders", "50 rows of orders", "50 rows of bills"] == [
        await handle.result(10) for handle in handles
    ]


async def test_calls_that_policy_lets_run_need_no_approval_and_no_second_look_from_a_person(
    actum: Harness,
) -> None:
    await actum.activate(POLICY)
    await actum.worker([asks])
    handle = await actum.start(asks(["a", "b"], 5))
    assert "not needed: ['5 rows of a', '5 rows of b']" == await handle.result(10)


async def test_one_denied_call_denies_the_request_and_withdraws_the_rest(actum: Harness) -> None:
    await actum.activate(POLICY)
    await actum.worker([asks])
    handle = await actum.start(asks(["orders", "audit_log"], 500))
    with pytest.raises(Exception, match="denied by policy: Nobody writes audit tables"):
        await handle.result(10)
    assert [] == await pending(actum)


async def test_the_same_action_is_not_asked_for_again_after_a_rejection(actum: Harness) -> None:
    await actum.activate(POLICY)
    await actum.worker([asks])
    handle = await actum.start(asks(["orders"], 500))
    (asked,) = await pending(actum)
    await actum.reviewer.reject(asked.id, "not on a Friday")
    assert "rejected: not on a Friday; again: Rejected(reason='not on a Friday', by=('user:reviewer',))" == (
        await handle.result(10)
    )


async def test_an_approval_that_nobody_decides_expires(actum: Harness) -> None:
    await actum.activate(POLICY)
    worker = await actum.worker([writes])
    handle = await actum.start(writes("orders", 500))
    (asked,) = await pending(actum)
    assert timedelta(hours=1) == asked.expires_at - asked.asked_at
    actum.clock.advance("61m")
    assert worker.held == ()
    await Attendant(actum.store).attend_once()
    assert (await handle.result(10)).startswith("Expired: write was not approved (expired)")
    assert [] == DONE


async def test_a_grant_decides_in_place_of_who_gave_it(actum: Harness) -> None:
    await actum.activate(POLICY)
    await actum.reviewer.grants.give(
        {"kind": "db.write", "rows": {"le": 500}}, uses=1, lasts="1h", reason="tonight"
    )
    await actum.worker([writes])
    first = await actum.start(writes("orders", 500))
    assert "500 rows of orders" == await first.result(10)
    second = await actum.start(writes("orders", 500))
    (asked,) = await pending(actum)
    assert second.workflow_id == asked.workflow_id


async def test_other_arguments_that_a_person_approves_are_ruled_anew_and_run(actum: Harness) -> None:
    await actum.activate(POLICY)
    await actum.worker([asks])
    handle = await actum.start(asks(["orders"], 500))
    (asked,) = await pending(actum)
    await actum.reviewer.approvals.approve(asked.id, "rather fewer", edited=b'{"rows":200}')
    (again,) = await pending(actum)
    assert (b'{"rows":200,"table":"orders"}', "many") == (again.arguments, again.rule)
    await actum.reviewer.approve(again.id, "this many")
    assert "approved [('orders', 200)]: ['200 rows of orders']" == await handle.result(10)


async def test_an_edit_that_policy_lets_run_needs_no_second_approval(actum: Harness) -> None:
    await actum.activate(POLICY)
    await actum.worker([writes])
    handle = await actum.start(writes("orders", 500))
    (asked,) = await pending(actum)
    await actum.reviewer.approvals.approve(asked.id, "rather fewer", edited=b'{"rows":3}')
    assert "3 rows of orders" == await handle.result(10)


async def test_an_edit_of_what_may_not_be_edited_is_a_rejection(actum: Harness) -> None:
    await actum.activate(POLICY)
    await actum.worker([writes])
    handle = await actum.start(writes("orders", 500))
    (asked,) = await pending(actum)
    await actum.reviewer.approvals.approve(asked.id, "elsewhere", edited=b'{"table":"audit_log"}')
    assert "table of write is not among its editable parameters" in await handle.result(10)
    assert [] == DONE


async def test_a_freeze_that_raises_has_tier_0_decided_by_a_person(actum: Harness) -> None:
    await actum.activate(POLICY)
    await actum.reviewer.freezes.freeze("kind", "db.write", mode="force_tier_2", reason="a hard week")
    await actum.worker([writes])
    handle = await actum.start(writes("orders", 5))
    (asked,) = await pending(actum)
    assert (2, "few, freeze") == (asked.tier, asked.rule)
    await actum.reviewer.approve(asked.id, "fine")
    assert "5 rows of orders" == await handle.result(10)


async def test_what_sticks_out_of_a_batch_is_decided_alone(actum: Harness) -> None:
    await actum.activate(POLICY.replace("le = 100", "le = 1000").replace("max_items = 3", "max_items = 10"))
    await actum.worker([writes])
    for rows in (11, 12, 13, 14, 15, 16):
        await actum.start(writes("orders", rows))
    odd = await actum.start(writes("orders", 900))
    await pending(actum)
    await Attendant(actum.store).close_batches_once()
    approvals = {one.workflow_id: one for one in await pending(actum)}
    assert (2, None) == (approvals[odd.workflow_id].tier, approvals[odd.workflow_id].batch_id)
    (batch,) = await actum.store.batches.list()
    assert (6, "parked") == (batch.count, batch.close_reason)
    await actum.reviewer.approve(approvals[odd.workflow_id].id, "it is right")
    assert "900 rows of orders" == await odd.result(10)


PAYING = """
schema = 1
name = "tests"
owner = "platform"
default_tier = 2

[facts]
amount = "decimal"

[approvers.anybody]
by = ["anybody"]

[[rule]]
id = "small"
match = { kind = "money.send", amount = { le = 0.1 } }
tier = 1
approvers = "anybody"
batch = { by = ["contract"], window = "30m", max_sum = { amount = 0.3 } }
why = "Small sums."
"""


@effect("money.send")
async def send(number: int) -> int:
    return number


@send.preview
async def _(number: int) -> Preview:
    return Preview(f"Send a dime, number {number}", facts={"amount": Decimal("0.10")})


@contract(on_failure="fail")
async def sends(count: int) -> int:
    calls = [send(number) for number in range(count)]
    await request_approval(*calls)
    return sum([await call for call in calls])


async def test_three_dimes_are_thirty_cents_on_a_card_and_in_a_grant(actum: Harness) -> None:
    await actum.activate(PAYING)
    worker = await actum.worker([sends])
    handle = await actum.start(sends(4))
    approvals = await pending(actum)
    batches = await actum.store.batches.list()
    assert {(3, '{"amount": 0.30}'), (1, '{"amount": 0.10}')} == {(one.count, one.sums) for one in batches}
    full = next(one for one in batches if one.count == 3)
    assert {"amount": Decimal("0.3")} == (await read_review(actum.store, full)).sums
    for one in approvals:
        await actum.reviewer.approve(one.id, "fine")
    assert 6 == await handle.result(10)
    await actum.reviewer.grants.give(
        {"kind": "money.send"}, uses=9, lasts="1h", reason="tonight", max_sums={"amount": 0.3}
    )
    await worker.policing.refresh_once()
    await actum.start(sends(4))
    assert 1 == len(await pending(actum))


HUGE = '{"environment": null, "batch": {"key": "x", "window": 60, "max_items": 3000000000}}'


@pytest.mark.parametrize(
    "plan", ["{}", "[]", '{"environment": null, "batch": {"key": "x"}}', '{"batch": 7}', HUGE]
)
async def test_a_plan_that_cannot_be_read_leaves_the_approval_alone_and_the_others_placed(
    actum: Harness, plan: str
) -> None:
    await actum.activate(POLICY)
    worker = await actum.worker([writes])
    await actum.start(writes("orders", 500))
    (asked,) = await pending(actum)
    async with actum.store.pool.connection() as connection:
        await connection.execute("update actum.approvals set placement = $1::jsonb", plan)
    actum.clock.advance("3s")
    assert [1, 0] == [await worker.placing.place_left_once(), await worker.placing.place_left_once()]
    assert [(asked.id, None)] == [(one.id, one.batch_id) for one in await pending(actum)]


async def test_one_request_for_several_calls_is_one_card_with_a_row_for_each(actum: Harness) -> None:
    without_batch = POLICY.replace('batch = { by = ["table"], window = "30m", max_items = 3 }\n', "")
    await actum.activate(without_batch)
    await actum.worker([asks])
    handle = await actum.start(asks(["a", "b", "c"], 50))
    approvals = await pending(actum)
    (batch,) = await actum.store.batches.list()
    assert (3, {batch.id}) == (batch.count, {one.batch_id for one in approvals})
    for one in await actum.reviewer.approvals.show_batch(batch.id):
        await actum.reviewer.approve(one.id, "fine")
    assert (await handle.result(10)).endswith("['50 rows of a', '50 rows of b', '50 rows of c']")
