"""What waits for people reaches them: one message a thing, signed, harmless, at least once, and never after the fact."""

from __future__ import annotations

import asyncio
import hmac
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from notified import SECRET, receiving
from ruled import writes

from actum import Worker, ask, contract
from actum.engine.attending import Attendant
from actum.engine.notices import LONGEST, compose
from actum.engine.notifier import (
    LONGEST_PAUSE,
    MOST_ATTEMPTS,
    NEWS,
    PATIENCE,
    Notifier,
    channels_of,
    conclude,
)
from actum.engine.webhook import sign
from actum.errors import InvalidSettings
from actum.settings import Settings
from actum.store.notifications import KEPT, NotificationRow
from actum.store.store import Store
from actum.testing.harness import Harness

POLICY = """
schema = 1
name = "tests"
owner = "platform"
default_tier = 2

[facts]
rows = "int"

[approvers.dba]
by = ["group:dba", "user:ana"]
expires = "10h"
on_expiry = "escalate"
escalate_to = "leads"

[approvers.leads]
by = ["group:leads"]
expires = "1h"

[[rule]]
id = "some"
match = { kind = "db.write", rows = { le = 100 } }
tier = 1
approvers = "dba"
batch = { by = ["kind"], window = "30m", max_items = 3 }
why = "Some rows."

[[rule]]
id = "many"
match = { kind = "db.write", rows = { gt = 100 } }
tier = 2
approvers = "dba"
why = "Many rows."
"""


@contract(on_failure="fail")
async def wonders(door: str) -> str:
    return await ask(f"Which colour for {door}?", str, to="user:ana")


async def have_asked(actum: Harness, *calls: Any) -> list[UUID]:
    """Have these calls ask, with a worker that then stops; return their approvals."""
    await actum.activate(POLICY)
    worker = await actum.worker([writes])
    for call in calls:
        await actum.start(call)
    await actum.run_until_idle()
    await worker.stop()
    return [one.id for one in (await actum.inbox())[0]]


async def told(actum: Harness) -> dict[str, NotificationRow]:
    """Have one pass find what is to be told; return the whole outbox by key."""
    await Attendant(actum.store).attend_once()
    return {row.key: row for row in await actum.store.notifications.list()}


def row_of(**values: Any) -> NotificationRow:
    now = datetime.now(UTC)
    known: dict[str, Any] = {
        "key": "k", "kind": "test", "about": None, "recipients": ["user:ana"], "subject": "It waits", "body": "",
        "link": None, "created_at": now, "state": "unsent", "due_at": now, "attempts": 1, "channels": [],
        "ended_at": None, "error": None,
    }  # fmt: skip
    return NotificationRow(**(known | values))


async def test_an_approval_that_stands_alone_is_told_once_signed_and_without_its_arguments(
    actum: Harness,
) -> None:
    (approval_id,) = await have_asked(actum, writes("\x1b[2Jsecret\u202e", 500))
    attendant = Attendant(actum.store)
    assert 0 == await attendant.attend_once(), "a grant or a batch may still take it"
    actum.clock.advance("4s")
    assert [1, 0] == [await attendant.attend_once(), await attendant.attend_once()]
    assert [f"approval/{approval_id}"] == [*await told(actum)] == [*await told(actum)]
    async with receiving() as receiver:
        notifier = Notifier(actum.store, [receiver.channel()], "https://console.example/actum/")
        assert [1, 0] == [await notifier.notify_once(), await notifier.notify_once()]
    ((headers, body),) = receiver.received
    message = json.loads(body)
    assert "POST /hook?team=a HTTP/1.1" == headers["first"]
    assert f"approval/{approval_id}" == message["key"] == headers["actum-notification-key"]
    assert "Please decide: Write 500 rows of \\x1b[2Jsecret\\u202e" == message["subject"]
    assert ["group:dba", "user:ana"] == message["recipients"]
    assert f"https://console.example/actum/approvals/{approval_id}" == message["link"]
    assert f"actum inbox {str(approval_id)[-8:]}" == message["command"]
    assert {"key", "kind", "subject", "body", "recipients", "link", "command", "created_at"} == set(message)
    signed = headers["actum-timestamp"].encode() + b"." + body
    assert "v1=" + hmac.new(SECRET.encode(), signed, "sha256").hexdigest() == headers["actum-signature"]
    (row,) = await actum.store.notifications.list("sent")
    assert (1, ["webhook"]) == (row.attempts, row.channels)


