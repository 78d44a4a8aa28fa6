"""What a card says, as plain data, made by the real engine under a policy; and what is unlike the last of its kind."""

from __future__ import annotations

import asyncio
import shlex
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import actum as a
from actum.cli.card import ways, write_card
from actum.client.cards import Card, count_words, describe_seen, read_card, read_checks
from actum.client.edits import edit_arguments
from actum.client.oddities import Asked, find_oddities
from actum.client.reasons import Reason, explain_rules, operation_of
from actum.client.reviews import choose_sample, read_review
from actum.errors import InvalidInput, NotFound, NotPossible
from actum.machine.policy import parse_policy
from actum.outcomes import Preview
from actum.testing.harness import Harness

POLICY = """
schema = 1
name = "shelves"
owner = "shop"
default_tier = 2

[facts]
rows = "int"

[approvers.keepers]
by = ["group:keepers"]
quorum = 2
expires = "10h"

[approvers.anybody]
by = ["anybody"]

[[rule]]
id = "many"
match = { kind = "shelf.fill", rows = { gt = 100 } }
tier = 2
approvers = "keepers"
why = "More than a hundred rows."

[[rule]]
id = "few"
match = { kind = "shelf.fill", rows = { le = 100 } }
tier = 1
approvers = "anybody"
batch = { by = ["kind"], window = "30m", max_items = 40 }
why = "A few rows."
"""


@a.effect("shelf.fill", editable=("rows",))
async def fill(shelf: str, rows: int) -> str:
    return shelf


@fill.preview
def _(shelf: str, rows: int) -> Preview:
    checks = ["room: passed", "weight: failed"] if rows > 100 else []
    return Preview(f"Fill {rows} rows of {shelf}", target=shelf, facts={"rows": rows}, checks=checks)


@fill.undo
async def _(done: str, shelf: str, rows: int) -> None: ...


@a.contract(on_failure="fail")
async def stock(shelf: str, rows: int) -> str:
    return await fill(shelf, rows)


GATE = asyncio.Event()


@a.step
async def linger() -> None:
    await GATE.wait()


@a.contract(on_failure="fail")
async def stock_slowly(shelf: str, rows: int) -> None:
    """Ask without being put away: as long as it executes, nobody closes the batch it is in."""
    await asyncio.gather(fill(shelf, rows), linger())


async def ask(actum: Harness, rows: int, shelf: str = "north", requester: str = "user:ana") -> Card:
    handle = await actum.start(stock(shelf, rows), requester=requester)
    await actum.run_until_idle()
    (row,) = await actum.store.approvals.list_of([handle.workflow_id])
    return await read_card(actum.store, row)


async def serve(actum: Harness) -> None:
    await actum.activate(POLICY)
    await actum.worker([stock, stock_slowly])


async def test_a_card_names_the_rule_its_reason_and_the_fact_that_answered_it(actum: Harness) -> None:
    await serve(actum)
    card = await ask(actum, 300)
    assert ("Fill 300 rows of north", "undoable", ("rows",)) == (
        card.sentence,
        card.reversibility,
        card.editable,
    )
    (reason,) = card.reasons
    assert ("many", "More than a hundred rows.") == (reason.rule, reason.why)
    assert "rows is 300" in reason.because
    assert [("weight: failed", True), ("room: passed", False)] == [
        (c.text, c.has_failed) for c in card.checks
    ]
    assert [("keepers", 2, ())] == [(one.group, one.quorum, one.voters) for one in card.needs]
    expires, asked = card.approval.expires_at, card.approval.asked_at
    assert expires is not None
    assert asked + 0.8 * (expires - asked) == card.remind_at
    assert card.is_first
    assert not card.is_final
    assert orjson.loads(orjson.dumps(card.as_data()))["confirm"] is None


async def test_votes_and_questions_stand_on_the_card(actum: Harness) -> None:
    await serve(actum)
    card = await ask(actum, 300)
    approval = card.approval.id
    number = await actum.reviewer.approvals.inquire(approval, "Which shelf?")
    await actum.client.approvals.answer_inquiry(number, "The one by the door.")
    await actum.approve(approval)
    card = await read_card(actum.store, card.approval)
    assert [("user:reviewer",)] == [one.voters for one in card.needs]
    assert [("Which shelf?", "The one by the door.")] == [
        (one.question, one.answer) for one in card.inquiries
    ]


