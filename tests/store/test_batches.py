"""Batches: what joins, what closes, what is fixed once somebody looked; many decisions in one call; grants and limits."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from holding import Held, claim, errand, hold
from patience import until_blocked

from actum.engine.log import Park
from actum.errors import InvalidInput
from actum.model.contract import parse_duration
from actum.model.events import EventKind as K
from actum.model.ids import new_id
from actum.store.approvals import Ruled
from actum.store.rows import DecidedRow
from actum.testing.harness import Harness

NEVER = datetime(2100, 1, 1, tzinfo=UTC)


async def join(actum: Harness, approval_id: UUID, **told: Any) -> UUID | None:
    given: dict[str, Any] = {
        "batch_id": new_id(), "rule": "small", "policy_hash": None, "key": "orders", "window": timedelta(minutes=30),
        "max_items": 3, "max_sums": {"rows": 100}, "amounts": {"rows": 10}, **told,
    }  # fmt: skip
    return await actum.store.batches.join(approval_id, **given)


async def ask_many(held: Held, count: int, *, tier: int = 1) -> list[UUID]:
    return [await held.ask(f"door {number}", tier=tier) for number in range(count)]


async def test_twelve_that_join_at_once_share_batches_of_three(actum: Harness) -> None:
    approvals = await ask_many(await hold(actum), 12)
    joined = await asyncio.gather(*(join(actum, one) for one in approvals))
    assert [3, 3, 3, 3] == sorted(joined.count(one) for one in set(joined))
    assert joined == [await join(actum, one) for one in approvals]
    assert {"size"} == {one.close_reason for one in await actum.store.batches.list()}


async def test_an_item_that_does_not_fit_opens_the_next_batch_or_stands_alone(actum: Harness) -> None:
    one, two, three, four, five, six = await ask_many(await hold(actum), 6)
    first = await join(actum, one, amounts={"rows": 60})
    assert first != await join(actum, two, amounts={"rows": 60})
    assert await join(actum, three, amounts={"rows": 101}) is None
    assert await join(actum, four, amounts={}) is None
    assert await join(actum, five, amounts={"rows": -1}) is None
    assert first != await join(actum, six, key="customers")
    closed = {row.id: row.close_reason for row in await actum.store.batches.list()}
    assert first is not None
    assert "sum" == closed[first]


async def test_three_tenths_are_within_a_limit_of_three_tenths_and_no_cent_more(actum: Harness) -> None:
    asked = await ask_many(await hold(actum), 6)
    limit = {"max_items": 9, "max_sums": {"eur": 0.3}}
    amounts = (0.1, Decimal("0.2"), Decimal("0.0000000000000000001"), 0.1, 0.1, 0.1)
    joined = [
        await join(actum, one, amounts={"eur": amount}, **limit)
        for one, amount in zip(asked, amounts, strict=True)
    ]
    assert [2, 3, 1] == [joined.count(one) for one in dict.fromkeys(joined)]


async def test_what_is_of_tier_2_is_in_no_batch_whoever_puts_it_there(actum: Harness) -> None:
    (one,) = await ask_many(await hold(actum), 1, tier=2)
    assert await join(actum, one) is None
    text = "select actum.join_batch($1, $2, 'small', null, 'orders', '30m', 3, '{}', '{}', null)"
    worker = await asyncpg.connect(actum.dsn)
    try:
        await worker.execute("set session authorization actum_worker")
        assert await worker.fetchval(text, one, new_id()) is None
        assert "UPDATE 1" == await worker.execute("update actum.approvals set placement = null")
        for change in ("tier = 1", f"batch_id = '{new_id()}'"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await worker.execute(f"update actum.approvals set {change}")  # noqa: S608  # our own words
    finally:
        await worker.close()
    async with actum.store.pool.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("update actum.approvals set batch_id = $1", new_id())
    assert [] == await actum.store.batches.list()


async def test_after_its_window_a_batch_is_joined_by_nothing(actum: Harness) -> None:
    one, two = await ask_many(await hold(actum), 2)
    actum.clock.advance("1s")
    first = await join(actum, one)
    actum.clock.advance("31m")
    assert first != await join(actum, two)


async def test_what_a_person_saw_is_what_they_decide_and_each_item_is_judged_alone(actum: Harness) -> None:
    held = await hold(actum)
    one, two, three = await ask_many(held, 3)
    batch_id = await join(actum, one)
    await join(actum, two)
    assert batch_id is not None
    shown = await actum.reviewer.approvals.show_batch(batch_id)
    assert [one, two] == [row.id for row in shown]
    assert batch_id != await join(actum, three)
    assert shown == await actum.reviewer.approvals.show_batch(batch_id)
    verdicts = [
        Ruled(two, "rejected", "not this one", shown[1].action_hash),
        Ruled(one, "approved", "fine", shown[0].action_hash),
        Ruled(three, "approved", "never seen", b"another card"),
        Ruled(uuid4(), "approved", "fine"),
    ]
    answers = await actum.reviewer.approvals.decide_many(verdicts, seen_ms=5000)
    assert ["decided", "decided", "stale_card", "not_found"] == [answer.answer for _, answer in answers]
    states = {row.id: row.state for row in await actum.store.approvals.list_of([held.id])}
    assert {one: "approved", two: "rejected", three: "pending"} == states
    assert batch_id not in {row.id for row in await actum.store.batches.list()}
    again = await actum.reviewer.approvals.decide_many(verdicts[:2])
    assert ["repeated", "repeated"] == [answer.answer for _, answer in again]


async def test_those_who_decide_many_in_opposite_orders_wait_for_each_other_and_never_in_a_circle(
    actum: Harness,
) -> None:
    await actum.client.start_many([errand(str(number)) for number in range(6)])
    approvals = [await held.ask(tier=1) for held in await claim(actum.store, slots=6)]
    for number, one in enumerate(approvals):
        await join(actum, one, key=f"{number % 3}")

    async def decide(actor: int) -> list[str]:
        verdicts = [Ruled(one, "approved", "fine") for one in approvals]
        random.Random(actor).shuffle(verdicts)
        answers = await actum.store.approvals.decide_many(verdicts, actor=f"user:{actor}")
        return [answer.answer for _, answer in answers]

    said = await asyncio.gather(*map(decide, range(12)))
    assert [["decided"] * 6, *([["not_pending"] * 6] * 11)] == sorted(said)


async def test_many_decisions_that_lack_a_reason_change_nothing(actum: Harness) -> None:
    one, two = await ask_many(await hold(actum), 2)
    with pytest.raises(InvalidInput, match="needs its reason"):
        await actum.reviewer.approvals.decide_many(
            [Ruled(one, "approved", "fine"), Ruled(two, "approved", " ")]
        )
    assert 2 == len((await actum.inbox())[0])


async def test_an_outlier_leaves_an_unseen_batch_for_tier_2_and_no_other(actum: Harness) -> None:
    held = await hold(actum)
    one, two = await ask_many(held, 2)
    batch_id = await join(actum, one)
    await join(actum, two)
    assert batch_id is not None
    assert not await actum.store.batches.sift(batch_id, {one: "it can still be joined"})
    assert [] == list(await actum.store.batches.show(batch_id)), "not before somebody looked for outliers"
    assert await actum.store.batches.sift(batch_id, {one: "a check failed"})
    assert not await actum.store.batches.sift(batch_id, {two: "a second look"})
    row = await actum.store.approvals.get(one)
    assert row is not None
    assert (None, 2) == (row.batch_id, row.tier)
    assert [two] == [row.id for row in await actum.reviewer.approvals.show_batch(batch_id)]
    assert not await actum.store.batches.sift(batch_id, {two: "too late"})
    assert ["ejected"] == [one.ruling for one in await actum.store.approvals.list_decisions(held.id)]


async def test_a_batch_closes_once_with_the_reason_that_was_given(actum: Harness) -> None:
    one, two = await ask_many(await hold(actum), 2)
    batch_id = await join(actum, one)
    assert batch_id is not None
    (row,) = await actum.store.batches.list()
    assert not row.all_parked
    assert [batch_id] == await actum.store.batches.close([(batch_id, "parked")])
    assert [] == await actum.store.batches.close([(batch_id, "window")])
    assert batch_id != await join(actum, two)


async def test_nobody_is_said_to_wait_for_a_batch_while_another_item_is_on_its_way_to_it(
    actum: Harness,
) -> None:
    held = await hold(actum)
    one, two, three = await ask_many(held, 3)
    async with actum.store.pool.connection() as connection:
        await connection.execute("update actum.approvals set placement = '{}' where id = $1", three)
    await held.write(await held.record(K.WORKFLOW_PARKED), park=Park(held.wake, NEVER))

    async def all_parked() -> bool:
        (row,) = await actum.store.batches.list()
        return row.all_parked

    await join(actum, one, rule="tests")
    assert not await all_parked()
    await join(actum, two, rule="tests")
    assert not await all_parked()
    actum.clock.advance("11s")  # whoever had to place the third is gone
    assert await all_parked()


@pytest.mark.parametrize(
    ("goes_on", "expires", "expected"), [("30s", None, False), ("2m", None, True), ("30s", "30s", True)]
)
async def test_nobody_is_said_to_wait_for_a_batch_who_goes_on_by_itself_within_a_minute(
    actum: Harness, goes_on: str, expires: str | None, expected: bool
) -> None:
    held = await hold(actum)
    (one,) = await ask_many(held, 1)
    await join(actum, one)
    now = await actum.store.read_clock()
    due = now + parse_duration(goes_on)
    if expires is not None:
        async with actum.store.pool.connection() as connection:
            await connection.execute("update actum.approvals set expires_at = $1", due)
    await held.write(await held.record(K.WORKFLOW_PARKED), park=Park(held.wake, due))
    (row,) = await actum.store.batches.list()
    assert expected == row.all_parked


# Grants and limits.


async def give(actum: Harness, by: str = "user:reviewer", **told: Any) -> UUID:
    client = await actum.acting(by)
    given: dict[str, Any] = {"uses": 2, "lasts": "1h", "reason": "a busy hour", **told}
    return await client.grants.give(given.pop("matcher", {"kind": "open"}), **given)


async def test_a_grant_approves_as_its_giver_until_it_is_spent_ended_or_taken_back(actum: Harness) -> None:
    held = await hold(actum)
    actum.clock.advance("1s")
    one, two, three = await ask_many(held, 3)
    grant_id = await give(actum)
    assert "granted" == await actum.store.grants.use(grant_id, one, amounts={})
    row = await actum.store.approvals.get(one)
    assert row is not None
    assert ("approved", "user:reviewer") == (row.state, row.ruled_by)
    (decision,) = await actum.store.approvals.list_decisions(held.id)
    assert (f"grant:{grant_id}", "a busy hour") == (decision.rule, decision.rationale)
    await actum.reviewer.grants.revoke(grant_id)
    assert "ended" == await actum.store.grants.use(grant_id, two, attempt=2, amounts={})
    later = await give(actum)
    actum.clock.advance("2h")
    assert "ended" == await actum.store.grants.use(later, three, amounts={})


@pytest.mark.parametrize(
    ("by", "told", "said"),
    [
        ("user:author", {}, "self_approval"),
        ("user:reviewer", {"matcher": {"kind": "mail.send"}}, "not_covered"),
        ("user:reviewer", {"matcher": {"kind": "open", "contract": "other"}}, "not_covered"),
        ("user:reviewer", {"matcher": {"kind": "open", "team": "web"}}, "not_covered"),
        ("user:reviewer", {"max_sums": {"rows": 100}}, "spent"),
    ],
)
async def test_a_grant_covers_nothing_of_its_givers_own_and_nothing_it_does_not_name(
    actum: Harness, by: str, told: dict[str, Any], said: str
) -> None:
    approval_id = await (await hold(actum)).ask()
    grant_id = await give(actum, by, **told)
    assert said == await actum.store.grants.use(grant_id, approval_id, amounts={"rows": 101})
    assert [] == await actum.reviewer.grants.list_uses(grant_id)


async def test_one_persons_grant_is_no_quorum_of_two(actum: Harness) -> None:
    approval_id = await (await hold(actum)).ask()
    async with actum.store.pool.connection() as connection:
        await connection.execute(
            'update actum.approvals set requirements = \'[{"group": "dba", "by": [], "quorum": 2}]\''
        )
    assert "not_covered" == await actum.store.grants.use(await give(actum), approval_id, amounts={})


async def test_whoever_voted_in_person_has_no_second_vote_by_a_grant(actum: Harness) -> None:
    approval_id = await (await hold(actum)).ask()
    requirements = (
        '[{"group": "dba", "by": ["user:reviewer"]}, {"group": "web", "by": ["user:bo", "user:reviewer"]}]'
    )
    async with actum.store.pool.connection() as connection:
        await connection.execute("update actum.approvals set requirements = $1::jsonb", requirements)
        for one in ("user:reviewer", "user:bo"):
            await connection.execute(
                "insert into actum.accounts (identity, display_name, roles, created_by) values ($1, '', '{approver}', 'x')",
                one,
            )
        grant_id = await give(actum)
        await connection.execute(
            "update actum.approvals set requirements = jsonb_set($1, '{1,by}', '[\"user:bo\"]')", requirements
        )
        assert "voted" == (await decide(actum, approval_id)).answer
        await connection.execute("update actum.approvals set requirements = $1::jsonb", requirements)
    assert "not_covered" == await actum.store.grants.use(grant_id, approval_id, amounts={})
    assert [] == await actum.reviewer.grants.list_uses(grant_id)


async def decide(actum: Harness, approval_id: UUID) -> DecidedRow:
    return await actum.store.approvals.decide(
        approval_id, ruling="approved", actor="user:reviewer", rationale="fine", seen_hash=None
    )


async def test_an_attempt_that_asks_anew_keeps_its_use_unless_it_was_used(actum: Harness) -> None:
    held = await hold(actum)
    one, two, three = await ask_many(held, 3)
    grant_id = await give(actum, uses=1)
    assert "granted" == await actum.store.grants.use(grant_id, one, amounts={})
    assert "repeated" == await actum.store.grants.use(grant_id, one, amounts={})
    assert "granted" == await actum.store.grants.use(grant_id, two, amounts={})
    assert ["stale", "approved", "pending"] == [
        row.state for row in await actum.store.approvals.list_of([held.id])
    ]
    assert 1 == len(await actum.reviewer.grants.list_uses(grant_id))
    assert "written" == await held.intend("door 1", tier=2, approval_id=two)
    assert "spent" == await actum.store.grants.use(grant_id, three, amounts={})


async def close(actum: Harness, approval_id: UUID) -> None:
    """Close an approval as a worker does that finds it stale."""
    async with actum.store.pool.connection() as connection:
        await connection.execute(
            "update actum.approvals set closed = 'stale', closed_at = now() where id = $1", approval_id
        )


async def test_a_use_that_never_started_is_given_back_and_can_no_longer_be_used(actum: Harness) -> None:
    held = await hold(actum)
    one, two = await ask_many(held, 2)
    grant_id = await give(actum, uses=1)
    await actum.store.grants.use(grant_id, one, amounts={})
    await close(actum, one)
    assert "refused: approval" == await held.intend("door 0", tier=2, approval_id=one)
    assert "granted" == await actum.store.grants.use(grant_id, two, attempt=2, amounts={})
    assert "written" == await held.intend("door 1", tier=2, approval_id=two)
    assert ["released", "reserved"] == [use.state for use in await actum.reviewer.grants.list_uses(grant_id)]


async def test_any_limit_is_taken_exactly_and_an_attempt_finds_its_own_again(actum: Harness) -> None:
    held, limit = await hold(actum), uuid4()

    async def take(number: int) -> str:
        return await actum.store.grants.reserve(
            limit, held.id, f"{number}", 1, amounts={"cents": 30}, max_uses=None, max_sums={"cents": 100}
        )

    answers = await asyncio.gather(*map(take, range(12)))
    assert ["reserved"] * 3 + ["spent"] * 9 == sorted(answers)
    taken = answers.index("reserved")
    assert "repeated" == await take(taken)


async def test_whoever_takes_the_last_of_a_limit_makes_the_next_wait_and_go_without(actum: Harness) -> None:
    held, limit = await hold(actum), uuid4()
    text = "select actum.reserve($1, $2, $3, 1, null, '{}', 1, '{}', null)"
    one, other = await asyncpg.connect(actum.dsn), await asyncpg.connect(actum.dsn)
    try:
        async with one.transaction():
            assert "reserved" == await one.fetchval(text, limit, held.id, "1")
            taking = asyncio.create_task(other.fetchval(text, limit, held.id, "2"))
            await until_blocked(one)
        assert "spent" == await taking
    finally:
        await one.close()
        await other.close()


async def test_a_grant_says_what_it_would_have_matched(actum: Harness) -> None:
    held = await hold(actum)
    one, _ = await ask_many(held, 2)
    await actum.reviewer.reject(one, "no")
    found = await actum.reviewer.grants.preview({"kind": "open"})
    assert (2, 2, 0, 1) == (found.asked, found.matched, found.approved, found.rejected)
    assert 0 == (await actum.reviewer.grants.preview({"kind": "open", "rows": {"le": 5}})).matched
    with pytest.raises(InvalidInput, match="rows"):
        await actum.reviewer.grants.preview({"kind": "open", "rows": {"about": 5}})
