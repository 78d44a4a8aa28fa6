"""The family of people by contract and workflow, and approvals that were regretted later, counted by hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import actum as a
from actum.client.fatigue import Fatigue, read_fatigue
from actum.client.handle import Handle
from actum.model.quality import PEOPLE
from actum.testing.harness import Harness

OWNER = a.Owner(team="shop", escalation=["#shop"], runbook="x")


@a.effect("shelf.fill", in_doubt="repeat")
async def fill(name: str) -> str:
    return name


@a.contract(owner=OWNER, on_failure="fail")
async def stock(name: str) -> str:
    return await fill(name)


@a.contract(owner=OWNER, on_failure="fail")
async def restock(name: str) -> str:
    return await fill(name)


@a.contract
async def sleeper() -> None:
    await asyncio.sleep(3600)


@a.contract
async def impatient() -> str:
    try:
        async with asyncio.timeout(60):
            await sleeper()
    except TimeoutError:
        return "it took too long"
    return "done"


async def measure(actum: Harness, **options: object) -> Fatigue:
    since = await actum.store.read_clock() - timedelta(days=7)
    return await read_fatigue(actum.store, since=since, **options)  # type: ignore[arg-type]


async def approve(actum: Harness, handle: Handle[str]) -> str:
    """Have its effect approved ten seconds after it was asked for, and return the approval."""
    await actum.run_until_idle()
    actum.clock.advance("10s")
    await actum.approve(handle)
    await actum.run_until_idle()
    (row,) = await actum.store.approvals.list_of([handle.workflow_id])
    return str(row.id)


async def test_an_approval_is_regretted_when_the_word_that_counts_calls_the_output_unusable(
    actum: Harness,
) -> None:
    await actum.worker([stock, restock])
    handles = [await actum.start(stock(name)) for name in ("tea", "salt", "soap")]
    handles.append(await actum.start(restock("rice")))
    tea, salt, soap, rice = [await approve(actum, handle) for handle in handles]
    assert (4, []) == ((found := (await measure(actum)).regret).count, found.ids)

    words = [  # by hand: a judge's word counts until a person speaks; the person's last word counts
        (0, "unusable", "person"),
        (1, "unusable", "judge"), (1, "usable", "person"),
        (2, "usable", "person"), (2, "unusable", "judge"),
        (3, "unusable", "judge"),
    ]  # fmt: skip
    for index, verdict, by in words:
        assert await actum.reviewer.verdicts.give(handles[index].workflow_id, verdict, f"{by} said so", by=by)
    found = await measure(actum)
    assert (4, 2, {tea, rice}) == (found.regret.count, found.regret.some, set(found.regret.ids))
    assert {tea, rice} == set(found.ids_of("regret"))
    assert set(PEOPLE) == {name for name in PEOPLE if isinstance(found.ids_of(name), tuple)}

    by_contract = await measure(actum, contract="restock")
    assert (1, [rice], 1) == (by_contract.regret.count, by_contract.regret.ids, by_contract.times.count)
    assert 10 <= by_contract.times.total < 60
    assert [1] == [one.prompts for one in by_contract.loads]
    assert [1] == [one.count for one in by_contract.rules]
    assert (1, 0) == (by_contract.touchless.count, by_contract.touchless.some)
    two = await measure(actum, workflows=[handles[1].workflow_id, handles[2].workflow_id])
    assert {salt, soap} == set(two.ids_of("prompts")) == set(two.times.ids)
    assert 0 == (await measure(actum, contract="restock", workflows=[handles[0].workflow_id])).times.count


async def test_what_was_decided_before_the_span_is_the_span_before(actum: Harness) -> None:
    await actum.worker([stock])
    early = await approve(actum, await actum.start(stock("tea")))
    actum.clock.advance("8d")
    late = await approve(actum, await actum.start(stock("salt")))
    now = await actum.store.read_clock()
    since, length = now - timedelta(days=7), timedelta(days=7)
    before = await read_fatigue(actum.store, since=since - length, until=since)
    assert ((early,), (late,)) == (
        before.ids_of("prompts"),
        (await read_fatigue(actum.store, since=since)).ids_of("prompts"),
    )
    assert (since, since - length) == (before.until, before.since)


async def test_a_child_that_its_parent_cancels_is_touched_by_nobody(actum: Harness) -> None:
    await actum.worker([impatient, sleeper])
    handle = await actum.start(impatient())
    by_hand = await actum.start(sleeper())
    await actum.run_until_idle()
    await by_hand.cancel("nobody needs it")
    actum.clock.advance("61s")
    await actum.run_until_idle()
    assert "it took too long" == await handle.result(10)
    (child,) = [row for row in await actum.client.list() if row.parent == handle.workflow_id]
    assert "cancelled" == child.status == await by_hand.status()
    touchless = (await measure(actum)).touchless
    assert (3, 2, [str(by_hand.workflow_id)]) == (touchless.count, touchless.some, touchless.ids)
