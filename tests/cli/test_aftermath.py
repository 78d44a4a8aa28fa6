"""The report of a rollback names what was undone, compensated and left standing, and why; before its end too."""

from __future__ import annotations

from typing import Any

import pytest

import actum.sql
from actum import NotDone, Retry, RollBack, WorkflowFailed, contract, effect
from actum.cli.aftermath import Aftermath, as_markdown, read_aftermath
from actum.cli.auditing import find_faults
from actum.client.handle import Handle
from actum.testing.harness import Harness

STUCK: list[str] = []


@effect("order.place", transactional=True)
async def place(name: str) -> str:
    await actum.sql.connection().execute("create table if not exists orders (name text)")
    await actum.sql.connection().execute("insert into orders values ($1)", name)
    return name


@place.undo
async def _(result: str, name: str) -> None:
    await actum.sql.connection().execute("delete from orders where name = $1", name)


@effect("money.take", retry=Retry(attempts=1))
async def take(name: str) -> str:
    return name


@take.compensate
async def _(result: str, name: str) -> None:
    if STUCK:
        raise NotDone("the bank is closed")


@effect("mail.send", name="send_*mail*")
async def mail(name: str) -> str:
    return name


@contract(on_failure="rollback")
async def ordering(name: str) -> None:
    await place(name)
    await take(name)
    await mail(name)
    raise RollBack("[the](customer) withdrew")


async def run(actum: Harness) -> Handle[None]:
    await actum.worker([ordering])
    handle = await actum.start(ordering("a"))
    for _ in range(3):
        await actum.approve(handle)
    await actum.run_until_idle()
    return handle


async def report(actum: Harness, handle: Handle[Any]) -> Aftermath:
    return read_aftermath(await handle.row(), await actum.events(handle))


async def test_each_effect_is_named_with_what_became_of_it_and_the_audit_finds_nothing(
    actum: Harness,
) -> None:
    STUCK.clear()
    handle = await run(actum)
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    found = await report(actum, handle)
    assert ("partial", "check.failed", "[the](customer) withdrew", None) == (
        found.outcome,
        found.reason,
        found.why,
        found.asked_by,
    )
    assert {"send_*mail*": "left standing", "take": "compensated", "place": "undone"} == {
        one["step"]: one["outcome"] for one in found.entries
    }
    lines = as_markdown(found)
    assert "It is **partial**: 1 left standing, 1 undone, 1 compensated." in lines
    assert r"- Cause: check.failed: \[the\](customer) withdrew" in lines
    (left,) = [line for line in lines if "mail.send" in line]
    assert left.startswith(r"- send\_\*mail\* (mail.send) at 3, done ")
    assert left.endswith("nothing can put it back: neither undo nor compensate is declared")
    headings = [line for line in lines if line.startswith("#")]
    assert [
        f"# Rollback of ordering {handle.short_id}",
        "## Left standing",
        "## Undone",
        "## Compensated",
    ] == headings
    assert [] == await find_faults(actum.client, handle.workflow_id)
    assert [] == await actum.store.effects.find_violations()


async def test_a_rollback_that_is_stopped_says_what_is_still_to_be_undone(actum: Harness) -> None:
    STUCK.append("closed")
    handle = await run(actum)
    assert "blocked" == await handle.status()
    found = await report(actum, handle)
    assert ("not over", None) == (found.outcome, found.ended_at)
    assert ["left standing", "still to be undone", "still to be undone"] == [
        one["outcome"] for one in found.entries
    ]
    lines = as_markdown(found)
    assert "## Still to be undone" in lines
    assert "- Ended: not yet" in lines
    STUCK.clear()
