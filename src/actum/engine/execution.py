"""What a flow has asked for at one address, being carried out: the base of steps, timers, effects and the rest.

An execution belongs to one runner and one process. It holds no truth: what must outlive it is in records, and a new
holder makes it again from `Progress`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from actum.authoring.failures import encode_failure
from actum.engine.log import Record
from actum.engine.progress import Progress
from actum.flow import Command, Outcome, Timer
from actum.model.events import EventKind, Reason
from actum.store.rows import MessageRow

if TYPE_CHECKING:
    from actum.engine.runner import Runner


def as_data(**values: Any) -> str:
    """Return an event's `data`: JSON text of what is not None."""
    return orjson.dumps({name: value for name, value in values.items() if value is not None}).decode()


class Execution:
    """One address in flight.

    `is_active` says that an attempt executes, so the workflow cannot be parked; `due` is the instant (microseconds)
    at which `act` wants to be called; `needs` names what only the world can bring; `needs_person` that it is a
    person's word about a doubt.
    """

    abandoned_kind = EventKind.STEP_ABANDONED
    is_active = False
    needs: str | None = None
    needs_person = False
    attempts = 0

    def __init__(self, runner: Runner, command: Command, progress: Progress) -> None:
        self.runner = runner
        self.address = command.address
        self.request: Any = command.request
        self.name: str = command.request.name
        self.progress = progress
        self.due: int | None = None

    @property
    def tries(self) -> int:
        """The attempts that count for its retry: those since a person reopened it, if one did."""
        return self.attempts - self.progress.budget_from

    def start(self) -> None:
        """Begin, or go on from what progress says. Called once, when the outcomes it stands on are queued."""
        raise NotImplementedError(type(self).__name__)

    def act(self) -> None:
        """The instant `due` has come."""

    def stop(self) -> None:
        """The body gave this address up: end what executes and record it."""
        self.record(Record(self.abandoned_kind, self.runner.now()))

    def resume(self) -> None:
        """The workflow goes on after a pause."""

    def leave_in_doubt(self) -> None:
        """The workflow is blocked while this executes: let go of it, and record that its outcome is not known."""
        self.leave()

    def leave(self) -> None:
        """The runner lets go (lost lease, shutdown): end what executes and record nothing."""

    def receive(self, message: MessageRow) -> bool:
        """Take in what an outsider left for this address; False when it means nothing here (any more)."""
        return False

    def waits(self) -> dict[str, Any]:
        """What a person should know about a wait, as JSON values."""
        return {"address": self.address, "step": self.name, "for": self.needs or "time", "due": self.due}

    def record(self, record: Record) -> None:
        """Queue a record of this address that brings the body nothing yet."""
        record.address, record.step = self.address, self.name
        self.runner.record(record)

    def deliver(self, record: Record, word: str, body: bytes | None = None) -> None:
        """Queue the record that ends this address, and let the body see it as `word`."""
        record.address, record.step = self.address, self.name
        self.runner.deliver(
            record, Outcome(self.address, self.name, self.request.argument_hash, record.at, word, body)
        )

    def show(self, record: Record, word: str, body: bytes | None = None) -> None:
        """Let the body see the outcome that a durable record of this address brings."""
        hashed = self.request.argument_hash
        self.runner.show(Outcome(self.address, self.name, hashed, record.at, word, body))


def fail_over_budget(execution: Execution, why: str) -> None:
    """Record that a budget lets no more in, and let the body see it as a failure."""
    reason = Reason.BUDGET_EXCEEDED.value
    body = encode_failure(execution.name, reason, RuntimeError(why), execution.attempts)
    record = Record(
        EventKind.STEP_FAILED,
        execution.runner.now(),
        reason=reason,
        data=as_data(why=why),
        snapshot="error",
        argument_hash=execution.request.argument_hash,
        body=body,
    )
    execution.deliver(record, "failed", body)


class TimerExecution(Execution):
    """A durable timer: nothing but an instant."""

    abandoned_kind = EventKind.TIMER_CANCELLED

    def start(self) -> None:
        timer: Timer = self.request
        self.due = timer.due

    def act(self) -> None:
        timer: Timer = self.request
        self.due = None
        at = self.runner.journal.stamp(timer.due)
        self.deliver(Record(EventKind.TIMER_FIRED, at, data=as_data(due=timer.due)), "fired")
