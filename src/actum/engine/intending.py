"""The intents of one held workflow: the records that the database may refuse, one at a time.

While one waits for its answer nothing else of the workflow is delivered, because the answer may be no. A pause and a
worker that stops hold the others back, except an outcome whose transaction is open. If the process dies, an intent is
in the log, or it was never made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from actum.engine.effects import EffectExecution
from actum.engine.log import Record
from actum.engine.undoing import UndoExecution
from actum.flow import Started
from actum.model.events import EventKind

if TYPE_CHECKING:
    from actum.engine.runner import Runner

Intention: TypeAlias = "tuple[EffectExecution | UndoExecution, Record]"


class Intending:
    """What one runner is about to begin, and what of it is with the database."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._open: deque[Intention] = deque()
        """Outcomes whose transaction is open: they wait for nothing but their turn."""
        self._queue: deque[Intention] = deque()
        self._current: Intention | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether an intent waits for the database's answer."""
        return self._current is not None

    def add(self, execution: EffectExecution | UndoExecution, record: Record) -> None:
        """Queue an intent, and send it if it is its turn."""
        queue = self._queue if record.carrier is None else self._open
        queue.append((execution, record))
        self.send_next()

    def send_next(self) -> None:
        """Queue the next one for recording: one whose transaction is open goes first, and whatever stopped."""
        runner = self._runner
        if self._current is not None or runner.is_over or runner.is_ending:
            return
        is_held_back = runner.is_stopped or runner.is_draining
        while queue := self._open or (None if is_held_back else self._queue):
            execution, record = queue.popleft()
            if runner.executions.get(execution.address) is execution:
                self._current = execution, record
                runner.note_current()
                runner.journal.queue(record)
                return

    def take_back(self) -> None:
        """Have what a pause held back looked at and ruled anew: nobody knows how long it was.

        What only joins another's effect is as good as ever, and so is what is with the database.
        """
        for execution in self._runner.executions.values():
            if isinstance(execution, EffectExecution):
                execution.look_before_use()
        for execution, record in list(self._queue):
            is_old = record.intent is not None and record.intent.mode != "join"
            if is_old and isinstance(execution, EffectExecution):
                self._queue.remove((execution, record))
                execution.taken_back()

    def answered(self, records: Sequence[Record]) -> None:
        """These records are durable: go on with the intent if it is their last."""
        if self._current is None or not records or records[-1] is not self._current[1]:
            return
        runner, (execution, record) = self._runner, self._current
        self._current = None
        if record.kind is EventKind.EFFECT_STARTED:
            hashed = execution.request.argument_hash
            runner.note_started(Started(execution.address, execution.name, hashed, record.at))
            execution.progress.has_started = True
        execution.intended(record)
        runner.drain_inbox()

    def refused(self) -> EffectExecution | UndoExecution | None:
        """Take the refused intent away; return whose it was, if that is still wanted."""
        if self._current is None:
            return None
        execution, _ = self._current
        self._current = None
        return execution if self._runner.executions.get(execution.address) is execution else None

    def forget(self) -> None:
        """What is with the database is thrown away with everything that is queued."""
        self._current = None

    def withhold(self) -> None:
        """Do not send what is not sent yet: nobody would act on it."""
        pending = self._runner.log.pending
        if self._current is not None and self._current[1] in pending:
            pending.remove(self._current[1])

    def clear(self) -> None:
        """Forget what is held back."""
        self._open.clear()
        self._queue.clear()