async def test_a_batch_is_one_notification_and_its_items_none(actum: Harness) -> None:
    first, _, third = await have_asked(actum, *(writes(table, 50) for table in ("a", "b", "c")))
    actum.clock.advance("4s")
    (row,) = (await told(actum)).values()
    assert ("batch", f"batches/{row.about}") == (row.kind, row.link)
    assert "Please decide 3 together: Write 50 rows of a, and 2 more" == row.subject
    await actum.reviewer.reject(first, "no")
    actum.clock.advance("8h")
    (batch, reminder) = sorted((await told(actum)).values(), key=lambda one: one.kind)
    assert f"remind/{batch.about}/1" == reminder.key, "one for all of its items"
    async with receiving() as receiver:
        notifier = Notifier(actum.store, [receiver.channel()])
        await notifier.notify_once()
        assert {batch.key, reminder.key} == {*receiver.keys}
        assert "" == json.loads(receiver.received[0][1])["link"]
        assert f"actum review {str(batch.about)[-8:]}" == json.loads(receiver.received[0][1])["command"]
    assert third in [one.id for one in (await actum.inbox())[0]]


async def test_a_tier_1_approval_that_never_found_its_batch_is_told_by_itself(actum: Harness) -> None:
    (approval_id,) = await have_asked(actum, writes("a", 50))
    async with actum.store.pool.connection() as connection:
        await connection.execute("update actum.approvals set batch_id = null")
    actum.clock.advance("4s")
    assert [f"approval/{approval_id}"] == [*await told(actum)]


async def test_who_does_not_decide_is_reminded_then_others_are_and_then_its_end_is_told(
    actum: Harness,
) -> None:
    (approval_id,) = await have_asked(actum, writes("a", 500))
    seen: list[str] = []
    for length in ("4s", "7h50m", "20m", "2h", "8h", "2h"):
        actum.clock.advance(length)
        seen += sorted({*await told(actum)} - {*seen})
    assert [
        f"approval/{approval_id}",
        f"remind/{approval_id}/1",
        f"escalation/{approval_id}",
        f"remind/{approval_id}/2",
        f"expiry/{approval_id}",
    ] == seen
    rows = await told(actum)
    assert ["group:leads"] == rows[f"escalation/{approval_id}"].recipients
    assert "Nobody decided in time: Write 500 rows of a" == rows[f"expiry/{approval_id}"].subject
    await actum.worker([writes])
    await actum.run_until_idle()


async def test_what_was_decided_before_it_left_is_not_told(actum: Harness) -> None:
    one, other = await have_asked(actum, writes("a", 500), writes("b", 500))
    actum.clock.advance("4s")
    await told(actum)
    await actum.reviewer.reject(one, "no")
    async with receiving() as receiver:
        await Notifier(actum.store, [receiver.channel()]).notify_once()
    assert [f"approval/{other}"] == receiver.keys
    assert [f"approval/{one}"] == [row.key for row in await actum.store.notifications.list("needless")]


async def test_a_question_is_told_to_whom_it_asks_unless_it_is_answered_first(actum: Harness) -> None:
    await actum.worker([wonders])
    first, second = [await actum.start(wonders(name)) for name in ("the\nfront", "the back")]
    await actum.run_until_idle()
    actum.clock.advance("4s")
    rows = await told(actum)
    assert {f"question/{one.workflow_id}/1" for one in (first, second)} == {*rows}
    await actum.client.answer(second.workflow_id, "1", "blue")
    async with receiving() as receiver:
        await Notifier(actum.store, [receiver.channel()]).notify_once()
    (message,) = [json.loads(body) for _, body in receiver.received]
    assert "A workflow asks: Which colour for the\\x0afront?" == message["subject"]
    assert (["user:ana"], f"actum show {first.short_id}") == (message["recipients"], message["command"])


