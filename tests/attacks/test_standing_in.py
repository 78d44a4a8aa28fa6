"""Attacks by standing in for others, by naming others, and by a glass that is no longer one's own."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from patience import until_blocked
from people import asked, close_the_door, of, says, stand_in
from ruled import DONE, POLICY, pending, writes

from actum import contract
from actum.client import Client
from actum.errors import NotEntitled, NotPossible
from actum.testing.harness import Harness


async def with_account(actum: Harness, name: str, *roles: str) -> Client:
    """Have root make an account, and return its client."""
    await (await actum.acting("user:root")).accounts.add(name, roles=roles)
    return await actum.acting(name)


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("starter", ["user:ana", "service:ana"])
async def test_whoever_starts_in_the_name_of_another_approves_nothing_of_it(
    actum: Harness, starter: str
) -> None:
    await actum.activate(POLICY.replace('by = ["anybody"]', 'by = ["group:dba", "service:ana"]'))
    await close_the_door(actum)
    ana, bo = await actum.acting(starter), await actum.acting("user:bo")
    await actum.worker([writes])
    handle = await ana.start(writes("orders", 200), requester="user:ghost")
    (approval,) = await pending(actum)
    assert ("user:ghost", [starter]) == (approval.requester, approval.authors)
    with pytest.raises(NotEntitled, match=f"{starter} asked for this or wrote it"):
        await ana.approvals.approve(approval.id, "my own")
    await stand_in(actum, "user:bo", starter)
    with pytest.raises(NotEntitled):
        await ana.approvals.approve(approval.id, "for Bo")
    with pytest.raises(NotEntitled):
        await bo.approvals.hand_over(approval.id, starter, "yours")
    await bo.approvals.approve(approval.id, "not mine")
    assert "200 rows of orders" == await handle.result(10)
    assert ["orders"] == DONE


@contract(on_failure="fail")
async def has_written(table: str, rows: int) -> str:
    return await writes(table, rows)


@pytest.mark.usefixtures("world")
async def test_whoever_starts_in_the_name_of_another_approves_nothing_of_a_child_either(
    actum: Harness,
) -> None:
    await actum.worker([has_written, writes])
    await actum.reviewer.start(has_written("orders", 200), requester="user:ghost")
    (approval,) = await pending(actum)
    assert "writes" == approval.contract
    with pytest.raises(NotEntitled, match="user:reviewer asked for this or wrote it"):
        await actum.reviewer.approve(approval.id, "my own")


@pytest.mark.parametrize("never", ["user:ANA", "group:interns"])
async def test_who_is_kept_out_is_so_in_the_place_of_others(actum: Harness, never: str) -> None:
    await close_the_door(actum)
    root = await actum.acting("user:root")
    await root.accounts.join_group("group:interns", "user:ana")
    await stand_in(actum, "user:bo", "user:ana")
    approval_id = await asked(actum, of("dba", "group:dba", never=(never,)), of("all", "group:dba", quorum=2))
    assert "voted" == await says(actum, approval_id, "user:ana"), "in person, where nothing keeps her out"
    votes = await actum.store.approvals.list_votes([approval_id])
    assert [("user:ana", ["all"])] == [(one.counts_for, one.satisfies) for one in votes]
    alone = await asked(actum, of("dba", "group:dba", never=(never,)), key="alone")
    assert "not_entitled" == await says(actum, alone, "user:ana")


async def test_who_handed_over_does_not_come_back_in_the_place_of_another(actum: Harness) -> None:
    await close_the_door(actum)
    approval_id = await asked(actum, of("dba", "user:ana", "user:bo"))
    await stand_in(actum, "user:bo", "user:ana")
    ana = await actum.acting("user:ana")
    await ana.approvals.hand_over(approval_id, "user:cleo", "not mine")
    assert "not_entitled" == await says(actum, approval_id, "user:ana")
    assert "decided" == await says(actum, approval_id, "user:cleo")


async def test_a_glass_ends_with_the_role_that_broke_it(actum: Harness) -> None:
    await close_the_door(actum)
    operator = await with_account(actum, "user:op", "operator")
    await operator.accounts.break_glass(role="operator", incident="inc-1", reason="nobody else is there")
    two = await asked(actum, of("dba", "group:dba", quorum=2))
    await (await actum.acting("user:root")).accounts.give_roles("user:op", ["viewer"])
    assert "not_entitled" == await says(actum, two, "user:op")
    await (await actum.acting("user:root")).accounts.give_roles("user:op", ["operator"])
    assert "voted" == await says(actum, two, "user:op")


async def test_what_a_glass_lets_decide_is_not_handed_on(actum: Harness) -> None:
    await close_the_door(actum)
    operator = await with_account(actum, "user:op", "operator")
    await with_account(actum, "user:friend", "approver")
    approval_id = await asked(actum, of("dba", "group:dba"))
    await operator.accounts.break_glass(role="operator", incident="inc-1", reason="nobody else is there")
    with pytest.raises(NotPossible, match="by a broken glass alone"):
        await operator.approvals.hand_over(approval_id, "user:friend", "please")
    assert "not_entitled" == await says(actum, approval_id, "user:friend")


async def test_only_who_gave_it_or_an_admin_ends_a_glass_or_a_grant(actum: Harness) -> None:
    await close_the_door(actum)
    root, ana = await actum.acting("user:root"), await actum.acting("user:ana")
    viewer = await with_account(actum, "user:view", "viewer")
    operator = await with_account(actum, "user:op", "operator")
    await operator.accounts.break_glass(role="operator", incident="inc-1", reason="nobody else is there")
    (glass,) = await viewer.accounts.list_broken_glass()
    first, second, third = [
        await ana.grants.give({"kind": "x"}, uses=1, lasts="1h", reason="often") for _ in range(3)
    ]
    for attempt in (viewer.accounts.mend_glass(glass.id), viewer.grants.revoke(first)):
        with pytest.raises(NotEntitled, match="user:view is no"):
            await attempt
    assert 3 == len(await ana.grants.list())
    assert [None] == [one.ended_at for one in await root.accounts.list_broken_glass()]
    for giver, grant in ((ana, first), (operator, second), (root, third)):
        await giver.grants.revoke(grant)
    assert [] == await ana.grants.list()
    await operator.accounts.mend_glass(glass.id)
    (glass,) = await viewer.accounts.list_broken_glass()
    assert glass.ended_at is not None
    await root.accounts.mend_glass(glass.id)


@pytest.mark.parametrize("verb", ["give_roles", "disable"])
async def test_of_two_admins_who_end_each_other_at_once_one_stays(actum: Harness, verb: str) -> None:
    await close_the_door(actum)
    zoe, root = await with_account(actum, "user:zoe", "admin"), await actum.acting("user:root")

    async def end(client: Client, name: str) -> str:
        try:
            await (
                client.accounts.disable(name)
                if verb == "disable"
                else client.accounts.give_roles(name, ["viewer"])
            )
        except NotPossible as refusal:
            return str(refusal)
        return "ended"

    blocker = await asyncpg.connect(actum.dsn)
    try:
        async with blocker.transaction():
            await blocker.execute("select 1 from actum.accounts for update")
            both = [asyncio.create_task(one) for one in (end(zoe, "user:root"), end(root, "user:zoe"))]
            await until_blocked(blocker, 2)
        answers = sorted([await one for one in both])
    finally:
        await blocker.close()
    admins = [
        one.identity for one in await zoe.accounts.list() if "admin" in one.roles and not one.disabled_at
    ]
    assert 1 == len(admins)
    assert ["ended", f"{admins[0]} is the last admin: make another one first"] == answers
