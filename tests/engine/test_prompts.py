"""Prompts as a budget: who may be asked how often, exactly; a batch costs one, a grant none, and nobody is asked twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import orjson

from actum import (
    Approved,
    Budget,
    NotApproved,
    Preview,
    StepFailed,
    ask,
    contract,
    effect,
    request_approval,
)
from actum.client.handle import Handle
from actum.engine.placing import batch_key
from actum.engine.spending import list_spent
from actum.machine.policy import parse_policy
from actum.testing.harness import Harness

POLICY = """
schema = 1
name = "tests"
owner = "platform"
default_tier = 2

[approvers.dba]
by = ["user:reviewer"]
expires = "10h"

[[rule]]
id = "some"
match = { kind = "db.write" }
tier = 1
approvers = "dba"
batch = { by = ["kind"], window = "30m", max_items = 20 }
why = "Some rows."
"""
ONE = {"scope": "contract", "subject": "race", "per": "day", "limits": {"prompts": "10"}}


@effect("db.write", in_doubt="repeat")
async def write(table: str) -> str:
    return table


@write.preview
async def _(table: str) -> Preview:
    return Preview(f"Write {table}", target=table)


@effect("mail.send", in_doubt="repeat")
async def send(to: str) -> str:
    return to


@contract(on_failure="fail", budget=Budget(prompts=1, over="fail"))
async def sends(first: str, second: str) -> str:
    done = await send(first)
    try:
        return f"{done}, {await send(second)}"
    except StepFailed as failed:
        return f"{done}, then {failed.reason}: {failed.message}"


@contract(budget=Budget(prompts=1, per="day"))
async def wonders(what: str) -> str:
    return await ask(f"Which {what}?", str)


@contract(budget=Budget(prompts=1, over="fail"))
async def insists() -> str:
    first = await ask("Which?", str)
    try:
        return await ask("And which else?", str)
    except StepFailed as failed:
        return f"{first}, {failed.reason}"


@contract(on_failure="fail", budget=Budget(prompts=1, per="day"))
async def writes(table: str) -> str:
    try:
        return await write(table)
    except NotApproved as refusal:
        return type(refusal.outcome).__name__


@contract(on_failure="fail", budget=Budget(prompts=1, over="fail"))
async def asks_at_once(*tables: str) -> str:
    answer = await request_approval(*(send(table) for table in tables))
    return type(answer).__name__ if isinstance(answer, Approved) else "not"


@contract(on_failure="fail", budget=Budget(prompts=1, per="day", team="risk"))
async def asks_in_time(*tables: str) -> str:
    answer = await request_approval(*(send(table) for table in tables))
    return type(answer).__name__


async def used(actum: Harness, scope: str, subject: str | None = None) -> Decimal:
    """Return the prompts that the one budget of a scope has used, once everything is settled."""
    async with asyncio.timeout(10):
        while True:
            clock = await actum.store.read_clock()
            (budget,) = await actum.store.budgets.list(scope, since=clock.date(), subject=subject)
            if not budget.open:
                return Decimal(str(orjson.loads(budget.used)["prompts"]))
            await asyncio.sleep(0.01)


def begin_a_day(actum: Harness) -> None:
    """Move time on to a day that is young: what a test spends of a day's budget is not to fall into two."""
    tomorrow = actum.clock.read() + timedelta(days=1)
    actum.clock.advance_to(tomorrow.replace(hour=1))


async def waits_of(actum: Harness, handle: Handle[Any]) -> list[tuple[str, str | None]]:
    parked = orjson.loads((await actum.events(handle))[-1].data or "{}")
    return [(wait["for"], wait.get("why")) for wait in parked["waits"]]


async def test_of_fifty_who_race_for_the_last_ten_prompts_ten_ask(actum: Harness) -> None:
    async def reserve(number: int) -> str:
        store = actum.store.budgets
        return (await store.reserve_prompt(uuid4(), f"question/{number}", 1, budgets=[ONE])).answer

    assert ["reserved"] * 10 + ["spent"] * 40 == sorted(await asyncio.gather(*map(reserve, range(50))))


