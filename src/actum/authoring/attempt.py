"""The attempt that is running: what a step or effect may know about itself."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

from actum.authoring.failures import Failure
from actum.errors import OutsideWorkflow
from actum.model.usage import Usage
from actum.outcomes import Approved, NotNeeded, Unusable


def _unheard(progress: object) -> None:
    """Take a heartbeat where nobody watches for stalls."""


def _uncounted(usage: Usage) -> None:
    """Take a report of usage where nobody counts, as in a unit test."""


def refuse_usage(usage: Usage) -> None:
    """Refuse a report of usage in a preview: its facts come from code."""
    raise OutsideWorkflow(
        "report_usage() was called in a preview, whose facts come from code and never from a model: "
        "use the model in a step before the effect, and report it there"
    )


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a step by one worker.

    `number` starts at 1. `key` is the operation key of an effect (None in a step) and `epoch` the number that fences
    this worker: hand both to the outside where it can use them. `previous` is why the attempt before failed, so that
    a model can be told. `deadline` is when this attempt is given up. `approval` is what an effect runs under.
    """

    number: int
    key: str | None = None
    epoch: int = 0
    previous: Failure | Unusable | None = None
    deadline: datetime | None = None
    approval: Approved | NotNeeded | None = None
    on_heartbeat: Callable[[object], None] = field(default=_unheard, repr=False, compare=False)
    on_usage: Callable[[Usage], None] = field(default=_uncounted, repr=False, compare=False)

    def heartbeat(self, progress: object = None) -> None:
        """Say that this attempt is alive, with JSON for the people who watch; needed only under `Timeout(stall=…)`."""
        self.on_heartbeat(progress)


CURRENT_ATTEMPT: ContextVar[Attempt | None] = ContextVar("actum_attempt", default=None)
"""Set by whoever runs a step, in the step's own context, threads included."""


def attempt() -> Attempt:
    """Return the running attempt; raises OutsideWorkflow anywhere but in a step, an effect or one of their hooks."""
    current = CURRENT_ATTEMPT.get()
    if current is None:
        raise OutsideWorkflow(
            "attempt() was asked for where no attempt runs: call it in a step or an effect, "
            "and in a unit test set actum.authoring.attempt.CURRENT_ATTEMPT"
        )
    return current
