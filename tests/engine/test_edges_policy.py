"""Between asking and use: what is looked at when, what a pause puts off, and what a park must not take away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from patience import until

from actum import Preview, Retry, Signal, contract, effect, request_approval, step
from actum.client.handle import Handle
from actum.errors import NotDone, StepFailed, WorkflowFailed
from actum.machine.policy import parse_policy
from actum.store.rows import ReachedRow
from actum.testing.harness import Harness

go_on = Signal("go on", str)
SENT: list[str] = []
WORLD: dict[str, str] = {}
GATES: dict[str, asyncio.Event] = {}


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    SENT.clear()
    WORLD.clear()
    GATES.clear()
    yield
    for gate in GATES.values():
        gate.set()


async def passes(gate: str) -> None:
    """Open the gate `<gate> reached`, and wait at `<gate>` where there is one."""
    if gate in GATES:
        GATES[f"{gate} reached"].set()
        await GATES[gate].wait()


def close(gate: str) -> None:
    """Have whoever comes to the gate wait there."""
    GATES[gate], GATES[f"{gate} reached"] = asyncio.Event(), asyncio.Event()


async def reached(gate: str) -> None:
    """Wait until somebody stands at the gate."""
    await asyncio.wait_for(GATES[f"{gate} reached"].wait(), 10)


@effect("mail.send", in_doubt="repeat", retry=Retry(attempts=3, first="10m"))
async def strange_once(to: str) -> str:
    SENT.append(to)
    if SENT.count(to) == 1:
        raise RuntimeError("connection lost")
    return to


@effect("mail.send")
async def send(to: str) -> str:
    SENT.append(to)
    return to


@contract(on_failure="hold")
async def repeats_and_sends() -> list[str]:
    return list(await asyncio.gather(strange_once("ana"), send("bo")))


async def test_a_decision_found_on_a_claim_is_used_though_something_else_waits_for_its_time(
    actum: Harness,
) -> None:
    worker = await actum.worker([repeats_and_sends])
    handle = await actum.start(repeats_and_sends())
    await actum.run_until_idle()
    first = next(one for one in (await actum.inbox())[0] if one.step == "strange_once")
    await actum.reviewer.approve(first.id, "fine")

    async def is_doubted() -> bool:
        return "effect.doubted" in await actum.kinds(handle) and (await handle.row()).instance is None

    await until(is_doubted, "the first effect is in doubt, and to be repeated later")
    await worker.stop()
    (second,) = (await actum.inbox())[0]
    await actum.reviewer.approve(second.id, "fine")
    await actum.worker([repeats_and_sends])

    async def is_sent() -> bool:
        return "bo" in SENT

    await until(is_sent, "the second effect happens, without waiting for the first")
    actum.clock.advance("1h")
    assert await handle.result(10) == ["ana", "bo"]
    assert sorted(SENT) == ["ana", "ana", "bo"]


@step
async def works() -> None:
    await passes("work")


@effect("order.place")
async def place(order: str) -> str:
    SENT.append(order)
    await passes("place")
    raise RuntimeError("connection lost")


@place.preview
async def _(order: str) -> Preview:
    await passes("look")
    WORLD["looked"] = "yes"
    return Preview(f"Place the order {order}", target=order, relies_on=WORLD.get("shop", "open"))


@contract(on_failure="hold")
async def works_and_places() -> None:
    await asyncio.gather(works(), place("4711"))


async def is_asked(actum: Harness) -> bool:
    return bool((await actum.inbox())[0])


async def looks_into_a_pause(actum: Harness) -> Handle[None]:
    """Return a workflow that is paused while something executes, and whose approved effect was looked at meanwhile."""
    close("work")
    await actum.worker([works_and_places])
    handle = await actum.start(works_and_places())
    await until(lambda: is_asked(actum), "somebody is asked")
    close("look")
    WORLD.pop("looked")
    await actum.reviewer.approve((await actum.inbox())[0][0].id, "fine")
    await reached("look")
    await handle.pause("wait")

    async def is_paused() -> bool:
        return await handle.status() == "paused"

    await until(is_paused, "it is paused while it looks")
    GATES.pop("look").set()

    async def has_looked() -> bool:
        return "looked" in WORLD

    await until(has_looked, "the look ends")
    return handle


async def test_an_effect_whose_look_ended_during_a_pause_is_begun_once(actum: Harness) -> None:
    handle = await looks_into_a_pause(actum)
    close("place")
    await handle.resume()
    await reached("place")
    GATES["place"].set()
    GATES["work"].set()

    async def is_blocked() -> bool:
        return (await handle.row()).cause == "in_doubt"

    await until(is_blocked, "a person is asked about the doubt")
    actum.clock.advance("1m")
    await actum.run_until_idle()
    assert (await actum.kinds(handle)).count("effect.started") == 1
    assert SENT == ["4711"]


async def test_what_changed_during_a_pause_is_seen_before_an_effect_begins(actum: Harness) -> None:
    handle = await looks_into_a_pause(actum)
    WORLD["shop"] = "closed"
    await handle.resume()
    await until(lambda: is_asked(actum), "what the world is now is asked for")
    GATES["work"].set()
    await actum.run_until_idle()
    assert "effect.started" not in await actum.kinds(handle)
    assert SENT == []


@effect("mail.send", retry=Retry(attempts=2, first="10m"))
async def send_late(to: str) -> str:
    SENT.append(to)
    if len(SENT) == 1:
        raise NotDone("the line is busy")
    return to


@contract(on_failure="hold")
async def sends_late() -> str:
    return await send_late("ana")


TWICE = """
schema = 1
name = "tests"
owner = "platform"
default_tier = 2

