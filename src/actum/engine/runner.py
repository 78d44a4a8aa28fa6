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
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any
from uuid import UUID

from actum.authoring.contract import Contract
from actum.authoring.failures import encode_failure, message_of
from actum.engine.budgeting import Budgeting
from actum.engine.effects import EffectExecution
from actum.engine.ending import Ending
from actum.engine.execution import Execution, as_data
from actum.engine.history import History, misfit, read_history
from actum.engine.holding import Holding
from actum.engine.intending import Intending
from actum.engine.journal import Journal
from actum.engine.log import Log, Park, Record, to_datetime, to_microseconds
from actum.engine.making import make_execution
from actum.engine.orphans import Orphans
from actum.engine.outsiders import Outsiders
from actum.engine.parking import Parking
from actum.engine.reopening import ask_again
from actum.engine.replaying import describe_mismatch, stand_up
from actum.engine.rollback import Rollback
from actum.engine.steps import reason_of
from actum.engine.telemetry import Telemetry
from actum.engine.undoing import UndoExecution
from actum.errors import DatabaseUnavailable, InvalidInput
from actum.flow import Command, Commands, Delivery, Flow, Mismatch, Outcome, Started
from actum.model.events import EventKind, Reason
from actum.model.ids import short
from actum.model.workflow import Cause, Status
from actum.store.poison import PASSING
from actum.store.rows import MessageRow, RecordRow, WorkflowRow
from actum.store.store import Store

if TYPE_CHECKING:
    from actum.engine.requesting import ApprovalExecution
    from actum.engine.worker import Worker

logger = logging.getLogger("actum.runner")