REFUSALS = (
    b"HTTP/1.1 503 .\r\n\r\n",
    b"HTTP/1.1 302 .\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
    b"HTTP/1.1 103 .\r\n\r\n",
    b"HTTP/1.1 twohundred\r\n\r\n",
    b"SMTP 200 .\r\n\r\n",
    b"",
    b"HTTP/1.1 200 " + b"x" * 100_000,
)


async def test_what_a_receiver_does_not_take_is_sent_again_later_under_the_same_key_until_it_does(
    actum: Harness,
) -> None:
    outbox = actum.store.notifications
    assert await outbox.enqueue(key="incident/é 7", kind="incident", recipients=[], subject="It burns")
    assert not await outbox.enqueue(key="incident/é 7", kind="incident", recipients=[], subject="Again")
    async with receiving(*REFUSALS) as receiver, receiving() as steady:
        notifier = Notifier(actum.store, [receiver.channel(), steady.channel("steady")])
        for number in range(len(REFUSALS)):
            assert 1 == await notifier.notify_once()
            (row,) = await outbox.list("unsent")
            assert (number + 1, ["steady"]) == (row.attempts, row.channels)
            assert row.error is not None
            assert row.error.startswith("the webhook "), row.error
            assert 0 == await notifier.notify_once(), "it pauses first"
            actum.clock.advance(row.due_at - actum.clock.read())
        assert 1 == await notifier.notify_once()
    assert ["incident/%C3%A9%207"] * (len(REFUSALS) + 1) == receiver.keys
    assert ["It burns"] == steady.subjects, "who has it is not told again"
    assert ["sent"] == [row.state for row in await outbox.list()]


async def test_two_notifiers_send_a_thing_once_and_a_dead_ones_things_are_sent_by_the_other(
    actum: Harness,
) -> None:
    outbox = actum.store.notifications
    for number in range(30):
        await outbox.enqueue(key=f"k/{number}", kind="test", recipients=[], subject="It waits")
    dead = await outbox.claim(patience=PATIENCE, no_older=NEWS, count=3)
    async with receiving() as receiver:
        pair = [Notifier(actum.store, [receiver.channel()]) for _ in range(2)]
        while sum(await asyncio.gather(*(one.notify_once() for one in pair))):
            pass
        assert 27 == len(receiver.keys) == len({*receiver.keys} - {row.key for row in dead})
        actum.clock.advance(PATIENCE)
        await pair[0].notify_once()
    assert 30 == len(receiver.keys) == len({*receiver.keys})


async def test_without_a_channel_rows_stay_unsent_and_are_neither_sent_late_nor_kept_for_ever(
    actum: Harness,
) -> None:
    await actum.store.notifications.enqueue(key="k", kind="test", recipients=[], subject="It waits")
    assert 0 == await Notifier(actum.store, []).notify_once()
    assert ["unsent"] == [row.state for row in await actum.store.notifications.list()]
    actum.clock.advance(NEWS)
    async with receiving() as receiver:
        assert 0 == await Notifier(actum.store, [receiver.channel()]).notify_once()
    assert [] == receiver.keys
    actum.clock.advance(KEPT)
    await Notifier(actum.store, []).notify_once()
    assert [] == await actum.store.notifications.list()


async def test_a_worker_tells_by_itself_with_the_rights_of_its_role_alone(actum: Harness) -> None:
    (approval_id,) = await have_asked(actum, writes("a", 500))
    actum.clock.advance("4s")
    address = f"{actum.dsn}{'&' if '?' in actum.dsn else '?'}role=actum_worker"
    store = await Store.open(address, now=actum.clock.now)
    try:
        async with receiving() as receiver:
            settings = replace(actum.settings, webhook_url=receiver.url, webhook_secret=SECRET)
            async with asyncio.timeout(20), Worker([writes], store=store, settings=settings, lease=3600.0):
                while not receiver.keys:
                    await asyncio.sleep(0.02)
    finally:
        await store.close()
    assert [f"approval/{approval_id}"] == receiver.keys