[approvers.two]
by = ["anybody"]
quorum = 2

[[rule]]
id = "twice"
match = { kind = "mail.send" }
tier = 2
approvers = "two"
why = "Two people."
"""


async def test_an_approval_that_was_used_stays_used_when_another_attempt_needs_more_than_it(
    actum: Harness,
) -> None:
    await actum.worker([sends_late])
    handle = await actum.start(sends_late())
    await actum.approve(handle)
    await actum.run_until_idle()
    await actum.reviewer.policies.activate(parse_policy(TWICE), reason="it went wrong")
    actum.clock.advance("1h")
    await until(lambda: is_asked(actum), "the second attempt is asked for, by other terms")
    assert "approval.withdrawn" not in await actum.kinds(handle)
    states = [one.state for one in await actum.store.approvals.list_of([handle.workflow_id])]
    assert ["pending", "used"] == sorted(states)
    await actum.approve(handle)
    await actum.approve(handle, by="user:third")
    assert await handle.result(10) == "ana"
    assert SENT == ["ana", "ana"]


@effect("rows.delete")
async def delete(table: str) -> str:
    SENT.append(WORLD["table"])
    return WORLD["table"]


@delete.preview
async def _(table: str) -> Preview:
    return Preview(f"Delete all rows of {WORLD['table']}", target=WORLD["table"])


@contract(on_failure="hold")
async def cleans() -> str:
    return await delete("newest")


async def test_an_approval_stands_only_for_the_target_that_was_shown(actum: Harness) -> None:
    WORLD["table"] = "drafts"
    worker = await actum.worker([cleans])
    handle = await actum.start(cleans())
    await actum.run_until_idle()
    await worker.stop()
    await actum.approve(handle)
    WORLD["table"] = "customers"
    await actum.worker([cleans])

    async def is_asked_anew() -> bool:
        return bool((await actum.inbox())[0])

    await until(is_asked_anew, "the other target is asked for")
    assert SENT == []
    (anew,) = (await actum.inbox())[0]
    assert '"target":"customers"' in (anew.preview or "")
    await actum.approve(handle)
    assert await handle.result(10) == "customers"


@effect("report.publish", retry=Retry(attempts=1))
async def publish(report: str) -> str:
    await passes("publish")
    if WORLD["version"] == "1":
        raise NotDone("it is not finished")
    SENT.append(WORLD["version"])
    return WORLD["version"]


@publish.key
def _(report: str) -> str:
    return report


@publish.preview
async def _(report: str) -> Preview:
    return Preview(f"Publish {report}", relies_on=WORLD["version"])


@contract(on_failure="fail")
async def publishes() -> str:
    return await publish("q3")


@contract(on_failure="fail")
async def works_and_publishes() -> str:
    _, published = await asyncio.gather(works(), publish("q3"))
    return published


async def test_what_waited_for_its_key_is_looked_at_again_before_it_begins(
    actum: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    WORLD["version"] = "1"
    close("publish")
    close("work")
    await actum.worker([publishes, works_and_publishes])
    first = await actum.start(publishes())
    await actum.approve(first)
    await reached("publish")
    second = await actum.start(works_and_publishes())
    real, has_read = actum.store.effects.reach, asyncio.Event()

    async def reach(keys: list[tuple[str, str]]) -> dict[tuple[str, str], ReachedRow]:
        found = await real(keys)
        has_read.set()
        return found

    monkeypatch.setattr(actum.store.effects, "reach", reach)

    await until(lambda: is_asked(actum), "somebody is asked")
    await actum.reviewer.approve((await actum.inbox())[0][0].id, "fine")
    await asyncio.wait_for(has_read.wait(), 10)
    GATES["publish"].set()
    with pytest.raises(WorkflowFailed):
        await first.result(10)
    WORLD["version"] = "2"
    actum.clock.advance("2s")  # the key is looked at again
    await until(lambda: is_asked(actum), "the other version is asked for")
    assert SENT == []
    await actum.reviewer.approve((await actum.inbox())[0][0].id, "fine")
    GATES["work"].set()
    assert await second.result(10) == "2"


@effect("rows.delete")
async def lists_facts() -> str:
    return "deleted"


@lists_facts.preview
async def _() -> Preview:
    return Preview("Delete rows", facts=[90])  # the mistake: they have no names


@contract(on_failure="hold")
async def deletes() -> str:
    return await lists_facts()


async def test_facts_that_are_none_stop_no_worker_and_are_covered_by_no_grant(actum: Harness) -> None:
    matcher = {"kind": "rows.delete", "rows": {"le": 100}}
    await actum.reviewer.grants.give(matcher, uses=3, lasts="1h", reason="routine", max_sums={"rows": 100})
    worker = await actum.worker([deletes])
    handle = await actum.start(deletes())
    await actum.approve(handle)
    assert await handle.result(10) == "deleted"
    assert worker.failure is None


@effect("order.place", retry=Retry(attempts=3, first="1ms"))
async def never_seen() -> None:
    SENT.append("never seen")


@never_seen.preview
async def _() -> Preview:
    await passes("second look")
    raise RuntimeError("the shop is closed")


@contract(on_failure="hold")
async def asks_for_both() -> None:
    async def asks() -> None:
        try:
            await request_approval(place("4711"), never_seen())
        except StepFailed:
            SENT.append("refused")

    await asyncio.gather(works(), asks())
    await go_on.wait()


async def test_nobody_is_asked_for_a_request_that_ended_while_it_was_paused(actum: Harness) -> None:
    for gate in ("work", "look", "second look"):
        close(gate)
    await actum.worker([asks_for_both])
    handle = await actum.start(asks_for_both())
    await reached("look")
    await reached("second look")
    await handle.pause("wait")

    async def is_paused() -> bool:
        return await handle.status() == "paused"

    async def has_looked() -> bool:
        return "looked" in WORLD

    async def has_failed() -> bool:
        return "step.failed" in await actum.kinds(handle)

    await until(is_paused, "it is paused")
    GATES["look"].set()
    await until(has_looked, "the first look ends")
    GATES["second look"].set()
    await until(has_failed, "the second look fails, and with it the request")
    await handle.resume()
    GATES["work"].set()
    await actum.run_until_idle()
    assert SENT == ["refused"]
    assert "approval.requested" not in await actum.kinds(handle)