async def test_an_approval_above_the_budget_is_never_asked_and_ends_with_the_budgets_reason(
    actum: Harness,
) -> None:
    await actum.worker([sends])
    handle = await actum.start(sends("ana", "ben"))
    await actum.approve(handle)
    assert await handle.result(10) == (
        "ana, then budget.exceeded: this workflow has used 1 of 1 prompts, and nobody is asked any more: "
        "raise Budget(prompts=…)"
    )
    assert 1 == (await actum.kinds(handle)).count("approval.requested")
    (failed,) = [one for one in await actum.events(handle) if one.kind == "step.failed"]
    assert ("budget.exceeded", True) == (failed.reason, "raise Budget" in (failed.data or ""))
    assert 1 == await used(actum, "workflow", str(handle.workflow_id))


async def test_a_question_above_the_days_budget_is_held_as_rows_and_asked_when_the_day_is_over(
    actum: Harness,
) -> None:
    begin_a_day(actum)
    await actum.worker([wonders])
    first = await actum.start(wonders("colour"))
    await actum.run_until_idle()
    second = await actum.start(wonders("size"))
    await actum.run_until_idle()
    assert [first.workflow_id] == [one.workflow_id for one in (await actum.inbox())[1]]
    assert "waiting" == await second.status()
    ((reason, why),) = await waits_of(actum, second)
    assert ("budget", True) == (reason, "wait for the next day" in (why or ""))
    await actum.client.answer(first.workflow_id, "1", "blue")
    actum.clock.advance("1d")
    await actum.run_until_idle()
    await actum.client.answer(second.workflow_id, "1", "big")
    assert ["blue", "big"] == [await first.result(10), await second.result(10)]


async def test_a_question_above_the_budget_fails_where_the_contract_says_so(actum: Harness) -> None:
    await actum.worker([insists])
    handle = await actum.start(insists())
    await actum.run_until_idle()
    await actum.client.answer(handle.workflow_id, "1", "this")
    assert "this, budget.exceeded" == await handle.result(10)


async def test_a_batch_costs_one_prompt_and_what_joins_it_none_even_when_none_is_left(actum: Harness) -> None:
    begin_a_day(actum)
    await actum.reviewer.policies.activate(parse_policy(POLICY), reason="it is good")
    await actum.worker([writes])
    first = await actum.start(writes("a"))
    await actum.run_until_idle()
    others = [await actum.start(writes(table)) for table in ("b", "c", "d")]
    await actum.run_until_idle()
    pending = (await actum.inbox())[0]
    assert (4, 1) == (len(pending), len({one.batch_id for one in pending}))
    assert 1 == await used(actum, "contract", "writes")
    assert [] == await list_spent(actum.store, await actum.store.read_clock()), "nobody was held up"
    actum.clock.advance("31m")
    await actum.run_until_idle()
    late = await actum.start(writes("e"))
    await actum.run_until_idle()
    assert ["budget"] == [reason for reason, _ in await waits_of(actum, late)], "that batch is closed"
    assert ["contract.prompts"] == [
        one.reason for one in await list_spent(actum.store, await actum.store.read_clock())
    ]
    for handle in (first, *others):
        await actum.reject(handle, "no")
    assert ["Rejected"] * 4 == [await handle.result(10) for handle in (first, *others)]


async def test_a_grant_costs_no_prompt_and_is_used_where_none_is_left(actum: Harness) -> None:
    worker = await actum.worker([sends])
    handle = await actum.start(sends("ana", "ben"))
    await actum.run_until_idle()
    await actum.reviewer.grants.give({"kind": "mail.send"}, uses=1, lasts="1d", reason="letters")
    await worker.policing.refresh_once()
    await actum.approve(handle)
    assert "ana, ben" == await handle.result(10)
    assert 1 == await used(actum, "workflow", str(handle.workflow_id))
    covered = await actum.start(sends("cid", "dan"))
    await actum.approve(covered)
    assert (await covered.result(10)).startswith("cid, then budget.exceeded"), "the grant has no use left"


