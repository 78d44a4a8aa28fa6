"""What the real engine records adds up to what happened: a time-out, retries, a rollback, a verdict."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

import actum as a
from actum.client.metrics import write_metrics
from actum.client.quality import Report, read_ids, read_report
from actum.client.readiness import read_readiness
from actum.errors import InvalidInput, NotFound, NotPossible
from actum.model.quality import Family
from actum.outcomes import Unusable, Usable
from actum.testing.harness import Harness

OWNER = a.Owner(team="shop", escalation=["#shop"], runbook="x")
RETRY = a.Retry(attempts=3, first="1ms", longest="1ms")


@a.step(retry=RETRY, timeout=a.Timeout(attempt="20ms"))
async def slow_once(name: str) -> str:
    if a.attempt().number == 1:
        await asyncio.sleep(60)
    return name


@a.step(retry=RETRY)
async def think(name: str) -> str:
    return f"{name} {a.attempt().number}"


@think.verdict
async def _(thought: str, name: str) -> Usable | Unusable:
    return Usable() if thought.endswith("2") else Unusable("too short")


@a.effect("shelf.mark", in_doubt="repeat")
async def mark(name: str) -> str:
    return name


@mark.undo
async def _(done: str, name: str) -> None: ...


@a.contract(owner=OWNER)
async def write(name: str) -> str:
    return await think(await slow_once(name))


@a.contract(owner=OWNER, on_failure="rollback")
async def change(name: str) -> str:
    await mark(name)
    raise a.RollBack("it is not what was wanted")


@a.effect(
    "shelf.pay", settle_after="3s", timeout="50ms", retry=a.Retry(attempts=3, first="1ms", longest="1ms")
)
async def pay(name: str) -> str:
    if a.attempt().number == 1:
        await asyncio.sleep(60)
    return name


@pay.probe
async def _(name: str) -> a.NotHappened:
    return a.NotHappened()


@a.contract(owner=OWNER, on_failure="fail")
async def buy(name: str) -> str:
    return await pay(name)


FREE = """
schema = 1
name = "free"
owner = "ana"
[[rule]]
id = "all"
match = { kind = { glob = "shelf.*" } }
tier = 0
why = "it is a shelf"
"""


async def measure(actum: Harness, **options: str) -> Report:
    now = await actum.store.read_clock()
    families = [one for one in Family if one is not Family.PEOPLE]
    return await read_report(actum.store, families, since=now - timedelta(days=1), **options)


async def test_what_happened_is_what_is_measured(actum: Harness) -> None:
    await actum.worker([write, change])
    written = await actum.start(write("ana"))
    assert "ana 2" == await written.result()
    changed = await actum.start(change("tea"))
    await actum.approve(changed)
    await actum.run_until_idle()
    assert "rolled_back" == await changed.status()

    report = await measure(actum)
    numbers = {one.measure.name: one.some for one in report.readings if one.some}
    assert {
        "timeouts": 1, "timeouts_recovered": 1, "time_to_recover": 1,
        "retries": 2, "retries_recovered": 2, "attempts_to_success": 4, "failures": 2,
        "rollbacks": 1, "rollback_share": 1, "rollbacks_complete": 1, "rollback_time": 1,
        "outputs": 1, "caught": 1,
    } == numbers  # fmt: skip
    assert [("check.failed", 1), ("timeout.attempt", 1)] == [
        (one.reason, one.recovered) for one in report.reasons
    ]

    assert await actum.client.verdicts.give(written.workflow_id, "usable", "it fits")
    assert not await actum.client.verdicts.give(written.workflow_id, "usable", "it fits")
    assert await actum.reviewer.verdicts.give(written.workflow_id, "unusable", "it does not compile")
    judged = await measure(actum, contract="write")
    assert (0, 1) == (judged.reading("usable").some, judged.reading("usable").of)
    await _refuses_what_cannot_be_judged(actum, written.workflow_id, changed.workflow_id)

    walked = await read_readiness(actum.store, "write", length=timedelta(days=1))
    assert walked.gap is not None
    assert "it has been seen" == walked.gap.asks
    assert "1 ended; 20 say something" == walked.gap.found
    with pytest.raises(NotFound, match="no contract 'nobody'"):
        await read_readiness(actum.store, "nobody", length=timedelta(days=1))


async def _refuses_what_cannot_be_judged(actum: Harness, written: UUID, changed: UUID) -> None:
    give = actum.client.verdicts.give
    with pytest.raises(NotPossible, match="rolled_back and has no output"):
        await give(changed, "usable", "it fits")
    with pytest.raises(InvalidInput, match="'fine' is not a verdict: it is one of usable, unusable"):
        await give(written, "fine", "it fits")
    with pytest.raises(InvalidInput, match="says why"):
        await give(written, "usable", " ")
    assert 2 == len(await actum.client.verdicts.list_of(written))


async def test_a_doubt_that_a_probe_settles_is_the_machines_time_and_nobodys_intervention(
    actum: Harness,
) -> None:
    await actum.activate(FREE)
    await actum.worker([buy])
    handle = await actum.start(buy("tea"))
    async with asyncio.timeout(10):
        while "effect.doubted" not in await actum.kinds(handle):
            await asyncio.sleep(0.01)
    await actum.run_until_idle()
    actum.clock.advance("3s")
    assert "tea" == await handle.result(10)
    settled = [one for one in await actum.events(handle) if one.kind == "effect.settled"]
    assert ["did_not_happen"] == [one.outcome for one in settled]

    report = await measure(actum)
    assert (report.reading("time_to_recover").us or 0) >= 2_700_000
    assert 0 == sum(row.us for row in await read_ids(actum.store, "human_times", report.span, count=9))
    assert "actum_interventions" not in "".join(
        line for line in (await write_metrics(actum.store)).splitlines() if not line.startswith("#")
    )
