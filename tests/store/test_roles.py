"""What a role may do is a grant: workers cannot decide or rewrite history, the console cannot act, readers only read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from holding import hold

import actum as a
from actum.client.client import Client
from actum.store.store import Store
from actum.testing.harness import Harness

Act = Callable[[str], Any]


@a.effect("door.open")
async def open_door(door: str) -> str:
    return f"opened {door}"


@a.contract(on_failure="hold")
async def visit(door: str) -> str:
    return await open_door(door)


def acting_as(dsn: str, role: str) -> str:
    """Return the address under which connections act as `role`."""
    return f"{dsn}&role={role}" if "?" in dsn else f"{dsn}?role={role}"


@asynccontextmanager
async def connected(actum: Harness, role: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(acting_as(actum.dsn, role))
    try:
        assert role == await connection.fetchval("select current_user")
        yield connection
    finally:
        await connection.close()


async def refused(connection: Any, text: str, *values: object) -> None:
    """Assert that the server refuses `text` for want of a grant, and not for any other reason."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(text, *values)


WORKER_MAY_NOT = {
    "decide through the function": "select actum.decide_approval(gen_random_uuid(), 'approved', 'user:x', 'x', null, null)",
    "rule on an approval": "update actum.approvals set ruling = 'approved'",
    "name who ruled": "update actum.approvals set ruled_by = 'user:x'",
    "reopen what it asked": "update actum.approvals set action_hash = 'x'",
    "forget an approval": "delete from actum.approvals",
    "insert a ruled approval": (
        "insert into actum.approvals (id, workflow_id, address, step, kind, key, action_hash, arguments, tier, rule,"
        " contract, approvers, ruling, ruled_by) values (gen_random_uuid(), gen_random_uuid(), '1', 's', 'k', 'k', 'x',"
        " 'x', 2, 'r', 'c', '{}', 'approved', 'user:x')"
    ),
    "write a decision": (
        "insert into actum.decisions (workflow_id, address, kind, contract, tier, ruling, rule, actor)"
        " values (gen_random_uuid(), '1', 'k', 'c', 2, 'approved', 'r', 'user:x')"
    ),
    "edit events": "update actum.events set reason = 'x'",
    "delete events": "delete from actum.events",
    "truncate events": "truncate actum.events",
    "edit payloads": "update actum.snapshots set body = null",
    "delete payloads": "delete from actum.snapshots",
    "delete workflows": "delete from actum.workflows",
    "forget effects": "delete from actum.effects",
    "move a start key": "update actum.start_keys set workflow_id = gen_random_uuid()",
    "end a freeze": "update actum.freezes set ended_at = now()",
    "write a policy": "insert into actum.policies (hash, name, body) values ('x', 'x', 'x')",
    "pretend a migration": "insert into actum.migrations (number, name, checksum) values (2, 'x', 'x')",
    "make a table": "create table actum.mine ()",
}
CONSOLE_MAY_NOT = {
    "write a payload": (
        "insert into actum.snapshots (workflow_id, seq, kind) values (gen_random_uuid(), 1, 'output')"
    ),
    "edit a payload": "update actum.snapshots set body = null",
    "write an effect": (
        "insert into actum.effects (kind, key, origin, workflow_id, address, step, argument_hash, arguments, state, tier,"
        " started_at) values ('k', 'k', gen_random_uuid(), gen_random_uuid(), '1', 's', 'x', 'x', 'started', 0, now())"
    ),
    "edit an effect": "update actum.effects set state = 'succeeded'",
    "write an event": (
        "insert into actum.events (workflow_id, seq, at, kind, contract, hash)"
        " values (gen_random_uuid(), 1, now(), 'workflow.started', 'c', 'x')"
    ),
    "edit events": "update actum.events set reason = 'x'",
    "delete events": "delete from actum.events",
    "rule past the function": "update actum.approvals set ruling = 'approved'",
    "use an approval": "update actum.approvals set used_at = now()",
    "write a decision past the function": "insert into actum.decisions (address) values ('x')",
    "end a workflow": "update actum.workflows set status = 'completed'",
    "take a workflow": "update actum.workflows set instance = gen_random_uuid()",
    "reword a broken glass": "update actum.break_glass set reason = 'routine'",
    "lengthen a broken glass": "update actum.break_glass set until = now() + interval '1 hour'",
    "widen a grant": "update actum.grants set max_uses = 1000",
    "lengthen a delegation": "update actum.delegations set until = 'infinity'",
    "make a token another's": "update actum.tokens set identity = 'user:root'",
    "weaken a freeze": "update actum.freezes set mode = 'hold_starts'",
    "ask something else": "update actum.questions set question = 'x'",
    "close a batch": "update actum.batches set closed_at = now()",
    "have a policy require less": "update actum.policies set activation = '[]'",
}
READER_MAY_NOT = {
    table: f"delete from actum.{table}"  # noqa: S608  # our names
    for table in (
        "workflows",
        "events",
        "snapshots",
        "effects",
        "approvals",
        "decisions",
        "messages",
        "workers",
    )
}


