"""Policies in the database: one is active, a second person agrees where the rules ask for one, and all of it is kept."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from typing import Any

import asyncpg
import pytest

from actum.machine.policy import hash_policy
from actum.store.policies import Policies
from actum.testing.harness import Harness

OWNERS = {"group": "owners", "by": ["group:owners"], "quorum": 2}


async def keep(policies: Policies, name: str, *activation: dict[str, Any]) -> bytes:
    """Register a policy and return its hash."""
    named = sha256(name.encode()).digest()
    await policies.register(hash=named, name=name, body=name, actor="user:ann", activation=activation)
    return named


def acts(history: str) -> list[tuple[str, str]]:
    return [(one["act"], one["by"]) for one in json.loads(history)]


async def test_one_policy_is_active_and_a_retired_one_can_be_active_anew(actum: Harness) -> None:
    policies = actum.store.policies
    one, two = await keep(policies, "one"), await keep(policies, "two")
    assert await policies.register(hash=one, name="again", body="one", actor="user:bob") is False
    assert await policies.read_active() is None
    answers = [
        await policies.activate(hash=wanted, actor="user:ann", rationale="try")
        for wanted in (one, one, two, one, b"none")
    ]
    assert answers == ["activated", "already", "activated", "activated", "unknown"]
    active = await policies.read_active()
    assert active is not None
    assert (active.hash, active.name, active.retired_at) == (one, "one", None)
    assert [act for act, _ in acts(active.history)] == ["activated", "retired", "activated"]
    (retired,) = [row for row in await policies.list() if not row.is_active]
    assert retired.hash == two
    assert retired.retired_at is not None
    assert [row.hash for row in await policies.find(two.hex()[:12])] == [two]


async def test_of_many_activations_at_once_one_stands_and_the_others_are_retired(actum: Harness) -> None:
    policies = actum.store.policies
    hashes = [await keep(policies, str(number)) for number in range(6)]
    answers = await asyncio.gather(
        *(policies.activate(hash=one, actor="user:ann", rationale="race") for one in hashes)
    )
    assert set(answers) == {"activated"}
    assert [row.is_active for row in await policies.list()].count(True) == 1


async def test_who_requested_an_activation_does_not_agree_to_it(actum: Harness) -> None:
    policies, accounts = actum.store.policies, actum.store.accounts
    for name in ("ann", "bob", "cas", "eve"):
        roles = ["admin"] if name == "ann" else ["policy_owner"]
        await accounts.add(f"user:{name}", display_name="", roles=roles, by="user:ann")
    await accounts.add("user:mal", display_name="", roles=["approver"], by="user:ann")
    for name in ("ann", "bob", "cas", "mal"):
        await accounts.join_group("group:owners", f"user:{name}", by="user:ann")
    plain, four_eyes = await keep(policies, "plain"), await keep(policies, "four eyes", OWNERS)
    assert await policies.activate(hash=plain, actor="user:mal") == "not_entitled"
    assert await policies.activate(hash=plain, actor="user:nobody") == "not_entitled"
    assert await policies.activate(hash=plain, actor="user:bob") == "activated"
    answers = [
        await policies.activate(hash=four_eyes, actor=f"user:{name}", rationale=name)
        for name in ("ann", "ANN", "mal", "eve", "bob", "Bob", "cas")
    ]
    expected = ["requested", "self", "not_entitled", "not_named", "agreed", "repeated", "activated"]
    assert answers == expected
    active = await policies.read_active()
    assert active is not None
    assert active.hash == four_eyes
    assert acts(active.history) == [
        ("requested", "user:ann"),
        ("agreed", "user:bob"),
        ("agreed", "user:cas"),
        ("activated", "user:cas"),
    ]


async def test_four_eyes_are_needed_to_get_rid_of_four_eyes_and_a_request_ends(actum: Harness) -> None:
    policies = actum.store.policies
    four_eyes = await keep(policies, "four eyes", {"group": "anybody", "by": [], "expires": 3600.0})
    plain = await keep(policies, "plain")
    assert await policies.activate(hash=four_eyes, actor="user:ann") == "requested"
    assert await policies.activate(hash=four_eyes, actor="user:bob") == "activated"
    assert await policies.activate(hash=plain, actor="user:ann") == "requested"
    actum.clock.advance("2h")
    assert await policies.activate(hash=plain, actor="user:bob") == "requested"
    assert await policies.activate(hash=plain, actor="user:bob") == "self"
    assert await policies.activate(hash=plain, actor="user:ann") == "activated"


async def test_a_text_is_kept_under_its_own_hash_alone(actum: Harness) -> None:
    policies = actum.store.policies
    with pytest.raises(asyncpg.CheckViolationError):
        await policies.register(hash=b"x" * 32, name="x", body="x", actor="user:ann")
    for body in ("one\r\ntwo ä", "one\ntwo"):
        assert await policies.register(hash=hash_policy(body), name="x", body=body, actor="user:ann")


async def test_one_policy_at_most_is_tried_in_the_shadow(actum: Harness) -> None:
    policies = actum.store.policies
    one, two, three = [await keep(policies, name) for name in ("one", "two", "three")]
    await policies.activate(hash=three, actor="user:ann")
    answers = [
        await policies.shadow(hash=wanted, actor="user:ann") for wanted in (one, one, two, three, b"none")
    ]
    assert answers == ["shadowed", "already", "shadowed", "active", "unknown"]
    assert [row.name for row in await policies.list() if row.shadow_since] == ["two"]
    await policies.activate(hash=two, actor="user:ann")
    assert [row.name for row in await policies.list() if row.shadow_since] == []


async def test_the_console_activates_only_through_the_function(actum: Harness) -> None:
    named = await keep(actum.store.policies, "one")
    connection = await asyncpg.connect(actum.dsn, server_settings={"role": "actum_console"})
    try:
        for text in (
            "update actum.policies set activated_at = now()",
            "update actum.policies set history = '[]'",
            "insert into actum.policies (hash, name, body, activated_at) values ('x', 'x', 'x', now())",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(text)
        answer = await connection.fetchval("select actum.activate_policy($1, 'user:ann', 'why', null)", named)
    finally:
        await connection.close()
    assert answer == "activated"
