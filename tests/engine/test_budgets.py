"""Budgets: who is let in, who is held, failed or asked about, and what is charged after a crash."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import orjson
import pytest
from asyncpg import InsufficientPrivilegeError

from actum import (
    Budget,
    Retry,
    Spending,
    StepFailed,
    WorkflowFailed,
    attempt,
    contract,
    effect,
    report_usage,
    step,
)
from actum.client.cards import read_card
from actum.store.store import Store
from actum.testing.harness import Harness

QUICK = Retry(attempts=3, first="1ms")
TEN = {"scope": "contract", "subject": "race", "per": "day", "limits": {"model_calls": "10"}}


async def used(actum: Harness, scope: str, subject: str | None = None) -> dict[str, Decimal]:
    """Return what is used of the one budget of a scope, once everything is settled."""
    async with asyncio.timeout(10):
        while True:
            clock = await actum.store.read_clock()
            (budget,) = await actum.store.budgets.list(scope, since=clock.date(), subject=subject)
            if not budget.open:
                found = orjson.loads(budget.used)
                return {unit: Decimal(str(found[unit])) for unit in sorted(found) if unit != "wall_time"}
            await asyncio.sleep(0.01)


async def test_of_fifty_who_race_for_the_last_ten_ten_are_let_in(actum: Harness) -> None:
    async def ask(_: int) -> str:
        answer = await actum.store.budgets.reserve(
            uuid4(), "1", 1, 1, is_effect=False, budgets=[TEN], amounts={"model_calls": "1"}
        )
        return answer.answer

    answers = await asyncio.gather(*map(ask, range(50)))
    assert sorted(answers) == ["reserved"] * 10 + ["spent"] * 40


async def test_budgets_are_taken_from_all_together_or_not_at_all(actum: Harness) -> None:
    small = {"scope": "team", "subject": "risk", "per": "day", "limits": {"tokens": "5"}}
    workflow, store = uuid4(), actum.store.budgets
    refused = await store.reserve(
        workflow,
        "1",
        1,
        1,
        is_effect=False,
        budgets=[TEN, small],
        amounts={"tokens": "6", "model_calls": "1"},
    )
    assert (refused.answer, refused.ordinal, refused.unit, refused.granted) == ("spent", 2, "tokens", 5)
    assert await used(actum, "contract") == {}
    fits = {"tokens": "5", "model_calls": "1"}
    taken = [
        (await store.reserve(workflow, "1", 1, 1, is_effect=False, budgets=[TEN, small], amounts=fits)).answer
        for _ in range(2)
    ]
    assert taken == ["reserved", "repeated"]
    assert await store.settle(workflow, "1", 1, 1, "charged", {"tokens": "2"}) == 2
    assert await store.settle(workflow, "1", 1, 1, "charged", {"tokens": "9"}) == 0
    assert await used(actum, "team") == {"model_calls": 0, "tokens": 2}


@step(spends=Spending(model_calls=1, tokens=100), retry=QUICK)
async def think(tokens: int) -> int:
    report_usage(model="ours", input_tokens=tokens, output_tokens=0, cost="0.01")
    return tokens


@step(spends=Spending())
async def count() -> int:
    return 1


async def test_what_is_used_takes_the_place_of_what_was_reserved(actum: Harness) -> None:
    @contract(budget=(Budget(tokens=1000, money="0.05", over="fail"), Budget(model_calls=50, per="day")))
    async def frugal() -> int:
        return await think(10) + await think(20)

    await actum.worker([frugal])
    handle = await actum.start(frugal())
    assert await handle.result(10) == 30
    spent = {"model_calls": 2, "money": Decimal("0.02"), "tokens": 30}
    assert await used(actum, "workflow", str(handle.workflow_id)) == spent
    assert await used(actum, "contract") == spent


async def test_an_attempt_over_budget_ends_with_its_reason_and_a_step_that_uses_nothing_goes_on(
    actum: Harness,
) -> None:
    @contract(budget=Budget(tokens=150, over="fail"))
    async def greedy() -> str:
        await think(60)
        try:
            await think(60)
        except StepFailed as failed:
            return f"{failed.reason}, {failed.attempts} attempts, {await count()}: {failed.message}"
        return "it was let in"

    await actum.worker([greedy])
    handle = await actum.start(greedy())
    assert await handle.result(10) == (
        "budget.exceeded, 0 attempts, 1: this workflow has used 60 of 150 tokens, and this attempt does not fit any more: "
        "raise Budget(tokens=…)"
    )


async def test_a_held_attempt_goes_on_when_the_day_is_over(actum: Harness) -> None:
    @contract(budget=Budget(model_calls=1, per="day"))
    async def daily(number: int) -> int:
        return await think(number)

    actum.clock.advance_to((actum.clock.read() + timedelta(days=1)).replace(hour=1))  # a day that is young
    await actum.worker([daily])
    first, second = await actum.start(daily(1)), await actum.start(daily(2))
    await actum.run_until_idle()
    done = [handle for handle in (first, second) if await handle.status() == "completed"]
    (held,) = {first, second} - set(done)
    assert await held.status() == "waiting"
    parked = orjson.loads((await actum.events(held))[-1].data or "{}")
    assert [(wait["for"], wait["why"]) for wait in parked["waits"]] == [
        (
            "budget",
            "this contract has used 1 of 1 model_calls today, and this attempt does not fit any more: "
            "raise Budget(model_calls=…), or wait for the next day (UTC)",
        )
    ]
    actum.clock.advance(timedelta(minutes=2))
    await actum.run_until_idle()
    assert await held.status() == "waiting"
    actum.clock.advance(timedelta(days=1))
    assert await held.result(10) in (1, 2)


@effect("mail.send", spends=Spending(tool_calls=1), retry=QUICK)
async def send() -> None: ...


async def test_above_its_budget_a_person_approves_an_effect(actum: Harness) -> None:
    @contract(on_failure="fail", budget=Budget(tool_calls=1, over="tier_2"))
    async def mail() -> str:
        await send()
        await send()
        return "sent"

    await actum.worker([mail])
    handle = await actum.start(mail())
    await actum.approve(handle)
    await actum.approve(handle)
    assert await handle.result(10) == "sent"
    assert await used(actum, "workflow") == {"tool_calls": 2}


FREE = """
schema = 1
name = "tests"
owner = "platform"

