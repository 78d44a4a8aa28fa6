"""When a held workflow is let go because only the world can move it, and what is due until then.

Parked is: nothing executes, nothing is being written or read, and every instant that would move the workflow is some
way off. The park is part of a flush and takes effect only where no wake-up came meanwhile.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from actum.engine.execution import as_data
from actum.engine.log import Park, Record, to_datetime, to_microseconds
from actum.model.events import EventKind
from actum.model.workflow import Cause, Status

if TYPE_CHECKING:
    from actum.engine.runner import Runner

NEVER = 253_402_300_799_000_000
"""9999-12-31: the instant at which a workflow is ready that only somebody else can wake."""
LINGER = 250_000
"""Microseconds for which a due instant is waited out in memory: parking would take about as long."""


class Parking:
    """The waiting of one held workflow."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._timer: asyncio.TimerHandle | None = None

    def consider(self) -> None:
        """Park the workflow if only the world can move it; else see to it that the next due instant is met."""
        runner = self._runner
        if runner.is_over or runner.is_ending or runner.journal.is_writing or runner.is_intending:
            return
        is_active = any(execution.is_active for execution in runner.executions.values())
        if runner.is_draining and not is_active:
            runner.let_go()
            return
        rollback = runner.rollback
        if is_active or runner.outsiders.is_reading or (rollback is not None and rollback.is_reading):
            self._arm()
            return
        if runner.outsiders.has_news:
            runner.outsiders.read()
            return
        if runner.is_stuck:
            runner.ending.stuck()
            return
        if runner.wants_claim:
            self.park(runner.now())
            return
        due = self._next_due()
        if due is not None and due - runner.worker.clock.now() < LINGER:
            self._arm()
        else:
            self.park(due)

    def park(self, due: int | None) -> None:
        """Give the workflow up with the next flush, ready again at `due` (microseconds)."""
        runner = self._runner
        self.disarm()
        waits = [execution.waits() for execution in runner.executions.values()]
        waits += [{"address": None, "step": name, "for": "signal"} for name in runner.awaited_signals]
        span = None if runner.telemetry is None else runner.telemetry.last_span
        needs_person = any(execution.needs_person for execution in runner.executions.values())
        if needs_person and runner.status is not Status.BLOCKED:
            runner.queue_block(Cause.IN_DOUBT, as_data(waits=waits, span=span))
        elif runner.status in (Status.PENDING, Status.RUNNING) or (
            runner.status in (Status.ROLLING_BACK, Status.BLOCKED)
            and any("probes_failed" in w for w in waits)
        ):  # what the next holder cannot know otherwise
            data = as_data(waits=waits, span=span)
            runner.record(Record(EventKind.WORKFLOW_PARKED, runner.now(), data=data))
        if due is not None:
            runner.worker.alarm.set(due)
        run_at = to_datetime(NEVER if due is None else min(due, NEVER))
        runner.log.park = Park(runner.outsiders.seen_wake, run_at)
        runner.worker.recorder.queue(runner.log)

    def next_move(self, until: int) -> int | None:
        """Return the earliest instant, up to `until`, at which something is due, the deadline included."""
        due = self._next_due()
        return due if due is not None and due <= until else None

    def act(self) -> None:
        """Do what has become due, each at its own instant, in the order of the world."""
        self._timer = None
        self.act_until(self._runner.worker.clock.now())
        self.consider()

    def act_until(self, instant: int) -> None:
        """Do what is due up to `instant`; stops where an intent goes to the database, since its answer may be no."""
        runner = self._runner
        while not (runner.is_over or runner.is_ending or runner.is_stopped or runner.is_intending):
            due = self.next_move(instant)
            if due is None:
                return
            self._do(due)

    def _do(self, due: int) -> None:
        runner, rollback = self._runner, self._runner.rollback
        if rollback is not None and rollback.due == due:
            rollback.begin()
            return
        ready = [e for e in runner.executions.values() if e.due == due]
        if ready:
            min(ready, key=lambda e: e.address).act()
        else:
            runner.outsiders.pass_deadline()

    def _next_due(self) -> int | None:
        runner = self._runner
        if runner.is_stopped:
            return None
        dues = [execution.due for execution in runner.executions.values() if execution.due is not None]
        if runner.rollback is not None and runner.rollback.due is not None:
            dues.append(runner.rollback.due)
        deadline = runner.row.deadline
        if deadline is not None and runner.history.cancel_reason is None and runner.is_driven:
            dues.append(to_microseconds(deadline))
        return min(dues, default=None)

    def _arm(self) -> None:
        self.disarm()
        due = self._next_due()
        if due is not None:
            runner = self._runner
            delay = max(due - runner.worker.clock.now(), 0) / 1e6
            self._timer = runner.loop.call_later(delay, runner.guarded, self.act)

    def disarm(self) -> None:
        """Wait for no instant any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
