"""Accounts, groups, tokens and the broken glass: who may make whom what, and what it lets them decide."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from holding import hold

from actum.errors import InvalidInput, NotEntitled, NotFound, NotPossible
from actum.testing.harness import Harness


async def asked_of(actum: Harness, *approvers: str) -> UUID:
    """Return an open approval that names these approvers."""
    approval_id = await (await hold(actum)).ask()
    async with actum.store.pool.connection() as connection:
        await connection.execute(
            "update actum.approvals set approvers = $2 where id = $1", approval_id, list(approvers)
        )
    return approval_id


async def test_the_first_account_is_an_admin_and_the_last_admin_stays_one(actum: Harness) -> None:
    accounts = actum.client.accounts
    with pytest.raises(InvalidInput, match="the first account"):
        await accounts.add("user:ana")
    await accounts.add("root", display_name="Root", roles=["admin", "approver"])
    root = (await actum.acting("user:root")).accounts
    for deed in (root.disable("root"), root.give_roles("user:ROOT", ["viewer"])):
        with pytest.raises(NotPossible, match="the last admin"):
            await deed
    with pytest.raises(NotPossible, match="has an account already"):
        await root.add("user:ROOT")
    await root.add("second", roles=["admin"])
    await root.disable("root")
    (row, _) = await accounts.list()
    assert ("user:root", ["approver", "admin"], "user:root") == (row.identity, row.roles, row.disabled_by)


async def test_once_there_is_an_account_only_admins_change_accounts(actum: Harness) -> None:
    await actum.client.accounts.add("user:root", roles=["admin"])
    root = (await actum.acting("user:root")).accounts
    await root.add("user:ana", roles=["operator", "approver"])
    for actor in ("user:ana", "user:author"):
        other = (await actum.acting(actor)).accounts
        for deed in (
            other.add("user:mine", roles=["admin"]),
            other.give_roles("user:ana", ["admin"]),
            other.join_group("group:dba", "user:ana"),
            other.disable("user:root"),
            other.make_token("user:root", label="mine"),
        ):
            with pytest.raises(NotEntitled, match="no admin"):
                await deed
    assert ["user:ana", "user:root"] == [one.identity for one in await root.list()]


@pytest.mark.parametrize("name", ["", "user:", "group:dba", "user:a\nb", "service:" + "x" * 200])
async def test_what_names_nobody_gets_no_account(actum: Harness, name: str) -> None:
    with pytest.raises(InvalidInput, match="names no person"):
        await actum.client.accounts.add(name, roles=["admin"])
    assert [] == await actum.client.accounts.list()


async def test_without_accounts_anybody_but_the_requester_decides_and_with_the_first_one_members_do(
    actum: Harness,
) -> None:
    open_one = await asked_of(actum, "group:dba")
    assert "decided" == (await actum.reviewer.approve(open_one, "fine")).answer
    approval_id = await asked_of(actum, "group:dba", "team:web")
    await actum.client.accounts.add("user:root", roles=["admin"])
    root = await actum.acting("user:root")
    await root.accounts.add("user:Ana")
    ana = await actum.acting("user:ana")
    for client in (actum.reviewer, root, ana):
        with pytest.raises(NotEntitled, match="ask group:dba or team:web"):
            await client.approve(approval_id, "fine")
    await root.accounts.join_group("team:web", "user:ana")
    await root.accounts.leave_group("team:web", "user:ana")
    with pytest.raises(NotEntitled):
        await ana.approve(approval_id, "fine")
    await root.accounts.join_group("team:web", "user:ana")
    assert "decided" == (await ana.approve(approval_id, "fine")).answer


async def test_a_token_is_shown_once_and_ends_with_its_time_its_revocation_or_its_account(
    actum: Harness,
) -> None:
    await actum.client.accounts.add("user:root", roles=["admin"])
    root = (await actum.acting("user:root")).accounts
    await root.add("service:lint", roles=["approver"])
    actum.clock.advance("1s")
    text, row = await root.make_token("service:lint", label="ci", expires="1h")
    short_lived, _ = await root.make_token("service:lint", label="ci", expires="1s")
    endless, _ = await root.make_token("service:lint", label="ci")
    assert ("service:lint", ["approver"]) == (
        (await root.check_token(text)).identity,
        (await root.check_token(f" {text}\n")).roles,
    )
    assert row.expires_at is not None
    assert timedelta(minutes=59) < row.expires_at - actum.clock.read() <= timedelta(hours=1)
    kept = next(one for one in await root.list_tokens("service:lint") if one.id == row.id)
    assert kept.last_used_at is not None
    async with actum.store.pool.connection() as connection:
        dumped = str(await connection.fetch("select t::text from actum.tokens t"))
    assert text[6:] not in dumped
    actum.clock.advance("2s")
    await root.revoke_token(row.id)
    await root.revoke_token(row.id)
    for gone in (short_lived, text, text + "x", "", "actum_" + "A" * 43):
        with pytest.raises(NotEntitled, match="not good"):
            await root.check_token(gone)
    await root.check_token(endless)
    await root.disable("service:lint")
    with pytest.raises(NotEntitled):
        await root.check_token(endless)
    with pytest.raises(NotPossible, match="disabled"):
        await root.make_token("service:lint", label="again")


async def test_an_account_makes_and_ends_its_own_tokens(actum: Harness) -> None:
    await actum.client.accounts.add("user:root", roles=["admin"])
    await (await actum.acting("user:root")).accounts.add("user:ana")
    ana = (await actum.acting("user:ana")).accounts
    text, row = await ana.make_token("user:ana", label="laptop")
    assert "user:ana" == (await ana.check_token(text)).identity
    await ana.revoke_token(row.id)
    with pytest.raises(NotEntitled):
        await ana.revoke_token(uuid4())


async def test_the_broken_glass_decides_for_an_hour_not_for_oneself_and_is_listed_for_ever(
    actum: Harness,
) -> None:
    await actum.client.accounts.add("user:root", roles=["admin"])
    root = await actum.acting("user:root")
    await root.accounts.add("user:author", roles=["operator", "approver"])
    await root.accounts.add("user:ana", roles=["viewer"])
    one, two = await asked_of(actum, "group:dba"), await asked_of(actum, "group:dba")
    actum.clock.advance("1s")
    with pytest.raises(NotEntitled, match="it takes an account"):
        await (await actum.acting("user:ana")).accounts.break_glass(
            role="admin", incident="I-7", reason="fire"
        )
    until = await root.accounts.break_glass(role="admin", incident="I-7", reason="nobody answers")
    assert timedelta(minutes=59) < until - actum.clock.read() <= timedelta(hours=1)
    await actum.client.accounts.break_glass(role="operator", incident="I-7", reason="mine")
    with pytest.raises(NotEntitled):
        await actum.client.approve(one, "mine")
    answer = await root.approve(one, "nobody answers")
    assert answer.workflow_id is not None
    (decision,) = await actum.store.approvals.list_decisions(answer.workflow_id)
    assert ("decided", "break-glass") == (answer.answer, decision.rule)
    actum.clock.advance("61m")
    with pytest.raises(NotEntitled):
        await root.approve(two, "nobody answers")
    assert {("user:root", "admin"), ("user:author", "operator")} == {
        (row.actor, row.role) for row in await root.accounts.list_broken_glass()
    }


async def test_a_delegation_ends_with_its_time_or_when_it_is_ended(actum: Harness) -> None:
    await actum.client.accounts.add("user:root", roles=["admin"])
    root = await actum.acting("user:root")
    for name in ("user:ana", "user:bo"):
        await root.accounts.add(name)
    approval_id = await asked_of(actum, "user:ana")
    actum.clock.advance("1s")
    now = actum.clock.read()
    ana, bo = await actum.acting("user:ana"), await actum.acting("user:bo")
    later = now + timedelta(hours=1)
    with pytest.raises(NotEntitled):
        await bo.accounts.delegate(
            "user:bo", since=now, until=later, reason="I want to", delegator="user:ana"
        )
    with pytest.raises(InvalidInput, match="end after it begins"):
        await ana.accounts.delegate("user:bo", since=later, until=now, reason="away")
    ended = await ana.accounts.delegate("user:bo", since=now, until=later, reason="away")
    await bo.accounts.end_delegation(ended)
    await ana.accounts.delegate("user:bo", since=later, until=later + timedelta(hours=1), reason="away")
    with pytest.raises(NotEntitled):
        await bo.approve(approval_id, "for Ana")
    with pytest.raises(NotFound):
        await ana.accounts.end_delegation(uuid4())
    actum.clock.advance("61m")
    assert "decided" == (await bo.approve(approval_id, "for Ana")).answer


async def test_freezes_name_what_is_in_flight_and_are_lifted_once(actum: Harness) -> None:
    held = await hold(actum)
    assert "written" == await held.intend("first")
    freeze_id, in_flight = await actum.reviewer.freezes.freeze("kind", "open", reason="a fire")
    assert [("open", "first", "started")] == [(one.kind, one.key, one.state) for one in in_flight]
    _, elsewhere = await actum.reviewer.freezes.freeze(
        "contract", "other", mode="force_tier_2", reason="a fire"
    )
    assert [] == elsewhere
    assert "refused: frozen" == await held.intend("second", attempt=2)
    await actum.reviewer.freezes.unfreeze(freeze_id)
    await actum.reviewer.freezes.unfreeze(freeze_id)
    assert "written" == await held.intend("second", attempt=2)
    assert ["force_tier_2"] == [one.mode for one in await actum.reviewer.freezes.list()]
    for scope, subject in (("everything", "x"), ("kind", None), ("planet", "x"), ("kind", " ")):
        with pytest.raises(InvalidInput):
            await actum.reviewer.freezes.freeze(scope, subject, reason="a fire")


async def test_once_there_are_accounts_only_those_who_operate_freeze_and_lift(actum: Harness) -> None:
    freeze_id, _ = await actum.client.freezes.freeze("everything", reason="a fire")
    await actum.client.accounts.add("user:root", roles=["admin"])
    root = await actum.acting("user:root")
    await root.accounts.add("user:ana", roles=["approver"])
    for actor in ("user:ana", "user:author"):
        other = await actum.acting(actor)
        with pytest.raises(NotEntitled, match="lift a freeze"):
            await other.freezes.unfreeze(freeze_id)
        with pytest.raises(NotEntitled, match="freeze anything"):
            await other.freezes.freeze("everything", reason="a fire")
    await root.freezes.unfreeze(freeze_id)
    assert [] == await root.freezes.list()


async def test_glass_cannot_be_broken_for_longer_than_an_hour_even_in_the_table(actum: Harness) -> None:
    async with actum.store.pool.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "insert into actum.break_glass values (gen_random_uuid(), 'user:x', 'admin', 'i', 'r', now(),"
                " now() + interval '61 minutes')"
            )