async def test_what_is_unlike_the_last_of_its_kind_is_said(actum: Harness) -> None:
    await serve(actum)
    for rows in (110, 111, 112, 110, 111, 112):
        await ask(actum, rows)
    assert () == (await ask(actum, 111)).odd
    card = await ask(actum, 5000, "cellar", "user:eve")
    assert (
        "rows = 5000 is far beyond the median of the last 7, 111",
        "the target cellar is in none of the last 7",
        "the requester user:eve is in none of the last 7",
    ) == card.odd


async def test_a_review_fixes_its_items_without_what_sticks_out(actum: Harness) -> None:
    GATE.clear()
    started = [
        await actum.start(stock_slowly("north", rows), requester="user:ana")
        for rows in (4, 5, 6, 5, 4, 6, 99)
    ]
    await serve(actum)
    deadline = time.monotonic() + 20
    while [7] != [one.count for one in await actum.store.batches.list()]:
        assert time.monotonic() < deadline, "they were not all asked for"
        await asyncio.sleep(0.01)
    asked = await actum.store.approvals.list_of([one.workflow_id for one in started])
    cards = [await read_card(actum.store, row) for row in asked]
    (much,) = (card for card in cards if "99 rows" in card.sentence)
    (batch,) = await actum.store.batches.list()
    found = await read_review(actum.store, batch)
    assert {card.approval.id for card in cards} - {much.approval.id} == {
        card.approval.id for card in found.cards
    }
    left = await actum.store.approvals.get(much.approval.id)
    assert left is not None
    assert (None, 2) == (left.batch_id, left.tier)
    assert {"rows": 30} == found.sums
    assert 2 == len(found.sample)
    assert found.sample == (await read_review(actum.store, batch)).sample
    GATE.set()
    last = await ask(actum, 5)
    assert last.approval.id not in {
        card.approval.id for card in (await read_review(actum.store, batch)).cards
    }
    assert [cards[0].approval.id] == found.find([cards[0].approval.id.hex[-8:]])
    for name in ("", "ffffffffffff"):
        with pytest.raises(NotFound):
            found.find([name])


async def test_only_what_the_author_offered_is_edited_and_the_workflow_is_told(actum: Harness) -> None:
    await serve(actum)
    card = await ask(actum, 50)
    refused: list[tuple[Any, str]] = [
        ({"shelf": "x"}, "lets an approver change rows"),
        ({"rows": "many"}, "--edit does not fit at rows"),
        ({"rows": 50}, "changes nothing"),
        ({}, "a JSON object"),
        ([1], "a JSON object"),
    ]
    for edits, said in refused:
        with pytest.raises(InvalidInput, match=said):
            edit_arguments(card, edits)
    body = edit_arguments(card, {"rows": 7})
    assert {"shelf": "north", "rows": 7} == orjson.loads(body)
    await actum.reviewer.approvals.approve(card.approval.id, "seven will do", edited=body)
    row = await actum.store.approvals.get(card.approval.id)
    assert row is not None
    assert ("superseded", body) == (row.state, row.edited)
    await actum.run_until_idle()
    ((again,), _) = await actum.inbox()
    assert ({"shelf": "north", "rows": 7}, "few") == (orjson.loads(again.arguments), again.rule)
    await actum.reviewer.approve(again.id, "these seven")
    await actum.run_until_idle()
    assert ["used"] == [
        one.state for one in await actum.store.approvals.list_of([row.workflow_id]) if one.id == again.id
    ]


