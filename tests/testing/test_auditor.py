"""The auditor names the workflow and the column of every difference that is put into a database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import actum as a
from actum.model.ids import short
from actum.testing.auditor import audit
from actum.testing.harness import Harness


@a.step
async def greet(name: str) -> str:
    return f"hello {name}"


@a.contract
async def greeting(name: str) -> str:
    return await greet(name)


async def finished(actum: Harness, count: int = 1) -> list[UUID]:
    """Return the workflows that were started and have completed."""
    await actum.worker([greeting])
    handles = [await actum.start(greeting("you")) for _ in range(count)]
    for handle in handles:
        await handle.result(10)
    actum.audits = False
    return [handle.workflow_id for handle in handles]


async def damage(actum: Harness, text: str, *values: object) -> None:
    async with actum.store.pool.connection() as connection:
        await connection.execute("set session_replication_role = replica")  # no trigger refuses the damage
        await connection.execute(text, *values)


async def test_an_undamaged_database_has_no_differences(actum: Harness) -> None:
    await finished(actum)
    assert [] == await audit(actum.store)


DAMAGES = {
    "status": ("update actum.workflows set status = 'failed' where id = $1", "column status is 'failed'"),
    "cause": ("update actum.workflows set cause = 'held' where id = $1", "column cause is 'held'"),
    "current_step": (
        "update actum.workflows set current_step = 'greet' where id = $1",
        "column current_step is 'greet'",
    ),
    "attempt_count": (
        "update actum.workflows set attempt_count = 7 where id = $1",
        "column attempt_count is 7",
    ),
    "next_seq": ("update actum.workflows set next_seq = next_seq + 1 where id = $1", "column next_seq is"),
    "chain_head": (
        r"update actum.workflows set chain_head = '\x00' where id = $1",
        "column chain_head is '00'",
    ),
    "finished_at": (
        "update actum.workflows set finished_at = null where id = $1",
        "column finished_at is set is False",
    ),
    "an edited event": (
        "update actum.events set reason = 'x' where seq = 2 and workflow_id = $1",
        "its chain is not intact: Edited",
    ),
    "a lost tail": (
        "delete from actum.events e using actum.workflows w where e.seq = w.next_seq - 1 and w.id = e.workflow_id and w.id = $1",
        "its chain is not intact: LostTail",
    ),
    "a gap": ("delete from actum.events where seq = 2 and workflow_id = $1", "its events are no history"),
    "a changed payload": (
        "update actum.snapshots set body = '\"bye\"' where kind = 'output' and workflow_id = $1",
        "is not the one that was hashed",
    ),
    "a lost payload": (
        "delete from actum.snapshots where seq = 1 and workflow_id = $1",
        "the payload of event 1 is missing",
    ),
    "a surplus payload": (
        "insert into actum.snapshots (workflow_id, seq, kind) select id, next_seq + 5, 'output' from actum.workflows where id = $1",
        "belongs to no event",
    ),
    "an effect without its approval": (
        "insert into actum.effects (kind, key, origin, workflow_id, address, step, argument_hash, arguments, state, tier,"
        " started_at) select 'k', 'k', id, id, '1', 's', 'x', 'x', 'started', 2, now() from actum.workflows where id = $1",
        "an effect above tier 0 without its approval",
    ),
}


async def test_each_damage_is_found_and_named_with_its_workflow_and_nothing_else_is(actum: Harness) -> None:
    sound, *damaged = await finished(actum, 1 + len(DAMAGES))
    for workflow_id, (text, _) in zip(damaged, DAMAGES.values(), strict=True):
        await damage(actum, text, workflow_id)
    found = await audit(actum.store)
    said = {one: [line for line in found if short(one) in line] for one in (sound, *damaged)}
    assert [] == said.pop(sound)
    assert sorted(found) == sorted(line for lines in said.values() for line in lines)
    missed = {
        what: said[workflow_id]
        for workflow_id, (what, (_, sentence)) in zip(damaged, DAMAGES.items(), strict=True)
        if not any(sentence in line for line in said[workflow_id])
    }
    assert {} == missed


async def test_closing_the_harness_returns_what_the_audit_found(actum_dsn: str) -> None:
    harness: Any = await Harness.open(actum_dsn)
    await harness.start(greeting("you"))
    await damage(harness, "update actum.workflows set status = 'running'")
    (difference,) = await harness.close()
    assert "column status is 'running', and its events say 'pending'" in difference
