"""Drives one held workflow: outcomes into its flow, commands out of it, records to the Recorder.

The runner lives on the worker's loop and in no task of its own. Outcomes are delivered in the order in which they
are queued for recording; the body may run ahead of the disk, but what it commands is carried out only once the
outcomes it stands on are durable. While an intent is with the database nothing else of this workflow is delivered,
because the answer may be no. When only the world can move the workflow, it is parked. If the process dies, the next
holder makes the same runner from the records.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any
from uuid import UUID

from actum.authoring.approval import ApprovalRequest
from actum.authoring.contract import Contract
from actum.authoring.effect import Effect
from actum.authoring.failures import encode_failure, encode_workflow_failure
from actum.authoring.question import Question
from actum.engine.asking import ApprovalExecution
from actum.engine.children import ChildExecution, QuestionExecution
from actum.engine.effects import EffectExecution
from actum.engine.execution import Execution, TimerExecution, as_data
from actum.engine.history import History, read_history
from actum.engine.log import Log, Park, Record, to_datetime, to_microseconds
from actum.engine.outsiders import Outsiders
from actum.engine.rollback import Rollback
from actum.engine.steps import StepExecution, reason_of
from actum.engine.undoing import UndoExecution
from actum.errors import InvalidInput, RollBack
from actum.flow import (
    Cancelled,
    Command,
    Commands,
    Delivery,
    Flow,
    Mismatch,
    Outcome,
    Raised,
    Returned,
    Started,
    Timer,
)
from actum.machine.transitions import TABLE, next_status
from actum.model.events import EventKind, Reason
from actum.model.ids import short
from actum.model.workflow import Cause, Status
from actum.store.rows import MessageRow, RecordRow, WorkflowRow
from actum.store.store import Store

if TYPE_CHECKING:
    from actum.engine.worker import Worker

logger = logging.getLogger("actum.runner")

K = EventKind
NEVER = 253_402_300_799_000_000
"""9999-12-31: the instant at which a workflow is ready that only somebody else can wake."""
LINGER = 250_000
"""Microseconds for which a due instant is waited out in memory: parking would take about as long."""
MOST_CRASHES = 5
"""Crashes of its worker, the last three of them alone in a process, after which a workflow is blocked."""
SHOW_AFTER = 0.2
"""Seconds after which a workflow that is being worked on, and has recorded nothing yet, is shown as running."""


class Runner:
    """One held workflow. Made by the Claimer; ends by `written` (released), `fenced` or `let_go`."""

    def __init__(self, worker: Worker, contract: Contract[..., Any], row: WorkflowRow) -> None:
        self.worker = worker
        self.contract = contract
        self.row = row
        self.workflow_id: UUID = row.id
        self.epoch = row.epoch
        self.loop = asyncio.get_running_loop()
        self.executions: dict[str, Execution] = {}
        self.history = History(0, b"{}")
        self.is_over = False
        self.status = Status(row.status)
        self.cause: str | None = row.cause
        self.outsiders = Outsiders(self)
        self.rollback: Rollback | None = None
        self._flow: Flow | None = None
        self._in_flight: deque[Record] = deque()
        self._inbox: deque[tuple[Record, Delivery]] = deque()
        self._intents: deque[tuple[EffectExecution | UndoExecution, Record]] = deque()
        self._intent: tuple[EffectExecution | UndoExecution, Record] | None = None
        self._stash: list[Commands] = []
        self._timer: asyncio.TimerHandle | None = None
        self._last_at = to_microseconds(row.created_at)
        self._current: tuple[str | None, int] = (row.current_step, row.attempt_count)
        self._is_ending = False
        self._is_draining = False
        tail = Record(K.WORKFLOW_CLAIMED, 0, status=row.status, cause=row.cause)
        tail.current_step, tail.attempt_count = self._current
        self.log = Log(
            row.id,
            epoch=row.epoch,
            next_seq=row.next_seq,
            chain_head=row.chain_head,
            salt=row.salt or b"",
            contract=row.contract,
            team=row.team,
            writer=self,
            tail=tail,
        )

    # what executions use

    @property
    def store(self) -> Store:
        """The worker's store."""
        return self.worker.store

    @property
    def executor(self) -> Executor:
        """Where plain functions run."""
        return self.worker.executor

    @property
    def is_stopped(self) -> bool:
        """Whether nothing new is taken in: paused, or blocked by more than a doubt, which is only a longer wait."""
        return self.status is Status.PAUSED or (
            self.status is Status.BLOCKED and self.cause != Cause.IN_DOUBT
        )

    @property
    def is_driven(self) -> bool:
        """Whether the body is there to be told something: not ended, not blocked before it, not being undone."""
        return self._flow is not None and self.rollback is None and not self.is_stopped

    def jitter(self) -> float:
        """Return a random number in [0, 1)."""
        return self.worker.random.random()

    def now(self) -> int:
        """Return the database's instant, never before one that this workflow has recorded."""
        return self.stamp(self.worker.clock.now())

    def stamp(self, instant: int) -> int:
        """Return `instant`, or the last recorded one where that is later: a log's time does not go back."""
        if instant > self._last_at:
            self._last_at = instant
        return self._last_at

    def stamp_of(self, message: MessageRow) -> int:
        """Return the instant at which an outsider left a message, as this log may record it."""
        return self.stamp(to_microseconds(message.sent_at))

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a short piece of work as a task of the worker's."""
        self.worker.spawn(work, f"{self.row.contract} {short(self.workflow_id)}: {name}")

    def hint_ready(self) -> None:
        """Tell claimers that something may be ready."""
        self.worker.hint_ready()

    def hint_people(self) -> None:
        """Tell those who watch inboxes that something was asked."""
        self.worker.hints.send("people")

    def wake_others(self, ids: Sequence[UUID]) -> None:
        """Make workflows ready that a durable message waits for; the Waker does it if this process dies first."""

        async def wake() -> None:
            await self.store.workflows.wake(ids)
            self.worker.hint_ready()

        self.spawn(wake(), "wake others")

    def may_begin(self, execution: Execution) -> bool:
        """Whether an attempt may begin now: still held, still wanted, and the lease unexpired by our own clock."""
        if self.is_over or self.executions.get(execution.address) is not execution or self._is_draining:
            execution.is_active = False
            self.consider()
            return False
        if not self.worker.has_lease():
            self.worker.lose(self)
            return False
        if self.status not in (Status.RUNNING, Status.ROLLING_BACK):
            self.loop.call_later(SHOW_AFTER, self._show)
        return True

    def guarded(self, action: Callable[..., None], *args: Any) -> None:
        """Call `action`; a bug of ours in it blocks this one workflow, with its trace in the log, and nothing else."""
        try:
            action(*args)
        except Exception as error:
            logger.exception("a bug stopped workflow %s", short(self.workflow_id))
            if not self.is_over:
                self._intent = None
                self.block(Cause.REFUSED, f"a bug in Actum stopped it: {error!r}")

    def record(self, record: Record) -> None:
        """Queue a record that brings the body nothing."""
        if self.is_over:
            return
        self._note_current()
        self._queue(record)

    def deliver(self, record: Record, delivery: Delivery) -> None:
        """Queue a record and let the body see what it brings; held back while an intent is with the database."""
        if self.is_over:
            return
        if self._intent is not None:
            self._inbox.append((record, delivery))
            return
        self._take_in(record, delivery)

    def when_durable(self, action: Callable[[], None]) -> None:
        """Call `action` once everything queued so far is durable: at once when nothing is queued."""
        if self.log.pending:
            last = self.log.pending[-1]
            last.then = [*(last.then or ()), action]
        elif self._in_flight:
            last = self._in_flight[-1]
            last.then = [*(last.then or ()), action]
        else:
            action()

    def intend(self, execution: EffectExecution | UndoExecution, record: Record) -> None:
        """Queue an intent; one at a time, because the database may refuse it."""
        self._intents.append((execution, record))
        self._next_intent()

    def fail_address(self, execution: Execution, error: BaseException) -> None:
        """End an address that could not even be begun (a key function, a preview that failed)."""
        reason = Reason.SCHEMA_INVALID if isinstance(error, InvalidInput) else reason_of(error)
        body = encode_failure(execution.name, reason.value, error, max(execution.attempts, 1))
        record = Record(
            K.STEP_FAILED,
            self.now(),
            reason=reason.value,
            snapshot="error",
            argument_hash=execution.request.argument_hash,
            body=body,
        )
        execution.deliver(record, "failed", body)

    # beginning

    def begin(self, records: Sequence[RecordRow], messages: Sequence[MessageRow]) -> None:
        """Replay what was recorded, then take in what came while nobody held the workflow."""
        self.history = read_history(records)
        self._last_at = max(self._last_at, self.history.last_at)
        self._note_rescues()
        if self.history.plan and (self.status is not Status.BLOCKED or self.cause == Cause.IN_DOUBT):
            self.roll_back(Reason.OPERATOR, "", None)
            self.outsiders.take_in(messages)
            return
        if self.status is Status.BLOCKED and self.cause not in (Cause.IN_DOUBT, Cause.MISMATCH):
            self.outsiders.take_in(messages)
            self.consider()
            return
        crashes = self.history.rescues_since_unblock + self.row.crash_count - self.history.rescues
        if crashes >= MOST_CRASHES:
            self.block(Cause.CRASH_LOOP, f"its worker crashed {crashes} times while it ran, at last alone")
            return
        self._replay()
        self.outsiders.take_in(messages)
        self.consider()

    def replay_again(self) -> None:
        """Drive the body from the beginning of its history: after an unblock."""
        self._replay()

    def _replay(self) -> None:
        history, contract = self.history, self.contract
        try:
            args, kwargs = contract.codec.decode_arguments(history.arguments)
        except InvalidInput as error:
            self.block(Cause.MISMATCH, f"the recorded input does not fit {contract.name} any more: {error}")
            return
        flow = Flow(
            lambda: contract.function(*args, **kwargs),
            started_at=history.started_at,
            seed=self.workflow_id.bytes,
        )
        flow.contract = contract  # type: ignore[attr-defined]  # read by calls, to refuse what the contract lacks
        self._flow = flow
        try:
            with flow.replaying():
                commands = flow.advance(history.deliveries)
        except Mismatch as mismatch:
            self._mismatched(mismatch)
            return
        if self.status is Status.BLOCKED and self.cause == Cause.MISMATCH:
            self.unblock(None)
        self._stop_forgotten(flow)
        self._carry(commands)

    def _stop_forgotten(self, flow: Flow) -> None:
        """Give up what an earlier process handed out and had no time to stop."""
        for address, request in flow.abandoned.items():
            progress = self.history.progress.get(address)
            if progress is not None and (progress.child_id or progress.asked or progress.is_asked):
                self._make(Command(address, request)).stop()

    def _note_rescues(self) -> None:
        for crash in range(self.history.rescues, self.row.crash_count):
            self.record(
                Record(
                    K.WORKFLOW_RESCUED,
                    self.now(),
                    reason=Reason.WORKER_LOST.value,
                    data=as_data(crash=crash + 1),
                )
            )

    # delivering

    def _take_in(self, record: Record, delivery: Delivery) -> None:
        flow = self._flow
        if flow is None:
            return
        if isinstance(delivery, Outcome):
            self.executions.pop(delivery.address, None)
        try:
            commands = flow.advance((delivery,))
        except Mismatch as mismatch:
            self._mismatched(mismatch)
            return
        self._note_current()
        self._queue(record)
        self._carry(commands)
        if not self.log.pending:
            self.consider()

    def _carry(self, commands: Commands) -> None:
        if self.is_stopped:
            self._stash.append(commands)
            return
        for address in commands.stop:
            execution = self.executions.pop(address, None)
            if execution is not None:
                execution.stop()
        made = []
        for command in commands.start:
            execution = self.executions[command.address] = self._make(command)
            made.append(execution)
        for execution in made:
            if self.executions.get(execution.address) is execution and not self.is_over:
                execution.start()
        if commands.start or commands.stop:
            self._note_current()
            if self.log.pending:
                last = self.log.pending[-1]
                last.current_step, last.attempt_count = self._current
        flow = self._flow
        if (
            flow is not None
            and flow.is_done
            and not flow.waiting
            and not self._is_ending
            and self.rollback is None
        ):
            self._end(flow)

    def release_stash(self) -> None:
        """Carry out what was commanded while the workflow was paused or blocked."""
        stash, self._stash = self._stash, []
        for execution in list(self.executions.values()):
            execution.resume()
        for commands in stash:
            self._carry(commands)

    def _make(self, command: Command) -> Execution:
        request, progress = command.request, self.history.at(command.address)
        if isinstance(request, Timer):
            return TimerExecution(self, command, progress)
        if isinstance(request, ApprovalRequest):
            return ApprovalExecution(self, command, progress)
        if isinstance(request, Question):
            return QuestionExecution(self, command, progress)
        subject = getattr(request, "subject", None)
        if isinstance(subject, Contract):
            return ChildExecution(self, command, progress)
        if isinstance(subject, Effect):
            return EffectExecution(self, command, progress)
        return StepExecution(self, command, progress)

    def _note_current(self) -> None:
        flow = self._flow
        if flow is None:
            return
        address = flow.oldest
        execution = self.executions.get(address) if address is not None else None
        if execution is not None:
            self._current = execution.name, execution.attempts
        elif address is None:
            signals = flow.awaited_signals
            self._current = (signals[0], 0) if signals else (None, 0)

    # recording

    def _queue(self, record: Record) -> None:
        if self.status is Status.BLOCKED and (self.status, record.kind) not in TABLE:
            kind = K.WORKFLOW_ROLLING_BACK if self.history.plan else K.WORKFLOW_UNBLOCKED
            self._queue(Record(kind, record.at, actor=record.actor))
        self.status = next_status(self.status, record.kind)
        if self.status is not Status.BLOCKED:
            self.cause = None
        record.status, record.cause = self.status.value, self.cause
        record.current_step, record.attempt_count = self._current
        if record.actor is None:
            record.actor = self.worker.actor
        self.log.pending.append(record)
        self.worker.recorder.queue(self.log)

    def taken(self, records: Sequence[Record]) -> None:
        """These records went into a flush."""
        self._in_flight.extend(records)

    def written(self, records: Sequence[Record], wake: int, is_released: bool) -> None:
        """Records are durable: do what waited for that."""
        self._in_flight.clear()
        park, self.log.park = self.log.park, None
        if self.is_over:
            return
        if is_released:
            self._finish()
        self.outsiders.saw_wake(wake)
        for record in records:
            if record.then:
                for action in record.then:
                    self.guarded(action)
        if is_released:
            return
        if self._intent is not None and records and records[-1] is self._intent[1]:
            self.guarded(self._intended)
        if park is not None or not self.log.pending:
            self.consider()

    def refused(self, record: Record, why: str) -> None:
        """The database refused the intent; what was queued before it is written without it."""
        self._in_flight.clear()
        if self.is_over or self._intent is None:
            return
        execution, _ = self._intent
        self._intent = None
        if record.then:
            for action in record.then:
                self.when_durable(action)
        if self.executions.get(execution.address) is execution:
            self.guarded(execution.refused, why)
        self._drain_inbox()
        self.consider()

    def fenced(self) -> None:
        """Somebody else holds the workflow: stop at once, write nothing more."""
        if not self.is_over:
            logger.warning(
                "%s: lost the lease of %s at epoch %d", self.worker.name, short(self.workflow_id), self.epoch
            )
            self.let_go()

    def poisoned(self, records: Sequence[Record], error: BaseException) -> None:
        """A record can never be written: this workflow fails, alone."""
        self._in_flight.clear()
        if self.is_over:
            return
        logger.error(
            "%s: a record of %s cannot be stored: %s", self.worker.name, short(self.workflow_id), error
        )
        self.log.pending.clear()
        self.status, self.cause = Status(self.log.tail.status), self.log.tail.cause
        self._intent = None
        for execution in self.executions.values():
            execution.leave()
        self._fail(Reason.BUG, f"a record could not be stored: {error}", type(error).__name__)

    # intents

    def _next_intent(self) -> None:
        if self._intent is not None or self.is_over:
            return
        while self._intents:
            execution, record = self._intents.popleft()
            if self.executions.get(execution.address) is execution:
                self._intent = execution, record
                self._note_current()
                self._queue(record)
                return

    def _intended(self) -> None:
        if self._intent is None:
            return
        execution, record = self._intent
        self._intent = None
        if self._flow is not None:
            self._flow.advance(
                (Started(execution.address, execution.name, execution.request.argument_hash, record.at),)
            )
        execution.intended(record)
        self._drain_inbox()

    def _drain_inbox(self) -> None:
        self._next_intent()
        while self._inbox and self._intent is None and not self.is_over:
            self._take_in(*self._inbox.popleft())
            self._next_intent()

    # waiting

    def consider(self) -> None:
        """Park the workflow if only the world can move it; else see to it that the next due instant is met."""
        if self.is_over or self._is_ending or self.log.pending or self._in_flight or self._intent is not None:
            return
        if self._is_draining and not any(execution.is_active for execution in self.executions.values()):
            self.let_go()
            return
        is_reading = self.outsiders.is_reading or (self.rollback is not None and self.rollback.is_reading)
        if is_reading or any(execution.is_active for execution in self.executions.values()):
            self._arm()
            return
        if self.outsiders.has_news:
            self.outsiders.read()
            return
        flow = self._flow
        if flow is not None and flow.is_stuck and not self.is_stopped:
            self._fail(
                Reason.BUG,
                "the body waits for something that can never come, such as a future nobody sets",
                "",
            )
            return
        due = self._next_due()
        if due is not None and due - self.worker.clock.now() < LINGER:
            self._arm()
            return
        self._park(due)

    def _next_due(self) -> int | None:
        if self.is_stopped:
            return None
        dues = [execution.due for execution in self.executions.values() if execution.due is not None]
        if self.rollback is not None and self.rollback.due is not None:
            dues.append(self.rollback.due)
        if self.row.deadline is not None and self.history.cancel_reason is None and self.is_driven:
            dues.append(to_microseconds(self.row.deadline))
        return min(dues, default=None)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._next_due()
        if due is not None:
            delay = max(due - self.worker.clock.now(), 0) / 1e6
            self._timer = self.loop.call_later(delay, self.guarded, self.act)

    def act(self) -> None:
        """Do what has become due, in the order of its instants."""
        self._timer = None
        if self.is_over or self.is_stopped:
            return
        now = self.worker.clock.now()
        self.outsiders.check_deadline(now)
        if self.rollback is not None and self.rollback.due is not None and self.rollback.due <= now:
            self.rollback.begin()
        due = [e for e in self.executions.values() if e.due is not None and e.due <= now]
        for execution in sorted(due, key=lambda e: (e.due or 0, e.address)):
            if (
                self.executions.get(execution.address) is execution
                and execution.due is not None
                and not self.is_over
            ):
                execution.act()
        self.consider()

    def _park(self, due: int | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        needs_person = any(execution.needs_person for execution in self.executions.values())
        waits = [execution.waits() for execution in self.executions.values()]
        if self._flow is not None:
            waits += [{"address": None, "step": name, "for": "signal"} for name in self._flow.awaited_signals]
        if needs_person and self.status is not Status.BLOCKED:
            self.queue_block(Cause.IN_DOUBT, as_data(waits=waits))
        elif self.status in (Status.PENDING, Status.RUNNING):
            self._note_current()
            self._queue(Record(K.WORKFLOW_PARKED, self.now(), data=as_data(waits=waits)))
        if due is not None:
            self.worker.nudge_at(due)
        self.log.park = Park(self.outsiders.seen_wake, to_datetime(NEVER if due is None else min(due, NEVER)))
        self.worker.recorder.queue(self.log)

    def _show(self) -> None:
        """Let people see that this workflow is being worked on."""
        if not self.is_over and self.status in (Status.PENDING, Status.WAITING) and not self._is_ending:
            self.record(Record(K.WORKFLOW_CLAIMED, self.now()))

    # blocking and unblocking

    def _mismatched(self, mismatch: Mismatch) -> None:
        data = as_data(
            address=mismatch.address,
            recorded=mismatch.recorded,
            asked=mismatch.asked,
            python=self.row.python,
            python_here=f"{sys.version_info.major}.{sys.version_info.minor}",
        )
        self.block(Cause.MISMATCH, f"history has {mismatch.recorded}, the code {mismatch.asked}", data)

    def block(self, cause: Cause, why: str, data: str | None = None) -> None:
        """Stop here until a person, or other code, helps; nothing is executed on a guess."""
        self._close_flow()
        self.log.pending.clear()
        if self.status is not Status.BLOCKED:
            self.status, self.cause = Status(self.log.tail.status), self.log.tail.cause
            logger.warning("%s is blocked (%s): %s", short(self.workflow_id), cause.value, why)
            self.queue_block(cause, data or as_data(why=why))
        self.consider()

    def queue_block(self, cause: Cause, data: str, body: bytes | None = None) -> None:
        """Record that the workflow is blocked, and why."""
        record = Record(K.WORKFLOW_BLOCKED, self.now(), reason=cause.value, data=data)
        if body is not None:
            record.snapshot, record.body = "error", body
        self.cause = cause.value
        self._queue(record)

    def unblock(self, actor: str | None) -> None:
        """Note that what blocked the workflow is out of the way."""
        if self.status is Status.BLOCKED:
            self._queue(Record(K.WORKFLOW_UNBLOCKED, self.now(), actor=actor))
            self.release_stash()

    # ending

    def roll_back(self, reason: Reason, why: str, actor: str | None) -> None:
        """Undo what this workflow did; the body has ended, or cannot be driven any more."""
        self._close_flow()
        self.rollback = Rollback(self, reason.value, actor, why)
        self.rollback.begin()

    def go_on_rolling_back(self, actor: str | None) -> None:
        """Note that what stopped the rollback is out of the way."""
        if self.status is Status.BLOCKED:
            self._queue(Record(K.WORKFLOW_ROLLING_BACK, self.now(), actor=actor))

    def rolled_back(self, reason: str, why: str, report: bytes) -> None:
        """End the workflow: everything the plan could undo is undone, the rest is named in the report."""
        body = encode_workflow_failure(
            self.contract.name, str(self.workflow_id), "rolled_back", reason, why or "it was rolled back"
        )
        record = Record(
            K.WORKFLOW_ROLLED_BACK,
            self.now(),
            reason=reason,
            data=report.decode(),
            snapshot="error",
            body=body,
        )
        self._queue_final(record, "rolled_back", body)

    def _end(self, flow: Flow) -> None:
        ending = flow.ending()
        if self.history.rollback_wanted is not None:
            self.roll_back(Reason.OPERATOR, self.history.rollback_wanted, self.history.rollback_actor)
            return
        match ending:
            case Returned(value):
                self._complete(value)
            case Cancelled():
                self._cancelled()
            case Raised(exception) if self.history.cancel_reason is not None and isinstance(
                exception, asyncio.CancelledError
            ):
                self._cancelled()
            case Raised(exception):
                self._raised(exception)

    def _complete(self, value: object) -> None:
        try:
            body = self.contract.codec.encode_result(value)
        except InvalidInput as error:
            self._raised(error)
            return
        record = Record(K.WORKFLOW_COMPLETED, self.now(), snapshot="output", body=body)
        self._queue_final(record, "completed", body)

    def _cancelled(self) -> None:
        reason = self.history.cancel_reason or Reason.OPERATOR.value
        if reason == Reason.TIMEOUT_TOTAL.value and self.contract.on_failure == "rollback":
            self.roll_back(Reason.TIMEOUT_TOTAL, "the deadline of the workflow had passed", None)
            return
        if reason == Reason.TIMEOUT_TOTAL.value:
            self._fail(Reason.TIMEOUT_TOTAL, "the deadline of the workflow had passed", "TimeoutError")
            return
        body = encode_workflow_failure(
            self.contract.name, str(self.workflow_id), "cancelled", reason, "it was cancelled"
        )
        record = Record(K.WORKFLOW_CANCELLED, self.now(), reason=reason, snapshot="error", body=body)
        self._queue_final(record, "cancelled", body)

    def cancel_blocked(self, message: MessageRow, reason: str) -> None:
        """End a held workflow whose body cannot be driven any more."""
        body = encode_workflow_failure(
            self.contract.name,
            str(self.workflow_id),
            "cancelled",
            reason,
            message.reason or "it was cancelled",
        )
        record = Record(
            K.WORKFLOW_CANCELLED,
            self.stamp_of(message),
            reason=reason,
            actor=message.actor,
            snapshot="error",
            body=body,
        )
        record.received = message.id
        self._queue_final(record, "cancelled", body)

    def _raised(self, error: BaseException) -> None:
        reason = _reason_of_ending(error)
        has_acted = any(
            one.key is not None or one.child_id is not None for one in self.history.progress.values()
        )
        if isinstance(error, RollBack) or (self.contract.on_failure == "rollback" and has_acted):
            self.roll_back(reason if not isinstance(error, RollBack) else Reason.OPERATOR, str(error), None)
            return
        if self.contract.on_failure != "hold":
            self._fail(reason, str(error) or type(error).__name__, type(error).__name__)
            return
        body = encode_workflow_failure(
            self.contract.name,
            str(self.workflow_id),
            "blocked",
            reason.value,
            str(error),
            error_type=type(error).__name__,
        )
        self._close_flow()
        self.queue_block(Cause.HELD, as_data(why=str(error), reason=reason.value), body)
        self.consider()

    def _fail(self, reason: Reason, message: str, error_type: str) -> None:
        body = encode_workflow_failure(
            self.contract.name, str(self.workflow_id), "failed", reason.value, message, error_type=error_type
        )
        record = Record(K.WORKFLOW_FAILED, self.now(), reason=reason.value, snapshot="error", body=body)
        self._queue_final(record, "failed", body)

    def _queue_final(self, record: Record, outcome: str, body: bytes) -> None:
        self._is_ending = True
        record.is_final = True
        self._current = None, 0
        parent = self.row.parent
        record.then = [lambda: self.worker.hints.send(f"ended:{self.workflow_id}")]
        if parent is not None:
            message = {
                "workflow_id": str(self.workflow_id),
                "recipient": str(parent),
                "kind": "child",
                "address": self.row.parent_address,
                "outcome": outcome,
                "body": body.hex(),
                "actor": f"workflow:{self.workflow_id}",
            }
            record.extras = (("messages", message),)
            record.then.append(lambda: self.wake_others([parent]))
        self._queue(record)

    # letting go

    def drain(self) -> None:
        """The worker stops: begin nothing new, and give the workflow up as soon as no attempt executes."""
        self._is_draining = True
        self.consider()

    def let_go(self) -> None:
        """Stop locally, recording nothing: the lease is lost, or given up by the worker."""
        self.is_over = True
        for execution in self.executions.values():
            execution.leave()
        self._finish()

    def _finish(self) -> None:
        self.is_over = True
        if self._timer is not None:
            self._timer.cancel()
        self._close_flow()
        self.worker.drop(self)

    def _close_flow(self) -> None:
        flow, self._flow = self._flow, None
        self.executions.clear()
        self._inbox.clear()
        self._intents.clear()
        self._stash.clear()
        if flow is not None:
            flow.close()


def _reason_of_ending(error: BaseException) -> Reason:
    """Return why a body's own exception ended it: a failed step's reason, else what the exception is."""
    found = getattr(error, "reason", None)
    try:
        return Reason(found) if isinstance(found, str) else reason_of(error)
    except ValueError:
        return reason_of(error)
