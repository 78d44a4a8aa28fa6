"""Incidents: each trouble opens one, its owner is told on schedule, and it ends; promises that break take autonomy away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from typing import Any
from uuid import uuid4

import pytest
from notified import receiving
from patience import until

from actum import (
    Budget,
    Fatal,
    NotDone,
    Owner,
    Retry,
    Signal,
    Slo,
    Spending,
    WorkflowFailed,
    contract,
    effect,
    step,
)
from actum.authoring.registration import register
from actum.client.bulk import carry_out_bulk, plan_bulk, read_filter
from actum.client.client import Client
from actum.engine.notices import compose
from actum.engine.notifier import Notifier
from actum.engine.recorder import Recorder
from actum.engine.watching import CHAINS, UNSERVED, Watcher
from actum.errors import InvalidInput, NotFound, NotPossible
from actum.machine.policy import Operation
from actum.model.ids import short
from actum.model.incident import IncidentState, Rule
from actum.store.incidents import IncidentRow
from actum.store.store import Store
from actum.testing.harness import Harness

OWNER = Owner("platform", escalation=["#oncall", "user:lead"], runbook="runbooks/change.md")
SLEEPER = Owner("night", escalation=["#night"], quiet_hours="22:00-07:00")
ONCE = Retry(attempts=1)

go = Signal("go", str)


@step(retry=ONCE)
async def fail(what: str) -> str:
    raise Fatal(what)


@step(retry=ONCE, spends=Spending(model_calls=1))
async def call() -> int:
    return 1


@step(retry=ONCE)
async def dawdle(what: str) -> str:
    await asyncio.Event().wait()
    return what


@effect("mail.send", retry=ONCE, in_doubt="repeat")
async def send(to: str) -> str:
    raise NotDone(f"{to} is full")


@effect("bank.pay", retry=ONCE)
async def pay(amount: int) -> str:
    raise ConnectionError("the line went dead")


@effect("room.book", retry=ONCE, in_doubt="repeat")
async def book(room: str) -> str:
    return room


@book.undo
async def _(booked: str, room: str) -> None:
    raise NotDone("somebody sits in it")


@contract(owner=OWNER, on_failure="fail")
async def mails(to: str) -> str:
    return await send(to)


@contract(owner=SLEEPER, on_failure="fail")
async def pays(amount: int) -> str:
    return await pay(amount)


@contract(owner=OWNER, on_failure="rollback")
async def books(room: str) -> str:
    await book(room)
    return await fail("no")


@contract(owner=SLEEPER, on_failure="fail", slo=Slo(decision="4h"))
async def asks(room: str) -> str:
    return await book(room)


@contract(owner=OWNER, on_failure="fail", budget=Budget(model_calls=1, over="fail"))
async def spends(times: int) -> int:
    return sum([await call() for _ in range(times)])


@contract(owner=OWNER, slo=Slo(progress="2h"))
async def dawdles(what: str) -> str:
    return await dawdle(what)


@contract(owner=OWNER)
async def listens() -> str:
    return await go.wait()


@contract(owner=OWNER, on_failure="fail", slo=Slo(completion=0.9, when_exhausted="reduce_autonomy"))
async def breaks(room: str) -> str:
    await book(room)
    return await fail(room) if room == "none" else room


POLICY = """
schema = 1
name = "tests"
owner = "platform"
default_tier = 2
"""
for number, kind in enumerate(("mail.send", "bank.pay", "room.book")):
    POLICY += f'[[rule]]\nid = "r{number}"\nmatch = {{ kind = "{kind}" }}\ntier = 0\nwhy = "It is small."\n'


async def automate(actum: Harness) -> None:
    """Have policy let every effect through."""
    await actum.activate(POLICY)


async def watch(actum: Harness, times: int = 1) -> Watcher:
    """Have a watcher of its own look; those of workers look when they like, and find nothing else."""
    watcher = Watcher(actum.store, "worker:test")
    for _ in range(times):
        await watcher.watch_once()
    return watcher


async def rows_of(actum: Harness, rule: Rule, *, only_open: bool = True) -> list[IncidentRow]:
    return [row for row in await actum.store.incidents.list(only_open=only_open) if row.rule == rule.value]


async def only(actum: Harness, rule: Rule) -> IncidentRow:
    (row,) = await rows_of(actum, rule, only_open=False)
    return row


async def told(actum: Harness) -> dict[str, list[str]]:
    """Return what the outbox holds of incidents: recipients by level of the key."""
    rows = [row for row in await actum.store.notifications.list() if row.kind == "incident"]
    assert len(rows) == len({row.key for row in rows})
    return {row.key.rpartition("/")[2]: row.recipients for row in sorted(rows, key=lambda row: row.key)}


async def run(actum: Harness, calls: Sequence[Any]) -> list[Any]:
    handles = [await actum.start(call) for call in calls]
    await actum.run_until_idle()
    return handles


async def crash(actum: Harness, handle: Any, shape: bytes, times: int = 5) -> None:
    """Have a workflow be held by workers that die, as the Rescuer sees it."""
    for _ in range(times):
        dead = uuid4()
        held = await actum.store.workflows.claim(
            instance=dead, python="3", queues=["crashing"], shapes=[shape], slots=1, only=handle.workflow_id
        )
        assert [handle.workflow_id] == [row.id for row in held]
        await actum.store.workflows.rescue(instances=[dead], slots=10)


async def test_whatever_goes_wrong_three_times_is_one_incident_that_counts_three(actum: Harness) -> None:
    @contract(owner=OWNER, queue="crashing")
    async def crashes() -> str:
        return await go.wait()

    @contract(owner=OWNER)
    async def nobodys() -> str:
        return await go.wait()

    await automate(actum)
    crashing = [await actum.start(crashes()) for _ in range(3)]
    for handle in crashing:
        await crash(actum, handle, crashes.shape_hash)
    await actum.worker([mails, pays, books, breaks, crashes])
    sent = await run(actum, [mails(f"m{number}") for number in range(3)])
    await run(actum, [pays(1), pays(2), pays(3), books("a"), books("b"), books("c")])
    await run(actum, [breaks("none"), breaks("none"), breaks("none")])
    await actum.activate(POLICY.replace('"room.book"', '"x.y"').replace('"tests"', '"asks"'))
    await actum.worker([asks, dawdles])
    for number in range(3):
        await actum.start(nobodys())
        await actum.start(asks(f"room {number}"))
    dawdling = [await actum.start(dawdles("x")) for _ in range(3)]

    async def stand() -> bool:
        rows = [await handle.row() for handle in dawdling]
        return 3 == len((await actum.inbox())[0]) == sum(row.status == "running" for row in rows)

    await until(stand, "the approvals, and steps that go on")
    actum.clock.advance("5h")
    await actum.worker([spends])
    for _ in range(3):
        with pytest.raises(WorkflowFailed, match="raise Budget"):
            await (await actum.start(spends(2))).result(10)
    async with actum.store.pool.connection() as connection, connection.transaction():
        await connection.execute("set local session_replication_role = replica")
        ids = [handle.workflow_id for handle in sent]
        edit = "update actum.events set actor = 'user:else' where seq = 2 and workflow_id = any($1)"
        assert "UPDATE 3" == await connection.execute(edit, ids)
    actum.audits = False
    recorder = Recorder(actum.store, uuid4())
    watcher = Watcher(actum.store, "worker:test", recorder)
    for number in range(3 + 30 // CHAINS):
        recorder.stops += number < 3
        await watcher.watch_once()
    counts = {(row.rule, row.contract, row.reason): row.count for row in await actum.store.incidents.list()}
    wanted = {
        ("undo_failed", "books"): 3,
        ("retries_exhausted", "mails"): 3,
        ("doubt", "pays"): 3,
        ("stuck", "dawdles"): 3,
        ("approval_late", "asks"): 3,
        ("chain_broken", "mails"): 3,
        ("crash_loop", "crashes"): 3,
        ("unserved", "nobodys"): 3,
        ("writer_stopped", ""): 3,
        ("budget_spent", "spends"): 3,
    }
    assert wanted == {key[:2]: count for key, count in counts.items() if key[0] != "burn"}
    assert len(wanted) == len([key for key in counts if key[0] != "burn"])
    assert {("breaks", "completion"), ("breaks", "completion.exhausted")} == {
        key[1:] for key in counts if key[0] == "burn"
    }
    assert set(Rule) - {Rule.REPORTED} == {Rule(key[0]) for key in counts}
    owners = {
        row.contract: (row.team, row.contacts, row.runbook) for row in await actum.store.incidents.list()
    }
    assert ("platform", ["#oncall", "user:lead"], "runbooks/change.md") == owners["books"]
    assert ("night", ["#night"], None) == owners["pays"]
    await each_is_told_once_and_escalated_on_schedule(actum, watcher)


async def each_is_told_once_and_escalated_on_schedule(actum: Harness, watcher: Watcher) -> None:
    """Have everything that is open sent to a real receiver, until a quarter of an hour later."""
    rows = await actum.store.incidents.list()
    async with receiving() as receiver:
        notifier = Notifier(actum.store, [receiver.channel()])

        async def sent() -> list[str]:
            while await notifier.notify_once():
                pass
            return [key for key in receiver.keys if key.startswith("incident/")]

        assert {f"incident/{row.id}/{level}" for row in rows for level in range(1, row.level + 1)} == {
            *await sent()
        }
        actum.clock.advance("16m")
        for _ in range(3):
            await watcher.watch_once()
        later = await actum.store.incidents.list(only_open=False)
        keys = await sent()
        over = [row.id for row in later if row.resolved_at is not None]
        assert len(over) == sum("/over/" in key for key in keys), "no budget has refused anything for a while"
        keys = [key for key in keys if "/over/" not in key]
        assert {f"incident/{row.id}/{level}" for row in later for level in range(1, row.level + 1)} == {*keys}
        assert len(keys) == len({*keys}), "each once"
    waits = [row for row in later if row.rule == Rule.APPROVAL_LATE]
    assert {row.id for row in rows} == {row.id for row in later}
    told_on = [row for row in later if row not in waits and row.id not in over]
    assert all(row.level >= 1 + min(len(row.contacts), 1) for row in told_on)


async def test_a_budget_that_lets_nothing_in_is_an_incident_until_it_does(actum: Harness) -> None:
    @contract(owner=OWNER, budget=Budget(model_calls=1, per="day", team="risk"))
    async def daily() -> int:
        return await call()

    await actum.worker([daily])
    handles = [await actum.start(daily()) for _ in range(3)]
    await actum.run_until_idle()
    await watch(actum, 2)
    (row,) = await rows_of(actum, Rule.BUDGET_SPENT)
    assert ("", "team.risk.model_calls", "risk") == (row.contract, row.reason, row.team)
    assert (
        "1 of 1 model_calls are used: raise Budget(model_calls=…), or wait for the next day (UTC)"
        in row.summary
    )
    assert {"1": ["team:risk"]} == await told(actum)
    assert set(row.workflow_ids) < {one.workflow_id for one in handles}
    for _ in range(3):
        actum.clock.advance("1d")
        await actum.run_until_idle()
    assert ["completed"] * 3 == [await one.status() for one in handles]
    actum.clock.advance("16m")
    await watch(actum)
    ended = await only(actum, Rule.BUDGET_SPENT)
    assert (IncidentState.RESOLVED, "recovered") == (ended.state, ended.cause)


async def test_its_owner_is_told_on_schedule_each_contact_once_until_somebody_takes_it_on(
    actum: Harness,
) -> None:
    await automate(actum)
    await actum.worker([mails])
    await run(actum, [mails("ana")])
    watchers = [Watcher(actum.store, f"worker:{number}") for number in range(4)]

    async def all_look() -> dict[str, list[str]]:
        await asyncio.gather(*(watcher.watch_once() for watcher in watchers))
        return await told(actum)

    first = {"1": ["team:platform"]}
    assert first == await all_look() == await all_look()
    actum.clock.advance("14m")
    assert first == await all_look()
    actum.clock.advance("61s")
    assert first | {"2": ["#oncall"]} == await all_look() == await all_look()
    row = await only(actum, Rule.RETRIES_EXHAUSTED)
    (sent, *_) = [one for one in await actum.store.notifications.list() if one.kind == "incident"]
    message = compose(sent, "https://console.example")
    assert f"https://console.example/incidents/{row.id}" == message.link
    assert f"actum incident show {short(row.id)}" == message.command
    assert "runbooks/change.md" in message.body
    await actum.client.incidents.acknowledge(row.id)
    await actum.reviewer.incidents.acknowledge(row.id)
    actum.clock.advance("2d")
    assert first | {"2": ["#oncall"]} == await all_look()
    row = await only(actum, Rule.RETRIES_EXHAUSTED)
    assert (IncidentState.ACKNOWLEDGED, "user:author") == (row.state, row.acknowledged_by)


async def test_unless_somebody_does_the_last_contact_is_told_too_and_then_nobody(actum: Harness) -> None:
    await automate(actum)
    await actum.worker([mails])
    await run(actum, [mails("ana")])
    await watch(actum)
    actum.clock.advance("2d")
    await watch(actum, 6)
    assert {"1": ["team:platform"], "2": ["#oncall"], "3": ["user:lead"]} == await told(actum)


async def test_one_look_is_enough_for_all_until_a_while_has_passed(actum: Harness) -> None:
    await actum.start(listens())
    actum.clock.advance("1h")
    recorder = Recorder(actum.store, uuid4())
    watchers = [Watcher(actum.store, f"worker:{number}") for number in range(4)]
    watchers.append(Watcher(actum.store, "worker:own", recorder))
    looks = await asyncio.gather(*(watcher.watch_in_turn() for watcher in watchers))
    assert [0, 0, 0, 0] == sorted(looks)[:4]
    assert 2 == max(looks), "opened and told"
    assert [0] * 5 == [await watcher.watch_in_turn() for watcher in watchers]
    recorder.stops += 1
    assert 2 == await watchers[4].watch_in_turn(), "what it alone knows waits for no turn"
    actum.clock.advance("16m")
    assert [1, 0, 0, 0, 0] == [await watcher.watch_in_turn() for watcher in watchers]


async def test_quiet_hours_hold_back_what_can_wait_and_nothing_else(actum: Harness) -> None:
    today = datetime.now(UTC).date()
    midnight = datetime.combine(today + timedelta(days=2), clock_time(0), UTC)
    actum.clock.advance_to(midnight - timedelta(hours=6))
    await actum.worker([asks, pays])
    await actum.start(asks("blue"))

    async def is_asked() -> bool:
        return bool((await actum.inbox())[0])

    await until(is_asked, "the approval")
    actum.clock.advance_to(midnight)
    await watch(actum)
    late = await only(actum, Rule.APPROVAL_LATE)
    assert (0, {}) == (late.level, await told(actum))
    paying = await actum.start(pays(5))
    await actum.approve(paying)

    async def is_blocked() -> bool:
        return (await paying.row()).cause == "in_doubt"

    await until(is_blocked, "the doubt")
    await watch(actum)
    assert {"1": ["team:night"]} == await told(actum)
    assert 1 == (await only(actum, Rule.DOUBT)).level
    actum.clock.advance_to(midnight + timedelta(hours=6, minutes=59))
    await watch(actum)
    assert 0 == (await only(actum, Rule.APPROVAL_LATE)).level
    actum.clock.advance_to(midnight + timedelta(hours=7, seconds=1))
    await watch(actum)
    assert 1 == (await only(actum, Rule.APPROVAL_LATE)).level


async def test_what_goes_away_ends_by_itself_or_leaves_the_cause_to_whoever_took_it_on(
    actum: Harness,
) -> None:
    await actum.start(listens())
    actum.clock.advance(UNSERVED + timedelta(seconds=1))
    await watch(actum)
    first = await only(actum, Rule.UNSERVED)
    worker = await actum.worker([listens])
    await actum.run_until_idle()
    await watch(actum)
    row = await actum.client.incidents.get(first.id)
    assert (IncidentState.RESOLVED, "recovered", True) == (
        row.state,
        row.cause,
        (row.resolved_by or "").startswith("worker:"),
    )
    await worker.stop()
    await actum.start(listens())
    actum.clock.advance(UNSERVED + timedelta(seconds=1))
    await watch(actum)
    (second,) = await rows_of(actum, Rule.UNSERVED)
    assert first.id != second.id
    await actum.client.incidents.acknowledge(second.id)
    await actum.worker([listens])
    await actum.run_until_idle()
    await watch(actum)
    row = await actum.client.incidents.get(second.id)
    assert (IncidentState.MITIGATED, None) == (row.state, row.cause)
    await actum.client.incidents.resolve(second.id, cause="capacity", note="one worker was too few")
    with pytest.raises(NotPossible, match="was resolved by user:author"):
        await actum.client.incidents.resolve(second.id, cause="code")
    assert [] == await rows_of(actum, Rule.UNSERVED)


async def test_what_was_resolved_opens_again_only_by_what_came_up_since_and_for_the_owner_of_then(
    actum: Harness,
) -> None:
    await automate(actum)
    worker = await actum.worker([mails])
    await run(actum, [mails("ana")])
    await watch(actum)
    first = await only(actum, Rule.RETRIES_EXHAUSTED)
    for cause, note in (("because", "x"), ("recovered", "x"), ("other", " ")):
        with pytest.raises(InvalidInput):
            await actum.client.incidents.resolve(first.id, cause=cause, note=note)
    await actum.client.incidents.resolve(first.id, cause="provider")
    await watch(actum, 2)
    assert [] == await rows_of(actum, Rule.RETRIES_EXHAUSTED)
    await worker.stop()

    @contract(name="mails", owner=Owner("letters", escalation=["#post"]), on_failure="fail", steps=[send])
    async def later(to: str) -> str:
        return await send(to)

    assert register(later).document_hash != register(mails).document_hash
    await actum.worker([later])
    await run(actum, [later("ben")])
    await watch(actum)
    (second,) = await rows_of(actum, Rule.RETRIES_EXHAUSTED)
    assert ("letters", ["#post"], 1) == (second.team, second.contacts, second.count)
    again = await actum.client.incidents.get(first.id)
    assert ("platform", ["#oncall", "user:lead"]) == (again.team, again.contacts)
    with pytest.raises(NotFound):
        await actum.client.incidents.get(uuid4())


async def test_what_a_person_sees_first_is_a_detection_miss_and_is_counted(actum: Harness) -> None:
    await automate(actum)
    await actum.worker([mails])
    person = actum.client.incidents
    missed, is_new = await person.open(
        "no letters arrive", contract="mails", step="send", rule=Rule.RETRIES_EXHAUSTED
    )
    assert (True, True, None) == (is_new, missed.is_missed, missed.machine_at)
    assert ("platform", ["#oncall", "user:lead"]) == (missed.team, missed.contacts)
    same, is_new = await person.open("still none", contract="mails", step="send", rule=Rule.RETRIES_EXHAUSTED)
    assert (missed.id, False) == (same.id, is_new)
    (handle,) = await run(actum, [mails("ana")])
    await watch(actum)
    seen = next(one for one in await actum.store.incidents.list() if one.machine_at is not None)
    other, _ = await person.open("letters again", workflows=[handle.short_id])
    assert ("mails", False, [handle.workflow_id]) == (other.contract, other.is_missed, other.workflow_ids)
    (digest,) = await person.digest()
    assert ("platform", 1) == (digest.team, digest.missed)
    assert digest.opened == digest.still_open == len(await actum.store.incidents.list())
    happened = [(one.what, one.workflow_id) for one in await person.timeline(seen.id)]
    assert {("opened", None), ("told", None), ("effect.failed", handle.workflow_id)} <= set(happened)
    assert sorted(one.at for one in await person.timeline(seen.id)) == [
        one.at for one in await person.timeline(seen.id)
    ]


async def test_a_used_up_budget_has_tier_0_asked_for_until_its_incident_ends(actum: Harness) -> None:
    await automate(actum)
    worker = await actum.worker([breaks])
    operation = Operation(kind="room.book", contract="breaks", team="platform")
    other = Operation(kind="room.book", contract="books", team="platform")
    await run(actum, [breaks("none"), breaks("none"), breaks("blue")])
    await watch(actum)
    await worker.policing.refresh_once()
    assert 0 == worker.policing.rule(operation).tier
    assert [] == await rows_of(actum, Rule.BURN)
    await run(actum, [breaks("none")])
    await watch(actum)
    rows = {row.reason: row for row in await rows_of(actum, Rule.BURN)}
    assert {"completion": False, "completion.exhausted": True} == {
        reason: row.reduces_autonomy for reason, row in rows.items()
    }
    assert "now" == rows["completion"].urgency
    (promise,) = await actum.client.incidents.promises("breaks")
    assert (4, 3, True) == (promise.counts.total, promise.counts.bad, promise.is_exhausted)
    await worker.policing.refresh_once()
    ruling = worker.policing.rule(operation)
    assert (1, "slo", ("team:platform",)) == (ruling.tier, ruling.rules[-1], ruling.approvers)
    assert 0 == worker.policing.rule(other).tier
    handle = await actum.start(breaks("green"))
    await actum.approve(handle, by="user:reviewer")
    assert "green" == await handle.result(10)
    for row in rows.values():
        await actum.client.incidents.resolve(row.id, cause="code")
    await watch(actum)
    await worker.policing.refresh_once()
    assert 0 == worker.policing.rule(operation).tier


async def test_many_workflows_are_counted_first_and_reached_by_one_statement(actum: Harness) -> None:
    await actum.worker([listens])
    handles = [await actum.start(listens(), tags={"tenant": "a" if number else "b"}) for number in range(4)]
    await actum.run_until_idle()
    client = actum.client
    plan = await plan_bulk(client, "pause", await read_filter(client, ["contract=listens", "tag.tenant=a"]))
    assert {handle.workflow_id for handle in handles[1:]} == {row.id for row in plan.rows}
    with pytest.raises(NotPossible, match="3 workflows fit and 4 were meant"):
        await carry_out_bulk(client, plan, reason="look", count=4)
    with pytest.raises(InvalidInput, match="reason"):
        await carry_out_bulk(client, plan, reason=" ", count=3)
    await carry_out_bulk(client, plan, reason="look", count=3)
    await actum.run_until_idle()
    statuses = [await handle.status() for handle in handles]
    assert ["waiting", "paused", "paused", "paused"] == statuses
    again = await plan_bulk(client, "pause", plan.filter)
    assert 0 == again.total
    resumed = await plan_bulk(client, "resume", await read_filter(client, ["status=paused"]))
    assert 3 == resumed.total
    await handles[1].cancel("not this one")
    await actum.run_until_idle()
    _, reached = await carry_out_bulk(client, resumed, reason="seen", count=3)
    assert {handle.workflow_id for handle in handles[2:]} == set(reached)
    await actum.run_until_idle()
    counted = Counter([await handle.status() for handle in handles])
    assert {"waiting": 3, "cancelled": 1} == counted
    (incident, _) = await client.incidents.open("a look", workflows=[handles[2].short_id])
    assert (
        1
        == (
            await plan_bulk(client, "cancel", await read_filter(client, [f"incident={short(incident.id)}"]))
        ).total
    )


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        ["contract"],
        ["name=x"],
        ["status=completed"],
        ["cause=tired"],
        ["older=soon"],
        ["team=a", "team=b"],
    ],
)
async def test_a_filter_that_cannot_be_meant_is_refused(conditions: list[str]) -> None:
    with pytest.raises(InvalidInput):
        await read_filter(None, conditions)  # type: ignore[arg-type]  # no client is needed to refuse


async def test_a_worker_watches_and_a_console_acts_with_the_rights_of_their_roles_alone(
    actum: Harness,
) -> None:
    await automate(actum)
    await actum.worker([mails, listens])
    _, listening = await run(actum, [mails("ana"), listens()])
    stores = []
    try:
        for role in ("actum_worker", "actum_console"):
            address = f"{actum.dsn}{'&' if '?' in actum.dsn else '?'}role={role}"
            stores.append(await Store.open(address, now=actum.clock.now))
        worker, console = stores
        actum.clock.advance("16m")
        await Watcher(worker, "worker:role").watch_once()
        await Watcher(worker, "worker:role").watch_once()
        row = await only(actum, Rule.RETRIES_EXHAUSTED)
        assert 1 <= row.level == len(await told(actum))
        person = await Client.over(console, actor="user:reviewer")
        await person.incidents.acknowledge(row.id)
        await person.incidents.open("it is slow", workflows=[listening.short_id])
        plan = await plan_bulk(person, "cancel", await read_filter(person, ["contract=listens"]))
        _, reached = await carry_out_bulk(person, plan, reason="done", count=1)
        assert [listening.workflow_id] == reached
        await actum.run_until_idle()
        assert "cancelled" == await listening.status()
        await person.incidents.resolve(row.id, cause="provider")
        await person.close()
    finally:
        for store in stores:
            await store.close()
