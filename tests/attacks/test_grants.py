"""What a grant let through is let through as it was matched, and what it gave comes back where nothing was done."""

from __future__ import annotations

import pytest
from ruled import DONE, POLICY, WORLD, pending, write, writes

from actum import Signal, contract, request_approval
from actum.client.handle import Handle
from actum.testing.harness import Harness

pytestmark = pytest.mark.usefixtures("world")
go = Signal("go", str)


@contract(on_failure="fail")
async def later(table: str, rows: int) -> str:
    call = write(table, rows)
    await request_approval(call)
    await go.wait()
    return await call


async def granted(actum: Harness, *, uses: int = 1) -> tuple[Handle[str], list[str]]:
    """Return a workflow whose action a grant has approved and that waits before it, and how the uses stand."""
    await actum.activate(POLICY)
    grant_id = await actum.reviewer.grants.give(
        {"kind": "db.write", "rows": {"le": 500}},
        uses=uses,
        lasts="10h",
        reason="tonight",
        max_sums={"rows": 500},
    )
    await actum.worker([later, writes])
    handle = await actum.start(later("orders", 200))
    await actum.run_until_idle()
    assert [] == await pending(actum)
    return handle, [use.state for use in await actum.reviewer.grants.list_uses(grant_id)]


async def test_what_a_grant_approved_and_has_grown_since_is_asked_again(actum: Harness) -> None:
    handle, states = await granted(actum)
    WORLD["orders"] = 9000
    await handle.signal(go, "now")
    (asked,) = await pending(actum)
    assert ([], ["reserved"], 2) == (DONE, states, asked.tier)
    await actum.reviewer.approve(asked.id, "nine thousand")
    assert "200 rows of orders" == await handle.result(10)


async def test_what_a_grant_approved_waits_for_a_person_once_a_freeze_wants_one(actum: Harness) -> None:
    handle, _ = await granted(actum)
    freeze_id, _ = await actum.reviewer.freezes.freeze(
        "everything", mode="force_tier_2", reason="a hard week"
    )
    await handle.signal(go, "now")
    (asked,) = await pending(actum)
    assert ([], 2) == (DONE, asked.tier)
    await actum.reviewer.approve(asked.id, "this one is right")
    assert "200 rows of orders" == await handle.result(10)
    await actum.reviewer.freezes.unfreeze(freeze_id)


@pytest.mark.parametrize("how", ["cancelled", "stale"])
async def test_a_use_under_which_nothing_was_done_is_there_for_the_next(actum: Harness, how: str) -> None:
    handle, _ = await granted(actum)
    if how == "cancelled":
        await handle.cancel("never mind")
    else:
        WORLD["orders"] = 9000
        await handle.signal(go, "now")
    await actum.run_until_idle()
    other = await actum.start(writes("bills", 500))
    assert "500 rows of bills" == await other.result(10)
    assert ["bills"] == DONE
