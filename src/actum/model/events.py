"""The vocabulary of the event log: kinds and reasons, both closed lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class EventKind(StrEnum):
    """What happened, as `noun.participle`. Each kind's effect on a workflow's status is in `machine.transitions`."""

    WORKFLOW_STARTED = "workflow.started"
    WORKFLOW_CLAIMED = "workflow.claimed"
    WORKFLOW_RESCUED = "workflow.rescued"
    WORKFLOW_PARKED = "workflow.parked"
    WORKFLOW_PAUSED = "workflow.paused"
    WORKFLOW_RESUMED = "workflow.resumed"
    WORKFLOW_BLOCKED = "workflow.blocked"
    WORKFLOW_UNBLOCKED = "workflow.unblocked"
    WORKFLOW_CANCEL_REQUESTED = "workflow.cancel_requested"
    WORKFLOW_ROLLING_BACK = "workflow.rolling_back"
    WORKFLOW_COMPLETED = "workflow.completed"
    WORKFLOW_FAILED = "workflow.failed"
    WORKFLOW_CANCELLED = "workflow.cancelled"
    WORKFLOW_ROLLED_BACK = "workflow.rolled_back"
    STEP_COMPLETED = "step.completed"
    STEP_FAILED = "step.failed"
    STEP_ABANDONED = "step.abandoned"
    STEP_REOPENED = "step.reopened"
    ATTEMPT_FAILED = "attempt.failed"
    PREVIEW_COMPLETED = "preview.completed"
    TIMER_FIRED = "timer.fired"
    TIMER_CANCELLED = "timer.cancelled"
    SIGNAL_RECEIVED = "signal.received"
    QUESTION_ASKED = "question.asked"
    QUESTION_ANSWERED = "question.answered"
    QUESTION_WITHDRAWN = "question.withdrawn"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_DECIDED = "approval.decided"
    APPROVAL_EXPIRED = "approval.expired"
    APPROVAL_WITHDRAWN = "approval.withdrawn"
    EFFECT_STARTED = "effect.started"
    EFFECT_SUCCEEDED = "effect.succeeded"
    EFFECT_FAILED = "effect.failed"
    EFFECT_DOUBTED = "effect.doubted"
    EFFECT_SETTLED = "effect.settled"
    EFFECT_SHARED = "effect.shared"
    CHILD_STARTED = "child.started"
    CHILD_FINISHED = "child.finished"
    CHILD_CANCELLED = "child.cancelled"


class Reason(StrEnum):
    """Why something failed or was stopped. A closed list: free text goes beside it."""

    TIMEOUT_START = "timeout.start"
    TIMEOUT_ATTEMPT = "timeout.attempt"
    TIMEOUT_TOTAL = "timeout.total"
    TIMEOUT_STALL = "timeout.stall"
    PROVIDER_RATE_LIMITED = "provider.rate_limited"
    PROVIDER_UNAVAILABLE = "provider.unavailable"
    PROVIDER_REFUSED = "provider.refused"
    CONTEXT_TOO_LONG = "context.too_long"
    SCHEMA_INVALID = "schema.invalid"
    CHECK_FAILED = "check.failed"
    TOOL_ERROR = "tool.error"
    DEPENDENCY_DOWN = "dependency.down"
    CONFLICT = "conflict"
    PERMISSION = "permission"
    BUDGET_EXCEEDED = "budget.exceeded"
    WORKER_LOST = "worker.lost"
    HUMAN_REJECTED = "human.rejected"
    HUMAN_EXPIRED = "human.expired"
    OPERATOR = "operator"
    CONTRACT_MISMATCH = "contract.mismatch"
    BUG = "bug"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the append-only log, as stored.

    `data` is JSON text (never parsed before it is hashed); `current_step` and `attempt_count` are what the
    workflow's row says from this event on; `hash` covers this event and the one before it.
    """

    workflow_id: UUID
    seq: int
    at: datetime
    kind: EventKind
    step: str | None = None
    address: str | None = None
    attempt: int | None = None
    outcome: str | None = None
    reason: str | None = None
    actor: str | None = None
    contract: str = ""
    team: str | None = None
    tier: int | None = None
    current_step: str | None = None
    attempt_count: int = 0
    payload_hash: bytes | None = None
    data: str | None = None
    hash: bytes = b""