async def not_refused(connection: Any, attempts: dict[str, str]) -> list[str]:
    """Return which attempts end otherwise than in a refusal for want of a grant, with how they end."""
    found = []
    for what, text in attempts.items():
        try:
            await connection.execute(text)
        except asyncpg.InsufficientPrivilegeError:
            continue
        except asyncpg.PostgresError as error:
            found.append(f"{what}: {error}")
        else:
            found.append(f"{what}: it was done")
    return found


async def test_a_worker_may_neither_decide_nor_rewrite(actum: Harness) -> None:
    async with connected(actum, "actum_worker") as connection:
        assert [] == await not_refused(connection, WORKER_MAY_NOT)


async def test_the_console_may_not_act(actum: Harness) -> None:
    async with connected(actum, "actum_console") as connection:
        assert [] == await not_refused(connection, CONSOLE_MAY_NOT)


async def test_a_reader_reads_and_may_do_nothing_else(actum: Harness) -> None:
    async with connected(actum, "actum_reader") as connection:
        for table in READER_MAY_NOT:
            await connection.fetch(f"select * from actum.{table}")  # noqa: S608  # our names
        assert [] == await not_refused(connection, READER_MAY_NOT)
        await refused(
            connection, "select actum.decide_approval(gen_random_uuid(), 'approved', 'x', 'x', null, null)"
        )


async def test_a_fresh_role_sees_nothing(actum: Harness) -> None:
    role = f"stranger_{uuid4().hex[:8]}"
    async with actum.store.pool.connection() as connection:
        await connection.execute(f"create role {role}")
    try:
        async with connected(actum, role) as stranger:
            await refused(stranger, "select * from actum.workflows")
            await refused(
                stranger, "select actum.decide_approval(gen_random_uuid(), 'approved', 'x', 'x', null, null)"
            )
    finally:
        async with actum.store.pool.connection() as connection:
            await connection.execute(f"drop role {role}")


async def test_a_worker_under_its_role_runs_what_the_console_approves_under_its_own(actum: Harness) -> None:
    worker_store = await Store.open(acting_as(actum.dsn, "actum_worker"))
    console_store = await Store.open(acting_as(actum.dsn, "actum_console"))
    try:
        console = await Client.over(console_store, actor="user:reviewer")
        author = await Client.over(worker_store, actor="user:author")
        harness = await Harness.over(worker_store)
        await harness.worker([visit])
        handle = await author.start(visit("front"))
        await actum.run_until_idle()
        ((approval,), _) = await console.inbox()
        await console.approve(approval.id, "it is right")
        assert "opened front" == await handle.result(10)
        assert [] == await harness.close()
        await author.close()
        await console.close()
    finally:
        await worker_store.close()
        await console_store.close()


async def test_a_console_sends_messages_and_wakes(actum: Harness) -> None:
    held = await hold(actum)
    store = await Store.open(acting_as(actum.dsn, "actum_console"), size=1)
    try:
        console = await Client.over(store, actor="user:operator")
        await console.handle(held.id).cancel("not needed")
        await console.close()
    finally:
        await store.close()
    (message,) = await actum.store.messages.read_open([held.id])
    assert ("cancel", "user:operator") == (message.kind, message.actor)
