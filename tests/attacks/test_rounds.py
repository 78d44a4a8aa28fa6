"""Attacks on rounds of votes: twice in one, carried into the next, waiting for a lock while another begins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from holding import Held, hash_of, hold
from patience import until_blocked
from people import asked, close_the_door, of, says, stand_in

from actum.client.approvals import raise_undecided
from actum.client.cards import read_card
from actum.errors import NotPossible
from actum.machine.approvals import card_hash
from actum.store.approvals import Ruled
from actum.testing.harness import Harness

TWO_DBAS = of("dba", "group:dba", quorum=2)
TWO_LEADS = of("leads", "user:ana", "user:bo", "user:lea", quorum=2)
LATER = "now() + interval '2 hours'"


async def asked_in_turn(actum: Harness, *, held: Held | None = None, key: str = "door") -> UUID:
    """Ask two of group:dba for an hour, then two of the leads."""
    return await asked(
        actum,
        TWO_DBAS,
        held=held,
        key=key,
        expires_at=await actum.store.read_clock() + timedelta(hours=1),
        on_expiry="escalate",
        escalate_to=orjson.dumps([TWO_LEADS]).decode(),
    )


async def escalate(connection: Any) -> None:
    """Have what is open expire, as the loop does two hours later."""
    rows = await connection.fetch(f"select outcome from actum.expire_approvals(100, {LATER})")  # noqa: S608
    assert {"escalated"} == {row["outcome"] for row in rows}


async def escalated(actum: Harness) -> None:
    async with actum.store.pool.connection() as connection:
        await escalate(connection)


async def log_of(actum: Harness, held: Held) -> list[tuple[str, str, int | None]]:
    return [(one.ruling, one.actor, one.round) for one in await actum.store.approvals.list_decisions(held.id)]


async def test_whoever_voted_before_an_escalation_votes_again_under_the_new_rule(actum: Harness) -> None:
    await close_the_door(actum)
    held = await hold(actum)
    approval_id = await asked_in_turn(actum, held=held)
    assert "voted" == await says(actum, approval_id, "user:ana")
    await escalated(actum)
    row = await actum.store.approvals.get(approval_id)
    assert row is not None
    (need,) = (await read_card(actum.store, row)).needs
    assert ("leads", 2, ()) == (need.group, need.quorum, need.voters)
    assert "voted" == await says(actum, approval_id, "user:lea", seen_hash=row.card_hash)
    assert "not_entitled" == await says(actum, approval_id, "user:cleo")
    assert "decided" == await says(actum, approval_id, "user:ana", seen_hash=row.card_hash)
    assert [
        ("voted", "user:ana", 1), ("escalated", "clock", 2), ("voted", "user:lea", 2), ("approved", "user:ana", 2),
    ] == await log_of(actum, held)  # fmt: skip
    (message,) = await actum.store.messages.read_open([held.id])
    assert {"by": ["user:ana", "user:lea"]} == orjson.loads(message.body or b"{}")
    votes = await actum.store.approvals.list_votes([approval_id])
    assert [("user:ana", 1), ("user:lea", 2), ("user:ana", 2)] == [(one.voter, one.round) for one in votes]


async def test_the_votes_of_an_earlier_round_are_no_part_of_a_later_quorum(actum: Harness) -> None:
    await close_the_door(actum)
    approval_id = await asked_in_turn(actum)
    assert "voted" == await says(actum, approval_id, "user:ana")
    await escalated(actum)
    assert "voted" == await says(actum, approval_id, "user:bo"), "one of two, whatever was said before"
    assert "decided" == await says(actum, approval_id, "user:lea")


async def test_in_each_round_a_person_has_one_vote_in_person_and_through_delegates(actum: Harness) -> None:
    await close_the_door(actum)
    await (await actum.acting("user:root")).accounts.add("user:dan")
    await stand_in(actum, "user:ana", "user:dan")
    approval_id = await asked_in_turn(actum)
    assert "voted" == await says(actum, approval_id, "user:ana")
    assert "already_voted" == await says(actum, approval_id, "user:dan")
    await escalated(actum)
    assert "voted" == await says(actum, approval_id, "user:dan"), "Ana has not voted in this round"
    assert "repeated" == await says(actum, approval_id, "user:DAN")
    for ruling in ("approved", "rejected"):
        assert "already_voted" == await says(actum, approval_id, "user:ana", ruling)
    assert "decided" == await says(actum, approval_id, "user:bo")
    assert "not_pending" == await says(actum, approval_id, "user:dan", "rejected")


async def test_the_card_of_an_earlier_round_decides_nothing(actum: Harness) -> None:
    await close_the_door(actum)
    approval_id = await asked_in_turn(actum)
    assert "voted" == await says(actum, approval_id, "user:ana", seen_hash=hash_of("door"))
    assert "repeated" == await says(actum, approval_id, "user:ana", seen_hash=hash_of("door"))
    await escalated(actum)
    for actor, ruling in (("user:ana", "approved"), ("user:bo", "approved"), ("user:bo", "rejected")):
        assert "stale_card" == await says(actum, approval_id, actor, ruling, seen_hash=hash_of("door"))
    assert 1 == len(await actum.store.approvals.list_votes([approval_id]))


async def test_arguments_approved_in_an_earlier_round_are_not_those_of_a_later_one(actum: Harness) -> None:
    await close_the_door(actum)
    approval_id = await asked_in_turn(actum)
    assert "voted" == await says(actum, approval_id, "user:ana", edit=b'["window"]')
    await escalated(actum)
    assert "voted" == await says(actum, approval_id, "user:ana")
    assert "edits_differ" == await says(actum, approval_id, "user:bo", edit=b'["window"]')
    assert "decided" == await says(actum, approval_id, "user:bo")
    row = await actum.store.approvals.get(approval_id)
    assert row is not None
    assert ("approved", None) == (row.state, row.edited)


@pytest.mark.parametrize("how", ["alone", "with others"])
async def test_a_vote_that_waited_for_a_lock_while_a_round_ended_counts_for_neither(
    actum: Harness, how: str
) -> None:
    await close_the_door(actum)
    approval_id = await asked_in_turn(actum)

    async def vote() -> Sequence[str]:
        if how == "alone":
            return [await says(actum, approval_id, "user:ana")]
        some = [Ruled(approval_id, "approved", "fine"), Ruled(uuid4(), "approved", "fine")]
        return [one.answer for _, one in await actum.store.approvals.decide_many(some, actor="user:ana")]

    blocker = await asyncpg.connect(actum.dsn)
    try:
        async with blocker.transaction():
            await blocker.execute("select 1 from actum.workflows for update")
            voting = asyncio.create_task(vote())
            await until_blocked(blocker)
            await escalate(blocker)
        assert "stale_card" == (await voting)[0]
    finally:
        await blocker.close()
    assert [] == await actum.store.approvals.list_votes([approval_id])
    assert "voted" == (await vote())[0], "said again, it is of the round that it was said in"


async def notice_deadlocks_soon(actum: Harness) -> None:
    """Have every connection of the pool look for a deadlock after a moment, not a second."""
    async with AsyncExitStack() as exits:
        for _ in range(8):
            connection = await exits.enter_async_context(actum.store.pool.connection())
            await connection.execute("set deadlock_timeout = '50ms'")


@pytest.mark.parametrize("how", ["alone", "with others"])
async def test_a_vote_that_is_sent_again_after_a_deadlock_is_of_the_round_it_was_cast_in(
    actum: Harness, how: str
) -> None:
    await close_the_door(actum)
    approval_id = await asked_in_turn(actum)
    approvals = (await actum.acting("user:ana")).approvals

    async def vote() -> None:
        if how == "alone":
            await approvals.approve(approval_id, "fine")
            return
        ((_, answer),) = await approvals.decide_many([Ruled(approval_id, "approved", "fine")])
        raise_undecided(answer, approval_id, "user:ana")

    locked, blocked, go = Event(), Event(), Event()
    await notice_deadlocks_soon(actum)

    async def escalate_elsewhere() -> None:
        blocker = await asyncpg.connect(actum.dsn)
        await blocker.execute("set deadlock_timeout = '1min'")  # whoever votes gives way
        async with blocker.transaction():
            await blocker.execute("select 1 from actum.approvals for update")
            locked.set()
            await until_blocked(blocker)
            blocked.set()
            assert go.wait(20)
            await escalate(blocker)
        await blocker.close()

    elsewhere = Thread(target=lambda: asyncio.run(escalate_elsewhere()))
    elsewhere.start()
    assert await asyncio.to_thread(locked.wait, 20)
    voting = asyncio.create_task(vote())
    assert await asyncio.to_thread(blocked.wait, 20)
    go.set()
    elsewhere.join(20)  # and nothing is heard here of the deadlock before the escalation is durable
    with pytest.raises(NotPossible, match="is not what you read"):
        await voting
    assert [] == await actum.store.approvals.list_votes([approval_id])


async def test_a_late_vote_that_itself_begins_the_next_round_is_no_vote_of_it(actum: Harness) -> None:
    await close_the_door(actum)
    held = await hold(actum)
    approval_id = await asked_in_turn(actum, held=held)
    async with actum.store.pool.connection() as connection:
        await connection.execute("update actum.approvals set expires_at = clock_timestamp()")
    assert "stale_card" == await says(actum, approval_id, "user:ana")
    assert [("escalated", "clock", 2)] == await log_of(actum, held)


async def test_whoever_voted_before_an_escalation_may_hand_over_after_it(actum: Harness) -> None:
    await close_the_door(actum)
    approval_id = await asked_in_turn(actum)
    assert "voted" == await says(actum, approval_id, "user:ana")
    await escalated(actum)
    ana = await actum.acting("user:ana")
    await ana.approvals.hand_over(approval_id, "user:guest", "you know it best")
    assert "voted" == await says(actum, approval_id, "user:guest")
    assert "not_entitled" == await says(actum, approval_id, "user:ana")


async def test_the_pure_hash_of_a_card_is_the_databases(actum: Harness) -> None:
    approval_id = await (await hold(actum)).ask()
    async with actum.store.pool.connection() as connection:
        for number in (1, 2, 3, 70_000):
            await connection.execute("update actum.approvals set round = $1", number)
            told = await connection.fetchval("select actum.card_hash(a) from actum.approvals a")
            assert card_hash(hash_of("door"), number) == told
    row = await actum.store.approvals.get(approval_id)
    assert row is not None
    assert told == row.card_hash
