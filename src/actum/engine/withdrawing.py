"""Taking a request for approval back, because nobody wants its answer any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actum.engine.execution import as_data
from actum.engine.log import Record
from actum.engine.progress import Progress
from actum.model.events import EventKind

if TYPE_CHECKING:
    from actum.engine.runner import Runner

K = EventKind


def withdraw(runner: Runner, progress: Progress, address: str, step: str) -> None:
    """Close an approval that is open or unused, because nobody wants its answer any more."""
    asked = progress.asked
    if asked is None or asked.is_closed or asked.is_used or asked.ruling in ("rejected", "expired"):
        return
    asked.is_closed = True
    closed = "withdrawn" if asked.ruling is None else "stale"
    row = {"id": str(asked.approval_id), "workflow_id": str(runner.workflow_id), "closed": closed}
    runner.record(
        Record(
            K.APPROVAL_WITHDRAWN,
            runner.now(),
            step=step,
            address=address,
            outcome=closed,
            data=as_data(approval_id=str(asked.approval_id)),
            extras=(("closings", row),),
        )
    )
