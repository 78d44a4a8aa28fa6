"""The card on a terminal, from any text at all: harmless, in one order, in its width, folded with a count."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from commanding import Actum, execute
from hypothesis import given, settings
from hypothesis import strategies as st

from actum.cli.card import must_confirm, ways, write_card
from actum.cli.text import measure, neutral
from actum.client.cards import Card, Check, Need
from actum.client.oddities import say_number
from actum.client.reasons import Reason
from actum.client.reviews import sum_up
from actum.store.rows import ApprovalRow, InquiryRow, VoteRow

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
ID = UUID("01890000-0000-7000-8000-0000aaaabbbb")
HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
NO_ROOM = "\u034f\u115f\u1160\u3164\uffa0\u17b4\u180b\ufe0f\U000e0100\U000e0041\u200b\u2060\ufeff"
LABELS = (
    "Why asked", "Facts", "Preview", "Effect", "Reach", "Reversible", "Check", "State", "Deciders", "Round", "Vote",
    "Earlier vote", "Question",
    "Answer", "Unlike", "Requester", "Authors", "For", "Kind", "Target", "Key", "Editable", "Arguments",
)  # fmt: skip


def row(**told: Any) -> ApprovalRow:
    values: dict[str, Any] = {
        "id": ID, "workflow_id": ID, "address": "1", "asked_by": None, "step": "fill", "kind": "shelf.fill", "key": "k",
        "action_hash": b"h", "arguments": b"{}", "preview": "{}", "relies_on": None, "tier": 2, "rule": "many",
        "contract": "stock", "team": "shop", "requester": "user:ana", "approvers": [], "asked_at": NOW,
        "expires_at": NOW + timedelta(hours=1), "state": "pending", "ruled_by": None, "ruled_at": None,
        "rationale": None, "used_at": None, **told,
    }  # fmt: skip
    return ApprovalRow(**values)


CARD = Card(
    approval=row(),
    sentence="Fill 3 rows",
    target="north",
    facts={"rows": 3},
    reasons=(Reason("many", "Too many.", ("rows is 3",)),),
    diff="+one\n-two",
    blast_radius="1 shelf",
    reversibility="final",
    checks=(Check("weight: failed", True), Check("room: passed", False)),
    remind_at=NOW + timedelta(minutes=48),
    needs=(Need("keepers", ("group:keepers",), 2, ("user:bo",)),),
    votes=(VoteRow(ID, "user:bo", "user:bo", "approved", ["keepers"], NOW),),
    inquiries=(InquiryRow(7, ID, "Which?", "user:bo", NOW, None, None, None),),
    odd=("rows = 3 is far beyond",),
    arguments={"shelf": "north"},
    editable=("rows",),
    input_schema="{}",
    has_preview=True,
    is_first=False,
)

nasty = st.text(
    st.one_of(
        st.sampled_from(" \n\t:═abc" + NO_ROOM),
        st.characters(categories=("Cc", "Cf", "Co", "Zl", "Zp", "Mn", "Lo")),
        st.characters(exclude_categories=("Cs",)),
    ),
    max_size=120,
)
names = st.lists(nasty, max_size=2)


@st.composite
def cards(draw: st.DrawFn) -> Card:
    """Return a card in which every text that comes from outside is anything at all."""
    text = lambda: draw(nasty)  # noqa: E731  # said twenty times below
    approval = row(
        step=text(), kind=text(), key=text(), rule=text(), contract=text(), requester=text(), ruled_by=text(),
        rationale=text(), approvers=draw(names), tier=draw(st.sampled_from([1, 2])), batch_id=ID,
        state=draw(st.sampled_from(["pending", "approved", "rejected"])), authors=draw(names),
        round=draw(st.sampled_from([1, 2])),
    )  # fmt: skip
    return replace(
        CARD,
        approval=approval,
        sentence=text(),
        target=text(),
        facts=draw(st.dictionaries(nasty, nasty | st.lists(nasty, max_size=2), max_size=2)),
        reasons=(Reason(text(), text(), (text(),)),),
        diff=text(),
        blast_radius=text(),
        reversibility=draw(st.sampled_from(["final", "undoable", "odd"])),
        checks=(Check(text(), True),),
        needs=(Need(text(), tuple(draw(names)), 2, ("user:bo",)),),
        votes=(VoteRow(ID, text(), text(), "approved", [], NOW),),
        inquiries=(InquiryRow(7, ID, text(), text(), NOW, draw(st.none() | nasty), text(), NOW),),
        odd=(text(),),
        arguments={"x": text(), "y": draw(names)},
        editable=tuple(draw(names)),
    )


@settings(max_examples=150, deadline=None)
@given(cards(), st.integers(60, 100), st.booleans())
def test_whatever_a_card_holds_it_is_harmless_and_says_nothing_in_anothers_name(
    card: Card, width: int, is_full: bool
) -> None:
    sheet = write_card(card, NOW, width, is_full=is_full)
    text = "\n".join(line.text for line in sheet.lines)
    assert set() == {char for char in text if unicodedata.category(char) in HIDDEN and char != "\n"}
    assert set() == set(text) & set(NO_ROOM)
    assert max(measure(line.text) for line in sheet.lines) <= width
    begun = [line.text for line in sheet.lines[2:] if re.match(r" {0,2}\S", line.text)]
    assert [] == [line for line in begun if not line.strip().startswith(LABELS)]
    assert 1 == sum(line.text.startswith(("══", "--")) for line in sheet.lines)


@pytest.mark.parametrize("char", NO_ROOM + "\x00\x1b\x9b\u202e\u2066\u2028\u0378")
def test_what_takes_no_room_or_turns_the_line_is_shown_as_an_escape(char: str) -> None:
    assert neutral(char).isascii()
    assert neutral(char).startswith("\\")


def test_letters_of_any_script_and_signs_are_left_alone() -> None:
    text = "naïve 日本語 עברית العربية e\u0301 € ✗ 😀"
    assert text == neutral(text)


def test_a_card_tells_its_parts_in_the_order_in_which_they_are_weighed() -> None:
    text = "\n".join(line.text for line in write_card(CARD, NOW, 80).lines)
    parts = [
        "TIER 2", "Fill 3 rows", "Too many. (rule many); because rows is 3", "+one", "1 shelf", "final: nothing",
        "weight: failed", "room: passed", "expires at", "reminder at", "1 of 2 so far, of group:keepers",
        "approved by user:bo", "Which?", "none yet: `actum reply 7", "far beyond", "user:ana", "stock", '"shelf"',
    ]  # fmt: skip
    places = [text.find(part) for part in parts]
    assert -1 not in places
    assert sorted(places) == places


def test_a_card_of_a_later_round_says_whose_votes_no_longer_count() -> None:
    later = replace(
        CARD,
        approval=row(round=2, authors=["user:ada"]),
        needs=(Need("leads", ("group:leads",), 2, ("user:lea",)),),
        votes=(*CARD.votes, VoteRow(ID, "user:lea", "user:lea", "approved", ["leads"], NOW, 2)),
    )
    text = "\n".join(line.text for line in write_card(later, NOW, 80).lines)
    for said in (
        r"Deciders: +1 of 2 so far, of group:leads",
        r"Round: +2: it was escalated, and earlier votes no longer count",
        r"Earlier vote: +approved by user:bo",
        r"\n +Vote: +approved by user:lea",
        r"Authors: +user:ada: they decide nothing here",
    ):
        assert re.search(said, text), said
    assert [("user:bo", 1), ("user:lea", 2)] == [
        (one["by"], one["round"]) for one in later.as_data()["votes"]
    ]


def test_a_fold_counts_what_it_hides_and_nothing_is_lost_unfolded() -> None:
    long = replace(CARD, diff="\n".join(f"+line {number} {'x' * 200}" for number in range(100)))
    folded = write_card(long, NOW, 80)
    assert f"… {folded.folded} more lines" in "\n".join(line.text for line in folded.lines)
    full = write_card(long, NOW, 80, is_full=True)
    assert 0 == full.folded
    assert len(full.lines) == len(folded.lines) - 1 + folded.folded
    shown = "".join(line.text.strip() for line in full.lines)
    assert 100 * 200 <= shown.count("x")


def test_tier_2_looks_like_tier_2_without_any_colour() -> None:
    alone = write_card(CARD, NOW, 80).lines[0].text
    item = write_card(replace(CARD, approval=row(tier=1, batch_id=ID)), NOW, 80).lines[0].text
    assert alone.startswith("══ TIER 2")
    assert "-- tier 1, item of batch aaaabbbb" == item


@pytest.mark.parametrize(
    ("told", "confirm"),
    [
        ({}, ("target", "north")),
        ({"facts": {"amount": "12.00 EUR"}}, ("amount", "12.00 EUR")),
        ({"target": ""}, ("kind", "shelf.fill")),
        ({"target": "x" * 61}, ("kind", "shelf.fill")),
        ({"target": "a\u202eb"}, ("kind", "shelf.fill")),
    ],
)
def test_what_is_final_is_approved_by_a_value_that_can_be_typed(
    told: dict[str, Any], confirm: tuple[str, str]
) -> None:
    card = replace(CARD, **told)
    assert must_confirm(card)
    assert confirm == card.salient
    assert f"--confirm '{confirm[0].upper()}'" in ways(card)[0]
    assert {confirm[0]: confirm[1]} == orjson.loads(orjson.dumps(card.as_data()))["confirm"]


def test_what_is_unknown_counts_as_final_and_a_batch_item_is_not_typed() -> None:
    assert must_confirm(replace(CARD, reversibility="unknown"))
    assert not must_confirm(replace(CARD, reversibility="undoable"))
    assert not must_confirm(replace(CARD, approval=row(tier=1)))


def test_sums_are_exact_and_never_add_currencies() -> None:
    facts = [
        {"amount_minor": 1_234_567, "currency": "EUR", "rows": 1, "is_new": True},
        {"amount_minor": 5, "currency": "JPY", "rows": 2, "rate": "0.1"},
    ]
    sums = sum_up([replace(CARD, facts=one) for one in facts])
    assert {"amount_minor EUR": 1_234_567, "amount_minor JPY": 5, "rows": 3} == sums
    assert ["1234567", "0.3", "-2"] == [say_number(one) for one in (1_234_567.0, 0.1 + 0.2, -2)]


HOSTILE = "\x1b[2Jok\x9b31m \u202egnp.exe\u2028\u200b\ufeff\u3164"
PLANTED = """
insert into actum.approvals (id, workflow_id, address, step, kind, key, action_hash, arguments, preview, tier, rule,
                             contract, team, requester, approvers, batch_id)
