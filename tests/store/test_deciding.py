"""An approval is decided once, by one person who is not the requester, while it is open and as it was read."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from holding import Held, K, count_rows, hash_of, hold

from actum.errors import NotEntitled, NotFound, NotPossible
from actum.store.rows import DecidedRow
from actum.testing.harness import Harness


async def decide(
    actum: Harness,
    approval_id: UUID,
    ruling: str = "approved",
    actor: str = "user:reviewer",
    seen: bytes | None = None,
) -> DecidedRow:
    return await actum.store.approvals.decide(
        approval_id, ruling=ruling, actor=actor, rationale="because", seen_hash=seen
    )


async def close(held: Held, approval_id: UUID, closed: str) -> None:
    closing = {"id": str(approval_id), "workflow_id": str(held.id), "closed": closed}
    record = await held.record(
        K.APPROVAL_WITHDRAWN, step="open", address="1", extras=(("closings", closing),)
    )
    assert "written" == await held.write(record)


@pytest.mark.parametrize("ruling", ["approved", "rejected"])
async def test_a_decision_is_taken_logged_and_sent(actum: Harness, ruling: str) -> None:
    held = await hold(actum)
    approval_id = await held.ask()
    answer = await decide(actum, approval_id, ruling)
    assert ("decided", ruling, held.id) == (answer.answer, answer.state, answer.workflow_id)
    (decision,) = await actum.store.approvals.list_decisions(held.id)
    assert (ruling, "user:reviewer", "because") == (decision.ruling, decision.actor, decision.rationale)
    (message,) = await actum.store.messages.read_open([held.id])
    assert ("decision", str(approval_id), ruling) == (message.kind, message.name, message.outcome)


async def test_the_same_person_saying_it_again_gets_the_first_answer(actum: Harness) -> None:
    held = await hold(actum)
    approval_id = await held.ask()
    await decide(actum, approval_id)
    again = await decide(actum, approval_id)
    assert ("repeated", "approved", "user:reviewer") == (again.answer, again.state, again.ruled_by)
    assert 1 == await count_rows(actum, "decisions")
    assert 1 == await count_rows(actum, "messages")


@pytest.mark.parametrize(
    ("ruling", "actor"),
    [("rejected", "user:reviewer"), ("approved", "user:other"), ("rejected", "user:other")],
)
async def test_the_first_decision_stands(actum: Harness, ruling: str, actor: str) -> None:
    held = await hold(actum)
    approval_id = await held.ask()
    await decide(actum, approval_id)
    late = await decide(actum, approval_id, ruling, actor)
    assert ("not_pending", "approved", "user:reviewer") == (late.answer, late.state, late.ruled_by)
    assert 1 == await count_rows(actum, "decisions")


async def test_an_approval_nobody_asked_for_is_not_found(actum: Harness) -> None:
    assert "not_found" == (await decide(actum, uuid4())).answer


@pytest.mark.parametrize("closed", ["withdrawn", "superseded", "expired"])
async def test_a_closed_approval_cannot_be_decided(actum: Harness, closed: str) -> None:
    held = await hold(actum)
    approval_id = await held.ask()
    await close(held, approval_id, closed)
    answer = await decide(actum, approval_id)
    assert ("not_pending", closed) == (answer.answer, answer.state)
    assert 0 == await count_rows(actum, "decisions")


async def test_an_approval_can_be_decided_until_the_instant_it_expires(actum: Harness) -> None:
    held = await hold(actum)
    actum.clock.advance("1s")
    early, late = [
        await held.ask(key, expires_at=actum.clock.read().replace(year=2100)) for key in ("early", "late")
    ]
    assert "decided" == (await decide(actum, early)).answer
    actum.clock.advance_to(actum.clock.read().replace(year=2101))
    assert "expired" == (await decide(actum, late)).answer
    assert 1 == await count_rows(actum, "decisions")


async def test_a_card_that_is_out_of_date_decides_nothing(actum: Harness) -> None:
    held = await hold(actum)
    approval_id = await held.ask()
    assert "stale_card" == (await decide(actum, approval_id, seen=hash_of("window"))).answer
    assert "decided" == (await decide(actum, approval_id, seen=hash_of("door"))).answer


async def test_the_requester_cannot_approve_and_can_reject(actum: Harness) -> None:
    held = await hold(actum)
    approval_id = await held.ask()
    assert "self_approval" == (await decide(actum, approval_id, actor="user:author")).answer
    assert 0 == await count_rows(actum, "decisions")
    assert "decided" == (await decide(actum, approval_id, "rejected", "user:author")).answer


async def test_the_client_says_each_answer_in_one_sentence(actum: Harness) -> None:
    held = await hold(actum)
    approval_id = await held.ask()
    with pytest.raises(NotFound, match="there is no approval"):
        await actum.reviewer.approve(uuid4(), "yes")
    with pytest.raises(NotEntitled, match="cannot approve it"):
        await actum.client.approve(approval_id, "yes")
    with pytest.raises(NotPossible, match="not what you read"):
        await actum.reviewer.approve(approval_id, "yes", seen_hash=b"another")
    await actum.reviewer.approve(approval_id, "yes")
    with pytest.raises(NotPossible, match="is approved by user:reviewer already"):
        await actum.client.reject(approval_id, "no")


async def test_of_twelve_decisions_at_once_one_is_the_decision(actum: Harness) -> None:
    held = await hold(actum)
    approval_id = await held.ask()
    rulings = ["approved", "rejected"] * 6
    answers = await asyncio.gather(
        *(decide(actum, approval_id, ruling, f"user:{number}") for number, ruling in enumerate(rulings))
    )
    assert ["decided"] + ["not_pending"] * 11 == sorted(one.answer for one in answers)
    assert 1 == len({(one.state, one.ruled_by) for one in answers})
    assert 1 == await count_rows(actum, "decisions")
    assert 1 == await count_rows(actum, "messages")
