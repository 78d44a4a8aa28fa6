"""Attacks on who is who: spellings, stand-ins, and the broken glass."""

from __future__ import annotations

from people import asked, close_the_door, of, stand_in, vote

from actum.engine.placing import batch_key
from actum.machine.approvals import identity
from actum.testing.harness import Harness


async def test_what_is_decided_through_a_broken_glass_says_so_whoever_cast_the_vote(actum: Harness) -> None:
    await close_the_door(actum)
    root = await actum.acting("user:root")
    await root.accounts.add("user:dan")
    await root.accounts.break_glass(role="admin", incident="inc-1", reason="nobody else is there")
    await stand_in(actum, "user:root", "user:dan")
    approval_id = await asked(actum, of("dba", "group:dba"))
    answer = await vote(actum, approval_id, "user:dan")
    decisions = await actum.store.approvals.list_decisions(answer.workflow_id) if answer.workflow_id else []
    assert ["break-glass"] == [one.rule for one in decisions]


def test_what_is_kept_apart_by_several_values_shares_no_card_by_their_spelling() -> None:
    apart = [("a/b", "c"), ("a", "b/c"), ("a%2Fb", "c"), ("a/b/c",), ("a", "b", "c")]
    assert len(apart) == len({batch_key(parts) for parts in apart})
    assert "orders/eu" == batch_key(("orders", "eu"))


async def test_a_name_that_unicode_can_spell_in_two_ways_is_one_name(actum: Harness) -> None:
    decomposed, composed = "user:jose\u0301", "user:jos\u00e9"
    assert composed == identity(decomposed)
    async with actum.store.pool.connection() as connection:
        assert composed == await connection.fetchval("select actum.identity($1)", decomposed)
        assert await connection.fetchval("select actum.is_same($1, $2)", decomposed, composed)
