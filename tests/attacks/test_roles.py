"""Attacks with a database role of its own: what may be called with which arguments, and by which clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from holding import hash_of, hold
from people import asked, close_the_door, of

from actum.cli.auditing import find_faults
from actum.client.client import Client
from actum.errors import InvalidInput, NotPossible
from actum.machine.policy import Requirement, Ruling, parse_policy
from actum.model.events import EventKind
from actum.model.ids import new_id
from actum.store.store import Store
from actum.testing.harness import Harness

K = EventKind


@asynccontextmanager
async def as_role(actum: Harness, role: str) -> AsyncIterator[Any]:
    """Connect as one who signed in with `role` and has no more rights than it."""
    connection = await asyncpg.connect(actum.dsn)
    try:
        await connection.execute(f"set session authorization {role}")
        yield connection
    finally:
        await connection.close()


async def use_as_worker(actum: Harness, grant_id: UUID, approval_id: UUID, a_now: str = "null") -> str:
    """Have a worker first claim a use of the grant for this approval, then use it; return the answer."""
    async with as_role(actum, "actum_worker") as worker:
        await worker.execute(
            "select actum.reserve($1, a.workflow_id, a.address, 1, a.id, '{}', 1000, '{}', null)"
            " from actum.approvals a where a.id = $2",
            grant_id,
            approval_id,
        )
        answer: str = await worker.fetchval(
            f"select answer from actum.use_grant($1, $2, 1, '{{}}', {a_now})",  # noqa: S608  # our own words
            grant_id,
            approval_id,
        )
        return answer


@pytest.mark.parametrize("flaw", ["revoked", "ended", "another kind", "its own requester's"])
async def test_a_use_that_a_worker_claims_first_opens_no_grant_that_does_not_hold(
    actum: Harness, flaw: str
) -> None:
    giver = actum.client if flaw == "its own requester's" else actum.reviewer
    kind = "other" if flaw == "another kind" else "open"
    grant_id = await giver.grants.give({"kind": kind}, uses=5, lasts="1h", reason="a busy hour")
    async with actum.store.pool.connection() as connection:
        if flaw == "ended":
            await connection.execute("update actum.grants set until = now() - interval '1 minute'")
    if flaw == "revoked":
        await giver.grants.revoke(grant_id)
    approval_id = await (await hold(actum)).ask()
    expected = {"another kind": "not_covered", "its own requester's": "self_approval"}.get(flaw, "ended")
    assert expected == await use_as_worker(actum, grant_id, approval_id)
    assert "pending" == (await actum.store.approvals.get(approval_id)).state  # type: ignore[union-attr]


async def test_a_worker_uses_no_grant_by_a_clock_of_its_own(actum: Harness) -> None:
    grant_id = await actum.reviewer.grants.give({"kind": "open"}, uses=5, lasts="1h", reason="a busy hour")
    async with actum.store.pool.connection() as connection:
        await connection.execute("update actum.grants set until = now() - interval '1 minute'")
    approval_id = await (await hold(actum)).ask()
    assert "ended" == await use_as_worker(actum, grant_id, approval_id, "now() - interval '1 hour'")


async def test_whoever_asks_anew_takes_from_a_grant_what_is_asked_now(actum: Harness) -> None:
    grant_id = await actum.reviewer.grants.give(
        {"kind": "open"}, uses=5, lasts="1h", reason="a few rows", max_sums={"rows": 100}
    )
    held = await hold(actum)
    first, second = await held.ask("door"), await held.ask("window")
    assert "granted" == await actum.store.grants.use(grant_id, first, amounts={"rows": 10})
    assert "spent" == await actum.store.grants.use(grant_id, second, amounts={"rows": 101})
    assert "granted" == await actum.store.grants.use(grant_id, second, amounts={"rows": 90})
    (use,) = await actum.reviewer.grants.list_uses(grant_id)
    assert (second, '{"rows": 90}', "reserved") == (use.approval_id, use.amounts, use.state)


async def test_a_limit_that_is_no_number_fits_nothing(actum: Harness) -> None:
    async with actum.store.pool.connection() as connection:
        for limit in ("null", '"NaN"', '"Infinity"'):
            fits = await connection.fetchval(
                "select actum.fits('{}', '{\"rows\": 1}', $1::text::jsonb)", f'{{"rows": {limit}}}'
            )
            assert fits is False, limit


async def test_neither_workers_nor_the_console_have_a_clock_of_their_own(actum: Harness) -> None:
    await close_the_door(actum)
    now = await actum.store.read_clock()
    approval_id = await asked(
        actum, of("dba", "group:dba"), expires_at=now, on_expiry="escalate", escalate_to=None
    )
    async with as_role(actum, "actum_console") as console:
        answer = await console.fetchval(
            "select answer from actum.decide_approval($1, 'approved', 'user:ana', 'fine', null,"
            " now() - interval '1 hour')",
            approval_id,
        )
    assert "expired" == answer
    other = await (await hold(actum)).ask("window", expires_at=now.replace(year=now.year + 1))
    async with as_role(actum, "actum_worker") as worker:
        found = await worker.fetch("select * from actum.expire_approvals(10, now() + interval '9 years')")
    assert other not in [row["approval_id"] for row in found]


@pytest.mark.parametrize("role", ["actum_worker", "actum_console"])
async def test_neither_workers_nor_the_console_forge_the_word_of_a_decision(
    actum: Harness, role: str
) -> None:
    approval_id = await (await hold(actum)).ask()
    forged = (
        "insert into actum.messages (workflow_id, kind, name, address, outcome, actor)"
        " select a.workflow_id, $2, a.id, a.address, 'approved', 'user:x' from actum.approvals a where a.id = $1"
    )
    async with as_role(actum, role) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(forged, approval_id, "decision")
        assert "INSERT 0 1" == await connection.execute(forged, approval_id, "signal")
        if role == "actum_console":  # how a child ended is for workers to tell
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(forged, approval_id, "child")
        else:
            assert "INSERT 0 1" == await connection.execute(forged, approval_id, "child")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("update actum.messages set kind = 'decision'")


ENDED = {
    "a grant": ("grants", "revoked_at"),
    "a freeze": ("freezes", "ended_at"),
    "a broken glass": ("break_glass", "ended_at"),
    "a delegation": ("delegations", "revoked_at"),
    "a token": ("tokens", "revoked_at"),
}


async def test_the_console_ends_what_people_gave_and_revives_nothing(actum: Harness) -> None:
    await close_the_door(actum)
    store = await Store.open(f"{actum.dsn}{'&' if '?' in actum.dsn else '?'}role=actum_console", size=1)
    try:
        root = await Client.over(store, actor="user:root")
        grant_id = await root.grants.give({"kind": "open"}, uses=5, lasts="1h", reason="a busy hour")
        await root.grants.revoke(grant_id)
        freeze_id, _ = await root.freezes.freeze("everything", reason="something is wrong")
        await root.freezes.unfreeze(freeze_id)
        await root.accounts.break_glass(role="admin", incident="4711", reason="nobody is there")
        (glass,) = await root.accounts.list_broken_glass()
        await root.accounts.mend_glass(glass.id)
        now = await actum.store.read_clock()
        delegation_id = await root.accounts.delegate(
            "user:bo", delegator="user:ana", since=now, until=now + timedelta(hours=1), reason="a day off"
        )
        await root.accounts.end_delegation(delegation_id)
        await root.accounts.make_token("user:ana", label="her laptop")
        (token,) = await root.accounts.list_tokens()
        await root.accounts.revoke_token(token.id)
        await root.accounts.leave_group("group:dba", "user:cleo")
        await root.accounts.join_group("group:dba", "user:cleo")
        await root.accounts.disable("user:cleo")
        await root.close()
    finally:
        await store.close()
    async with as_role(actum, "actum_console") as console:
        for what, (table, column) in ENDED.items():
            with pytest.raises(asyncpg.PostgresError, match="stays as it is") as caught:
                await console.execute(f"update actum.{table} set {column} = null")  # noqa: S608  # our names
            assert "AC002" == caught.value.sqlstate, what


@pytest.mark.parametrize("state", ["open", "shown", "decided"])
async def test_a_worker_neither_reopens_a_batch_nor_ends_one_that_waits(actum: Harness, state: str) -> None:
    batch_id = new_id()
    approval_id = await (await hold(actum)).ask(tier=1)
    await actum.store.batches.join(
        approval_id, batch_id=batch_id, rule="small", policy_hash=None, key="doors", window=timedelta(minutes=5),
        max_items=3, max_sums={}, amounts={},
    )  # fmt: skip
    if state != "open":
        await actum.reviewer.approvals.show_batch(batch_id)
    if state == "decided":
        await actum.reviewer.reject(approval_id, "no")
    lies = {
        "open": ["state = 'decided'"],
        "shown": ["state = 'open'", "closed_at = null", "state = 'decided'"],
        "decided": ["state = 'open'", "state = 'shown'", "closed_at = null", "decided_at = null"],
    }
    async with as_role(actum, "actum_worker") as worker:
        for lie in lies[state]:
            with pytest.raises(asyncpg.PostgresError) as caught:
                await worker.execute(f"update actum.batches set {lie}")  # noqa: S608  # our words
            assert "AC002" == caught.value.sqlstate, lie


async def test_a_console_that_calls_itself_the_database_activates_no_policy(actum: Harness) -> None:
    await close_the_door(actum)
    policy = parse_policy(POLICY)
    root = await actum.acting("user:root")
    await root.policies.register(policy)
    async with as_role(actum, "actum_console") as console:
        for call in (
            "activate_policy($1, 'db:postgres', 'x', null)",
            "shadow_policy($1, 'db:postgres', null)",
        ):
            assert "not_entitled" == await console.fetchval(f"select actum.{call}", policy.policy_hash)
    assert await root.policies.active() is None


async def test_a_policy_kept_by_a_console_with_less_than_its_text_requires_is_not_activated(
    actum: Harness,
) -> None:
    policy = parse_policy(POLICY + '[activation]\napprovers = "two"\n')
    async with as_role(actum, "actum_console") as console:
        await console.execute(
            "insert into actum.policies (hash, name, body, activation, registered_by)"
            " values ($1, 'tests', $2, '[]', 'user:x')",
            policy.policy_hash,
            policy.source,
        )
    with pytest.raises(NotPossible, match="registered by user:x with other requirements"):
        await actum.reviewer.policies.activate(policy, reason="it is good")
    assert await actum.reviewer.policies.active() is None


async def test_a_grant_without_an_end_to_its_sums_is_refused(actum: Harness) -> None:
    for most in (float("inf"), float("nan"), -1):
        with pytest.raises(InvalidInput, match="neither negative nor endless"):
            await actum.reviewer.grants.give(
                {"kind": "open"}, uses=1, lasts="1h", reason="x", max_sums={"rows": most}
            )


async def test_an_approval_is_handed_over_to_one_person_and_to_no_group(actum: Harness) -> None:
    await close_the_door(actum)
    approval_id = await asked(actum, of("dba", "group:dba", quorum=2))
    async with as_role(actum, "actum_console") as console:
        for whom in ("group:interns", "team:x", " ", "user:", "GROUP:dba"):
            answer = await console.fetchval(
                "select answer from actum.hand_over_approval($1, 'user:ana', $2, 'x', null)",
                approval_id,
                whom,
            )
            assert "not_entitled" == answer, whom


POLICY = """
schema = 1
name = "tests"
owner = "platform"
default_tier = 2

