"""What outsiders leave for a held workflow: read when its wake number moved, recorded, and delivered in order.

Signals, decisions, answers, the ends of children, and requests to cancel, pause, resume or settle. Each message
becomes exactly one event, written by the statement that marks it received.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from actum.engine.asking import ApprovalExecution
from actum.engine.effects import EffectExecution
from actum.engine.execution import as_data
from actum.engine.log import Record, to_microseconds
from actum.errors import DatabaseUnavailable
from actum.flow import CancelRequested, SignalReceived
from actum.model.events import EventKind, Reason
from actum.model.workflow import Cause, Status
from actum.store.rows import MessageRow

if TYPE_CHECKING:
    from actum.engine.runner import Runner

K = EventKind


class Outsiders:
    """The mail of one held workflow."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.seen_wake = runner.row.wake
        self._newest_wake = runner.row.wake
        self._taken: set[int] = set()
        self.is_reading = False

    @property
    def has_news(self) -> bool:
        """Whether somebody left something since it was last read."""
        return self._newest_wake != self.seen_wake

    def saw_wake(self, wake: int) -> None:
        """A flush or the worker's look at its rows said what the wake number is."""
        if wake > self._newest_wake:
            self._newest_wake = wake
            self.read()

    def read(self) -> None:
        """Read what was left, by a statement of its own, begun after the wake number was seen."""
        if not self.is_reading and not self._runner.is_over and self.has_news:
            self.is_reading = True
            self._runner.spawn(self._read(), "read messages")

    def read_anyway(self) -> None:
        """A hint says that something was left: read without waiting for a flush to say so."""
        if not self.is_reading and not self._runner.is_over:
            self.is_reading = True
            self._runner.spawn(self._read(), "read messages")

    async def _read(self) -> None:
        runner, wake = self._runner, self._newest_wake
        try:
            messages = await runner.store.messages.read_open([runner.workflow_id])
        except DatabaseUnavailable:
            self.is_reading = False
            runner.loop.call_later(0.5, self.read)
            return
        self.is_reading = False
        if runner.is_over:
            return
        self.seen_wake = wake
        runner.guarded(self.take_in, messages)
        if self.has_news:
            self.read()
        runner.consider()

    def take_in(self, messages: Sequence[MessageRow]) -> None:
        """Take in messages and what has become due, each at its own instant."""
        runner = self._runner
        now = runner.worker.clock.now()
        for message in messages:
            if message.id in self._taken or runner.is_over:
                continue
            self._act_until(to_microseconds(message.sent_at))
            if self._take_one(message):
                self._taken.add(message.id)
                if (
                    message.kind == "resume"
                ):  # what came during the pause is taken in now, not at the next sweep
                    self.take_in(messages)
                    return
        self._act_until(now)

    def check_deadline(self, now: int) -> None:
        """Cancel the body when the workflow's deadline has passed; recorded as any outcome."""
        runner = self._runner
        deadline = runner.row.deadline
        if deadline is None or runner.history.cancel_reason is not None or not runner.is_driven:
            return
        if to_microseconds(deadline) <= now:
            self._cancel(None, Reason.TIMEOUT_TOTAL.value, to_microseconds(deadline))

    def _act_until(self, instant: int) -> None:
        """Let timers that were due before `instant` fire first: the order of the world, not of our waking."""
        runner = self._runner
        if runner.is_stopped:
            return
        self.check_deadline(instant)
        while not runner.is_over:
            due = [e for e in runner.executions.values() if e.due is not None and e.due <= instant]
            if not due:
                return
            min(due, key=lambda e: (e.due or 0, e.address)).act()

    def _take_one(self, message: MessageRow) -> bool:
        """Take in one message; False leaves it for later (a paused workflow) or for nobody (out of date)."""
        runner = self._runner
        match message.kind:
            case "cancel":
                return self._take_cancel(message)
            case "pause":
                return self._pause(message)
            case "resume":
                return self._resume(message)
            case "rollback":
                return self._take_rollback(message)
        if runner.is_stopped:
            return False
        match message.kind:
            case "signal":
                return self._take_signal(message)
            case "decision":
                return self._take_decision(message)
        execution = runner.executions.get(message.address or "")
        if message.kind == "child" and execution is None:
            return False
        return execution is not None and execution.receive(message)

    def _take_signal(self, message: MessageRow) -> bool:
        runner = self._runner
        at = runner.stamp_of(message)
        record = Record(
            K.SIGNAL_RECEIVED,
            at,
            step=message.name,
            actor=message.actor,
            snapshot="signal",
            body=message.body,
            received=message.id,
        )
        runner.deliver(record, SignalReceived(message.name or "", at, message.body or b"null"))
        return True

    def _take_decision(self, message: MessageRow) -> bool:
        runner, address = self._runner, message.address or ""
        asked = runner.history.at(address).asked
        if (
            asked is None
            or asked.ruling is not None
            or asked.is_closed
            or asked.approval_id != UUID(message.name or "")
        ):
            return False
        asked.ruling, asked.by, asked.rationale = message.outcome, message.actor, message.reason
        runner.record(
            Record(
                K.APPROVAL_DECIDED,
                runner.stamp_of(message),
                step=asked.step,
                address=address,
                outcome=message.outcome,
                actor=message.actor,
                data=as_data(approval_id=message.name, rationale=message.reason),
                received=message.id,
            )
        )
        for one in (asked.asked_by, address):
            execution = runner.executions.get(one or "")
            if isinstance(execution, ApprovalExecution | EffectExecution):
                execution.decided()
        return True

    def _take_cancel(self, message: MessageRow) -> bool:
        runner = self._runner
        if runner.history.cancel_reason is not None:
            return False
        if runner.status is Status.BLOCKED and runner.is_stopped:
            runner.cancel_blocked(message, message.reason or Reason.OPERATOR.value)
            return True
        self._cancel(message, Reason.OPERATOR.value, to_microseconds(message.sent_at))
        return True

    def _cancel(self, message: MessageRow | None, reason: str, instant: int) -> None:
        runner = self._runner
        runner.history.cancel_reason = reason
        at = runner.stamp(instant)
        was_paused = runner.status is Status.PAUSED
        record = Record(
            K.WORKFLOW_CANCEL_REQUESTED,
            at,
            reason=reason,
            actor=message.actor if message else None,
            data=_rollback_data(message),
            received=message.id if message else None,
        )
        runner.deliver(record, CancelRequested(at, reason))
        if was_paused:
            runner.release_stash()

    def _take_rollback(self, message: MessageRow) -> bool:
        """Undo what was done: at once where the body has ended, else after it was cancelled."""
        runner, history = self._runner, self._runner.history
        if runner.rollback is not None or history.rollback_wanted is not None:
            return False
        history.rollback_wanted, history.rollback_to = message.reason or "", message.address
        history.rollback_actor = message.actor
        if runner.is_driven and history.cancel_reason is None:
            self._cancel(message, Reason.OPERATOR.value, to_microseconds(message.sent_at))
            return True
        record = Record(
            K.WORKFLOW_CANCEL_REQUESTED,
            runner.stamp_of(message),
            reason=Reason.OPERATOR.value,
            actor=message.actor,
            data=_rollback_data(message),
            received=message.id,
        )
        history.cancel_reason = history.cancel_reason or Reason.OPERATOR.value
        runner.record(record)
        if not runner.is_driven:
            runner.roll_back(Reason.OPERATOR, message.reason or "", message.actor)
        return True

    def _pause(self, message: MessageRow) -> bool:
        runner = self._runner
        if runner.status in (Status.PENDING, Status.RUNNING, Status.WAITING):
            runner.record(
                Record(
                    K.WORKFLOW_PAUSED,
                    runner.stamp_of(message),
                    reason=Reason.OPERATOR.value,
                    actor=message.actor,
                    data=as_data(why=message.reason),
                    received=message.id,
                )
            )
            return True
        return False

    def _resume(self, message: MessageRow) -> bool:
        runner = self._runner
        if runner.status is Status.PAUSED:
            kind = K.WORKFLOW_RESUMED
        elif runner.status is Status.BLOCKED and runner.cause == Cause.CRASH_LOOP:
            kind = K.WORKFLOW_UNBLOCKED
        elif runner.status is Status.BLOCKED and runner.cause == Cause.UNDO_FAILED:
            kind = K.WORKFLOW_ROLLING_BACK
        else:
            return False
        runner.record(
            Record(
                kind,
                runner.stamp_of(message),
                actor=message.actor,
                data=as_data(why=message.reason),
                received=message.id,
            )
        )
        if kind is K.WORKFLOW_ROLLING_BACK:
            runner.roll_back(Reason.OPERATOR, message.reason or "", message.actor)
        if kind is K.WORKFLOW_UNBLOCKED:
            runner.replay_again()
        runner.release_stash()
        return True


def _rollback_data(message: MessageRow | None) -> str | None:
    if message is None:
        return None
    if message.kind == "rollback":
        return as_data(rollback=True, why=message.reason, to=message.address)
    return as_data(why=message.reason)
