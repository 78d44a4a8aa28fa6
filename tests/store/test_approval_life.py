"""The life of an approval: several votes, questions, hand-over, escalation, taking back, edits, and an earlier no."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from holding import Held, hold

from actum.client.cards import read_card
from actum.errors import NotEntitled, NotPossible
from actum.machine.approvals import Entitled, Standing, identity, may_decide
from actum.machine.chain import Edited, Gap, Intact, LostTail, Reordered
from actum.machine.decisions import Decision, verify_decisions
from actum.store.rows import DecidedRow
from actum.testing.harness import Harness


async def ask(held: Held, key: str = "door", **columns: Any) -> UUID:
    """Ask, with columns as an engine that knows policies writes them."""
    approval_id = await held.ask(key)
    async with held.store.pool.connection() as connection:
        for name, value in columns.items():
            text = json.dumps(value) if name in ("requirements", "escalate_to") else value
            kind = "::jsonb" if name in ("requirements", "escalate_to") else ""
            await connection.execute(
                f"update actum.approvals set {name} = $2{kind} where id = $1",  # noqa: S608  # our names
                approval_id,
                text,
            )
    return approval_id


async def decide(
    actum: Harness, approval_id: UUID, actor: str, ruling: str = "approved", **more: Any
) -> DecidedRow:
    return await actum.store.approvals.decide(
        approval_id, ruling=ruling, actor=actor, rationale="because", seen_hash=None, **more
    )


async def state_of(actum: Harness, approval_id: UUID) -> str:
    row = await actum.store.approvals.get(approval_id)
    assert row is not None
    return row.state


async def rulings(actum: Harness, held: Held) -> list[tuple[str, str]]:
    return [(one.ruling, one.actor) for one in await actum.store.approvals.list_decisions(held.id)]


def in_hours(actum: Harness, hours: float) -> datetime:
    return actum.clock.read() + timedelta(hours=hours)


MAX = datetime.max.replace(tzinfo=UTC)
TWO_AND_ONE = [{"group": "dba", "by": [], "quorum": 2}, {"group": "owner", "by": []}]


async def test_the_quorum_of_every_requirement_decides_and_the_workflow_hears_of_all_who_voted(
    actum: Harness,
) -> None:
    held = await hold(actum)
    approval_id = await ask(held, requirements=TWO_AND_ONE)
    first = await decide(actum, approval_id, "user:ana")
    assert ("voted", "pending", None) == (first.answer, first.state, first.ruled_by)
    assert [] == await actum.store.messages.read_open([held.id])
    assert "repeated" == (await decide(actum, approval_id, "user:ana")).answer
    last = await decide(actum, approval_id, "user:bo")
    assert ("decided", "approved", "user:bo") == (last.answer, last.state, last.ruled_by)
    (message,) = await actum.store.messages.read_open([held.id])
    assert {"by": ["user:ana", "user:bo"]} == json.loads(message.body or b"null")
    assert [("voted", "user:ana"), ("approved", "user:bo")] == await rulings(actum, held)
    assert ["user:ana", "user:bo"] == [
        one.voter for one in await actum.store.approvals.list_votes([approval_id])
    ]


async def test_one_rejection_closes_whatever_others_said(actum: Harness) -> None:
    held = await hold(actum)
    approval_id = await ask(held, requirements=TWO_AND_ONE)
    await decide(actum, approval_id, "user:ana")
    assert "rejected" == (await decide(actum, approval_id, "user:bo", "rejected")).state


async def test_while_a_question_is_open_time_stands_still(actum: Harness) -> None:
    held = await hold(actum)
    actum.clock.advance("1s")
    approval_id = await ask(held, expires_at=in_hours(actum, 1))
    actum.clock.advance("30m")
    number = await actum.reviewer.approvals.inquire(approval_id, "which door?")
    actum.clock.advance("3h")
    assert [approval_id] == [one.id for one in (await actum.inbox())[0]]
    assert [] == await actum.store.approvals.expire()
    await actum.client.approvals.answer_inquiry(number, "the left one")
    with pytest.raises(NotPossible, match="the first answer stands"):
        await actum.client.approvals.answer_inquiry(number, "the right one")
    actum.clock.advance("29m")
    (asked,) = await actum.reviewer.approvals.list_inquiries([approval_id])
    assert ("which door?", "the left one", "user:author") == (asked.question, asked.answer, asked.answered_by)
    assert "decided" == (await decide(actum, approval_id, "user:reviewer")).answer
    assert ["asked", "answered", "approved"] == [ruling for ruling, _ in await rulings(actum, held)]


async def test_whoever_decides_while_a_question_is_open_leaves_time_for_the_use(actum: Harness) -> None:
    held = await hold(actum)
    actum.clock.advance("1s")
    approval_id = await ask(held, expires_at=in_hours(actum, 1))
    await actum.reviewer.approvals.inquire(approval_id, "which door?")
    actum.clock.advance("3h")
    assert "decided" == (await decide(actum, approval_id, "user:reviewer")).answer
    assert "written" == await held.intend(tier=2, approval_id=approval_id)


async def test_what_is_asked_about_an_approval_is_told_to_whoever_requested_it(actum: Harness) -> None:
    approval_id = await ask(await hold(actum))
    number = await actum.reviewer.approvals.inquire(approval_id, "which door?")
    (told,) = await actum.store.notifications.list()
    assert (f"inquiry/{number}", ["user:author"]) == (told.key, told.recipients)
    assert told.body.startswith("which door?\n")
    assert (approval_id, f"approvals/{approval_id}") == (told.about, told.link)


async def test_the_time_left_after_the_answer_still_ends(actum: Harness) -> None:
    held = await hold(actum)
    actum.clock.advance("1s")
    approval_id = await ask(held, expires_at=in_hours(actum, 1))
    number = await actum.reviewer.approvals.inquire(approval_id, "which door?")
    actum.clock.advance("3h")
    await actum.client.approvals.answer_inquiry(number, "the left one")
    actum.clock.advance("61m")
    assert "expired" == (await decide(actum, approval_id, "user:reviewer")).answer
    assert [(approval_id, held.id, "expired")] == await actum.store.approvals.expire()
    assert "expired" == await state_of(actum, approval_id)
    (message,) = await actum.store.messages.read_open([held.id])
    assert "expired" == message.outcome


async def test_the_one_who_asked_cannot_stop_the_clock(actum: Harness) -> None:
    approval_id = await ask(await hold(actum))
    with pytest.raises(NotEntitled, match="no say"):
        await actum.client.approvals.inquire(approval_id, "may I have more time?")


@pytest.mark.parametrize("by", ["the loop", "a decision"])
async def test_what_nobody_decided_in_time_goes_to_others_and_expires_once_more(
    actum: Harness, by: str
) -> None:
    held = await hold(actum)
    actum.clock.advance("1s")
    others = [{"group": "leads", "by": [], "quorum": 2}]
    approval_id = await ask(held, expires_at=in_hours(actum, 1), on_expiry="escalate", escalate_to=others)
    actum.clock.advance("61m")
    if by == "the loop":
        assert [(approval_id, held.id, "escalated")] == await actum.store.approvals.expire()
    else:
        assert "stale_card" == (await decide(actum, approval_id, "user:lea")).answer
    assert "voted" == (await decide(actum, approval_id, "user:lea")).answer
    assert ["escalated", "voted"] == [ruling for ruling, _ in await rulings(actum, held)]
    actum.clock.advance("61m")
    assert "expired" == (await decide(actum, approval_id, "user:leo")).answer
    assert [(approval_id, held.id, "expired")] == await actum.store.approvals.expire()


async def test_a_question_lengthens_no_later_round_and_each_round_has_its_own_reminder(
    actum: Harness,
) -> None:
    held = await hold(actum)
    actum.clock.advance("1s")
    others = [{"group": "leads", "by": [], "quorum": 1}]
    approval_id = await ask(
        held, expires_at=in_hours(actum, 1), on_expiry="escalate", escalate_to=others, remind_share=0.5
    )
    number = await actum.reviewer.approvals.inquire(approval_id, "which door?")
    actum.clock.advance("72h")
    await actum.client.approvals.answer_inquiry(number, "the left one")
    assert [] == await actum.store.approvals.remind(), "half of the time to decide is not over"
    for _ in ("this round", "the next"):
        actum.clock.advance("29m")
        row = await actum.store.approvals.get(approval_id)
        assert row is not None
        assert (
            timedelta(seconds=61)
            > ((await read_card(actum.store, row)).remind_at or MAX) - actum.clock.read()
        )
        assert [] == await actum.store.approvals.remind()
        actum.clock.advance("2m")
        assert [approval_id] == [one for one, _, _ in await actum.store.approvals.remind()]
        actum.clock.advance("30m")
        (ended,) = await actum.store.approvals.expire()
    assert (approval_id, held.id, "expired") == ended


async def test_what_is_to_be_held_waits_for_a_person_whatever_the_hour(actum: Harness) -> None:
    held = await hold(actum)
    actum.clock.advance("1s")
    approval_id = await ask(held, expires_at=in_hours(actum, 1), on_expiry="hold")
    actum.clock.advance("5h")
    assert [] == await actum.store.approvals.expire()
    assert "decided" == (await decide(actum, approval_id, "user:reviewer")).answer
    row = await actum.store.approvals.get(approval_id)
    assert row is not None
    assert row.expires_at is not None
    assert row.expires_at > actum.clock.read()


async def test_a_reminder_is_due_once_when_four_fifths_of_the_time_are_over(actum: Harness) -> None:
    held = await hold(actum)
    actum.clock.advance("1s")
    approval_id = await ask(held, expires_at=in_hours(actum, 10))
    actum.clock.advance("7h50m")
    assert [] == await actum.store.approvals.remind()
    actum.clock.advance("20m")
    assert [approval_id] == [one for one, _, _ in await actum.store.approvals.remind()]
    assert [] == await actum.store.approvals.remind()


async def test_an_approval_of_anybody_that_is_handed_over_still_finds_its_quorum(actum: Harness) -> None:
    approval_id = await ask(await hold(actum), requirements=TWO_AND_ONE)
    await (await actum.acting("user:ana")).approvals.hand_over(approval_id, "user:bo", "you know it")
    assert "not_entitled" == (await decide(actum, approval_id, "user:ana")).answer
    assert "voted" == (await decide(actum, approval_id, "user:bo")).answer
    assert "decided" == (await decide(actum, approval_id, "user:cleo")).answer


async def test_an_approval_is_taken_back_before_its_use_and_the_intent_is_refused(actum: Harness) -> None:
    held = await hold(actum)
    approval_id = await held.ask()
    with pytest.raises(NotPossible, match="too late"):
        await actum.reviewer.approvals.revoke(approval_id, "not yet decided")
    await actum.reviewer.approve(approval_id, "fine")
    await actum.reviewer.approvals.revoke(approval_id, "I misread it")
    await actum.reviewer.approvals.revoke(approval_id, "I misread it")
    assert "revoked" == await state_of(actum, approval_id)
    assert "refused: approval" == await held.intend(tier=2, approval_id=approval_id)
    assert ["approved", "revoked"] == [ruling for ruling, _ in await rulings(actum, held)]


async def test_a_used_approval_cannot_be_taken_back(actum: Harness) -> None:
    held = await hold(actum)
    approval_id = await held.ask()
    await actum.reviewer.approve(approval_id, "fine")
    assert "written" == await held.intend(tier=2, approval_id=approval_id)
    with pytest.raises(NotPossible, match="used"):
        await actum.reviewer.approvals.revoke(approval_id, "too late")


async def test_approving_other_arguments_tells_the_workflow_and_never_lets_the_first_ones_run(
    actum: Harness,
) -> None:
    held = await hold(actum)
    approval_id = await held.ask()
    await actum.reviewer.approvals.approve(approval_id, "the other door", edited=b'["window"]')
    row = await actum.store.approvals.get(approval_id)
    assert row is not None
    assert ("superseded", b'["window"]') == (row.state, row.edited)
    (message,) = await actum.store.messages.read_open([held.id])
    assert ("approved", {"edited": b'["window"]'.hex()}) == (
        message.outcome,
        json.loads(message.body or b"null"),
    )
    assert "refused: approval" == await held.intend(tier=2, approval_id=approval_id)


async def test_those_who_vote_on_other_arguments_are_not_counted_together(actum: Harness) -> None:
    approval_id = await ask(await hold(actum), requirements=TWO_AND_ONE)
    assert "voted" == (await decide(actum, approval_id, "user:ana", edit=b"[1]")).answer
    assert "edits_differ" == (await decide(actum, approval_id, "user:bo")).answer
    assert "edits_differ" == (await decide(actum, approval_id, "user:bo", edit=b"[2]")).answer
    assert "decided" == (await decide(actum, approval_id, "user:bo", edit=b"[1]")).answer


# The pure rule and the database's are one.

NAMES = (
    "user:ana", "ana", "ANA", "USER: Ana", "service:ana", "group:dba", "Group:DBA", "team:web", "user:", " ", "", "\t",
    "bo", "user:bo", "group:", "requester:x", "é", "É", "user:a:b", "user:x:", "user::x", "group:x:",
)  # fmt: skip
GROUPS = ("group:dba", "team:web", "group:x:", "group:DBA")
COMPARED = """
select actum.may_decide(c.person, c.requester, c.authors, c.approvers, c.never, c.groups, c.standing) is not null as may,
       actum.identity(c.person) as name
  from jsonb_to_recordset($1::jsonb) as c(
           person text, requester text, authors text[], approvers text[], never text[], groups text[], standing text)
