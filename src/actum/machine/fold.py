"""A workflow's row as the sum of its events.

The row and the log are written together; this is the proof that they agree. `advance` is one step of the sum,
`fold` all of them. Hashes are carried along and not checked here: that is `machine.chain`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from actum.errors import ActumError
from actum.machine.chain import FIRST_SEQ
from actum.machine.transitions import next_status
from actum.model.events import Event, EventKind
from actum.model.workflow import Cause, Status


class BrokenHistory(ActumError):
    """Events that cannot be the history of one workflow; `seq` is the first that does not fit."""

    def __init__(self, message: str, *, seq: int) -> None:
        super().__init__(message)
        self.seq = seq


@dataclass(frozen=True, slots=True)
class Row:
    """The columns of `workflows` that events decide. `cause` is set while blocked, `finished_at` once final."""

    status: Status
    cause: Cause | None
    current_step: str | None
    attempt_count: int
    next_seq: int
    chain_head: bytes
    finished_at: datetime | None


def advance(row: Row | None, event: Event) -> Row:
    """Return the row after one more event; `row` is None before the first.

    Raises BrokenHistory when the event is not the next in number or blocks without a known cause, and
    IllegalTransition when its kind cannot follow the row's status.
    """
    expected = FIRST_SEQ if row is None else row.next_seq
    if event.seq != expected:
        raise BrokenHistory(
            f"event {event.seq} stands where event {expected} belongs: read the workflow's whole log in order of seq",
            seq=expected,
        )
    status = next_status(None if row is None else row.status, event.kind)
    return Row(
        status=status,
        cause=_cause(row, status, event),
        current_step=event.current_step,
        attempt_count=event.attempt_count,
        next_seq=event.seq + 1,
        chain_head=event.hash,
        finished_at=event.at if status.is_final else None,
    )


def fold(events: Iterable[Event]) -> Row:
    """Return the row that a workflow's events, in order of seq from the first, add up to.

    Raises BrokenHistory for no events, gaps, disorder and events of several workflows, and IllegalTransition for
    an event that cannot follow. Pure: folding twice gives the same row, and a prefix gives the row as it was.
    """
    row: Row | None = None
    workflow_id = None
    for event in events:
        if row is not None and event.workflow_id != workflow_id:
            raise BrokenHistory(
                f"event {event.seq} is of workflow {event.workflow_id}, the ones before it of {workflow_id}: "
                "fold one workflow at a time",
                seq=event.seq,
            )
        workflow_id = event.workflow_id
        row = advance(row, event)
    if row is None:
        raise BrokenHistory("no events: a workflow has at least workflow.started", seq=FIRST_SEQ)
    return row


def _cause(row: Row | None, status: Status, event: Event) -> Cause | None:
    if status is not Status.BLOCKED:
        return None
    if event.kind is not EventKind.WORKFLOW_BLOCKED:
        return None if row is None else row.cause
    try:
        return Cause(event.reason or "")
    except ValueError:
        known = ", ".join(cause.value for cause in Cause)
        raise BrokenHistory(
            f"event {event.seq} blocks for {event.reason!r}, which is no cause: it is one of {known}",
            seq=event.seq,
        ) from None
