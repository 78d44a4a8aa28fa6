"""Which workflows an incident affects: all of them, as they stand now, and those that are left after it was resolved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from actum import Budget, Fatal, NotDone, Owner, Retry, Signal, Slo, Spending, contract, effect, step
from actum.client.bulk import plan_bulk, read_filter
from actum.engine.watching import RESPITE, Watcher
from actum.machine.incidents import Trouble
from actum.model.incident import Rule
from actum.store.incidents import IncidentRow
from actum.testing.harness import Harness

OWNER = Owner("platform", escalation=["#oncall"])
ONCE = Retry(attempts=1)
POLICY = """
schema = 1
name = "tests"
owner = "platform"
default_tier = 2

[[rule]]
id = "small"
match = { kind = "mail.send" }
tier = 0
why = "It is small."

[[rule]]
id = "paid"
match = { kind = "bank.pay" }
tier = 0
why = "It is small."
"""

go = Signal("go", str)


@step(retry=ONCE)
async def fail(what: str) -> str:
    raise Fatal(what)


@step(retry=ONCE, spends=Spending(model_calls=1))
async def call() -> int:
    return 1


@effect("mail.send", retry=ONCE, in_doubt="repeat")
async def send(to: str) -> str:
    raise NotDone(f"{to} is full")


@effect("bank.pay", retry=ONCE)
async def pay(amount: int) -> str:
    raise ConnectionError("the line went dead")


@contract(owner=OWNER, on_failure="fail")
async def mails(to: str) -> str:
    return await send(to)


@contract(owner=OWNER)
async def listens() -> str:
    return await go.wait()


async def run(actum: Harness, calls: Sequence[Any]) -> list[Any]:
    handles = [await actum.start(call) for call in calls]
    await actum.run_until_idle()
    return handles


async def watch(actum: Harness) -> None:
    """Have a watcher of its own look twice; those of workers look when they like, and find nothing else."""
    for _ in range(2):
        await Watcher(actum.store, "worker:test").watch_once()


async def of_rule(actum: Harness, rule: Rule) -> list[IncidentRow]:
    return [row for row in await actum.store.incidents.list() if row.rule == rule.value]


async def only(actum: Harness, rule: Rule) -> IncidentRow:
    (row,) = await of_rule(actum, rule)
    return row


async def test_an_incident_reaches_all_that_it_affects_now_and_what_is_left_comes_up_again_after_a_resolve(
    actum: Harness,
) -> None:
    @contract(owner=OWNER, on_failure="hold", slo=Slo(progress="1s"))
    async def sticks(number: int) -> str:
        return await fail("no")

    async def reach(verb: str, incident: IncidentRow) -> int:
        plan = await plan_bulk(
            actum.client, verb, await read_filter(actum.client, [f"incident={incident.id}"])
        )
        return plan.total

    await actum.worker([sticks])
    handles = await run(actum, [sticks(number) for number in range(60)])
    actum.clock.advance("2s")
    await watch(actum)
    first = await only(actum, Rule.STUCK)
    assert {handle.workflow_id for handle in handles} == set(first.workflow_ids)
    assert [60, 60, 60] == [first.count, await reach("retry", first), await reach("cancel", first)]
    for handle in handles[:20]:
        await handle.cancel("not these")
    await actum.run_until_idle()
    await watch(actum)
    first = await only(actum, Rule.STUCK)
    assert (40, {handle.workflow_id for handle in handles[20:]}) == (first.count, set(first.workflow_ids))
    whats = [one.what for one in await actum.client.incidents.timeline(first.id)]
    assert 10 < whats.count("workflow.cancelled"), "those that have moved on are still told of"
    await actum.client.incidents.resolve(first.id, cause="code")
    late = await actum.start(sticks(60))
    await actum.run_until_idle()
    actum.clock.advance("2s")
    await watch(actum)
    second = await only(actum, Rule.STUCK)
    assert [late.workflow_id] == second.workflow_ids, "what stood before has a while to be mended in"
    actum.clock.advance(RESPITE)
    await watch(actum)
    second = await only(actum, Rule.STUCK)
    assert (41, 41) == (second.count, await reach("retry", second))


async def test_what_is_mended_within_a_while_of_a_resolve_stays_resolved(actum: Harness) -> None:
    @contract(owner=OWNER, on_failure="fail")
    async def doubts(amount: int) -> str:
        return await pay(amount)

    await actum.activate(POLICY)
    await actum.worker([doubts])
    mended, left = await run(actum, [doubts(1), doubts(2)])
    await watch(actum)
    row = await only(actum, Rule.DOUBT)
    await actum.client.incidents.resolve(row.id, cause="provider")
    await watch(actum)
    assert [] == await of_rule(actum, Rule.DOUBT)
    await mended.settle("1", "happened", result="paid", reason="the bank says so")
    await actum.run_until_idle()
    actum.clock.advance(RESPITE)
    await watch(actum)
    again = await only(actum, Rule.DOUBT)
    assert ([left.workflow_id], 1) == (again.workflow_ids, again.level)


async def test_what_failed_unseen_before_its_incident_was_resolved_opens_another(actum: Harness) -> None:
    await actum.activate(POLICY)
    await actum.worker([mails])
    await run(actum, [mails("ana")])
    await watch(actum)
    first = await only(actum, Rule.RETRIES_EXHAUSTED)
    (unseen,) = await run(actum, [mails("ben")])
    await actum.client.incidents.resolve(first.id, cause="provider")
    await watch(actum)
    second = await only(actum, Rule.RETRIES_EXHAUSTED)
    assert ([unseen.workflow_id], 1) == (second.workflow_ids, second.count)
    await actum.client.incidents.resolve(second.id, cause="provider")
    actum.clock.advance("1h")
    await watch(actum)
    assert [] == await of_rule(actum, Rule.RETRIES_EXHAUSTED)


async def test_an_incident_of_budgets_names_every_workflow_that_one_holds(actum: Harness) -> None:
    @contract(owner=OWNER, budget=Budget(model_calls=1, over="fail"))
    async def spends() -> int:
        return await call() + await call()

    await actum.worker([spends])
    handles = await run(actum, [spends() for _ in range(25)])
    await watch(actum)
    row = await only(actum, Rule.BUDGET_SPENT)
    assert (25, {handle.workflow_id for handle in handles}) == (row.count, set(row.workflow_ids))


async def test_an_incident_says_how_many_it_affects_beyond_the_thousand_that_it_names(actum: Harness) -> None:
    now, ids = await actum.store.read_clock(), [uuid4() for _ in range(1200)]
    handle = await actum.start(listens())
    stuck = Trouble(Rule.STUCK, "listens", "", "", None, 1201, now, now, None, [handle.workflow_id, *ids])
    await actum.store.incidents.open([stuck], actor="worker:test")
    await actum.store.incidents.open([stuck], actor="worker:test")
    row = await only(actum, Rule.STUCK)
    plan = await plan_bulk(actum.client, "cancel", await read_filter(actum.client, [f"incident={row.id}"]))
    assert (1, 201, 1201, 1000) == (plan.total, plan.unnamed, row.count, len(row.workflow_ids))


async def test_what_is_said_about_an_open_incident_is_kept_with_its_workflows_and_once(
    actum: Harness,
) -> None:
    await actum.worker([listens])
    first, second = await run(actum, [listens(), listens()])
    person = actum.client.incidents
    row, _ = await person.open("it hangs", workflows=[first.short_id])
    for _ in range(2):
        same, is_new = await actum.reviewer.incidents.open("this one too", workflows=[second.short_id])
        assert (row.id, False) == (same.id, is_new)
    ids = [first.workflow_id, second.workflow_id]
    assert (2, set(ids)) == (same.count, set(same.workflow_ids))
    said = [(one.actor, one.about) for one in await person.timeline(row.id) if one.what == "reported"]
    assert [("user:reviewer", "this one too")] == said
    now = await actum.store.read_clock()
    found = Trouble(Rule.REPORTED, "listens", "", "", None, 1, now, now, None, [uuid4()])
    await actum.store.incidents.open([found], actor="worker:test")
    assert set(ids) < set((await person.get(row.id)).workflow_ids), "a look does not forget them"
