"""Which failures of a held workflow stand, which of them an intervention means, and what may be done about each.

Read from events alone, so a client that has no code and a worker that has it say the same. A failure stands from the
event that recorded it until a person reopened its address, or the address came to another end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from actum.errors import NotPossible
from actum.model.events import EventKind, Reason

K = EventKind
ASKING = "request_approval"
"""The name under which a request for approval is recorded: its answer is nobody's to make up."""


class Verb(StrEnum):
    """What a person does about a failure: try again, give the output, or try with other arguments."""

    RETRY = "retry"
    SKIP = "skip"
    EDIT = "edit"


class Recorded(Protocol):
    """What is read of an event."""

    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def step(self) -> str | None: ...
    @property
    def address(self) -> str | None: ...
    @property
    def attempt(self) -> int | None: ...
    @property
    def outcome(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def data(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure that stands: the event `seq` recorded it, as `word`. Without an address the body itself failed."""

    seq: int
    address: str | None
    step: str
    word: str
    reason: str
    attempts: int
    has_open_doubt: bool = False
    """Whether an attempt before it may have happened: nobody has said that none did."""


_ENDS = {
    K.STEP_COMPLETED: "completed",
    K.STEP_FAILED: "failed",
    K.EFFECT_SUCCEEDED: "completed",
    K.EFFECT_SHARED: "completed",
    K.EFFECT_FAILED: "failed",
    K.EFFECT_SETTLED: "completed",
    K.CHILD_FINISHED: "completed",
    K.QUESTION_ANSWERED: "completed",
}
_MOVES = frozenset({*_ENDS, K.TIMER_FIRED, K.SIGNAL_RECEIVED, K.WORKFLOW_CANCEL_REQUESTED, K.STEP_REOPENED})
_FAILED = frozenset({"failed", "abandoned", "rejected", "expired", "denied", "key_conflict", "invalid"})


def list_failures(events: Iterable[Recorded]) -> list[Failure]:
    """Return the failures that stand, oldest first."""
    found: dict[str, Failure] = {}
    doubted: set[str] = set()
    for event in events:
        kind, address = EventKind(event.kind), event.address or ""
        if kind is K.EFFECT_DOUBTED:
            doubted.add(address)
        elif kind is K.EFFECT_SETTLED and event.outcome == "did_not_happen":
            doubted.discard(address)
        if kind is K.STEP_REOPENED:
            found.pop(address, None)
        if kind not in _ENDS or address.startswith("undo."):
            continue
        found.pop(address, None)
        word = event.outcome or _ENDS[kind]
        is_answer = kind is K.STEP_COMPLETED  # a request for approval that was rejected has not failed
        if word in _FAILED and not is_answer:
            reason = event.reason or Reason.OTHER.value
            attempts, is_doubted = event.attempt or 1, address in doubted
            found[address] = Failure(event.seq, address, event.step or "", word, reason, attempts, is_doubted)
    return list(found.values())


def read_block(events: Sequence[Recorded]) -> dict[str, Any]:
    """Return what the last `workflow.blocked` says beside its columns; empty where there is none."""
    for event in reversed(events):
        if EventKind(event.kind) is K.WORKFLOW_BLOCKED:
            return dict(json.loads(event.data or "{}"))
    return {}


def choose(events: Sequence[Recorded], address: str | None) -> Failure:
    """Return the failure at `address`, or without one the failure that the block names.

    Raises NotPossible, naming the addresses that failed, where that is none or several.
    """
    failures = list_failures(events)
    named = ", ".join(f"{one.address} ({one.step})" for one in failures)
    if address is not None:
        for one in failures:
            if one.address == address:
                return one
        hint = f"failures stand at {named}" if named else "nothing of it has failed"
        raise NotPossible(f"no failure stands at {address!r}: {hint}")
    block = read_block(events)
    if block.get("address") is not None:
        return choose(events, block["address"])
    if block.get("failed"):
        among = ", ".join(f"{one['address']} ({one['step']})" for one in block["failed"])
        raise NotPossible(f"several failures ended it: say which address is meant, one of {among}")
    return Failure(_after_last_move(events), None, "", "raised", Reason.OTHER.value, 1)


def require_possible(failure: Failure, verb: Verb) -> None:
    """Raise NotPossible, with the way out, where a failure of this sort does not allow `verb`."""
    place = f"{failure.step} at {failure.address}"
    if failure.address is None and verb is not Verb.RETRY:
        raise NotPossible("no call failed, the body itself did: mend the code and retry, or roll back")
    if failure.word == "invalid" and verb is not Verb.SKIP:
        raise NotPossible(f"{place} happened, and only its result is unusable: say with skip what it is")
    if failure.step == ASKING and verb is not Verb.RETRY:
        raise NotPossible(
            f"{place} asks people, and only they can answer: retry it, or reopen another failure"
        )
    if verb is Verb.EDIT and (failure.has_open_doubt or failure.word == "abandoned"):
        raise NotPossible(f"{place} was abandoned in doubt, and may have happened: retry or skip it as it is")


def require_open(events: Sequence[Recorded]) -> None:
    """Raise NotPossible where the end of the workflow was asked for: it can only be rolled back or cancelled."""
    if any(EventKind(event.kind) is K.WORKFLOW_CANCEL_REQUESTED for event in events):
        raise NotPossible("its end was asked for before it was held: roll it back, or cancel it")


def _after_last_move(events: Sequence[Recorded]) -> int:
    return 1 + max((event.seq for event in events if EventKind(event.kind) in _MOVES), default=1)