"""


def make_case(chance: random.Random) -> dict[str, Any]:
    return {
        "person": chance.choice(NAMES),
        "requester": chance.choice((None, *NAMES)),
        "authors": chance.choices(NAMES, k=chance.choice((0, 1, 1, 2))),
        "approvers": chance.choices(NAMES, k=chance.randint(0, 3)),
        "never": chance.choices(NAMES, k=chance.choice((0, 0, 0, 1, 2))),
        "groups": chance.sample(GROUPS, chance.randint(0, 3)),
        "standing": chance.choice([one.value for one in Standing]),
    }


async def test_the_pure_rule_and_the_database_entitle_the_same_people(actum: Harness) -> None:
    chance = random.Random(7)
    cases = [make_case(chance) for _ in range(20_000)]
    async with actum.store.pool.connection() as connection:
        rows = await connection.fetch(COMPARED, json.dumps(cases))
    said = [(row["name"], row["may"]) for row in rows]
    told = [(identity(one["person"]), _may(one)) for one in cases]
    assert 2_000 < sum(may for _, may in told) < 18_000
    assert [] == [
        (case, one, other) for case, one, other in zip(cases, told, said, strict=True) if one != other
    ]


def _may(case: dict[str, Any]) -> bool:
    word = may_decide(
        case["person"],
        requester=case["requester"],
        authors=case["authors"],
        approvers=case["approvers"],
        never=case["never"],
        groups=case["groups"],
        standing=Standing(case["standing"]),
    )
    return isinstance(word, Entitled)


# The chain.


async def read_chain(actum: Harness, workflow_id: UUID) -> tuple[list[Decision], bytes, int]:
    ((_, count, head),) = await actum.store.approvals.list_decision_heads(workflow_id)
    rows = await actum.store.approvals.list_decisions(workflow_id)
    names = Decision.__slots__
    return [Decision(**{name: getattr(row, name) for name in names}) for row in rows], head, count


async def three_decisions(actum: Harness) -> Held:
    held = await hold(actum)
    for number, rationale in enumerate(["fine", "größer; 3:x - 門", "no"]):
        approval_id = await held.ask(f"door {number}")
        await actum.reviewer.approvals.approve(
            approval_id, rationale, seen='{"diff": true}', seen_ms=1200 + number
        )
    return held


async def test_a_chain_of_decisions_is_verified_from_what_is_read_back(actum: Harness) -> None:
    held = await three_decisions(actum)
    decisions, head, count = await read_chain(actum, held.id)
    assert Intact() == verify_decisions(decisions, head, count)
    assert [1200, 1201, 1202] == [one.seen_ms for one in decisions]


SPOILT: dict[str, tuple[Sequence[str], object]] = {
    "edited": (["update actum.decisions set rationale = 'yes' where seq = 2"], Edited(2)),
    "put into another round": (["update actum.decisions set round = 2 where seq = 3"], Edited(3)),
    "missing": (["delete from actum.decisions where seq = 2"], Gap(2)),
    "lost tail": (["delete from actum.decisions where seq = 3"], LostTail(3)),
    "reordered": (
        [
            "update actum.decisions set seq = 9 where seq = 1",
            "update actum.decisions set seq = 1 where seq = 2",
            "update actum.decisions set seq = 2 where seq = 9",
        ],
        Reordered(1),
    ),
    "made up": (
        [
            "insert into actum.decisions (workflow_id, seq, address, kind, contract, tier, ruling, rule, actor, decided_at,"
            " previous, hash) select workflow_id, 4, address, kind, contract, tier, ruling, rule, actor, decided_at, hash,"
            " hash from actum.decisions where seq = 3"
        ],
        Edited(4),
    ),
}


@pytest.mark.parametrize("what", SPOILT)
async def test_whoever_gets_past_the_guards_is_found_out_by_the_chain(actum: Harness, what: str) -> None:
    actum.audits = False
    held = await three_decisions(actum)
    texts, verdict = SPOILT[what]
    async with actum.store.pool.connection() as connection, connection.transaction():
        await connection.execute("set local session_replication_role = replica")  # no trigger fires
        for text in texts:
            await connection.execute(text)
    decisions, head, count = await read_chain(actum, held.id)
    assert verdict == verify_decisions(decisions, head, count)
