"""The ledger of effects: the states of one entry as a table, and what a workflow does that reaches a key.

An entry is the intent: it is written as `started` by the record that permits the attempt, so that after a crash
`started` means "may have happened". Before it the key is free.

    started      an attempt was permitted; it may have happened
    succeeded    it happened, and this is its result
    failed       it certainly did not happen
    in_doubt     it may have happened, and nobody is trying any more
    abandoned    a person gave it up without an answer
    undoing      its undo (an entry of its own) has begun
    undone       it was put back
    undo_failed  its undo stopped half-way, and can be taken up again

`started` follows `started` never: the next attempt needs an answer to the last. A pair that is absent is illegal.
`undone` is the end of an entry; doing the same again is a new generation, an entry of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias
from uuid import UUID

from actum.machine.transitions import IllegalTransition


class EffectState(StrEnum):
    """Where an entry of the ledger stands."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    ABANDONED = "abandoned"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_FAILED = "undo_failed"


E = EffectState

TABLE: Final[Mapping[EffectState, frozenset[EffectState]]] = MappingProxyType(
    {
        E.STARTED: frozenset({E.SUCCEEDED, E.FAILED, E.IN_DOUBT}),
        E.IN_DOUBT: frozenset({E.SUCCEEDED, E.FAILED, E.STARTED, E.ABANDONED}),
        E.FAILED: frozenset({E.STARTED}),
        E.ABANDONED: frozenset({E.STARTED}),
        E.SUCCEEDED: frozenset({E.UNDOING}),
        E.UNDOING: frozenset({E.UNDONE, E.UNDO_FAILED}),
        E.UNDO_FAILED: frozenset({E.UNDOING}),
        E.UNDONE: frozenset(),
    }
)
"""State -> the states that may follow it."""

BORN: Final = E.STARTED
"""The state in which an entry is written."""


def move(state: EffectState | None, to: EffectState) -> EffectState:
    """Return `to` if an entry in `state` (None before it is written) may go there.

    Raises IllegalTransition, with the states that may follow, otherwise.
    """
    allowed = frozenset({BORN}) if state is None else TABLE[state]
    if to in allowed:
        return to
    before = "unwritten" if state is None else state.value
    ways = ", ".join(sorted(way.value for way in allowed)) or "nothing: the same again is a new generation"
    raise IllegalTransition(
        f"an effect that is {before} cannot become {to.value}: what may follow is {ways}",
        state="" if state is None else state.value,
        move=to.value,
    )


@dataclass(frozen=True, slots=True)
class Existing:
    """The newest generation found under a (kind, key): whose it is, with which arguments, how far it has come.

    `result` is the stored result once it has succeeded, as encoded.
    """

    workflow_id: UUID
    address: str
    argument_hash: bytes
    state: EffectState
    generation: int
    attempt: int
    result: bytes | None = None


@dataclass(frozen=True, slots=True)
class Mine:
    """The call that reaches for the key."""

    workflow_id: UUID
    address: str
    argument_hash: bytes


@dataclass(frozen=True, slots=True)
class Take:
    """The key is free: write the first generation."""


@dataclass(frozen=True, slots=True)
class Own:
    """The entry is this very call's, from before a crash or from its last attempt: go on from its state.

    `started` and `in_doubt` go to `machine.doubt`; `succeeded` is delivered; `failed` and `abandoned` may be tried
    again as attempt `existing.attempt + 1`.
    """

    existing: Existing


@dataclass(frozen=True, slots=True)
class Join:
    """It has happened for another call: take its result and become a holder of the entry; None could not be kept."""

    result: bytes | None


@dataclass(frozen=True, slots=True)
class WaitForOther:
    """Another call is at it, or its outcome is open: park until that is settled."""

    workflow_id: UUID
    address: str


@dataclass(frozen=True, slots=True)
class TakeOver:
    """It did not happen for another call, or was given up: take the entry over, under an approval of one's own.

    Over `abandoned` the doubt is taken over too: this attempt's own "no" says nothing of the one before it.
    The update is conditional: it must still find `state` and `attempt - 1`.
    """

    state: EffectState
    attempt: int


@dataclass(frozen=True, slots=True)
class NewGeneration:
    """It happened and was put back: write this generation, an entry of its own."""

    generation: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """The key stands for other arguments: refuse with `KeyConflict`. The fields name the call that holds it."""

    workflow_id: UUID
    address: str


Reached: TypeAlias = Take | Own | Join | WaitForOther | TakeOver | NewGeneration | Conflict


def reach(existing: Existing | None, mine: Mine) -> Reached:
    """Say what a call does that reaches a key under which `existing` was found (None: nothing).

    Pure and repeatable: what it answers is carried out by a conditional write, and when that finds the entry changed,
    the call reads again and asks again. Other arguments under one key are a conflict whatever has become of it.
    """
    if existing is None:
        return Take()
    if existing.argument_hash != mine.argument_hash:
        return Conflict(existing.workflow_id, existing.address)
    is_own = (existing.workflow_id, existing.address) == (mine.workflow_id, mine.address)
    match existing.state:
        case E.UNDOING | E.UNDO_FAILED:
            return WaitForOther(existing.workflow_id, existing.address)
        case E.UNDONE:
            return NewGeneration(existing.generation + 1)
        case _ if is_own:
            return Own(existing)
        case E.STARTED | E.IN_DOUBT:
            return WaitForOther(existing.workflow_id, existing.address)
        case E.SUCCEEDED:
            return Join(existing.result)
        case E.FAILED | E.ABANDONED:
            return TakeOver(existing.state, existing.attempt + 1)
