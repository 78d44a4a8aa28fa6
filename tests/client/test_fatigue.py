"""What deciding costs people, over a small history made by the real engine and counted by hand."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

import actum as a
from actum.client.cards import describe_seen
from actum.client.fatigue import Fatigue, read_fatigue, suggest, sum_loads
from actum.client.handle import Handle
from actum.machine.policy import parse_policy
from actum.outcomes import Preview
from actum.store.people import HasteRow, PromptsRow, RuleRow, ShareRow
from actum.testing.harness import Harness

OWNER = a.Owner(team="shop", escalation=["#shop"], runbook="x")


@a.step
async def look(name: str) -> str:
    return name


@a.effect("shelf.fill", in_doubt="repeat", retry=a.Retry(attempts=1))
async def fill(name: str) -> str:
    if name == "broken":
        raise a.NotDone("the shelf is broken")
    return name


@fill.preview
def _(name: str) -> Preview:
    return Preview(f"Fill 1 shelf with {name}", diff="" if name == "plain" else f"+{name}")


@fill.undo
async def _(done: str, name: str) -> None: ...


@a.contract(owner=OWNER, on_failure="fail")
async def stock(name: str) -> str:
    return await fill(name)


@a.contract(owner=OWNER)
async def stroll(name: str) -> str:
    return await look(name)


@a.contract(owner=OWNER)
async def survey(name: str) -> int:
    return await a.ask(f"How many {name}?", int)


TOGETHER = """
schema = 1
name = "shelves"
owner = "shop"
default_tier = 2

[approvers.anybody]
by = ["anybody"]

[[rule]]
id = "shelves"
match = { kind = "shelf.fill" }
tier = 1
approvers = "anybody"
batch = { by = ["contract"], window = "30m" }
why = "Shelves are filled together."
"""
IN_TURN = """
schema = 1
name = "shelves"
owner = "shop"
default_tier = 2

[approvers.two]
by = ["user:bo", "user:cy"]
quorum = 2
expires = "1h"
on_expiry = "escalate"
escalate_to = "bo"

[approvers.bo]
by = ["user:bo"]