async def test_whoever_decides_second_reads_what_the_first_one_edited(actum: Harness) -> None:
    await serve(actum)
    card = await ask(actum, 300)
    await actum.reviewer.approvals.approve(
        card.approval.id, "fewer", edited=edit_arguments(card, {"rows": 250})
    )
    row = await actum.store.approvals.get(card.approval.id)
    assert row is not None
    card = await read_card(actum.store, row)
    changed = {"shelf": "north", "rows": 250}
    assert {"by": "user:reviewer", "changes": {"rows": 250}, "arguments": changed} == card.as_data()["edited"]
    text = " ".join(" ".join(line.text for line in write_card(card, actum.clock.read(), 80).lines).split())
    assert "Edited: by user:reviewer: rows = 250 instead of 300; that is decided" in text
    bo = await actum.acting("user:bo")
    with pytest.raises(NotPossible, match=r"shows with the line to type: approve the same"):
        await bo.approvals.approve(row.id, "as it was asked")
    typed = shlex.split(ways(card)[0])
    edits = orjson.loads(typed[typed.index("--edit") + 1])
    decided = await bo.approvals.approve(row.id, "the same", edited=edit_arguments(card, edits))
    assert ("decided", "superseded") == (decided.answer, decided.state)


# pure


def asked(**told: Any) -> Asked:
    return Asked(**{"contract": "stock", "requester": "user:ana", "target": "t", "facts": {}, **told})


def test_a_name_is_odd_only_where_names_repeat() -> None:
    each_its_own = [asked(target=f"file {number}") for number in range(50)]
    assert () == find_oddities(asked(target="file 99"), each_its_own)
    repeated = [asked(target=f"table {number % 3}") for number in range(50)]
    assert ("the target users is in none of the last 50",) == find_oddities(asked(target="users"), repeated)


def test_numbers_are_odd_far_beyond_the_others_and_nothing_else_is_compared() -> None:
    earlier = [asked(facts={"rows": number, "is_new": True}) for number in (1, 2, 3, 4, 5)]
    assert () == find_oddities(asked(facts={"rows": 6}), earlier)
    assert ("rows = 7 is more than in any of the last 5: the most was 5",) == find_oddities(
        asked(facts={"rows": 7}), earlier
    )
    assert () == find_oddities(asked(facts={"rows": "7", "is_new": False}), earlier)
    (said,) = find_oddities(asked(), earlier[:3])
    assert "too few" in said


facts = st.dictionaries(
    st.sampled_from(["rows", "table", "x"]),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.lists(st.integers(), max_size=2),
)
anybody = st.builds(
    Asked, st.sampled_from("ab"), st.none() | st.sampled_from("ab"), st.text(max_size=2), facts
)


@given(anybody, st.lists(anybody, max_size=12))
def test_facts_of_any_shape_are_compared_without_fail(now: Asked, earlier: list[Asked]) -> None:
    assert all(isinstance(one, str) and one for one in find_oddities(now, earlier))


@given(st.uuids(), st.lists(st.uuids(), unique=True, max_size=60))
def test_the_sample_depends_on_the_ids_alone(batch: UUID, items: list[UUID]) -> None:
    sample = choose_sample(batch, items)
    assert sample == choose_sample(batch, list(reversed(items)))
    assert set(sample) <= set(items)
    assert len(sample) == min(len(items), max(2, int(len(items) ** 0.5)))


def test_words_are_counted_and_kept_with_what_stayed_folded() -> None:
    assert 3 == count_words(["one  two", "—", "+3"])
    assert "card, 3 words" == describe_seen(3)
    assert "card, 3 words, 12 lines folded" == describe_seen(3, 12)


def test_reasons_are_said_as_far_as_they_are_known() -> None:
    operation = operation_of(
        kind="k", contract="c", team=None, at=datetime.now(UTC), facts=None, requested={}
    )
    assert (Reason("many", ""),) == explain_rules("many", {}, None, operation)
    assert (Reason("many", ""),) == explain_rules(
        "many", {"ruling": {"rules": None, "whys": None}}, None, operation
    )
    kept = {"ruling": {"rules": ["many"], "whys": ["Many rows."]}}
    assert (Reason("many", "Many rows."),) == explain_rules("many", kept, None, operation)
    (looked_up,) = explain_rules("few", {"ruling": {"rules": ["few"]}}, parse_policy(POLICY), operation)
    assert "A few rows." == looked_up.why
    assert looked_up.because[0].startswith("rows le 100: ")
    (known,) = explain_rules("no-policy", {}, None, operation)
    assert "no policy is active" in known.why


@pytest.mark.parametrize("checks", [None, "tests: failed", 7, {"a": 1}])
def test_checks_that_are_no_list_are_none(checks: object) -> None:
    assert () == read_checks(checks)
