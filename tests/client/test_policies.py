"""Policies from an application: what is activated rules at once, and what happened can be ruled again."""

from __future__ import annotations

from datetime import timedelta

import pytest

import actum as a
from actum.client.policies import read_policy
from actum.errors import InvalidInput, NotEntitled, NotFound, NotPossible
from actum.machine.policy import DEFAULT_POLICY, DEV_POLICY, parse_policy, simulate
from actum.testing.harness import Harness

HEAD = 'schema = 1\nname = "doors"\nowner = "porters"\n'
FREE = f"""{HEAD}
[facts]
floor = "int"

[[rule]]
id = "low"
match = {{ kind = "door.open", floor = {{ le = 2 }}, reversibility = "final" }}
tier = 0
why = "Everybody may come in."
"""
FOUR_EYES = f"""{HEAD}
[approvers.porters]
by = ["group:porters"]
[activation]
approvers = "porters"
"""


@a.effect("door.open")
async def open_door(floor: int) -> str:
    return f"opened {floor}"


@open_door.preview
async def _(floor: int) -> a.Preview[dict[str, int]]:
    return a.Preview(f"Open 1 door on floor {floor}", facts={"floor": floor})


@a.contract(on_failure="hold")
async def visit(floor: int) -> str:
    return await open_door(floor)


async def test_an_activation_rules_at_once_and_what_happened_is_ruled_again(actum: Harness) -> None:
    await actum.worker([visit])
    await actum.start(visit(1), key="asked")
    await actum.run_until_idle()
    (asked,), _ = await actum.client.inbox()
    free = await actum.activate(FREE)
    handle = await actum.start(visit(2), key="free")
    assert "opened 2" == await handle.result(10)
    await actum.start(visit(3), key="asked too")
    await actum.run_until_idle()
    policies = actum.client.policies
    since = await actum.store.read_clock() - timedelta(hours=1)
    read: list[int] = []
    found = await policies.list_operations(since, read.append)
    assert [3] == read
    assert [{"floor": 1}, {"floor": 2}, {"floor": 3}] == [one.operation.facts for one in found]
    assert {("door.open", "visit", "final")} == {
        (one.operation.kind, one.operation.contract, one.operation.reversibility) for one in found
    }
    assert found[0].operation == await policies.find_operation(str(asked.id))
    result = simulate(None, free, found)
    assert ({"tier 2": 3}, {"tier 0": 2, "tier 2": 1}) == (result.then.tiers, result.now.tiers)
    assert [one.id for one in found[:2]] == [one.id for one in result.drops]
    assert [] == await policies.list_operations(await actum.store.read_clock() + timedelta(hours=1))


async def test_what_was_denied_is_ruled_again_too(actum: Harness) -> None:
    deny = f'{HEAD}[[deny]]\nid = "closed"\nmatch = {{ kind = "door.open" }}\nwhy = "It is late."\n'
    await actum.activate(deny)
    await actum.worker([visit])
    await actum.start(visit(1))
    await actum.run_until_idle()
    since = await actum.store.read_clock() - timedelta(hours=1)
    found = await actum.client.policies.list_operations(since)
    assert [("door.open", "final")] == [(one.operation.kind, one.operation.reversibility) for one in found]
    result = simulate(parse_policy(deny), parse_policy(DEFAULT_POLICY), found)
    assert ({"denied": 1}, {"tier 2": 1}) == (result.then.tiers, result.now.tiers)
    assert [found[0].id] == [one.id for one in result.drops]


async def test_pages_read_each_operation_once(actum: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actum.client.policies.PAGE", 2)
    await actum.worker([visit])
    for floor in range(5):
        await actum.start(visit(floor))
    await actum.run_until_idle()
    found = await actum.client.policies.list_operations(await actum.store.read_clock() - timedelta(hours=1))
    assert 5 == len({one.id for one in found}) == len(found)
    assert sorted(found, key=lambda one: str(one.operation.at)) == found


async def test_a_second_person_agrees_and_the_first_one_cannot(actum: Harness) -> None:
    accounts = actum.client.accounts
    await accounts.add("user:author", roles=["admin"])
    await accounts.add("user:bo", roles=["policy_owner"])
    await accounts.add("user:eve", roles=["approver"])
    policy = parse_policy(FOUR_EYES)
    with pytest.raises(InvalidInput, match="nobody knows who that is"):
        await actum.client.policies.activate(policy, reason="four eyes")
    for name in ("user:author", "user:bo", "user:eve"):
        await accounts.join_group("group:porters", name)
    author, bo, eve = [(await actum.acting(name)).policies for name in ("user:author", "user:bo", "user:eve")]
    done = await author.activate(policy, reason="four eyes")
    assert ("requested", ["group:porters"]) == (done.answer, [*done.required[0].by])
    assert await author.active() is None
    with pytest.raises(NotEntitled, match=r"somebody else has to agree: ask group:porters"):
        await author.activate(policy, reason="me again")
    with pytest.raises(NotEntitled, match="is no policy owner or admin"):
        await eve.activate(policy, reason="me too")
    with pytest.raises(NotEntitled, match="is no policy owner or admin"):
        await eve.shadow(policy)
    done = await bo.activate(policy, reason="looks right")
    assert ("activated", True) == (done.answer, done.policy.is_active)
    plain = await bo.activate(parse_policy(DEFAULT_POLICY), reason="back")
    assert "requested" == plain.answer, "what is active has a say in what replaces it"


async def test_names_of_policies_are_words_or_the_beginning_of_a_hash(actum: Harness) -> None:
    policies = actum.client.policies
    with pytest.raises(NotFound, match="no policy is active"):
        await policies.get("active")
    dev = await actum.activate(DEV_POLICY)
    shadow = parse_policy(DEFAULT_POLICY)
    assert [True, False] == [await policies.shadow(shadow), await policies.shadow(shadow)]
    with pytest.raises(NotPossible, match="nothing to compare"):
        await policies.shadow(dev)
    digits = dev.policy_hash.hex()
    for name in ("active", digits, digits[:6].upper()):
        assert dev == read_policy(await policies.get(name))
    assert shadow.policy_hash == (await policies.get("shadow")).hash
    await policies.end_shadow()
    for name in ("shadow", "polcy", digits[:5], "0" * 64):
        with pytest.raises(NotFound):
            await policies.get(name)
    for reason in ("", "  "):
        with pytest.raises(InvalidInput, match="needs its reason"):
            await policies.activate(dev, reason=reason)
