"""What outsiders leave for a held workflow: read when its wake number moved, recorded, and delivered in order.

Signals, decisions, answers, the ends of children, and requests to cancel, pause, resume or settle. Each message
becomes exactly one event, written by the statement that marks it received.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from actum.engine.deciding import take_decision
from actum.engine.execution import as_data
from actum.engine.log import Record, to_microseconds
from actum.flow import CancelRequested, SignalReceived
from actum.model.events import EventKind, Reason
from actum.model.workflow import Cause, Status
from actum.store.rows import MessageRow

if TYPE_CHECKING:
    from actum.engine.runner import Runner

K = EventKind


class Taking(Enum):
    """What became of a message: taken in, left for later (a paused workflow), or meant for nobody any more."""

    TAKEN = "taken"
    LATER = "later"
    NOBODY = "nobody"


class Outsiders:
    """The mail of one held workflow."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.seen_wake = runner.row.wake
        self._newest_wake = runner.row.wake
        self._taken: set[int] = set()
        self._waiting: list[MessageRow] = []
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
        if self.has_news:
            self.read_anyway()

    def read_anyway(self) -> None:
        """A hint says that something was left: read without waiting for a flush to say so."""
        runner = self._runner
        if not (self.is_reading or runner.is_over or runner.is_ending):
            self.is_reading = True
            runner.spawn(self._read, "read messages")

    async def _read(self) -> None:
        runner, wake = self._runner, self._newest_wake
        messages = await runner.store.messages.read_open([runner.workflow_id])
        self.is_reading = False
        if runner.is_over:
            return
        self.seen_wake = wake
        runner.guarded(self.take_in, messages)
        self.read()
        runner.guarded(runner.consider)

    def go_on(self) -> None:
        """Take in what was put off while an intent was with the database."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self.take_in(waiting)

    def take_in(self, messages: Sequence[MessageRow]) -> None:
        """Take in messages and what has become due, each at its own instant.

        Nothing is taken in after an ending, nor before the claim that is wanted for its records, nor while an intent is
        with the database: the rest waits for its answer.
        """
        runner = self._runner
        now = runner.worker.clock.now()
        for position, message in enumerate(messages):
            if message.id in self._taken:
                continue
            runner.parking.act_until(to_microseconds(message.sent_at))
            if runner.is_over or runner.is_ending or runner.wants_claim:
                return
            if runner.is_intending:
                self._waiting = list(messages[position:])
                return
            was_stopped = runner.is_stopped
            self._note(message, self._take_one(message))
            if was_stopped and not runner.is_stopped:
                self.take_in(messages)  # what came during the pause
                return
        runner.parking.act_until(now)

    def _note(self, message: MessageRow, taking: Taking) -> None:
        if taking is Taking.LATER:
            return
        self._taken.add(message.id)
        if taking is Taking.NOBODY:
            self._runner.log.discarded.append(message.id)

    def pass_deadline(self) -> None:
        """Cancel the body, because the workflow's deadline has passed; recorded as any outcome."""
        deadline = self._runner.row.deadline
        if deadline is not None:
            self._cancel(None, Reason.TIMEOUT_TOTAL.value, to_microseconds(deadline))

    def _take_one(self, message: MessageRow) -> Taking:
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
            case "retry" | "skip" | "edit":
                return runner.holding.take(message)
        if message.kind == "settle" and runner.is_put_away:
            return runner.orphans.settle(message)
        if runner.is_stopped or (runner.rollback is not None and runner.rollback.is_reading):
            return Taking.LATER
        match message.kind:
            case "signal":
                return self._take_signal(message)
            case "decision":
                return Taking.TAKEN if take_decision(runner, message) else Taking.NOBODY
        execution = runner.executions.get(message.address or "")
        if execution is not None and execution.receive(message):
            return Taking.TAKEN
        return Taking.NOBODY

    def _take_signal(self, message: MessageRow) -> Taking:
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
        return Taking.TAKEN

    def _take_cancel(self, message: MessageRow) -> Taking:
        runner = self._runner
        if runner.is_put_away:
            return self._cancel_blocked(message)
        if runner.history.cancel_reason is not None or runner.rollback is not None:
            return Taking.NOBODY
        self._cancel(message, Reason.OPERATOR.value, to_microseconds(message.sent_at))
        return Taking.TAKEN

    def _cancel_blocked(self, message: MessageRow) -> Taking:
        """End it without its body: now, or once a person has settled what that left open."""
        runner = self._runner
        if runner.history.given_up is not None:
            return Taking.NOBODY
        if runner.orphans.are_open:
            self._give_up(message)
        else:
            at = runner.stamp_of(message)
            runner.ending.cancel_blocked(at, message.actor, message.reason, message.id)
        return Taking.TAKEN

    def _give_up(self, message: MessageRow) -> None:
        """Record that the body is not driven again, whatever code comes."""
        runner, history = self._runner, self._runner.history
        history.given_up = message.actor, message.reason or ""
        history.cancel_reason = history.cancel_reason or Reason.OPERATOR.value
        record = Record(
            K.WORKFLOW_CANCEL_REQUESTED,
            runner.stamp_of(message),
            reason=Reason.OPERATOR.value,
            actor=message.actor,
            data=_cancel_data(message, given_up=True),
            received=message.id,
        )
        runner.record(record)

    def _cancel(self, message: MessageRow | None, reason: str, instant: int) -> None:
        runner = self._runner
        runner.history.cancel_reason = reason
        at = runner.journal.stamp(instant)
        was_stopped = runner.is_stopped
        record = Record(
            K.WORKFLOW_CANCEL_REQUESTED,
            at,
            reason=reason,
            actor=message.actor if message else None,
            data=_cancel_data(message),
            received=message.id if message else None,
        )
        runner.deliver(record, CancelRequested(at, reason))
        if was_stopped:
            runner.release_stash()

    def _take_rollback(self, message: MessageRow) -> Taking:
        """Undo what was done: at once where the body has ended, else after it was cancelled."""
        runner, history = self._runner, self._runner.history
        is_wanted = history.rollback_wanted is not None and not runner.is_put_away
        if runner.rollback is not None or is_wanted or history.given_up is not None:
            return Taking.NOBODY
        history.rollback_wanted, history.rollback_to = message.reason or "", message.address
        history.rollback_actor = message.actor
        if runner.is_driven and history.cancel_reason is None:
            self._cancel(message, Reason.OPERATOR.value, to_microseconds(message.sent_at))
            return Taking.TAKEN
        if runner.orphans.are_open:
            self._give_up(message)
            return Taking.TAKEN
        record = Record(
            K.WORKFLOW_CANCEL_REQUESTED,
            runner.stamp_of(message),
            reason=Reason.OPERATOR.value,
            actor=message.actor,
            data=_cancel_data(message),
            received=message.id,
        )
        history.cancel_reason = history.cancel_reason or Reason.OPERATOR.value
        runner.record(record)
        if not runner.is_driven:
            runner.roll_back(Reason.OPERATOR, message.reason or "", message.actor)
        return Taking.TAKEN

    def _pause(self, message: MessageRow) -> Taking:
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
            return Taking.TAKEN
        return Taking.NOBODY

    def _resume(self, message: MessageRow) -> Taking:
        runner = self._runner
        if runner.status is Status.PAUSED:
            kind = K.WORKFLOW_RESUMED
        elif runner.status is Status.BLOCKED and runner.cause in (Cause.CRASH_LOOP, Cause.REFUSED):
            kind = K.WORKFLOW_UNBLOCKED
        elif runner.status is Status.BLOCKED and runner.cause == Cause.UNDO_FAILED:
            kind = K.WORKFLOW_ROLLING_BACK
        else:
            return Taking.NOBODY
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
            runner.wants_claim = True
        runner.release_stash()
        return Taking.TAKEN


def _cancel_data(message: MessageRow | None, *, given_up: bool | None = None) -> str | None:
    if message is None:
        return None
    if message.kind == "rollback":
        return as_data(rollback=True, why=message.reason, to=message.address, given_up=given_up)
    return as_data(why=message.reason, given_up=given_up)
