"""The hash chain of a workflow's log. These are bytes that last: a chain written today is verified for ever.

    link     = sha256(version ‖ previous ‖ workflow id ‖ text)
    version  = one byte, 0x01
    previous = the 32 bytes of the link before; 32 zero bytes before the first event
    workflow id = the 16 bytes of the UUID
    text     = UTF-8 (a lone surrogate as its three bytes) of these fields, in this order, nothing between them:

        seq  at_us  attempt_count  attempt  tier               numbers
        kind  step  address  outcome  reason  actor            texts
        contract  team  current_step
        payload_hash                                           bytes, as lower-case hex
        data                                                   text

    a number is its decimal digits and `;`; an absent one is `;`
    a text is its length in Unicode code points in decimal digits, `:`, and itself; an absent one is `-`
    bytes are their hex digits and `;`; absent ones are `-`

`at_us` is microseconds since 1970-01-01 UTC. Every field says where it ends before the next begins, so two different
events never make the same text, and absent differs from empty. Another version byte may one day name another form;
this one never changes.

The chain holds hashes of payloads, never payloads, so erasing personal data leaves it whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b, sha256
from typing import Final, TypeAlias

from actum.errors import InvalidInput
from actum.model.events import Event

FIRST_SEQ: Final = 1
"""The number of a workflow's first event."""

GENESIS: Final = bytes(32)
"""What the first event's link stands on."""

_VERSION: Final = b"\x01"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ABSENT: Final = b"\x00"
_PRESENT: Final = b"\x01"


def link(
    previous: bytes,
    workflow_id_bytes: bytes,
    seq: int,
    at_us: int,
    kind: str,
    step: str | None,
    address: str | None,
    attempt: int | None,
    outcome: str | None,
    reason: str | None,
    actor: str | None,
    contract: str,
    team: str | None,
    tier: int | None,
    current_step: str | None,
    attempt_count: int,
    payload_hash: bytes | None,
    data: str | None,
) -> bytes:
    """Return the 32-byte link of one event to the one before it.

    `previous` is 32 bytes and `workflow_id_bytes` 16; the recorder has both at hand and passes plain values,
    because this runs once for every event. Pure: the same values give the same link in every process.
    """
    text = (
        f"{seq};{at_us};{attempt_count};{'' if attempt is None else attempt};{'' if tier is None else tier};"
        f"{len(kind)}:{kind}"
        f"{'-' if step is None else f'{len(step)}:{step}'}"
        f"{'-' if address is None else f'{len(address)}:{address}'}"
        f"{'-' if outcome is None else f'{len(outcome)}:{outcome}'}"
        f"{'-' if reason is None else f'{len(reason)}:{reason}'}"
        f"{'-' if actor is None else f'{len(actor)}:{actor}'}"
        f"{len(contract)}:{contract}"
        f"{'-' if team is None else f'{len(team)}:{team}'}"
        f"{'-' if current_step is None else f'{len(current_step)}:{current_step}'}"
        f"{'-' if payload_hash is None else f'{payload_hash.hex()};'}"
        f"{'-' if data is None else f'{len(data)}:{data}'}"
    )
    return sha256(_VERSION + previous + workflow_id_bytes + text.encode("utf-8", "surrogatepass")).digest()


def link_event(previous: bytes, event: Event) -> bytes:
    """Return the link of `event`, as read back from the log, to the one before it; its own `hash` is not looked at."""
    return link(
        previous,
        event.workflow_id.bytes,
        event.seq,
        (event.at - _EPOCH) // _MICROSECOND,
        event.kind.value,
        event.step,
        event.address,
        event.attempt,
        event.outcome,
        event.reason,
        event.actor,
        event.contract,
        event.team,
        event.tier,
        event.current_step,
        event.attempt_count,
        event.payload_hash,
        event.data,
    )


def payload_hash(salt: bytes, argument_hash: bytes | None, body: bytes | None) -> bytes:
    """Return the 16-byte hash by which an event names a payload: BLAKE2b keyed with the workflow's `salt`.

    The preimage is, for `argument_hash` and then `body`, one byte 0x00 when absent, or 0x01, the length in eight
    bytes (big-endian) and the bytes. Without the salt, which erasing deletes, a guess at the payload cannot be tried.
    Raises InvalidInput for a salt that is not 1 to 64 bytes long.
    """
    if not 1 <= len(salt) <= 64:
        raise InvalidInput(
            f"a salt of {len(salt)} bytes cannot key a payload's hash: make one of 1 to 64 bytes for each workflow"
        )
    digest = blake2b(key=salt, digest_size=16)
    for part in (argument_hash, body):
        if part is None:
            digest.update(_ABSENT)
        else:
            digest.update(_PRESENT + len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.digest()


@dataclass(frozen=True, slots=True)
class Intact:
    """Every event is as it was written, and none is missing."""


@dataclass(frozen=True, slots=True)
class Edited:
    """The event `seq` is not the one that was written there, or was never known to the row."""

    seq: int


@dataclass(frozen=True, slots=True)
class Gap:
    """The event `seq` is missing, and later ones are there."""

    seq: int


@dataclass(frozen=True, slots=True)
class Reordered:
    """At `seq` stands another event of the same log."""

    seq: int


@dataclass(frozen=True, slots=True)
class LostTail:
    """The event `seq` and all after it are missing."""

    seq: int


Verdict: TypeAlias = Intact | Edited | Gap | Reordered | LostTail


def verify(events: Sequence[Event], head: bytes, next_seq: int) -> Verdict:
    """Say whether a log, in the order it was read, is the one its workflow's row (`head`, `next_seq`) speaks of.

    The first thing wrong is named. A chain made anew from the first event on is seen by its head alone, and named at
    the last event; only a head kept outside the database shows a chain made anew together with its row.
    """
    previous, expected = GENESIS, FIRST_SEQ
    for event in events:
        if event.seq != expected:
            return _misplaced(events, event.seq, expected)
        if event.seq >= next_seq:
            return Edited(event.seq)
        if event.workflow_id != events[0].workflow_id or link_event(previous, event) != event.hash:
            return (
                Reordered(event.seq) if _belongs_elsewhere(events, previous, event.seq) else Edited(event.seq)
            )
        previous, expected = event.hash, expected + 1
    if expected < next_seq:
        return LostTail(expected)
    return Intact() if previous == head else Edited(max(expected - 1, FIRST_SEQ))


def _misplaced(events: Sequence[Event], seq: int, expected: int) -> Verdict:
    is_elsewhere = any(event.seq == expected for event in events)
    return Reordered(expected) if seq < expected or is_elsewhere else Gap(expected)


def _belongs_elsewhere(events: Sequence[Event], previous: bytes, seq: int) -> bool:
    """Whether the event that was written at `seq` is still in the log under another number."""
    return any(
        link_event(previous, replace(event, seq=seq)) == event.hash for event in events if event.seq != seq
    )