[[rule]]
id = "shelves"
match = { kind = "shelf.fill" }
tier = 2
approvers = "two"
why = "Shelves are expensive."
"""


async def pending(actum: Harness, handle: Handle[str]) -> str:
    await actum.run_until_idle()
    (row,) = await actum.store.approvals.list_of([handle.workflow_id])
    return str(row.id)


async def decide(
    actum: Harness, name: str, *, by: str = "user:bo", words: int | None = None, ms: int = 0, folded: int = 0
) -> str:
    """Have a stocking approved ten seconds after it asks, having been read for `ms`; return the approval."""
    handle = await actum.start(stock(name), requester="user:ana")
    approval = await pending(actum, handle)
    actum.clock.advance(timedelta(seconds=10))
    client = await actum.acting(by)
    seen = None if words is None else describe_seen(words, folded)
    await client.approvals.approve(approval, "right", seen=seen, seen_ms=None if words is None else ms)
    await actum.run_until_idle()
    return approval


async def measure(actum: Harness, team: str | None = None) -> Fatigue:
    since = await actum.store.read_clock() - timedelta(days=7)
    return await read_fatigue(actum.store, since=since, team=team)


async def test_each_measure_is_what_a_person_counts_and_names_what_stands_behind_it(actum: Harness) -> None:
    await actum.worker([stock, stroll, survey])
    read = await decide(actum, "tea", words=238, ms=61_000)
    hasty = await decide(actum, "salt", words=238, ms=59_000, folded=12)
    blind = await decide(actum, "plain")
    regretted = await decide(actum, "broken", by="user:cy")
    refused = await actum.start(stock("soap"), requester="user:ana")
    rejected = await pending(actum, refused)
    actum.clock.advance("100s")
    await actum.reject(refused, by="user:cy")
    easy = await actum.start(stroll("home"))
    asked = await actum.start(survey("cups"))
    await actum.run_until_idle()
    await (await actum.acting("user:cy")).answer(asked.workflow_id, "1", 3)
    await actum.run_until_idle()

    found = await measure(actum)
    assert {"user:bo": {read, hasty, blind}, "user:cy": {regretted, rejected, f"{asked.workflow_id} 1"}} == {
        one.person: set(one.ids) for one in found.loads
    }
    assert (5, rejected) == (found.times.count, found.times.ids[0])
    assert found.times.median == pytest.approx(10, abs=3)
    assert found.times.ninetieth == pytest.approx(64, abs=4)  # between 10 and 100, six tenths of the way
    assert HasteRow(5, 2, 1, [hasty]) == found.haste
    assert (3, 2) == (found.unopened.count, found.unopened.some)
    assert {hasty, regretted} == set(found.unopened.ids)
    assert ShareRow(4, 1, [regretted]) == found.regret
    assert [("no-policy", 5, 4)] == [(one.rule, one.count, one.approved) for one in found.rules]
    assert (7, 1) == (found.touchless.count, found.touchless.some)
    assert str(easy.workflow_id) not in found.touchless.ids
    assert (None, ()) == (found.owner, found.suggestions)


async def test_what_was_long_ago_or_another_teams_is_not_counted(actum: Harness) -> None:
    await actum.worker([stock])
    approval = await decide(actum, "tea")
    assert 1 == (await measure(actum, "shop")).regret.count
    other = await measure(actum, "garden")
    assert ((), 0, 0) == (other.loads, other.times.count, other.touchless.count)
    actum.clock.advance("8d")
    later = await measure(actum)
    assert ((), 0, None) == (later.loads, later.times.count, later.times.median)
    assert approval not in str(later.as_data())


async def test_a_batch_is_one_prompt(actum: Harness) -> None:
    await actum.reviewer.policies.activate(parse_policy(TOGETHER), reason="it is good")
    await actum.worker([stock])
    for name in ("tea", "salt"):
        await actum.start(stock(name), requester="user:ana")
    await actum.run_until_idle()
    (batch,) = await actum.store.batches.list()
    client = await actum.acting("user:bo")
    shown = await client.approvals.show_batch(batch.id)
    assert 2 == len(shown)
    for row in shown:
        await client.approve(row.id, "right")
    await actum.run_until_idle()
    found = await measure(actum)
    assert [(1, (str(batch.id),))] == [(one.prompts, one.ids) for one in found.loads]


async def test_whoever_is_asked_again_after_an_escalation_was_asked_twice(actum: Harness) -> None:
    await actum.reviewer.policies.activate(parse_policy(IN_TURN), reason="it is good")
    await actum.worker([stock])
    approval = await pending(actum, await actum.start(stock("tea"), requester="user:ana"))
    bo = await actum.acting("user:bo")
    assert (
        "voted"
        == (await bo.approvals.approve(approval, "right", seen="card, 9 words, 2 lines folded")).answer
    )
    actum.clock.advance("61m")
    await actum.store.approvals.expire()
    assert "decided" == (await bo.approvals.approve(approval, "still right", seen="card, 9 words")).answer
    await actum.run_until_idle()
    found = await measure(actum)
    assert [("user:bo", 2, (approval, approval))] == [
        (one.person, one.prompts, one.ids) for one in found.loads
    ]
    assert ((2, 1), (1, 0)) == (
        (found.haste.count, found.times.count),
        (found.unopened.count, found.unopened.some),
    )


DAY = date(2026, 1, 2)
NOTHING = (HasteRow(0, 0, 0, []), ShareRow(0, 0, []), ShareRow(0, 0, []))


def test_loads_name_the_busiest_day() -> None:
    rows = [PromptsRow("user:bo", DAY, 2, ["a", "b"]), PromptsRow("user:bo", DAY + timedelta(1), 4, ["c"])]
    (load,) = sum_loads(rows)
    assert (6, 3.0, 4, date(2026, 1, 3)) == (load.prompts, load.a_day, load.most, load.busiest)


def test_nothing_follows_from_a_handful_and_suggestions_name_the_rule() -> None:
    assert () == suggest([], *NOTHING, [RuleRow("small", 19, 19, [])])
    (said,) = suggest([], *NOTHING, [RuleRow("small", 100, 98, []), RuleRow("other", 100, 97, [])])
    assert "rule small asks for was approved 98 of 100 times" in said
    loads = sum_loads([PromptsRow("user:bo", DAY, 20, [])])
    shares = (HasteRow(30, 20, 4, []), ShareRow(20, 10, []), ShareRow(20, 2, []))
    assert 4 == len(suggest(loads, *shares, []))
