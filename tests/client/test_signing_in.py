"""Who a client is: a token's account; without one the database role, or a name where nobody has to prove any."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from holding import hold

from actum import Client
from actum.client.accounts import Accounts
from actum.errors import NotEntitled
from actum.settings import Settings
from actum.testing.harness import Harness


def settings_of(actum: Harness, token: str | None = None) -> Settings:
    return Settings(database_url=actum.dsn, token=token)


async def admin_of(actum: Harness) -> Accounts:
    """Make the first account, and return what it may do."""
    await actum.client.accounts.add("user:root", roles=["admin"])
    return (await actum.acting("user:root")).accounts


async def refusal(actum: Harness, token: str | None = None, **options: Any) -> str:
    """Return the one sentence with which opening is refused."""
    with pytest.raises(NotEntitled) as refused:
        async with Client.open(settings=settings_of(actum, token), **options):
            pass
    assert 1 == len(str(refused.value).splitlines())
    return str(refused.value)


async def test_a_token_is_who_one_is_and_decides_what_its_account_may(actum: Harness) -> None:
    root = await admin_of(actum)
    await root.add("user:Ana")
    text, row = await root.make_token("user:ana", label="laptop")
    held = await hold(actum)
    approval_id = await held.ask()
    async with actum.store.pool.connection() as connection:
        await connection.execute("update actum.approvals set approvers = array['user:ana']")
    async with Client.open(settings=settings_of(actum)) as role:
        assert role.actor.startswith("db:")
        with pytest.raises(NotEntitled, match="ask user:ana"):
            await role.approve(approval_id, "fine")
    async with Client.open(settings=settings_of(actum, text)) as ana:
        assert "user:Ana" == ana.actor
        assert "decided" == (await ana.approve(approval_id, "fine")).answer
    (decision,) = await actum.store.approvals.list_decisions(held.id)
    assert "user:ana" == decision.actor.lower()
    (kept,) = await root.list_tokens("user:ana")
    assert (row.id, True) == (kept.id, kept.last_used_at is not None)
    async with Client.open(actor="ANA", token=text, settings=settings_of(actum, "actum_" + "x" * 43)) as ana:
        assert "user:Ana" == ana.actor, "the given token, not the one of the environment"
    with Client.blocking(token=text, settings=settings_of(actum)) as blocking:
        assert blocking.over is not None
        assert "user:Ana" == blocking.over.actor


async def test_a_token_that_is_not_good_signs_nobody_in(actum: Harness) -> None:
    root = await admin_of(actum)
    for name in ("user:ana", "service:ci"):
        await root.add(name)
    revoked, row = await root.make_token("user:ana", label="lost")
    await root.revoke_token(row.id)
    disabled, _ = await root.make_token("service:ci", label="ci")
    await root.disable("service:ci")
    expired, row = await root.make_token("user:ana", label="old", expires="1h")
    async with actum.store.pool.connection() as connection:
        await connection.execute(
            "update actum.tokens set expires_at = now() - interval '1 s' where id = $1", row.id
        )
    for text in (revoked, disabled, expired, "actum_" + "x" * 43, "no token"):
        said = await refusal(actum, token=text)
        assert "is not good" in said
        assert text not in said
    assert {None} == {one.last_used_at for one in await root.list_tokens()}


async def test_once_there_are_accounts_a_name_has_to_be_proven(actum: Harness) -> None:
    async with Client.open(actor="user:author", settings=settings_of(actum)) as client:
        assert "user:author" == client.actor
    root = await admin_of(actum)
    await root.add("service:ci")
    for name in ("user:author", "ROOT", "Service:CI"):
        assert "has to sign in" in await refusal(actum, actor=name)
    async with Client.open(actor="service:api", settings=settings_of(actum)) as client:
        assert "service:api" == client.actor, "it has no account, and so no rights"
    text, _ = await root.make_token("service:ci", label="ci")
    assert "cannot act as user:root" in await refusal(actum, token=text, actor="user:root")
    assert "cannot act as user:root" in await refusal(actum, text, actor="user:root")
    both = replace(settings_of(actum), token=text)
    async with Client.open(actor="service:ci", settings=both) as client:
        assert "service:ci" == client.actor
