"""Attacks on the time between asking, deciding and using: the world, the policy, the arguments, a freeze change in it."""

from __future__ import annotations

from typing import Any

import pytest
from ruled import DONE, POLICY, WORLD, pending, write, writes

from actum import Retry, contract, effect
from actum.client.handle import Handle
from actum.errors import NotEntitled
from actum.machine.policy import parse_policy
from actum.testing.harness import Harness

pytestmark = pytest.mark.usefixtures("world")


async def approved_meanwhile(actum: Harness, rows: int = 50) -> tuple[Handle[str], Any]:
    """Return a workflow whose effect was approved while no worker is there to use it."""
    await actum.activate(POLICY)
    worker = await actum.worker([writes])
    handle = await actum.start(writes("orders", rows))
    (asked,) = await pending(actum)
    await worker.stop()
    await actum.reviewer.approve(asked.id, "fine")
    return handle, asked


async def test_what_is_seen_at_use_is_ruled_again_and_asked_again_where_it_is_stricter(
    actum: Harness,
) -> None:
    handle, asked = await approved_meanwhile(actum)
    WORLD["orders"] = 5000
    await actum.worker([writes])
    (again,) = await pending(actum)
    assert (asked.id != again.id, 2, "many") == (True, again.tier, again.rule)
    assert [] == DONE
    await actum.reviewer.approve(again.id, "all of them")
    assert "50 rows of orders" == await handle.result(10)


async def test_a_policy_that_became_stricter_has_it_asked_again(actum: Harness) -> None:
    _, asked = await approved_meanwhile(actum)
    await actum.activate(POLICY.replace("le = 100", "le = 20").replace("gt = 100", "gt = 20"))
    await actum.worker([writes])
    (again,) = await pending(actum)
    assert (asked.id != again.id, 2) == (True, again.tier)
    assert [] == DONE


async def test_a_policy_that_was_only_reworded_has_nothing_asked_again(actum: Harness) -> None:
    handle, _ = await approved_meanwhile(actum)
    await actum.activate(POLICY.replace("Some rows.", "Some rows, as agreed."))
    await actum.worker([writes])
    assert "50 rows of orders" == await handle.result(10)


async def test_a_deny_that_was_activated_meanwhile_denies_what_was_approved(actum: Harness) -> None:
    handle, _ = await approved_meanwhile(actum)
    await actum.activate(POLICY.replace("audit_*", "orders"))
    await actum.worker([writes])
    assert (await handle.result(10)).startswith("Denied")
    assert [] == DONE


async def test_a_worker_that_holds_the_old_policy_begins_nothing_by_it(actum: Harness) -> None:
    await actum.activate(POLICY)
    worker = await actum.worker([writes])
    worker._ruling.stop()  # it learns of no other policy by itself any more
    assert "5 rows of bills" == await (await actum.start(writes("bills", 5))).result(10)
    await actum.reviewer.store.policies.register(
        hash=parse_policy(POLICY.replace("audit_*", "orders")).policy_hash,
        name="stricter",
        body=POLICY.replace("audit_*", "orders"),
        actor="user:reviewer",
    )
    stricter = parse_policy(POLICY.replace("audit_*", "orders")).policy_hash
    assert "activated" == await actum.store.policies.activate(
        hash=stricter, actor="user:reviewer", rationale="now"
    )
    handle = await actum.start(writes("orders", 5))
    assert (await handle.result(10)).startswith("Denied")
    assert ["bills"] == DONE


@pytest.mark.parametrize(
    "scope",
    [("kind", "db.write"), ("everything", None), ("contract", "writes"), ("environment", "prod")],
    ids=["kind", "everything", "contract", "an environment, and the worker does not say its own"],
)
async def test_a_freeze_between_decision_and_use_holds_what_was_approved(
    actum: Harness, scope: tuple[str, str | None]
) -> None:
    handle, _ = await approved_meanwhile(actum)
    freeze_id, _ = await actum.reviewer.freezes.freeze(*scope, mode="deny", reason="something is wrong")
    await actum.worker([writes])
    await actum.run_until_idle()
    assert ([], "waiting") == (DONE, await handle.status())
    await actum.reviewer.freezes.unfreeze(freeze_id)
    actum.clock.advance("6s")
    assert "50 rows of orders" == await handle.result(10)


async def test_a_value_that_changes_after_it_was_approved_changes_nothing_of_what_runs(
    actum: Harness,
) -> None:
    """The arguments are encoded when the call is shown; a body that changes its object later changes its own copy."""
    given = {"rows": 50}

    @effect("db.note")
    async def note(values: dict[str, int]) -> int:
        return values["rows"]

    @contract(on_failure="fail")
    async def changes() -> int:
        from actum import request_approval

        values = dict(given)
        call = note(values)
        await request_approval(call)
        values["rows"] = 5000
        return await call

    await actum.worker([changes])
    handle = await actum.start(changes())
    (asked,) = await pending(actum)
    assert b'{"values":{"rows":50}}' == asked.arguments
    await actum.reviewer.approve(asked.id, "fifty")
    assert 50 == await handle.result(10)


@pytest.mark.parametrize(
    ("scope", "subject"), [("everything", None), ("kind", "db.write"), ("contract", "writes")]
)
async def test_a_freeze_that_has_a_person_decide_is_opened_by_no_grant(
    actum: Harness, scope: str, subject: str | None
) -> None:
    await actum.reviewer.grants.give({"kind": "db.write"}, uses=9, lasts="1h", reason="tonight")
    freeze_id, _ = await actum.reviewer.freezes.freeze(
        scope, subject, mode="force_tier_2", reason="a hard week"
    )
    await actum.activate(POLICY)
    await actum.worker([writes])
    for rows in (5, 50, 500):
        await actum.start(writes("orders", rows))
    assert {"few, freeze": 2, "some": 1, "many": 2} == {one.rule: one.tier for one in await pending(actum)}
    assert [] == DONE
    await actum.reviewer.freezes.unfreeze(freeze_id)
    other = await actum.start(writes("bills", 500))
    assert "500 rows of bills" == await other.result(10)


async def test_an_approved_action_runs_once_and_the_same_again_is_asked_again(actum: Harness) -> None:
    @contract(on_failure="fail")
    async def twice() -> list[str]:
        return [await write("orders", 500), await write("orders", 500)]

    await actum.activate(POLICY)
    await actum.worker([twice])
    handle = await actum.start(twice())
    (first,) = await pending(actum)
    await actum.reviewer.approve(first.id, "once")
    (second,) = await pending(actum)
    assert (["orders"], True) == (DONE, first.id != second.id)
    await actum.reviewer.approve(second.id, "and again")
    assert 2 == len(await handle.result(10))


async def test_whoever_edits_a_held_effect_does_not_approve_what_they_wrote(actum: Harness) -> None:
    @effect("db.drop", not_done=(ValueError,), retry=Retry(attempts=1))
    async def drop(table: str) -> str:
        if table == "orders":
            raise ValueError("in use")
        return f"dropped {table}"

    @contract(on_failure="hold")
    async def drops() -> str:
        return await drop("orders")

    await actum.worker([drops])
    handle = await actum.start(drops())
    (asked,) = await pending(actum)
    await actum.reviewer.approve(asked.id, "fine")
    await actum.run_until_idle()
    operator = await actum.acting("user:operator")
    await operator.handle(handle.workflow_id).edit(arguments={"table": "bills"}, reason="that one instead")
    (again,) = await pending(actum)
    with pytest.raises(NotEntitled):
        await operator.approve(again.id, "I say so")
    await actum.reviewer.approve(again.id, "that one")
    assert "dropped bills" == await handle.result(10)
