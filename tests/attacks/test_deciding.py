"""Attacks on decisions: late, twice, in another's name, on another card, past the function, all at once."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from holding import hash_of, hold
from patience import until_blocked
from people import DBAS, asked, close_the_door, of, says, stand_in, vote

import actum as a
from actum.errors import NotEntitled, NotPossible
from actum.testing.harness import Harness

ROUNDS = 100


@a.effect("door.open")
async def open_door(door: str) -> str:
    return f"opened {door}"


@a.contract(on_failure="hold")
async def opens_two() -> list[str]:
    left, right = open_door("left"), open_door("right")
    await a.request_approval(left, right)
    return [await left, await right]


async def test_two_requests_answered_in_swapped_order_are_each_bound_to_their_own_action(
    actum: Harness,
) -> None:
    await actum.worker([opens_two])
    handle = await actum.start(opens_two())
    await actum.run_until_idle()
    (left, right), _ = await actum.inbox()
    assert "stale_card" == await says(actum, right.id, "user:reviewer", seen_hash=left.action_hash)
    assert "stale_card" == await says(actum, left.id, "user:reviewer", seen_hash=right.action_hash)
    await actum.reviewer.approve(right.id, "right first", seen_hash=right.action_hash)
    await actum.run_until_idle()
    assert [] == await actum.store.effects.list_of(handle.workflow_id)
    await actum.reviewer.approve(left.id, "left too", seen_hash=left.action_hash)
    assert ["opened left", "opened right"] == await handle.result(10)
    effects = await actum.store.effects.list_of(handle.workflow_id)
    assert {left.id: left.key, right.id: right.key} == {one.approval_id: one.key for one in effects}


async def test_a_decision_after_expiry_is_refused_though_no_loop_runs(actum: Harness) -> None:
    held = await hold(actum)
    soon = await actum.store.read_clock() + timedelta(milliseconds=1)
    approval_id = await held.ask(expires_at=soon)
    while await actum.store.read_clock() <= soon:
        pass
    for actor in ("user:reviewer", "user:author"):
        assert "expired" == await says(actum, approval_id, actor, "rejected")
    assert [] == await actum.store.approvals.list_decisions(held.id)


@pytest.mark.parametrize("row", ["workflows", "approvals"])
async def test_a_decision_that_waited_for_a_lock_across_the_expiry_is_refused(
    actum: Harness, row: str
) -> None:
    held = await hold(actum)
    blocker = await asyncpg.connect(actum.dsn)
    for seconds in (0.3, 3.0, 30.0):  # a slow machine is given more
        soon = await actum.store.read_clock() + timedelta(seconds=seconds)
        approval_id = await held.ask(f"door {seconds}", expires_at=soon)
        async with blocker.transaction():
            which = held.id if row == "workflows" else approval_id
            await blocker.execute(f"select 1 from actum.{row} where id = $1 for update", which)  # noqa: S608
            deciding = asyncio.create_task(vote(actum, approval_id, "user:reviewer"))
            await until_blocked(blocker)
            waited_before = await actum.store.read_clock() < soon
            while await actum.store.read_clock() <= soon:
                pass
        if waited_before:
            break
        await deciding
    assert waited_before
    assert "expired" == (await deciding).answer
    await blocker.close()


@pytest.mark.parametrize("is_closed", [False, True], ids=["without accounts", "with accounts"])
async def test_nobody_approves_their_own_request_in_any_spelling(actum: Harness, is_closed: bool) -> None:
    if is_closed:
        await actum.client.accounts.add("user:author", roles=["admin"])
    approval_id = await asked(actum, of("dba", "user:author", "user:AUTHOR", "author"))
    for spelling in ("user:author", "USER:Author", "author", " user: author ", "AUTHOR"):
        assert "self_approval" == await says(actum, approval_id, spelling)


async def test_the_author_of_the_contract_approves_nothing_of_it(actum: Harness) -> None:
    held = await hold(actum)
    await close_the_door(actum)
    approval_id = await asked(actum, of("dba", "group:dba"), held=held)
    async with actum.store.pool.connection() as connection:
        with pytest.raises(asyncpg.PostgresError, match="bound to its action"):
            await connection.execute("update actum.approvals set authors = '{user:ana}'")
        await connection.execute("set session_replication_role = replica")  # no trigger binds
        await connection.execute("update actum.approvals set authors = '{user:ana}'")
        await connection.execute("reset session_replication_role")
    assert "self_approval" == await says(actum, approval_id, "user:Ana")
    assert "decided" == await says(actum, approval_id, "user:bo")


async def test_neither_the_requester_nor_their_stand_in_approves_by_delegation(actum: Harness) -> None:
    await close_the_door(actum)
    root = await actum.acting("user:root")
    await root.accounts.add("user:author")
    await root.accounts.join_group("group:dba", "user:author")
    await root.accounts.add("user:dan")
    approval_id = await asked(actum, of("dba", "group:dba"))
    await stand_in(actum, "user:author", "user:dan")
    assert "self_approval" == await says(actum, approval_id, "user:dan")
    await stand_in(actum, "user:ana", "user:author")
    assert "self_approval" == await says(actum, approval_id, "user:author")
    await stand_in(actum, "user:ana", "user:dan")
    answer = await vote(actum, approval_id, "user:dan")
    assert "decided" == answer.answer
    (decision,) = await actum.store.approvals.list_decisions(answer.workflow_id)  # type: ignore[arg-type]
    assert ("user:dan", "user:ana") == (decision.actor, decision.counts_for)


async def test_one_person_votes_once_in_person_in_any_spelling_and_through_delegates(actum: Harness) -> None:
    await close_the_door(actum)
    approval_id = await asked(actum, of("dba", "group:dba", quorum=2))
    assert "voted" == await says(actum, approval_id, "user:ana")
    assert "repeated" == await says(actum, approval_id, "user:ANA")
    assert "already_voted" == await says(actum, approval_id, "user:ana", "rejected")
    await (await actum.acting("user:root")).accounts.add("user:dan")
    await stand_in(actum, "user:ana", "user:dan")
    assert "already_voted" == await says(actum, approval_id, "user:dan")
    await stand_in(actum, "user:bo", "user:ana")
    assert "repeated" == await says(actum, approval_id, "user:ana")
    await stand_in(actum, "user:bo", "user:dan")
    assert "decided" == await says(actum, approval_id, "user:dan")
    assert "not_pending" == await says(actum, approval_id, "user:bo")


async def test_whoever_votes_for_another_has_no_second_vote_of_their_own(actum: Harness) -> None:
    await close_the_door(actum)
    approval_id = await asked(
        actum, of("dba", "group:dba", quorum=2, never=("user:ana",)), of("two", "user:cleo")
    )
    await (await actum.acting("user:root")).accounts.add("user:dan")
    await stand_in(actum, "user:bo", "user:dan")
    assert "voted" == await says(actum, approval_id, "user:dan")
    assert "already_voted" == await says(actum, approval_id, "user:bo")
    assert "not_entitled" == await says(actum, approval_id, "user:ana")
    assert "decided" == await says(actum, approval_id, "user:cleo")


async def test_a_stand_in_for_a_name_in_another_spelling_has_no_second_vote_of_theirs(actum: Harness) -> None:
    await close_the_door(actum)
    await (await actum.acting("user:root")).accounts.add("user:dan")
    async with actum.store.pool.connection() as connection:  # as a console could write it
        await connection.execute(
            "insert into actum.delegations (id, delegator, delegate, since, until, reason, given_by)"
            " values (gen_random_uuid(), ' Ana', 'user:dan', now() - interval '1h', now() + interval '1h', 'x', 'x')"
        )
    approval_id = await asked(actum, of("dba", "group:dba", quorum=2))
    assert "voted" == await says(actum, approval_id, "user:ana")
    assert "already_voted" == await says(actum, approval_id, "user:dan")


async def test_handing_over_makes_no_second_vote(actum: Harness) -> None:
    await close_the_door(actum)
    approval_id = await asked(actum, of("dba", "group:dba", quorum=2))
    ana = await actum.acting("user:ana")
    with pytest.raises(NotEntitled, match="requested or wrote this"):
        await ana.approvals.hand_over(approval_id, "user:AUTHOR", "you know it best")
    await ana.approvals.hand_over(approval_id, "user:guest", "you know it best")
    assert "not_entitled" == await says(actum, approval_id, "user:ana")
    assert "voted" == await says(actum, approval_id, "user:guest")
    assert "decided" == await says(actum, approval_id, "user:bo")


@pytest.mark.parametrize(
    "whom",
    ["user:ANA", "user:bo", "user:kept", "user:off"],
    ids=["herself", "a voter", "kept out", "disabled"],
)
async def test_nothing_is_handed_over_to_where_nobody_could_decide_it_any_more(
    actum: Harness, whom: str
) -> None:
    await close_the_door(actum)
    root = await actum.acting("user:root")
    for one in ("user:kept", "user:off"):
        await root.accounts.add(one)
    await root.accounts.disable("user:off")
    approval_id = await asked(actum, of("dba", "user:ana", "user:bo", quorum=2, never=("user:kept",)))
    ana = await actum.acting("user:ana")
    for votes in range(2):
        with pytest.raises(NotPossible, match="nobody could decide"):
            await ana.approvals.hand_over(approval_id, whom, "you know it best")
        assert ("voted", "repeated")[votes] == await says(actum, approval_id, "user:bo")
    assert "decided" == await says(actum, approval_id, "user:ana")
    assert [] == [one for one in await actum.store.notifications.list() if one.kind == "handed_over"]


async def test_what_two_have_to_decide_is_not_handed_over_to_one(actum: Harness) -> None:
    await close_the_door(actum)
    approval_id = await asked(actum, of("one", "user:ana"), of("two", "user:bo"))
    ana, bo = await actum.acting("user:ana"), await actum.acting("user:bo")
    with pytest.raises(NotPossible, match="would decide for two"):
        await ana.approvals.hand_over(approval_id, "user:bo", "you know it best")
    await ana.approvals.hand_over(approval_id, "user:guest", "you know it best")
    with pytest.raises(NotPossible, match="would decide for two"):
        await bo.approvals.hand_over(approval_id, "user:GUEST", "you know it best")
    assert "voted" == await says(actum, approval_id, "user:guest")
    assert "decided" == await says(actum, approval_id, "user:bo")


async def test_whom_an_approval_is_handed_over_to_is_told_of_it_once(actum: Harness) -> None:
    await close_the_door(actum)
    approval_id = await asked(actum, of("dba", "user:ana"))
    await (await actum.acting("user:ana")).approvals.hand_over(approval_id, "guest", "you know it best")
    (told,) = [one for one in await actum.store.notifications.list() if one.kind == "handed_over"]
    assert (["user:guest"], f"approvals/{approval_id}") == (told.recipients, told.link)
    assert told.subject.startswith("Handed over to you, please decide: ")
    assert "decided" == await says(actum, approval_id, "user:guest")


EDITS = {
    "the ruling": "update actum.approvals set ruling = 'rejected'",
    "who ruled": "update actum.approvals set ruled_by = 'user:nobody'",
    "the reason": "update actum.approvals set rationale = 'it was never said'",
    "the action": "update actum.approvals set action_hash = 'x'",
    "the requester": "update actum.approvals set requester = 'user:nobody'",
    "the time": "update actum.approvals set expires_at = now() + interval '1 year'",
    "the quorum": "update actum.approvals set requirements = '[]'",
    "the round": "update actum.approvals set round = round + 1",
    "who wrote it": "update actum.approvals set authors = '{user:nobody}'",
    "open it again": "update actum.approvals set ruling = null, ruled_at = null, ruled_by = null",
    "a decision": "update actum.decisions set actor = 'user:nobody'",
    "forget a decision": "delete from actum.decisions",
    "forget all decisions": "truncate actum.decisions",
    "that it was rejected": "update actum.approvals set closed = 'withdrawn' where ruling = 'rejected'",
    "a vote": "update actum.votes set voter = 'user:nobody'",
    "forget a vote": "delete from actum.votes",
}


async def test_what_was_decided_cannot_be_edited_by_whoever_may_write_the_tables(actum: Harness) -> None:
    held = await hold(actum)
    approval_id = await held.ask()
    await vote(actum, approval_id, "user:reviewer")
    await vote(actum, await held.ask("window"), "user:reviewer", "rejected")
    async with actum.store.pool.connection() as connection:
        for what, text in EDITS.items():
            with pytest.raises(asyncpg.PostgresError) as refusal:
                await connection.execute(text)
            assert "AC002" == refusal.value.sqlstate, what
    assert "approved" == (await actum.store.approvals.get(approval_id)).state  # type: ignore[union-attr]
    assert 2 == len(await actum.store.approvals.list_decisions(held.id))


DEEDS = {
    "decide": "select actum.decide_approval($1, 'approved', 'user:x', 'x', null, null)",
    "decide many": "select actum.decide_approvals(array[$1::uuid], '{approved}', '{x}', array[null::bytea], 'user:x', null)",
    "rule": "select actum.rule_approval(a, 'approved', 'user:x', 'x', null, now()) from actum.approvals a where a.id = $1",
    "vote": "insert into actum.votes values ($1, 'user:x', 'user:x', 'approved', '{approvers}', now())",
    "hand over": "select actum.hand_over_approval($1, 'user:x', 'user:y', 'x', null)",
    "stand in": "insert into actum.delegations values ($1, 'user:x', 'user:y', now(), now(), 'x', now(), 'x')",
    "make an account": "insert into actum.accounts values ('user:x', 'x', '{admin}', now(), 'x')",
    "join a group": "insert into actum.members values ('group:dba', 'user:x', now(), 'x')",
    "break the glass": "insert into actum.break_glass values ($1, 'user:x', 'admin', 'x', 'x', now(), now())",
    "give a grant": "insert into actum.grants values ($1, '{}', 1, '{}', now(), now(), 'user:x', 'x')",
    "read the tokens": "select hash from actum.tokens",
    "log a decision": "select actum.log_decision(d) from actum.decisions d",
    "put the head back": "update actum.decision_heads set count = 0",
    "begin a round": "update actum.approvals set round = round + 1 where id = $1",
    "raise the quorum": "update actum.approvals set requirements = '[]' where id = $1",
}


async def test_a_workers_database_role_decides_nothing(actum: Harness) -> None:
    approval_id = await (await hold(actum)).ask()
    worker = await asyncpg.connect(f"{actum.dsn}&role=actum_worker")
    allowed = []
    try:
        for what, text in DEEDS.items():
            try:
                await worker.execute(text.replace("$1", f"'{approval_id}'"))
            except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError):
                continue
            allowed.append(what)
        with pytest.raises(asyncpg.PostgresError, match="stays as it is"):
            await worker.execute("update actum.approvals set used_at = now(), used_epoch = 1")
    finally:
        await worker.close()
    assert [] == allowed
    assert "pending" == (await actum.store.approvals.get(approval_id)).state  # type: ignore[union-attr]


CONSOLE = (
    "rule_approval(a, 'approved', 'user:x', 'x', null, now()) from actum.approvals a",
    "log_decision(d) from actum.decisions d",
    "use_grant($1, $1, 1, '{}', null)",
    "reserve($1, $1, '1', 1, $1, '{}', 1, '{}', null)",
    "join_batch($1, $1, 'r', null, 'k', '1 hour', 1, '{}', '{}', null)",
    "expire_approvals(1, null)",
)


async def test_the_consoles_database_role_decides_through_the_function_and_no_other_way(
    actum: Harness,
) -> None:
    approval_id = await (await hold(actum)).ask()
    console = await asyncpg.connect(f"{actum.dsn}&role=actum_console")
    try:
        for call in CONSOLE:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await console.execute(f"select actum.{call}".replace("$1", f"'{approval_id}'"))
        for table in ("votes", "decisions", "decision_heads", "batches", "reservations"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await console.execute(f"insert into actum.{table} default values")
        answer = await console.fetchrow(
            "select * from actum.decide_approval($1, 'approved', 'user:reviewer', 'fine', null, null)",
            approval_id,
        )
        assert "decided" == answer["answer"]
    finally:
        await console.close()


async def test_a_stale_card_decides_nothing_not_even_a_rejection(actum: Harness) -> None:
    approval_id = await (await hold(actum)).ask()
    for ruling in ("approved", "rejected"):
        assert "stale_card" == await says(
            actum, approval_id, "user:reviewer", ruling, seen_hash=hash_of("window")
        )
    assert "decided" == await says(actum, approval_id, "user:reviewer", seen_hash=hash_of("door"))


async def test_of_twelve_racing_for_a_grant_of_five_uses_exactly_five_get_one(actum: Harness) -> None:
    held = await hold(actum)
    reviewer = actum.reviewer
    grant_id = await reviewer.grants.give({"kind": "open"}, uses=5, lasts="1h", reason="a busy hour")
    approvals = [await held.ask(f"door {number}") for number in range(12)]
    async with actum.store.pool.connection() as connection:
        await connection.execute("set session_replication_role = replica")  # no trigger binds
        await connection.execute("update actum.approvals set address = key")  # one action at each place
        await connection.execute("reset session_replication_role")
    answers = await asyncio.gather(*(actum.store.grants.use(grant_id, one, amounts={}) for one in approvals))
    assert ["granted"] * 5 + ["spent"] * 7 == sorted(answers)
    again = await asyncio.gather(*(actum.store.grants.use(grant_id, one, amounts={}) for one in approvals))
    assert ["repeated" if one == "granted" else one for one in answers] == again
    assert 5 == len(await reviewer.grants.list_uses(grant_id))
    states = [one.state for one in await actum.store.approvals.list_of([held.id])]
    assert (5, 7) == (states.count("approved"), states.count("pending"))


async def test_twelve_reviewers_racing_leave_one_outcome(actum: Harness) -> None:
    held = await hold(actum)
    now = await actum.store.read_clock()
    approvals = [await held.ask()]
    async with actum.store.pool.connection() as connection:
        rows = await connection.fetch(
            "insert into actum.approvals (id, workflow_id, address, step, kind, key, action_hash, arguments, tier, rule,"
            " contract, requester, approvers, asked_at) select gen_random_uuid(), workflow_id, n::text, step, kind, key,"
            " action_hash, arguments, tier, rule, contract, requester, approvers, $2"
            " from actum.approvals, generate_series(2, $1::int) n returning id",
            ROUNDS,
            now,
        )
    approvals += [row["id"] for row in rows]
    answers: dict[UUID, list[tuple[str, str | None, str | None]]] = {one: [] for one in approvals}

    async def review(number: int) -> None:
        connection = await asyncpg.connect(actum.dsn)
        order = random.Random(number)
        try:
            for one in approvals:
                ruling = order.choice(["approved", "rejected"])
                answer = await connection.fetchrow(
                    "select * from actum.decide_approval($1, $2, $3, 'because', null, null)",
                    one,
                    ruling,
                    f"user:{number}",
                )
                answers[one].append((answer["answer"], answer["state"], answer["ruled_by"]))
        finally:
            await connection.close()

    await asyncio.gather(*(review(number) for number in range(12)))
    for said in answers.values():
        assert ["decided"] + ["not_pending"] * 11 == sorted(answer for answer, _, _ in said)
        assert 1 == len({(state, by) for _, state, by in said})
    decisions = await actum.store.approvals.list_decisions(held.id)
    assert sorted(approvals) == sorted(one.approval_id for one in decisions if one.approval_id)
    assert list(range(1, ROUNDS + 1)) == [one.seq for one in decisions]


async def test_a_group_is_no_way_in_for_whoever_left_it_was_disabled_or_lacks_the_role(
    actum: Harness,
) -> None:
    await close_the_door(actum)
    root = await actum.acting("user:root")
    await root.accounts.disable("user:ana")
    await root.accounts.leave_group("group:dba", "user:bo")
    await root.accounts.give_roles("user:cleo", ["viewer"])
    named = await asked(actum, of("named", *DBAS), of("dba", "group:dba"))
    assert "not_entitled" == await says(actum, named, "user:ana")
    assert "not_entitled" == await says(actum, named, "user:cleo")
    assert "voted" == await says(actum, named, "user:bo")
    assert "not_entitled" == await says(actum, named, "db:actum")
