"""The chain: bytes that last, and every planted fault found under its name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b, sha256
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actum.errors import InvalidInput
from actum.machine.chain import (
    GENESIS,
    Edited,
    Gap,
    Intact,
    LostTail,
    Reordered,
    link,
    link_event,
    payload_hash,
    verify,
)
from actum.model.events import Event, EventKind

WORKFLOW = UUID("018f3a5c-7b1e-7c3d-8a9b-0123456789ab")
NOON = datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

FULL: dict[str, Any] = {
    "seq": 3,
    "at_us": 1735787045678901,
    "kind": "step.completed",
    "step": "über",
    "address": "4.1",
    "attempt": 2,
    "outcome": "completed",
    "reason": None,
    "actor": "",
    "contract": "triage",
    "team": "platform",
    "tier": 0,
    "current_step": None,
    "attempt_count": 1,
    "payload_hash": bytes(range(16)),
    "data": '{"a":1}',
}
TEXTS = ("step", "address", "outcome", "reason", "actor", "team", "current_step", "data")


def linked(**fields: Any) -> bytes:
    return link(GENESIS, WORKFLOW.bytes, **{**FULL, **fields})


def log(length: int = 6) -> list[Event]:
    events: list[Event] = []
    head = GENESIS
    for seq in range(1, length + 1):
        kind = EventKind.WORKFLOW_STARTED if seq == 1 else EventKind.STEP_COMPLETED
        event = Event(WORKFLOW, seq, NOON + timedelta(seconds=seq), kind, step="read", address=str(seq))
        head = link_event(head, event)
        events.append(replace(event, hash=head))
    return events


def check(events: list[Event], whole: list[Event]) -> object:
    return verify(events, whole[-1].hash, len(whole) + 1)


def test_a_link_is_the_documented_bytes() -> None:
    text = (
        "3;1735787045678901;1;2;0;14:step.completed4:über3:4.19:completed-0:6:triage8:platform-"
        '000102030405060708090a0b0c0d0e0f;7:{"a":1}'
    )
    assert sha256(b"\x01" + bytes(32) + WORKFLOW.bytes + text.encode()).digest() == linked()


def test_a_link_never_changes() -> None:
    assert linked().hex() == "700032d457ad331b3ca661947d6c46a05a0b889e3f3486e643a842eed4cb9d5c"


def test_a_bare_link_never_changes() -> None:
    bare = link(
        b"\xff" * 32, bytes(16), 1, 0, "workflow.started", *[None] * 6, "", None, None, None, 0, None, None
    )
    assert bare.hex() == "a6d0f42183a5d2375eb24c63e4ef81239d31850789597647afecf5b7724fec9f"


def test_an_event_read_back_links_as_it_was_written() -> None:
    event = Event(
        WORKFLOW,
        3,
        NOON,
        EventKind.STEP_COMPLETED,
        **{name: value for name, value in FULL.items() if name not in ("seq", "at_us", "kind")},
        hash=b"not looked at",
    )
    assert linked() == link_event(GENESIS, event)


def test_the_instant_counts_in_any_time_zone_to_the_microsecond() -> None:
    event = Event(WORKFLOW, 1, NOON, EventKind.STEP_COMPLETED)
    elsewhere = replace(
        event, at=NOON.astimezone(tz=datetime.fromisoformat("2025-01-01T00:00:00+05:30").tzinfo)
    )
    assert link_event(GENESIS, event) == link_event(GENESIS, elsewhere)
    assert link_event(GENESIS, event) != link_event(
        GENESIS, replace(event, at=NOON + timedelta(microseconds=1))
    )


def test_neighbouring_texts_never_run_into_each_other() -> None:
    values = [None, "", "-", "--", "0:", "1:-", "1:", "a", "1:a", ";", "0:-"]
    names = TEXTS[:3]
    links = {
        linked(**dict(zip(names, combination, strict=True))) for combination in product(values, repeat=3)
    }
    assert len(values) ** 3 == len(links)


def test_the_payload_hash_never_runs_into_the_data_after_it() -> None:
    hashes = [None, b"", b"\x00", b"\x00\x01"]
    texts = [None, "", "-", "00;", ";", "0:", "1:-"]
    links = {
        linked(payload_hash=one, data=other, current_step=text)
        for one, other, text in product(hashes, texts, texts)
    }
    assert len(hashes) * len(texts) ** 2 == len(links)


def test_numbers_never_run_into_each_other() -> None:
    numbers = [0, 1, 11, 111]
    optional = [None, *numbers]
    links = {
        linked(seq=a, at_us=b, attempt_count=c, attempt=d, tier=e)
        for a, b, c, d, e in product(numbers, numbers, numbers, optional, optional)
    }
    assert len(links) == 4**3 * 5**2


ANY_TEXT = st.none() | st.text(alphabet="-:;01aé\ud800", max_size=4)
FIELDS = st.fixed_dictionaries(
    dict.fromkeys(TEXTS, ANY_TEXT)
    | {"contract": st.text(alphabet="-:;01a", max_size=3), "kind": st.sampled_from(list(EventKind))}
    | {"attempt": st.none() | st.integers(0, 12), "tier": st.none() | st.integers(0, 2)}
    | {"payload_hash": st.none() | st.binary(max_size=2)}
)


@settings(settings.get_profile("ci"))
@given(FIELDS, st.sampled_from([*TEXTS, "contract", "attempt", "tier", "payload_hash"]), FIELDS)
def test_two_events_link_alike_only_if_they_are_alike(
    one: dict[str, Any], name: str, other: dict[str, Any]
) -> None:
    changed = {**one, name: other[name]}
    assert (one == changed) == (linked(**one) == linked(**changed))


@pytest.mark.parametrize("length", [1, 2, 6])
def test_an_untouched_log_is_intact(length: int) -> None:
    whole = log(length)
    assert Intact() == check(whole, whole)


EDITS: list[dict[str, Any]] = [
    {"at": NOON},
    {"kind": EventKind.STEP_FAILED},
    {"step": "write"},
    {"step": None},
    {"address": "9"},
    {"attempt": 1},
    {"outcome": "x"},
    {"reason": "bug"},
    {"actor": "user:ana"},
    {"contract": "x"},
    {"team": ""},
    {"tier": 0},
    {"current_step": "x"},
    {"attempt_count": 1},
    {"payload_hash": b""},
    {"data": ""},
    {"hash": bytes(32)},
    {"workflow_id": UUID(int=1)},
]


def test_an_edited_field_is_found_where_it_stands() -> None:
    whole = log()
    for change, at in product(EDITS, [0, 3, 5]):
        events = list(whole)
        events[at] = replace(events[at], **change)
        assert (change, Edited(at + 1)) == (change, check(events, whole))


@pytest.mark.parametrize("lost", [0, 1, 4])
def test_a_missing_event_is_a_gap(lost: int) -> None:
    whole = log()
    assert Gap(lost + 1) == check(whole[:lost] + whole[lost + 1 :], whole)


@pytest.mark.parametrize("kept", [0, 1, 5])
def test_a_cut_end_is_a_lost_tail(kept: int) -> None:
    whole = log()
    assert LostTail(kept + 1) == check(whole[:kept], whole)


def test_events_read_in_another_order_are_reordered() -> None:
    whole = log()
    events = [whole[0], whole[2], whole[1], *whole[3:]]
    assert Reordered(2) == check(events, whole)


def test_an_event_that_stands_twice_is_reordered() -> None:
    whole = log()
    assert Reordered(3) == check([*whole[:2], whole[1], *whole[2:]], whole)


def test_events_that_swapped_their_numbers_are_reordered() -> None:
    whole = log()
    events = list(whole)
    events[2], events[3] = replace(whole[3], seq=3), replace(whole[2], seq=4)
    assert Reordered(3) == check(events, whole)


def test_a_missing_event_hidden_by_new_numbers_is_found() -> None:
    whole = log()
    closed_up = whole[:2] + [replace(event, seq=event.seq - 1) for event in whole[3:]]
    assert Edited(3) == check(closed_up, whole)


def test_an_event_added_behind_the_rows_back_is_found() -> None:
    whole = log(7)
    assert Edited(6) == check(whole, whole[:5])


def test_a_chain_made_anew_is_seen_by_its_head() -> None:
    whole = log()
    forged: list[Event] = []
    head = GENESIS
    for event in whole:
        head = link_event(head, replace(event, actor="user:mallory"))
        forged.append(replace(event, actor="user:mallory", hash=head))
    assert Edited(6) == check(forged, whole)


def test_an_empty_log_is_intact_only_for_a_row_that_knows_no_events() -> None:
    assert Intact() == verify([], GENESIS, 1)
    assert LostTail(1) == verify([], GENESIS, 2)
    assert Edited(1) == verify([], bytes([1]) * 32, 1)


def test_a_payload_hash_is_the_documented_bytes() -> None:
    preimage = b"\x01" + (2).to_bytes(8, "big") + b"ab" + b"\x01" + (0).to_bytes(8, "big")
    assert blake2b(preimage, key=b"salt", digest_size=16).digest() == payload_hash(b"salt", b"ab", b"")
    assert payload_hash(b"salt", b"ab", b"").hex() == "ca45242b7d863adf59a24ed1654e1e5f"


def test_argument_hash_and_body_never_run_into_each_other() -> None:
    parts = [None, b"", b"\x00", b"\x01", b"\x01" + bytes(8), b"a", b"aa"]
    assert len(parts) ** 2 == len(
        {payload_hash(b"salt", one, other) for one, other in product(parts, repeat=2)}
    )


def test_another_salt_makes_another_payload_hash() -> None:
    assert payload_hash(b"one", None, b"body") != payload_hash(b"two", None, b"body")


@pytest.mark.parametrize("salt", [b"", bytes(65)])
def test_a_salt_that_cannot_key_is_refused(salt: bytes) -> None:
    with pytest.raises(InvalidInput, match="1 to 64 bytes"):
        payload_hash(salt, None, b"body")