async def test_the_calls_of_one_request_share_a_prompt_where_they_share_a_card(actum: Harness) -> None:
    policy = POLICY.replace('"db.write"', '"mail.send"').replace(
        'batch = { by = ["kind"], window = "30m", max_items = 20 }\n', ""
    )
    await actum.reviewer.policies.activate(parse_policy(policy), reason="it is good")
    await actum.worker([asks_at_once])
    handle = await actum.start(asks_at_once("ana", "ben", "cid"))
    await actum.run_until_idle()
    assert 3 == len((await actum.inbox())[0])
    await actum.approve(handle)
    assert "Approved" == await handle.result(10)
    assert 1 == await used(actum, "workflow", str(handle.workflow_id))


async def test_a_request_above_the_budget_withdraws_what_it_asked_and_fails(actum: Harness) -> None:
    await actum.worker([asks_at_once])
    handle = await actum.start(asks_at_once("ana", "ben"))
    await actum.run_until_idle()
    assert "failed" == await handle.status()
    assert [] == (await actum.inbox())[0]


async def test_a_request_above_the_days_budget_asks_for_the_rest_when_the_day_is_over(actum: Harness) -> None:
    begin_a_day(actum)
    await actum.worker([asks_in_time])
    handle = await actum.start(asks_in_time("ana", "ben"))
    await actum.run_until_idle()
    assert (1, "waiting") == (len((await actum.inbox())[0]), await handle.status())
    await actum.approve(handle)
    await actum.run_until_idle()
    assert ["budget"] == [reason for reason, _ in await waits_of(actum, handle)]
    actum.clock.advance("1d")
    await actum.approve(handle)
    assert "Approved" == await handle.result(10)
    assert 2 == (await actum.kinds(handle)).count("approval.requested")


async def test_a_prompt_that_a_dead_worker_took_is_given_back_unless_somebody_was_asked(
    actum: Harness,
) -> None:
    worker = await actum.worker([wonders])
    handle = await actum.start(wonders("colour"))
    await actum.run_until_idle()
    await worker.stop()
    store = actum.store.budgets
    budget = {"scope": "contract", "subject": "race", "per": "day", "limits": {"prompts": "10"}}
    for name in ("question/1", "question/2", str(uuid4()), "request/3"):
        answer = await store.reserve_prompt(handle.workflow_id, name, 5, budgets=[budget])
        assert "reserved" == answer.answer
    assert 4 == await store.settle_left(handle.workflow_id, 6)
    assert 1 == await used(actum, "contract", "race"), "the one question that is there"


async def test_what_an_approval_costs_that_a_dead_worker_did_not_place_is_left_to_whoever_places_it(
    actum: Harness,
) -> None:
    await actum.reviewer.policies.activate(parse_policy(POLICY), reason="it is good")
    worker = await actum.worker([writes])
    await actum.start(writes("a"))
    await actum.run_until_idle()
    second = await actum.start(writes("b"))
    await actum.run_until_idle()
    (asked,) = await actum.store.approvals.list_of([second.workflow_id])
    batch = {"key": batch_key(("db.write",)), "window": 60.0, "max_items": 20}
    plan = orjson.dumps({"environment": None, "batch": batch}).decode()
    async with (
        actum.store.pool.connection() as connection
    ):  # as if the worker had died before it placed this one
        await connection.execute(
            "update actum.approvals set batch_id = null, placement = $2::jsonb where id = $1", asked.id, plan
        )
    store = actum.store.budgets
    assert (
        "reserved" == (await store.reserve_prompt(second.workflow_id, str(asked.id), 5, budgets=[ONE])).answer
    )
    assert 0 == await store.settle_left(second.workflow_id, 6)
    assert 1 == await worker.placing.place_left_once(None)
    assert 0 == await used(actum, "contract", "race"), "it joined a batch that was asked for already"