[[rule]]
id = "free"
match = { kind = "mail.ping" }
tier = 0
why = "It harms nobody."
"""


async def test_a_card_says_that_a_budget_has_it_asked_and_no_grant_takes_the_place_of_a_person(
    actum: Harness,
) -> None:
    @effect("mail.ping", in_doubt="repeat")
    async def ping() -> None:
        report_usage(tool_calls=1)

    @contract(on_failure="fail", budget=Budget(tool_calls=1, over="tier_2"))
    async def pings() -> str:
        await ping()
        await ping()
        return "pinged"

    await actum.activate(FREE)
    worker = await actum.worker([pings])
    await actum.reviewer.grants.give({"kind": "mail.ping"}, uses=9, lasts="1h", reason="often")
    await worker.policing.refresh_once()
    handle = await actum.start(pings())
    await actum.run_until_idle()
    ((asked,), _) = await actum.inbox()
    assert (2, "free, budget") == (asked.tier, asked.rule)
    why = (await read_card(actum.store, asked)).reasons[-1].why
    assert why.startswith("it is above its budget: this workflow has used 1 of 1 tool_calls")
    await actum.approve(handle)
    assert await handle.result(10) == "pinged"


async def test_a_cost_that_nobody_knows_uses_a_budget_of_money_up(actum: Harness) -> None:
    @step(retry=QUICK)
    async def unpriced() -> None:
        report_usage(model="a-model-of-ours", input_tokens=1, output_tokens=1)

    @contract(budget=Budget(money=1000, over="fail"))
    async def blind() -> None:
        await unpriced()
        await unpriced()

    await actum.worker([blind])
    with pytest.raises(WorkflowFailed, match=r"cost is not known.*actum\[usage\]"):
        await (await actum.start(blind())).result(10)


@pytest.mark.parametrize(
    ("is_effect", "has_begun", "left"),
    [(False, False, 3), (True, False, 0)],
    ids=["a step may have begun", "an effect without an intent has not"],
)
async def test_what_a_dead_worker_left_is_charged_unless_it_never_began(
    actum: Harness, is_effect: bool, has_begun: bool, left: int
) -> None:
    workflow, store = uuid4(), actum.store.budgets
    await store.reserve(workflow, "1", 1, 1, is_effect=is_effect, budgets=[TEN], amounts={"model_calls": "3"})
    assert await store.settle_left(workflow, 1) == 0
    assert await store.settle_left(workflow, 2) == 1
    assert await used(actum, "contract") == {"model_calls": left}


async def test_a_step_that_says_nothing_ahead_is_let_in_until_the_limit_is_reached(actum: Harness) -> None:
    @step(retry=QUICK)
    async def unannounced() -> None:
        report_usage(model="ours", input_tokens=60, output_tokens=10, cost="0.01")

    @contract(budget=Budget(tokens=100, over="fail"))
    async def loose() -> int:
        for times in range(5):
            try:
                await unannounced()
            except StepFailed:
                return times
        return 5

    await actum.worker([loose])
    handle = await actum.start(loose())
    assert await handle.result(10) == 2
    assert (await used(actum, "workflow", str(handle.workflow_id)))["tokens"] == 140


async def test_attempts_side_by_side_and_failed_ones_are_each_charged_once(actum: Harness) -> None:
    @step(spends=Spending(model_calls=1), retry=QUICK)
    async def flaky(number: int) -> int:
        report_usage(model="ours", cost="0.01")
        if attempt().number == 1:
            raise ConnectionError("not yet")
        return number

    @contract(budget=Budget(model_calls=6, per="day", team="risk", over="fail"))
    async def wide() -> list[int]:
        return await asyncio.gather(*(flaky(number) for number in range(3)))

    await actum.worker([wide])
    assert await (await actum.start(wide())).result(10) == [0, 1, 2]
    assert await used(actum, "team", "risk") == {"model_calls": 6, "money": Decimal("0.06")}
    with pytest.raises(WorkflowFailed, match="team risk has used 6 of 6 model_calls today"):
        await (await actum.start(wide())).result(10)


async def test_what_an_attempt_did_not_use_is_there_for_the_next_one_of_its_workflow(actum: Harness) -> None:
    @contract(budget=Budget(tokens=130, over="fail"))
    async def thrifty() -> int:
        for times in range(10):
            try:
                await think(10)
            except StepFailed:
                return times
        return 10

    await actum.worker([thrifty])
    handles = [await actum.start(thrifty()) for _ in range(10)]
    assert [await handle.result(10) for handle in handles] == [4] * 10, "ten are used, a hundred reserved"


async def test_a_worker_takes_from_budgets_with_the_rights_of_its_role_and_cannot_write_them(
    actum: Harness,
) -> None:
    store = await Store.open(f"{actum.dsn}{'&' if '?' in actum.dsn else '?'}role=actum_worker", size=1)
    try:
        workflow, budgets = uuid4(), store.budgets
        asked = {"is_effect": False, "budgets": [TEN], "amounts": {"model_calls": "1"}}
        assert (await budgets.reserve(workflow, "1", 1, 1, **asked)).answer == "reserved"
        assert await budgets.settle(workflow, "1", 1, 1, "released", None) == 1
        assert await budgets.settle_left(workflow, 9) == 0
        async with store.pool.connection() as connection:
            for text in ("delete from actum.budgets", "delete from actum.budget_uses"):
                with pytest.raises(InsufficientPrivilegeError):
                    await connection.execute(text)
    finally:
        await store.close()
    assert await used(actum, "contract") == {"model_calls": 0}


async def test_of_fifty_workflows_on_two_workers_ten_get_the_last_ten_calls(actum: Harness) -> None:
    ran: list[int] = []

    @step(spends=Spending(model_calls=1))
    async def call(number: int) -> None:
        ran.append(number)

    @contract(budget=Budget(model_calls=10, per="day", over="fail"))
    async def crowd(number: int) -> None:
        await call(number)

    await actum.worker([crowd])
    await actum.worker([crowd])
    handles = await actum.client.start_many([crowd(number) for number in range(50)])
    await actum.run_until_idle(30)
    statuses = [await handle.status() for handle in handles]
    assert (statuses.count("completed"), statuses.count("failed")) == (10, 40)
    assert len(ran) == 10
    assert await used(actum, "contract") == {"model_calls": 10}
