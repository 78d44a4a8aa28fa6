"""A workflow's statuses, and the causes that block one."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where a workflow stands. The last four are final: nothing follows them."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    BLOCKED = "blocked"
    ROLLING_BACK = "rolling_back"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled_back"

    @property
    def is_final(self) -> bool:
        """Whether this status is an ending."""
        return self in FINAL


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.ROLLED_BACK})


class Cause(StrEnum):
    """Why a workflow is blocked: each has its own way out, shown by `actum show`."""

    IN_DOUBT = "in_doubt"
    MISMATCH = "mismatch"
    HELD = "held"
    UNDO_FAILED = "undo_failed"
    CRASH_LOOP = "crash_loop"
    REFUSED = "refused"
