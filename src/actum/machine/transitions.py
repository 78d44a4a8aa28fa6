"""The statuses of a workflow as a table, and nothing else.

A status says what may move a workflow next:

    pending        started, and nobody has taken it up
    running        its body is being driven, or could be at once
    waiting        only the world can move it: a timer, a signal, a person, a child
    paused         a person stopped it; it takes nothing in until resumed
    blocked        it cannot go on by itself; the cause says what it takes
    rolling_back   the undos are being carried out
    completed, failed, cancelled, rolled_back   endings

The theory, in six sentences.
A workflow is born `pending` by `workflow.started`, which no existing workflow can receive.
Whatever shows the body making progress makes it `running`; taking it up and putting it down are
`workflow.claimed` (or `rescued`) and `workflow.parked`; and neither touches `paused`, `blocked` or
`rolling_back`, because readiness is not status.
In `paused` and `blocked` nothing new is taken in, but an attempt that was already executing has acted, and how it
ended is recorded where the workflow stands; a doubt, which is itself a cause, may be settled in `blocked`.
A failure that a person sets aside (`step.reopened`) makes a `blocked` workflow `running`; a refusal blocks it anew.
A rollback ends as `rolled_back` or stops as `blocked`, never otherwise.
An ending is for ever: its row is empty.

A pair that is absent is illegal. The diagrams and the database's referee are made from `TABLE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from actum.errors import ActumError
from actum.model.events import EventKind
from actum.model.workflow import Status

K = EventKind
S = Status


class IllegalTransition(ActumError):
    """A move that the table of its state machine does not hold; nothing was changed.

    `state` is where the thing stood (empty before its birth) and `move` what was tried.
    """

    def __init__(self, message: str, *, state: str, move: str) -> None:
        super().__init__(message)
        self.state = state
        self.move = move


BORN: Final = S.PENDING
"""The status that `workflow.started` gives; it is the only kind that needs no status before it."""

ENDINGS_IN_FLIGHT: Final = frozenset(
    {
        K.STEP_COMPLETED,
        K.STEP_FAILED,
        K.ATTEMPT_FAILED,
        K.PREVIEW_COMPLETED,
        K.EFFECT_SUCCEEDED,
        K.EFFECT_FAILED,
        K.EFFECT_DOUBTED,
        K.CHILD_FINISHED,
    }
)
"""How something that was already executing can end, whatever has happened to its workflow meanwhile."""

PROGRESS: Final = ENDINGS_IN_FLIGHT | {
    K.STEP_ABANDONED,
    K.TIMER_FIRED,
    K.TIMER_CANCELLED,
    K.SIGNAL_RECEIVED,
    K.QUESTION_ASKED,
    K.QUESTION_ANSWERED,
    K.QUESTION_WITHDRAWN,
    K.APPROVAL_REQUESTED,
    K.APPROVAL_DECIDED,
    K.APPROVAL_EXPIRED,
    K.APPROVAL_WITHDRAWN,
    K.EFFECT_STARTED,
    K.EFFECT_SETTLED,
    K.EFFECT_SHARED,
    K.CHILD_STARTED,
    K.CHILD_CANCELLED,
}
"""What the body asked for or was told: proof that it is being driven."""

_TAKEN_UP: Final = frozenset({K.WORKFLOW_CLAIMED, K.WORKFLOW_RESCUED})


def _all(kinds: Iterable[EventKind], status: Status) -> dict[EventKind, Status]:
    return dict.fromkeys(kinds, status)


_UNDER_WAY: Final = {
    **_all(PROGRESS | _TAKEN_UP, S.RUNNING),
    K.WORKFLOW_PAUSED: S.PAUSED,
    K.WORKFLOW_BLOCKED: S.BLOCKED,
    K.WORKFLOW_ROLLING_BACK: S.ROLLING_BACK,
    K.WORKFLOW_COMPLETED: S.COMPLETED,
    K.WORKFLOW_FAILED: S.FAILED,
    K.WORKFLOW_CANCELLED: S.CANCELLED,
}

ROWS: Final[Mapping[Status, Mapping[EventKind, Status]]] = {
    S.PENDING: {
        **_UNDER_WAY,
        K.WORKFLOW_PARKED: S.WAITING,
        K.WORKFLOW_CANCEL_REQUESTED: S.PENDING,
    },
    S.RUNNING: {
        **_UNDER_WAY,
        K.WORKFLOW_PARKED: S.WAITING,
        K.WORKFLOW_CANCEL_REQUESTED: S.RUNNING,
    },
    S.WAITING: {
        **_UNDER_WAY,
        K.WORKFLOW_CANCEL_REQUESTED: S.WAITING,
    },
    S.PAUSED: {
        **_all(ENDINGS_IN_FLIGHT | _TAKEN_UP | {K.WORKFLOW_PARKED}, S.PAUSED),
        K.WORKFLOW_RESUMED: S.RUNNING,
        K.WORKFLOW_CANCEL_REQUESTED: S.RUNNING,
        K.WORKFLOW_BLOCKED: S.BLOCKED,
        K.WORKFLOW_ROLLING_BACK: S.ROLLING_BACK,
    },
    S.BLOCKED: {
        **_all(ENDINGS_IN_FLIGHT | _TAKEN_UP | {K.WORKFLOW_PARKED, K.EFFECT_SETTLED}, S.BLOCKED),
        K.WORKFLOW_UNBLOCKED: S.RUNNING,
        K.STEP_REOPENED: S.RUNNING,
        K.WORKFLOW_BLOCKED: S.BLOCKED,
        K.WORKFLOW_CANCEL_REQUESTED: S.BLOCKED,
        K.WORKFLOW_ROLLING_BACK: S.ROLLING_BACK,
        K.WORKFLOW_FAILED: S.FAILED,
        K.WORKFLOW_CANCELLED: S.CANCELLED,
    },
    S.ROLLING_BACK: {
        **_all(PROGRESS | _TAKEN_UP | {K.WORKFLOW_PARKED}, S.ROLLING_BACK),
        K.WORKFLOW_CANCEL_REQUESTED: S.ROLLING_BACK,
        K.WORKFLOW_ROLLING_BACK: S.ROLLING_BACK,
        K.WORKFLOW_BLOCKED: S.BLOCKED,
        K.WORKFLOW_ROLLED_BACK: S.ROLLED_BACK,
    },
    S.COMPLETED: {},
    S.FAILED: {},
    S.CANCELLED: {},
    S.ROLLED_BACK: {},
}
"""The table as a reader wants it: one row for each status."""

TABLE: Final[Mapping[tuple[Status, EventKind], Status]] = MappingProxyType(
    {(status, kind): after for status, row in ROWS.items() for kind, after in row.items()}
)
"""The table as a machine wants it: (status, event kind) -> status afterwards."""


def next_status(status: Status | None, kind: EventKind) -> Status:
    """Return the status after an event of `kind`; `status` is None before the workflow's birth.

    Raises IllegalTransition, with the moves that are possible, when the table does not hold the pair.
    """
    if status is None:
        if kind is K.WORKFLOW_STARTED:
            return BORN
        raise IllegalTransition(
            f"{kind.value} cannot be the first event of a workflow: it begins with workflow.started",
            state="",
            move=kind.value,
        )
    after = TABLE.get((status, kind))
    if after is None:
        raise IllegalTransition(_refusal(status, kind), state=status.value, move=kind.value)
    return after


def _refusal(status: Status, kind: EventKind) -> str:
    if status.is_final:
        return f"{kind.value} cannot follow {status.value}: that is an ending, so start or rerun another workflow"
    if kind is K.WORKFLOW_STARTED:
        return f"workflow.started cannot follow {status.value}: a workflow is started once"
    ways = ", ".join(sorted(move.value for move in ROWS[status] if move.value.startswith("workflow.")))
    return f"{kind.value} cannot follow {status.value}: what moves it on from here is one of {ways}"