K = EventKind
MOST_CRASHES = 5
"""Crashes of its worker, the last three of them alone in a process, after which a workflow is blocked."""
HOPELESS = 59_000_000
"""Microseconds before a workflow whose log takes no record is tried again."""
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
        self.journal = Journal(worker, row, self)
        self.outsiders = Outsiders(self)
        self.parking = Parking(self)
        self.ending = Ending(self)
        self.holding = Holding(self)
        self.orphans = Orphans(self)
        self.intending = Intending(self)
        self.budgeting = Budgeting.of(self)
        self.telemetry = Telemetry.of(self)
        self.rollback: Rollback | None = None
        self._flow: Flow | None = None
        self._inbox: deque[tuple[Record, Delivery]] = deque()
        self._stash: list[Commands] = []
        self._postponed: list[Callable[[], None]] = []
        self.asking: list[ApprovalExecution] = []
        """What asks for other calls; what is no more in flight may still stand here."""
        self.is_ending = self.is_draining = self._is_poisoned = False
        self.wants_claim = False  # whether it goes on only from its records, which a claim brings

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
    def log(self) -> Log:
        """The queue of records, as the Recorder sees it."""
        return self.journal.log

    @property
    def status(self) -> Status:
        """Where the workflow stands with everything queued so far."""
        return self.journal.status

    @property
    def cause(self) -> str | None:
        """Why it is blocked, if it is."""
        return self.journal.cause

    def now(self) -> int:
        """Return the database's instant, never before one that this workflow has recorded."""
        return self.journal.stamp(self.worker.clock.now())

    def stamp_of(self, message: MessageRow) -> int:
        """Return the instant at which an outsider left a message, as this log may record it."""
        return self.journal.stamp(to_microseconds(message.sent_at))

    def when_durable(self, action: Callable[[], None]) -> None:
        """Call `action` once everything queued so far is durable: at once when nothing is queued."""
        self.journal.when_durable(action)

    @property
    def is_stopped(self) -> bool:
        """Whether nothing new is taken in: paused, or blocked by more than a doubt, which is only a longer wait."""
        status = self.journal.status
        return status is Status.PAUSED or (status is Status.BLOCKED and self.cause != Cause.IN_DOUBT)

    @property
    def is_put_away(self) -> bool:
        """Whether its body is not driven any more, as it stands."""
        return self.is_stopped and self.status is Status.BLOCKED

    @property
    def is_driven(self) -> bool:
        """Whether the body is there to be told something: not ended, not blocked before it, not being undone."""
        return self._flow is not None and self.rollback is None and not self.is_stopped

    @property
    def is_intending(self) -> bool:
        """Whether an intent waits for the database's answer, or what came meanwhile waits to be taken in."""
        return self.intending.is_waiting or bool(self._inbox)

    @property
    def is_stuck(self) -> bool:
        """Whether the body waits for nothing that could ever come."""
        return self._flow is not None and self._flow.is_stuck and not self.is_stopped

    @property
    def awaited_signals(self) -> tuple[str, ...]:
        """The names of the signals somebody waits for."""
        return self._flow.awaited_signals if self._flow is not None else ()

    def jitter(self) -> float:
        """Return a random number in [0, 1)."""
        return self.worker.random.random()

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Run a short piece of work as a task of the worker's; it is begun again while the database is away."""
        self.stay()

        async def patiently() -> None:
            pause = 0.1
            while not self.is_over:
                try:
                    await work()
                    return
                except (DatabaseUnavailable, *PASSING):
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 1.0)
                except Exception as error:
                    self._broken(error)
                    return

        self.worker.spawn(patiently(), f"{self.row.contract} {short(self.workflow_id)}: {name}")

    def hint_ready(self) -> None:
        """Tell claimers that something may be ready."""
        self.worker.hint_ready()

    def hint_people(self) -> None:
        """Tell those who watch inboxes that something was asked."""
        self.worker.hints.send("people")

    def wake_others(self, ids: Sequence[UUID]) -> None:
        """Make workflows ready that a durable message waits for; the sweep does it where this fails."""
        self.worker.wake_soon(ids)

    def may_begin(self, execution: Execution) -> bool:
        """Whether an attempt may begin now: still held, still wanted, and the lease unexpired by our own clock.

        While the worker drains, only what a durable intent permits is begun: it would be a doubt otherwise.
        """
        is_wanted = self.executions.get(execution.address) is execution
        is_permitted = execution.progress.is_started and not execution.progress.is_in_doubt
        if self.is_over or not is_wanted or (self.is_draining and not is_permitted):
            execution.is_active = False
            self.consider()
            return False
        if not self._still_holds():
            return False
        if self.status not in (Status.RUNNING, Status.ROLLING_BACK):
            self.loop.call_later(SHOW_AFTER, self.guarded, self.note_taken_up)
        return True

    def may_look(self) -> bool:
        """Whether a look at the world may begin now: still held, and the worker not about to stop."""
        return not (self.is_over or self.is_draining) and self._still_holds()

    def _still_holds(self) -> bool:
        """Whether the lease is unexpired by our own clock; where it is, no park takes the workflow away."""
        if not self.worker.has_lease():
            self.worker.lose(self)
            return False
        self.stay()
        return True

    def guarded(self, action: Callable[..., None], *args: Any) -> None:
        """Call `action`; a bug of ours in it blocks this one workflow, with its trace in the log, and nothing else."""
        try:
            action(*args)
        except Exception as error:
            self._broken(error)

    def _broken(self, error: Exception) -> None:
        logger.exception("a bug stopped workflow %s", short(self.workflow_id), exc_info=error)
        if self.is_over:
            return
        why = f"a bug in Actum stopped it: {type(error).__name__}: {message_of(error)}"
        try:
            self.block(Cause.REFUSED, why)
        except Exception:
            logger.exception("workflow %s cannot even be blocked", short(self.workflow_id))
            self.let_go()

    def when_going(self, action: Callable[[], None]) -> None:
        """Call `action` now, or once the workflow goes on after a pause."""
        if self.is_stopped:
            self._postponed.append(action)
        else:
            action()

    def is_asked_for(self, address: str) -> bool:
        """Whether a `request_approval` in flight asks for the call at `address`."""
        return any(self.executions.get(e.address) is e and e.covers(address) for e in self.asking)

    def stay(self) -> None:
        """Take back a park that is queued and not sent: something begins that it did not know of."""
        self.log.park = None

    def consider(self) -> None:
        """Park the workflow if only the world can move it."""
        self.parking.consider()

    def record(self, record: Record) -> None:
        """Queue a record that brings the body nothing."""
        if self.is_over or self.is_ending:
            return
        self.note_current()
        self.journal.queue(record)

    def deliver(self, record: Record, delivery: Delivery) -> None:
        """Queue a record and let the body see what it brings; held back while an intent is with the database."""
        if self.is_over or self.is_ending:
            return
        if self.intending.is_waiting:
            self._inbox.append((record, delivery))
            return
        self._take_in(record, delivery)

    def show(self, delivery: Delivery) -> None:
        """Let the body see what a record brings that is durable already.

        Whether to park is for the caller to consider, once what came meanwhile is taken in: a park that is queued
        before it would give the workflow up behind its back.
        """
        self._take_in(None, delivery)

    def intend(self, execution: EffectExecution | UndoExecution, record: Record) -> None:
        """Queue an intent; one at a time, because the database may refuse it."""
        self.intending.add(execution, record)

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
        self.journal.stamp(self.history.last_at)
        self.journal.note_rescues(self.history.rescues, self.row.crash_count)
        if self.history.plan and (self.status is not Status.BLOCKED or self.cause == Cause.IN_DOUBT):
            self.roll_back(Reason.OPERATOR, "", None)
            self.outsiders.take_in(messages)
            return
        crashes = self.history.rescues_since_unblock + self.row.crash_count - self.history.rescues
        if not self.is_put_away or (self.cause == Cause.MISMATCH and self.history.given_up is None):
            if crashes >= MOST_CRASHES:
                self.block(Cause.CRASH_LOOP, f"its worker crashed {crashes} times, at last alone")
            else:
                self.replay()
        if self.is_put_away:
            self.wants_claim = False
            self.holding.records = records
            self.orphans.adopt(records)
        self.outsiders.take_in(messages)
        self.consider()

    def replay(self) -> None:
        """Drive the body from the beginning of its history: after a claim, or an unblock."""
        name = self.contract.name
        try:
            flow, commands = stand_up(self.contract, self.workflow_id, self.history)
        except InvalidInput as error:
            self.block(Cause.MISMATCH, f"the recorded input does not fit {name} any more: {error}")
        except Mismatch as mismatch:
            self._mismatched(mismatch)
        else:
            if self.status is Status.BLOCKED and self.cause == Cause.MISMATCH:
                self.unblock(None)
            self.go_on(flow, commands)

    def go_on(self, flow: Flow, commands: Commands) -> None:
        """Drive a body that stands where its history ends, and carry out what it asks for."""
        self._flow = flow
        self._stop_forgotten(flow)
        self._carry(commands)

    def _stop_forgotten(self, flow: Flow) -> None:
        """Give up what an earlier process handed out and had no time to stop."""
        for address, request in flow.abandoned.items():
            progress = self.history.progress.get(address)
            if progress is not None and (progress.child_id or progress.asked or progress.is_asked):
                make_execution(self, Command(address, request)).stop()

    # delivering

    def _take_in(self, record: Record | None, delivery: Delivery) -> None:
        flow = self._flow
        if flow is None or self.is_ending:
            return
        if isinstance(delivery, Outcome):
            self.executions.pop(delivery.address, None)
            progress = self.history.at(delivery.address)
            progress.is_ended, progress.outcome = True, delivery
        try:
            commands = flow.advance((delivery,))
        except Mismatch as mismatch:
            if record is not None and record.ended is not None:
                self.journal.queue(record)
            self._mismatched(mismatch)
            return
        self.note_current()
        if record is not None:
            self.journal.queue(record)
        self._carry(commands)
        if record is not None and not self.log.pending:
            self.consider()

    def _carry(self, commands: Commands) -> None:
        if self.is_stopped:
            self._stash.append(commands)
            return
        for address in commands.stop:
            execution = self.executions.pop(address, None)
            if execution is not None:
                execution.progress.is_ended = True
                execution.stop()
        made = []
        for command in commands.start:
            mismatch = ask_again(self.history, command) or misfit(self.history, command)
            if mismatch is not None:
                self._mismatched(mismatch)
                return
            execution = self.executions[command.address] = make_execution(self, command)
            made.append(execution)
        for execution in made:
            if self.executions.get(execution.address) is execution and not self.is_over:
                execution.start()
        if commands.start or commands.stop:
            self.note_current()
            self.journal.correct_current()
        self._end_if_done()

    def _end_if_done(self) -> None:
        flow = self._flow
        if flow is None or self.is_ending or self.rollback is not None:
            return
        if flow.is_done and not flow.waiting:
            self.ending.of(flow)

    def release_stash(self) -> None:
        """Carry out what was commanded, and go on with what was put off, while the workflow was paused or blocked."""
        stash, self._stash = self._stash, []
        postponed, self._postponed = self._postponed, []
        self.intending.take_back()
        for action in postponed:
            action()
        answered = {delivery.address for _, delivery in self._inbox if isinstance(delivery, Outcome)}
        # After what was put off: each begins anew only if idle.
        for execution in list(self.executions.values()):
            if execution.address not in answered:
                execution.resume()
        for commands in stash:
            self._carry(commands)
        self.intending.send_next()

    def note_current(self) -> None:
        """Let the next record say which step is current now."""
        flow = self._flow
        if flow is None:
            return
        address = flow.oldest
        execution = self.executions.get(address) if address is not None else None
        if execution is not None:
            self.journal.current = execution.name, execution.attempts
        elif address is None:
            signals = flow.awaited_signals
            self.journal.current = (signals[0], 0) if signals else (None, 0)

    # recording

    def taken(self, records: Sequence[Record]) -> None:
        """These records went into a flush."""
        self.journal.taken(records)

    def queue_final(self, record: Record) -> None:
        """Queue the ending: nothing is recorded after it."""
        self.journal.current = None, 0
        self.journal.queue(record)
        self.is_ending = True

    def written(self, records: Sequence[Record], wake: int, is_released: bool) -> None:
        """Records are durable: do what waited for that."""
        self.journal.answered()
        self.log.park = None
        if self.is_over:
            return
        if is_released:
            self._finish()
        for record in records:
            if record.then:
                for action in record.then:
                    self.guarded(action)
        if is_released:
            return
        self.guarded(self.intending.answered, records)
        self.guarded(self.outsiders.saw_wake, wake)
        self.guarded(self.consider)

    def refused(self, record: Record, why: str) -> None:
        """The database refused the intent; what was queued before it is written without it."""
        self.journal.answered()
        if self.is_over or not self.intending.is_waiting:
            return
        execution = self.intending.refused()
        self.journal.renumber()
        if record.then:
            for action in record.then:
                self.when_durable(action)
        if execution is not None:
            if record.carrier is not None:  # nothing of it is there, paused or not
                self.guarded(execution.refused, why)
            else:
                self.guarded(lambda: self.when_going(lambda: execution.refused(why)))
        self.guarded(self.drain_inbox)
        self.guarded(self.consider)

    def fenced(self) -> None:
        """Somebody else holds the workflow: stop at once, write nothing more."""
        if not self.is_over:
            logger.warning(
                "%s: lost the lease of %s at epoch %d", self.worker.name, short(self.workflow_id), self.epoch
            )
            self.let_go()

    def poisoned(self, records: Sequence[Record], error: BaseException) -> None:
        """A record can never be written: this workflow fails, alone."""
        self.journal.answered()
        if self.is_over:
            return
        logger.error(
            "%s: a record of %s cannot be stored: %s", self.worker.name, short(self.workflow_id), error
        )
        is_hopeless = self.is_ending or self._is_poisoned
        self._is_poisoned = True
        self._forget_pending()
        for execution in self.executions.values():
            execution.leave()
        if is_hopeless:
            self._sleep()
        elif self.history.has_acted:  # what is in flight is settled before it ends
            self.guarded(self.block, Cause.REFUSED, f"a record could not be stored: {error}")
        else:
            self.guarded(
                self.ending.fail, Reason.BUG, f"a record could not be stored: {error}", type(error).__name__
            )

    def _sleep(self) -> None:
        """Let the workflow lie as it is for a while: its log takes nothing, and trying at once would only repeat it."""
        self.is_ending = True
        self.log.park = Park(self.outsiders.seen_wake, to_datetime(self.worker.clock.now() + HOPELESS))
        self.worker.recorder.queue(self.log)

    def _forget_pending(self) -> None:
        """Throw away what is queued and not durable; a replay makes it again."""
        self.journal.forget()
        self.intending.forget()
        self.is_ending = False

    def note_started(self, started: Started) -> None:
        """Let the body's history know that an effect was begun."""
        if self._flow is not None:
            self._flow.note_started(started)

    def drain_inbox(self) -> None:
        """Take in what came while an intent waited, up to the next one."""
        self.intending.send_next()
        while self._inbox and not self.intending.is_waiting and not self.is_over:
            self._take_in(*self._inbox.popleft())
            self.intending.send_next()
        if not self.intending.is_waiting:
            self.outsiders.go_on()

    def note_taken_up(self) -> None:
        """Let people see that this workflow is being worked on."""
        if self.log.park is None and self.status in (Status.PENDING, Status.WAITING):
            self.record(Record(K.WORKFLOW_CLAIMED, self.now()))

    # blocking and unblocking

    def _mismatched(self, mismatch: Mismatch) -> None:
        why = f"history has {mismatch.recorded}, the code {mismatch.asked}"
        self.block(Cause.MISMATCH, why, describe_mismatch(mismatch, self.row.python))

    def block(self, cause: Cause, why: str, data: str | None = None) -> None:
        """Stop here until a person, or other code, helps; nothing is executed on a guess."""
        doubted = [one for one in self.executions.values() if one.progress.is_started and one.is_active]
        for execution in self.executions.values():
            if execution not in doubted:
                execution.leave()
        facts = self.journal.take_facts(record for record, _ in self._inbox)
        self.close_flow()
        self._forget_pending()
        for fact in facts:
            self.journal.queue(fact)
        for execution in doubted:
            execution.leave_in_doubt()
        is_new = self.status is not Status.BLOCKED or self.cause == Cause.IN_DOUBT
        if is_new:
            logger.warning("%s is blocked (%s): %s", short(self.workflow_id), cause.value, why)
            self.queue_block(cause, data or as_data(why=why))
        self.wants_claim = is_new and self.history.has_acted
        self.consider()

    def queue_block(self, cause: Cause, data: str, body: bytes | None = None) -> None:
        """Record that the workflow is blocked, and why."""
        record = Record(K.WORKFLOW_BLOCKED, self.now(), reason=cause.value, data=data)
        if body is not None:
            record.snapshot, record.body = "error", body
        self.note_current()
        self.journal.queue(record)

    def unblock(self, actor: str | None) -> None:
        """Note that what blocked the workflow is out of the way."""
        if self.status is Status.BLOCKED:
            self.journal.queue(Record(K.WORKFLOW_UNBLOCKED, self.now(), actor=actor))
            self.release_stash()

    def roll_back(self, reason: Reason, why: str, actor: str | None) -> None:
        """Undo what this workflow did; the body has ended, or cannot be driven any more."""
        self.close_flow()
        self.journal.unblocking = K.WORKFLOW_ROLLING_BACK
        self.rollback = Rollback(self, reason.value, actor, why)
        self.rollback.begin()

    def go_on_rolling_back(self, actor: str | None) -> None:
        """Note that what stopped the rollback is out of the way."""
        if self.status is Status.BLOCKED:
            self.journal.queue(Record(K.WORKFLOW_ROLLING_BACK, self.now(), actor=actor))

    # letting go

    def drain(self) -> None:
        """The worker stops: begin nothing new, and give the workflow up as soon as no attempt executes."""
        self.is_draining = True
        self.guarded(self.consider)

    def let_go(self) -> None:
        """Stop locally, recording nothing more: the lease is lost, or given up by the worker.

        Outcomes already queued are still written while the lease holds; an intent is not, since nobody would act on it.
        """
        if self.is_over:
            return
        self.is_over = True
        self.log.park = None
        self.intending.withhold()
        for execution in self.executions.values():
            execution.leave()
        self._finish()

    def _finish(self) -> None:
        self.is_over = True
        self.parking.disarm()
        self.close_flow()
        self.worker.drop(self)

    def close_flow(self) -> None:
        """Put the body away, with everything it was waiting for."""
        flow, self._flow = self._flow, None
        self.executions.clear()
        self.asking.clear()
        self._inbox.clear()
        self.intending.clear()
        self._stash.clear()
        self._postponed.clear()
        if flow is not None:
            flow.close()
