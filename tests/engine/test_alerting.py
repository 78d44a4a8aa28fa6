"""Incidents at an Alertmanager: one alert each, by labels that are few, as it stands now, until it is over."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from notified import SECRET, receiving

from actum.engine.alertmanager import UNTIL, Alertmanager, alerts_of
from actum.engine.notifier import NEWS, PATIENCE, Notifier, channels_of
from actum.engine.watching import EVERY, UNSERVED, Watcher
from actum.machine.incidents import Trouble
from actum.model.ids import short
from actum.model.incident import Rule, Urgency
from actum.settings import Settings
from actum.store.incidents import IncidentRow
from actum.store.notifications import KEPT
from actum.testing.harness import Harness


async def open_one(actum: Harness, rule: Rule = Rule.UNSERVED, **values: Any) -> IncidentRow:
    """Have the machine open one incident that lasts, and its team be told."""
    now = await actum.store.read_clock()
    known: dict[str, Any] = {"step": "send", "reason": "tool.error", "team": "platform", "count": 3}
    trouble = Trouble(rule, "mails", first_at=now, last_at=now, **(known | values))
    assert 1 == await actum.store.incidents.open([trouble], actor="worker:test")
    row = next(one for one in await actum.store.incidents.list() if one.key == trouble.key)
    await Watcher(actum.store, "worker:test")._tell([row], await actum.store.read_clock())
    return row


async def test_an_incident_is_one_alert_and_its_end_is_the_end_of_the_same_alert(actum: Harness) -> None:
    row = await open_one(actum, Rule.RETRIES_EXHAUSTED)
    async with receiving() as receiver:
        notifier = Notifier(actum.store, [Alertmanager(receiver.url_of("/am/"))], "https://console.example")
        await notifier.notify_once()
        await actum.client.incidents.mitigate(row.id, note="sent by hand")
        await actum.client.incidents.resolve(row.id, cause="provider")
        assert [1, 0] == [await notifier.notify_once(), await notifier.notify_once()]
    posted = [json.loads(body) for _, body in receiver.received]
    assert {"POST /am/api/v2/alerts HTTP/1.1"} == {headers["first"] for headers, _ in receiver.received}
    assert 3 == len(posted), "what is open once from the start, once by the outbox; then its end"
    (anew,), (fired,), (ended,) = posted
    assert {
        "alertname": "ActumIncident", "rule": "retries_exhausted", "contract": "mails", "step": "send",
        "reason": "tool.error", "team": "platform", "severity": "warning",
    } == fired["labels"] == ended["labels"] == anew["labels"]  # fmt: skip
    assert fired["startsAt"] == ended["startsAt"] == row.opened_at.isoformat()
    assert timedelta(days=6) < datetime.fromisoformat(fired["endsAt"]) - row.opened_at
    over = await actum.client.incidents.get(row.id)
    assert over.mitigated_at is not None
    assert over.mitigated_at.isoformat() == ended["endsAt"]
    assert f"https://console.example/incidents/{row.id}" == fired["generatorURL"]
    assert ("3", short(row.id)) == (fired["annotations"]["affected"], fired["annotations"]["incident"])


async def test_what_an_alertmanager_does_not_take_is_sent_again_and_says_how_it_stands_by_then(
    actum: Harness,
) -> None:
    row = await open_one(actum)
    refusal = b"HTTP/1.1 503 .\r\n\r\n"
    async with receiving(refusal, refusal) as receiver:
        notifier = Notifier(actum.store, [Alertmanager(receiver.url_of(""))])
        await notifier.notify_once()
        (told,) = await actum.store.notifications.list("unsent")
        assert (1, "Alertmanager answered 503") == (told.attempts, told.error)
        await actum.client.incidents.resolve(row.id, cause="capacity")
        actum.clock.advance(PATIENCE)
        assert 2 == await notifier.notify_once(), "its beginning and its end"
    ends = {json.loads(body)[0]["endsAt"] for _, body in receiver.received[2:]}
    over = await actum.client.incidents.get(row.id)
    assert over.resolved_at is not None
    assert {over.resolved_at.isoformat()} == ends
    assert {"sent"} == {one.state for one in await actum.store.notifications.list()}


async def test_an_end_that_leaves_late_does_not_end_the_alert_of_what_has_come_back(actum: Harness) -> None:
    row = await open_one(actum, Rule.RETRIES_EXHAUSTED)
    taken = b"HTTP/1.1 204 .\r\n\r\n"
    async with receiving(taken, taken, b"HTTP/1.1 503 .\r\n\r\n") as receiver:
        notifier = Notifier(actum.store, [Alertmanager(receiver.url_of(""))])
        await notifier.notify_once()
        await actum.client.incidents.resolve(row.id, cause="provider")
        await notifier.notify_once()
        actum.clock.advance(PATIENCE)
        again = await open_one(actum, Rule.RETRIES_EXHAUSTED)
        assert 2 == await notifier.notify_once(), "the end of the first, and the beginning of the second"
    late = [json.loads(body) for _, body in receiver.received[3:]]
    assert [again.opened_at.isoformat()] * 2 == [alert["startsAt"] for (alert,) in late]
    assert all(datetime.fromisoformat(alert["endsAt"]) > again.opened_at for (alert,) in late)


async def test_the_end_of_what_lasted_longer_than_notices_are_kept_is_told_to_all_who_knew(
    actum: Harness,
) -> None:
    row = await open_one(actum, Rule.RETRIES_EXHAUSTED)
    async with receiving() as receiver:
        await Notifier(actum.store, [receiver.channel()]).notify_once()
        actum.clock.advance(KEPT + timedelta(hours=1))
        await Notifier(actum.store, [receiver.channel()]).notify_once()
        await actum.client.incidents.resolve(row.id, cause="provider")
        assert 1 == await Notifier(actum.store, [receiver.channel()]).notify_once()
        actum.clock.advance(KEPT + timedelta(hours=1))
        await Notifier(actum.store, [receiver.channel()]).notify_once()
    assert ["incident", "incident_end"] == [json.loads(body)["kind"] for _, body in receiver.received]
    assert [] == await actum.store.notifications.list(), "nobody is to be told anything more of it"


async def test_an_end_that_the_outbox_gave_up_is_told_for_as_long_as_the_alert_would_stand(
    actum: Harness,
) -> None:
    row = await open_one(actum, Rule.RETRIES_EXHAUSTED)
    await actum.client.incidents.resolve(row.id, cause="provider")
    actum.clock.advance(NEWS + timedelta(minutes=1))
    async with receiving() as receiver:
        await Notifier(actum.store, [Alertmanager(receiver.url_of(""))]).notify_once()
        ((told,),) = (json.loads(body) for _, body in receiver.received)
        over = await actum.client.incidents.get(row.id)
        assert over.resolved_at is not None
        assert over.resolved_at.isoformat() == told["endsAt"]
        actum.clock.advance(UNTIL)
        await Notifier(actum.store, [Alertmanager(receiver.url_of(""))]).notify_once()
    assert 1 == len(receiver.received)


async def test_an_alertmanager_takes_incidents_alone_and_leaves_the_rest_to_others(actum: Harness) -> None:
    await open_one(actum)
    await actum.store.notifications.enqueue(key="test/1", kind="test", recipients=[], subject="Decide")
    async with receiving() as alerts, receiving() as hook:
        alone = Notifier(actum.store, [Alertmanager(alerts.url_of(""))])
        assert 1 == await alone.notify_once()
        assert [("test/1", 0)] == [
            (one.key, one.attempts) for one in await actum.store.notifications.list("unsent")
        ]
        both = Notifier(actum.store, [Alertmanager(alerts.url_of("")), hook.channel()])
        await actum.store.notifications.enqueue(key="test/2", kind="test", recipients=[], subject="What?")
        await both.notify_once()
    assert ["test/1", "test/2"] == sorted(hook.keys)
    assert 3 == len(alerts.received), "the incident by the outbox, and by each notifier as it began"


async def test_whoever_was_told_of_an_incident_is_told_once_that_it_is_over_by_itself(actum: Harness) -> None:
    row = await open_one(actum)
    unheard = await actum.client.incidents.open("nobody was told of this one")
    async with receiving() as receiver:
        notifier = Notifier(actum.store, [receiver.channel()])
        await notifier.notify_once()
        await actum.client.incidents.resolve(unheard[0].id, cause="false_alarm")
        await Watcher(actum.store, "worker:test").watch_once()
        await notifier.notify_once()
    first, last = (json.loads(body) for _, body in receiver.received)
    assert ("incident", "incident_end") == (first["kind"], last["kind"])
    assert f"It is over: {first['subject']}" == last["subject"]
    assert (["team:platform"], "resolved by worker:test: recovered") == (last["recipients"], last["body"])
    assert f"actum incident show {short(row.id)}" == last["command"]


async def test_whoever_was_told_that_it_is_over_is_told_once_that_it_is_back(actum: Harness) -> None:
    row = await open_one(actum)
    await actum.client.incidents.acknowledge(row.id)
    async with receiving() as receiver:
        notifier = Notifier(actum.store, [receiver.channel()])
        await notifier.notify_once()
        await Watcher(actum.store, "worker:test").watch_once()
        for _ in range(2):
            now = await actum.store.read_clock()
            trouble = Trouble(
                Rule.UNSERVED, "mails", "send", "tool.error", "platform", 3, first_at=now, last_at=now
            )
            assert 0 == await actum.store.incidents.open([trouble], actor="worker:test"), "it is the same one"
        while await notifier.notify_once():
            pass
    told = {json.loads(body)["kind"]: json.loads(body) for _, body in receiver.received}
    assert ["incident", "incident_back", "incident_end"] == sorted(told)
    assert 3 == len(receiver.received)
    back = told["incident_back"]
    assert f"It is back: {told['incident']['subject']}" == back["subject"]
    assert (["team:platform"], True) == (back["recipients"], back["body"].startswith("it seemed to be over"))


async def test_a_turn_taken_by_a_clock_that_was_set_back_since_keeps_nobody_from_looking(
    actum: Harness,
) -> None:
    assert [True, False] == [await actum.store.incidents.take_turn(EVERY) for _ in range(2)]
    async with actum.store.pool.connection() as connection:
        await connection.execute("update actum.watch_turn set taken_at = taken_at + interval '1 day'")
    assert [True, False] == [await actum.store.incidents.take_turn(EVERY) for _ in range(2)]


async def test_that_something_is_over_wakes_nobody_and_an_alert_ends_at_once(actum: Harness) -> None:
    row = await open_one(actum, Rule.RETRIES_EXHAUSTED)
    noon = datetime.combine(row.opened_at.date() + timedelta(days=2), time(12), UTC)
    actum.clock.advance_to(noon + timedelta(hours=11))
    async with actum.store.pool.connection() as connection:
        await connection.execute("update actum.incidents set quiet_hours = '22:00-07:00'")
    await actum.client.incidents.resolve(row.id, cause="provider")
    async with receiving() as alerts, receiving() as hook:
        notifier = Notifier(actum.store, [Alertmanager(alerts.url_of("")), hook.channel()])
        await notifier.notify_once()
        assert ([], 1) == (hook.keys, len(alerts.received))
        actum.clock.advance_to(noon + timedelta(hours=18, minutes=59))
        assert 0 == await notifier.notify_once()
        standing = await actum.store.notifications.read_standing(timedelta(0))
        assert 0 == standing.failing, "it waits, and nothing has failed"
        actum.clock.advance_to(noon + timedelta(hours=19, seconds=1))
        assert 1 == await notifier.notify_once()
        assert (["incident_end"], 1) == (
            [json.loads(body)["kind"] for _, body in hook.received],
            len(alerts.received),
        )


async def test_what_becomes_urgent_is_an_urgent_alert_and_ends_the_earlier_one(actum: Harness) -> None:
    row = await open_one(actum, Rule.BURN)
    now = row.opened_at + timedelta(hours=1)
    (waits,) = alerts_of(row, now)
    ended, urgent = alerts_of(replace(row, urgency=Urgency.NOW.value), now)
    assert waits["labels"] == ended["labels"]
    assert ("warning", "critical") == (ended["labels"]["severity"], urgent["labels"]["severity"])
    assert (now.isoformat(), (now + UNTIL).isoformat()) == (ended["endsAt"], urgent["endsAt"])


def test_no_label_holds_an_id_a_sentence_or_anything_endless() -> None:
    now = datetime.now(UTC)
    values: dict[str, Any] = dict.fromkeys(IncidentRow.__dataclass_fields__)
    row = IncidentRow(**values | {
        "id": UUID(int=7), "rule": "reported", "contract": "x\n" * 500, "step": "", "reason": "", "urgency": "now",
        "summary": "a sentence\nof \u202e many", "opened_at": now, "count": 1,
    })  # fmt: skip
    _, alert = alerts_of(row, now)
    assert {"alertname", "rule", "contract", "severity"} == set(alert["labels"])
    assert all(len(value) <= 128 and value.isprintable() for value in alert["labels"].values())
    assert "a sentence\\x0aof \\u202e many" == alert["annotations"]["summary"]


def test_an_alertmanager_is_a_channel_once_its_address_is_set() -> None:
    settings = Settings.read(
        {
            "ACTUM_ALERTMANAGER_URL": "https://alerts.example/am",
            "ACTUM_WEBHOOK_URL": "https://x.example/",
            "ACTUM_WEBHOOK_SECRET": SECRET,
        }
    )
    assert ["webhook", "alertmanager"] == [one.name for one in channels_of(settings)]
    assert UNSERVED < UNTIL