def test_pauses_double_up_to_an_hour_and_end() -> None:
    states, pauses = [], []
    for attempt in range(1, MOST_ATTEMPTS + 1):
        conclusion = conclude(row_of(attempts=attempt), ["steady"], ["no answer"])
        states.append(conclusion.state)
        pauses.append(conclusion.pause)
    assert ["unsent"] * (MOST_ATTEMPTS - 1) + ["abandoned"] == states
    assert [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)] == pauses[:3]
    assert [LONGEST_PAUSE, None] == pauses[-2:]
    assert ("sent", None) == (conclude(row_of(), ["a"], []).state, conclude(row_of(), ["a"], []).error)


@pytest.mark.parametrize(
    ("link", "command"),
    [
        ("workflows/01890000-0000-7000-8000-00000abcdef1", "actum show 0abcdef1"),
        ("approvals/../evil", ""),
        ("incidents/7", ""),
        (None, ""),
    ],
)
def test_a_message_is_harmless_short_and_names_where_to_look(link: str | None, command: str) -> None:
    row = row_of(subject="a\r\nBcc: x\u200b" + "é" * 600, body="b\x07", recipients=["user:\nx"], link=link)
    message = compose(row, "https://c.example")
    assert message.subject.startswith("a\\x0d\\x0aBcc: x\\u200bé")
    assert message.subject.endswith("… (121 more characters)")
    assert LONGEST < len(message.subject) < LONGEST + 40
    assert ("b\\x07", ("user:\\x0ax",), command) == (message.body, message.recipients, message.command)
    assert message.link == (f"https://c.example/{link}" if link else "")
    assert message == compose(row, "https://c.example/")
    assert command in message.as_text() or message.link in message.as_text()


@pytest.fixture
def without_apprise(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "apprise", None)
    return


@pytest.mark.usefixtures("without_apprise")
def test_a_worker_whose_channel_cannot_be_used_says_so_before_it_starts() -> None:
    settings = Settings.read({"ACTUM_APPRISE_URLS": "json://localhost"})
    with pytest.raises(InvalidSettings, match=r"pip install 'actum\[notify\]'"):
        Worker([writes], settings=settings)
    with pytest.raises(InvalidSettings, match="needs webhook_secret"):
        channels_of(replace(Settings.read({}), webhook_url="https://x.example/"))
    assert [] == channels_of(Settings.read({}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACTUM_WEBHOOK_URL", "https://hooks.example/hidden"),  # without a secret
        ("ACTUM_WEBHOOK_URL", "https://user:hidden@hooks.example/"),
        ("ACTUM_WEBHOOK_URL", "https://hooks.example/\r\nhidden: 1"),
        ("ACTUM_WEBHOOK_SECRET", "hidden"),
        ("ACTUM_CONSOLE_URL", "javascript://hidden"),
        ("ACTUM_ALERTMANAGER_URL", "https://user:hidden@alerts.example/"),
        ("ACTUM_APPRISE_URLS", "mailto://a hidden"),
        ("ACTUM_TOKEN", "actum_hidden"),
    ],
)
def test_a_channel_that_cannot_be_meant_is_refused_without_showing_what_is_secret(
    name: str, value: str
) -> None:
    with pytest.raises(InvalidSettings, match=name) as refused:
        Settings.read({name: value})
    assert "hidden" not in str(refused.value)
    assert 1 == len(str(refused.value).splitlines())


def test_a_signature_is_over_the_instant_and_the_body() -> None:
    assert "v1=" + hmac.new(b"s" * 16, b"7.{}", "sha256").hexdigest() == sign("s" * 16, 7, b"{}")
    assert "hidden" not in repr(
        Settings.read({"ACTUM_WEBHOOK_URL": "https://x.example/hidden", "ACTUM_WEBHOOK_SECRET": "hidden" * 3})
    )
