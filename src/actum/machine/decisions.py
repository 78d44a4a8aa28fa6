"""The hash chain of a workflow's decisions. These are bytes that last: a chain written today is verified for ever.

    link     = sha256(version ‖ previous ‖ workflow id ‖ text)
    version  = one byte, 0x01
    previous = the 32 bytes of the link before; 32 zero bytes before the first decision
    workflow id = the 16 bytes of the UUID
    text     = UTF-8 of these fields, in this order, nothing between them:

        seq  at_us  tier  seen_ms  round                      numbers
        address  approval_id  kind  contract  team            texts
        ruling  rule  actor  counts_for  rationale  facts  seen
        policy_hash  action_hash                              bytes, as lower-case hex

    a number is its decimal digits and `;`; an absent one is `;`
    a text is its length in Unicode code points in decimal digits, `:`, and itself; an absent one is `-`
    bytes are their hex digits and `;`; absent ones are `-`

The database makes the links (`actum.link_decision`), under the workflow's lock, in the transaction of the decision; what
is here makes them again. Beside each chain stand its length and head, so that a lost tail is seen too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from actum.machine.chain import GENESIS, Edited, Gap, Intact, LostTail, Reordered, Verdict

_VERSION: Final = b"\x01"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Decision:
    """One entry of the decision log, as read back; `counts_for` is whose vote it was if another cast it.

    `round` is that of the votes on its approval: each escalation begins another. None where nobody was asked.
    """

    workflow_id: UUID
    seq: int
    decided_at: datetime
    tier: int
    seen_ms: int | None
    round: int | None
    address: str
    approval_id: UUID | None
    kind: str
    contract: str
    team: str | None
    ruling: str
    rule: str
    actor: str
    counts_for: str | None
    rationale: str | None
    facts: str | None
    seen: str | None
    policy_hash: bytes | None
    action_hash: bytes | None
    hash: bytes


def link_decision(previous: bytes, decision: Decision) -> bytes:
    """Return the 32-byte link of a decision to the one before; its own `hash` is not looked at."""
    at_us = (decision.decided_at - _EPOCH) // _MICROSECOND
    numbers = (decision.seq, at_us, decision.tier, decision.seen_ms, decision.round)
    texts = (
        decision.address,
        None if decision.approval_id is None else str(decision.approval_id),
        decision.kind,
        decision.contract,
        decision.team,
        decision.ruling,
        decision.rule,
        decision.actor,
        decision.counts_for,
        decision.rationale,
        decision.facts,
        decision.seen,
    )
    text = "".join(map(_number, numbers)) + "".join(map(_text, texts))
    text += _hex(decision.policy_hash) + _hex(decision.action_hash)
    return sha256(_VERSION + previous + decision.workflow_id.bytes + text.encode()).digest()


def verify_decisions(decisions: Sequence[Decision], head: bytes, count: int) -> Verdict:
    """Say whether decisions, in the order they were read, are the chain whose head and length stand beside it.

    The first thing wrong is named by its number. Whoever remakes the chain together with its head is found only by a
    head that is kept outside the database.
    """
    previous, expected = GENESIS, 1
    for decision in decisions:
        if decision.seq != expected:
            is_elsewhere = any(one.seq == expected for one in decisions)
            return Reordered(expected) if is_elsewhere or decision.seq < expected else Gap(expected)
        if expected > count:
            return Edited(expected)
        if link_decision(previous, decision) != decision.hash:
            return (
                Reordered(expected) if _belongs_elsewhere(decisions, previous, expected) else Edited(expected)
            )
        previous, expected = decision.hash, expected + 1
    if expected <= count:
        return LostTail(expected)
    return Intact() if previous == head else Edited(max(expected - 1, 1))


def _belongs_elsewhere(decisions: Sequence[Decision], previous: bytes, seq: int) -> bool:
    """Whether the decision that was taken at `seq` is still in the log under another number."""
    return any(
        link_decision(previous, replace(one, seq=seq)) == one.hash for one in decisions if one.seq != seq
    )


def _number(number: int | None) -> str:
    return ";" if number is None else f"{number};"


def _text(text: str | None) -> str:
    return "-" if text is None else f"{len(text)}:{text}"


def _hex(value: bytes | None) -> str:
    return "-" if value is None else f"{value.hex()};"