[facts]
rows = "int"

[approvers.two]
by = ["group:dba"]
quorum = 2

[[rule]]
id = "few"
match = { kind = "open", rows = { le = 10 } }
tier = 0
why = "A few."

[[rule]]
id = "many"
match = { kind = "open", rows = { gt = 10 } }
tier = 2
approvers = "two"
why = "Many."
"""
TWO = of("two", "group:dba", quorum=2, never=("contract_author",))
LIES = {
    "that anybody will do": (
        11,
        [of("two")],
        [of("two")],
        "ruled otherwise: tier 2, and its policy says tier 2 for two",
    ),
    "nothing, but asks for less": (11, [TWO], [of("two")], "asks for less than was ruled"),
    "nothing": (11, [TWO], [TWO], ""),
    "less than it was, unasked": (
        11,
        [],
        None,
        "ruled otherwise: tier 0, and its policy says tier 2 for two by many",
    ),
    "nothing, and is not asked": (10, [], None, ""),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_worker_that_lies_about_its_ruling_is_found_by_ruling_again(actum: Harness, lie: str) -> None:
    rows, said, required, expected = LIES[lie]
    policy = parse_policy(POLICY)
    await actum.reviewer.policies.activate(policy, reason="it is good")
    held = await hold(actum)
    preview = {"sentence": "Open doors", "facts": {"rows": rows}}
    data: dict[str, Any] = {"kind": "open", "policy": policy.policy_hash.hex(), "ruling": {"tier": 0}}
    if required is None:
        await held.write(
            await held.record(
                K.EFFECT_STARTED, step="open", address="1", attempt=1, tier=0, snapshot="preview",
                argument_hash=b"h" * 32, body=orjson.dumps(preview), data=orjson.dumps(data).decode(),
            )
        )  # fmt: skip
    else:
        approval_id = new_id(await held.now() // 1000)
        ruling = Ruling(
            2, ("many",), (), tuple(map(Requirement.from_data, said)), policy_hash=policy.policy_hash
        )
        row = {
            "id": str(approval_id), "workflow_id": str(held.id), "address": "1", "step": "open", "kind": "open",
            "key": "door", "action_hash": hash_of("door").hex(), "arguments": b"[]".hex(), "tier": 2, "rule": "many",
            "preview": orjson.dumps(preview).decode(), "policy_hash": policy.policy_hash.hex(),
            "contract": held.row.contract, "team": held.row.team, "requester": held.row.requester, "approvers": [],
            "requirements": required, "asked_at": (await actum.store.read_clock()).isoformat(),
        }  # fmt: skip
        data = {"approval_id": str(approval_id), "ruling": ruling.as_data()}
        record = await held.record(
            K.APPROVAL_REQUESTED, step="open", address="1", tier=2, extras=(("approvals", row),),
            data=orjson.dumps(data).decode(),
        )  # fmt: skip
        await held.write(record)
    faults = [one.sentence for one in await find_faults(actum.client, held.id)]
    assert bool(expected) == len(faults), faults
    assert all(expected in one for one in faults), faults


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("the active one", []),
        ("an earlier one", ["which was not active then"]),
        ("none", ["was ruled by no policy, although one was active then"]),
    ],
)
async def test_a_worker_that_rules_by_another_policy_than_the_active_one_is_found(
    actum: Harness, named: str, expected: list[str]
) -> None:
    earlier, active = parse_policy(POLICY), parse_policy(POLICY + "# the same, written anew\n")
    for policy in (earlier, active):
        await actum.reviewer.policies.activate(policy, reason="it is good")
        actum.clock.advance("1h")
    held = await hold(actum)
    hashes = {"the active one": active.policy_hash.hex(), "an earlier one": earlier.policy_hash.hex()}
    data = {"kind": "open", "policy": hashes.get(named), "ruling": {"tier": 0}}
    await held.write(
        await held.record(
            K.EFFECT_STARTED, step="open", address="1", attempt=1, tier=0, snapshot="preview", argument_hash=b"h" * 32,
            body=orjson.dumps({"facts": {"rows": 10}}), data=orjson.dumps(data).decode(),
        )
    )  # fmt: skip
    faults = [one.sentence for one in await find_faults(actum.client, held.id)]
    assert len(expected) == len(faults), faults
    assert all(words in fault for words, fault in zip(expected, faults, strict=True)), faults
