"""Operation keys and action hashes: stable, told apart, refused with a way out."""

from __future__ import annotations

from hashlib import sha256
from itertools import product
from uuid import UUID

import pytest

from actum.errors import InvalidInput
from actum.machine.keys import action_hash, default_key, outside_key, validate_key

ORIGIN = UUID("018f3a5c-7b1e-7c3d-8a9b-0123456789ab")


def test_the_default_key_is_the_origin_and_the_address() -> None:
    key = default_key(ORIGIN, "4.2.1")
    assert "018f3a5c-7b1e-7c3d-8a9b-0123456789ab/4.2.1" == key == validate_key(key)


def test_the_first_generation_shows_the_key_itself_and_later_ones_their_number() -> None:
    assert [outside_key("refund/7", n) for n in (1, 2, 10)] == ["refund/7", "refund/7#2", "refund/7#10"]


@pytest.mark.parametrize("generation", [0, -1])
def test_there_is_no_generation_before_the_first(generation: int) -> None:
    with pytest.raises(InvalidInput, match="counted from 1"):
        outside_key("refund/7", generation)


@pytest.mark.parametrize("text", ["a", "refund/4711", "Zahlung über 3 €", "a#b", "#", "7#", "#7a", "x" * 255])
def test_a_key_a_person_would_choose_is_taken_as_it_is(text: str) -> None:
    assert text == validate_key(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("x" * 256, "256 characters"),
        ("a\nb", "control character"),
        ("a\x00", "control character"),
        ("a\x7f", "control character"),
        ("a\x85b", "control character"),
        ("a\ud800", "control character"),
        ("refund#2", "like a generation"),
        ("#2", "like a generation"),
    ],
)
def test_a_key_that_cannot_be_stored_or_told_apart_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        validate_key(text)
    assert caught.value.path == "key"


def test_an_action_hash_is_the_documented_bytes() -> None:
    parts = [b"mail.send", "münchen".encode(), b'["a"]', b"k", b"3"]
    preimage = b"\x01" + b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert sha256(preimage).digest() == action_hash("mail.send", "münchen", b'["a"]', "k", "3")


def test_an_action_hash_never_changes() -> None:
    assert (
        action_hash("mail.send", "inbox", b"{}", "k", "3").hex()
        == "4895fd93c9934912b04205454f5bf15e20a75b3b9e1edb51e1a6e3d7c8094956"
    )


def test_two_actions_never_share_a_hash() -> None:
    texts = ["", "a", "aa", "\x00", "1"]
    hashes = {
        action_hash(kind, target, arguments.encode(), key, address)
        for kind, target, arguments, key, address in product(texts, repeat=5)
    }
    assert len(texts) ** 5 == len(hashes)
