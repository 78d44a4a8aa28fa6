"""Replay with failures set aside: what a body that never saw them is told of what was recorded since.

Pure, and decided by records and body alone: every holder that replays the same log leaves the same aside. See
docs/design/hold.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from actum.authoring.call import Call
from actum.errors import InvalidInput
from actum.flow import (
    Abandoned,
    Command,
    Commands,
    Delivery,
    Flow,
    Mismatch,
    Outcome,
    Started,
)
from actum.model.events import EventKind
from actum.store.rows import RecordRow

if TYPE_CHECKING:
    from actum.engine.history import History

K = EventKind


@dataclass(frozen=True, slots=True)
class Reopening:
    """The event `seq`, by which a person set aside the failure that the event `failure` recorded at `address`."""

    seq: int
    failure: int
    address: str | None


def find_reopenings(records: Sequence[RecordRow]) -> tuple[Reopening, ...]:
    """Return what people reopened, in order."""
    return tuple(
        Reopening(record.seq, int(orjson.loads(record.data or b"{}")["failure"]), record.address)
        for record in records
        if record.kind == K.STEP_REOPENED
    )


def is_set_aside(history: History, record: RecordRow) -> bool:
    """Whether a record is a failure that was reopened since, or the intent of an attempt that ended in one."""
    for one in history.reopenings:
        if one.address is None or one.address != record.address:
            continue
        if record.seq == one.failure or (record.kind == K.EFFECT_STARTED and record.seq < one.seq):
            return True
    return False


def ask_again_as_recorded(history: History, record: RecordRow) -> None:
    """Note that a record is of a call which the body asked for again, after its end had been left aside."""
    address = record.address
    if not history.reopenings or address is None or record.kind == K.STEP_REOPENED:
        return
    progress = history.progress.get(address)
    reopened = [one.seq for one in history.reopenings if one.seq < record.seq]
    if progress is None or not (progress.is_ended and reopened and progress.ended_seq < reopened[-1]):
        return
    data: dict[str, Any] = orjson.loads(record.data) if record.data else {}
    hashed = bytes.fromhex(data["arguments"]) if "arguments" in data else record.argument_hash
    history.progress[address] = progress.again(record.step or "", hashed, f"@{len(reopened)}")


def replay(flow: Flow, history: History) -> Commands:
    """Deliver a history to a fresh flow and return what to carry out.

    Strict, except between a failure that was set aside and the intervention: there only what the body waits for is
    delivered. Raises Mismatch.
    """
    with flow.replaying():
        if not history.reopenings:
            return flow.advance(history.deliveries)
        flow.advance(())
        for seq, delivery in zip(history.seqs, history.deliveries, strict=True):
            is_loose = any(one.failure <= seq < one.seq for one in history.reopenings)
            if not is_loose or _fits(flow, delivery):
                flow.advance((delivery,))
            elif isinstance(delivery, Outcome):
                progress = history.at(delivery.address)
                progress.is_aside = progress.is_aside or progress.outcome is delivery
    return Commands(tuple(Command(address, request) for address, request in flow.waiting.items()), ())


def _fits(flow: Flow, delivery: Delivery) -> bool:
    match delivery:
        case Outcome(address, name, argument_hash) | Started(address, name, argument_hash):
            request = flow.waiting.get(address) or flow.abandoned.get(address)
            return request is not None and (request.name, request.argument_hash) == (name, argument_hash)
        case Abandoned(address, name):
            given_up = flow.abandoned.get(address)
            return given_up is not None and given_up.name == name
        case _:
            return True


def ask_again(history: History, command: Command) -> Mismatch | None:
    """Let calls go on from what was left aside at their addresses, or begin afresh where they are others.

    Returns how the arguments that a person gave do not fit the code any more, if that is so.
    """
    if not history.reopenings:
        return None
    mark = f"@{len(history.reopenings)}"
    request: Any = command.request
    for address, call in [(command.address, request), *_calls_of(request)]:
        progress = history.progress.get(address)
        if progress is not None and progress.is_ended:
            history.progress[address] = progress.again(call.name, call.argument_hash, mark)
    try:
        as_edited(history, command)
    except InvalidInput as error:
        recorded = f"{request.name} with arguments that a person gave"
        return Mismatch(command.address, recorded=recorded, asked=f"others ({error})")
    return None


def _calls_of(request: Any) -> list[tuple[str, Any]]:
    """Return the calls that a request for approval is about, by their addresses."""
    return [(call.address, call) for call in getattr(request, "calls", ())]


def edited(call: Call[Any], edit: bytes) -> Call[Any]:
    """Return `call` with the entries of the JSON object `edit` in place of its own; raises InvalidInput."""
    given = orjson.loads(edit)
    if not isinstance(given, dict):
        raise InvalidInput(f"the arguments of {call.name} are a JSON object with an entry for each parameter")
    return call.edited(given)


def edited_at(history: History, call: Call[Any]) -> Call[Any]:
    """Return a call with the arguments that a person gave at its address, if one did; raises InvalidInput."""
    progress = history.progress.get(call.address or "")
    return call if progress is None or progress.edit is None else edited(call, progress.edit)


def as_edited(history: History, command: Command) -> Command:
    """Return a command with the arguments that a person gave, if one did; raises InvalidInput."""
    if not isinstance(command.request, Call):
        return command
    return Command(command.address, edited_at(history, command.request))