select gen_random_uuid(), w.id, n, n, n, n, 'hash', convert_to(json_build_array(n)::text, 'UTF8'),
       json_build_object('sentence', n, 'target', n, 'diff', n, 'checks', json_build_array(n), 'blast_radius', n,
                         'facts', json_build_object(n, n))::text, t.tier, n, n, n, n, array[n], t.batch
  from actum.workflows w, (values ($1::text)) s(n),
       (values (2, null), (1, '01890000-0000-7000-8000-0000aaaabbbb'::uuid)) t(tier, batch)
"""
BATCH = """
insert into actum.batches (id, rule, key, opened_at, closes_at, max_items)
values ('01890000-0000-7000-8000-0000aaaabbbb', $1::text, $1::text, now(), now() + interval '1 hour', 9)
"""


def test_no_command_lets_what_others_wrote_act_on_the_terminal(own: Actum) -> None:
    name = own.start("greet", {"name": HOSTILE}, "--requester", "user:ana")
    execute(own, PLANTED, HOSTILE)
    execute(own, BATCH, HOSTILE)
    (approval,) = [one["name"] for one in own.fine("inbox", "--json").json["approvals"]]
    commands = [
        ["inbox"], ["inbox", "--full"], ["inbox", approval], ["inbox", "--json"], ["review"], ["review", "aaaabbbb"],
        ["review", "aaaabbbb", "--full"], ["review", "aaaabbbb", "--json"], ["show", name], ["show", name, "--full"],
        ["list"], ["inquire", approval, HOSTILE], ["inbox", approval], ["reject", approval, "--reason", HOSTILE],
        ["review", "aaaabbbb", "--approve-all", "--reason", HOSTILE], ["inbox", approval], ["quality", "--ids"],
        ["quality", "--json"], ["show", name],
    ]  # fmt: skip
    for command in commands:
        done = own.fine(*command)
        hidden = {char for char in done.out if unicodedata.category(char) in HIDDEN or char in NO_ROOM}
        assert hidden <= {"\n"}, command
    assert r"\x1b[2Jok" in own.fine("inbox", approval).out
