"""Operation keys and the hash of an action. What is made here is stored, and shown to the outside: it never changes."""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256
from typing import Final
from uuid import UUID

from actum.errors import InvalidInput

LONGEST_KEY: Final = 255

_GENERATION: Final = re.compile(r"#[0-9]+\Z")
_UNSTORABLE: Final = frozenset({"Cc", "Cs"})
_VERSION: Final = b"\x01"


def default_key(origin: UUID, address: str) -> str:
    """Return the key of an effect whose author names none: the origin workflow's id, a slash, the call's address.

    It is the same for every attempt, after every crash and hand-over, and in a rerun that copied the address.
    """
    return f"{origin}/{address}"


def outside_key(key: str, generation: int) -> str:
    """Return the key as the outside world sees it: `key` at first, `key#n` for the n-th generation after an undo.

    Raises InvalidInput for a generation below 1.
    """
    if generation < 1:
        raise InvalidInput(
            f"generation {generation} of key {key!r} does not exist: generations are counted from 1"
        )
    return key if generation == 1 else f"{key}#{generation}"


def validate_key(text: str, noun: str = "operation key") -> str:
    """Return `text` if it can be a key: 1 to 255 characters, no control characters, no `#` and number last.

    That ending is how the outside sees a later generation of the shorter key, so the two would be one name there.
    `noun` says which key it is. Raises InvalidInput with the way out.
    """
    if not text:
        raise InvalidInput(
            f"the {noun} is empty: name what it stands for, such as key='refund/4711'", path="key"
        )
    if len(text) > LONGEST_KEY:
        raise InvalidInput(
            f"the {noun} of {len(text)} characters is too long: keep it to {LONGEST_KEY}, or hash its long part",
            path="key",
        )
    bad = next((mark for mark in text if unicodedata.category(mark) in _UNSTORABLE), None)
    if bad is not None:
        raise InvalidInput(
            f"the {noun} {text!r} holds the control character {bad!r}: use printable characters",
            path="key",
        )
    if _GENERATION.search(text):
        raise InvalidInput(
            f"the {noun} {text!r} ends like a generation (#number): put the number after another sign",
            path="key",
        )
    return text


def action_hash(kind: str, target: str, arguments: bytes, key: str, address: str) -> bytes:
    """Return the 32 bytes that an approval is bound to: SHA-256 over exactly this action.

    The preimage is the byte 0x01, then each field in the order of the parameters as its length in eight bytes
    (big-endian) and its bytes (texts as UTF-8), so two different actions never make the same preimage.
    `arguments` are the full arguments as encoded.
    """
    digest = sha256(_VERSION)
    for part in (_bytes(kind), _bytes(target), arguments, _bytes(key), _bytes(address)):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
