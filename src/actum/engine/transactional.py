"""Transactional effects: the author's rows and the record of the outcome commit together.

In the engine's own database the record travels in the author's transaction; in another one a row of its keys table
does, and the record follows. Either way an attempt that left no outcome did not happen, or the next one finds it
done. Only a body that ended the transaction itself leaves a doubt. See docs/design/transactions.md.
"""

from __future__ import annotations

from typing import Any

from actum.authoring.database import Database
from actum.engine.attempts import Tried
from actum.engine.carrying import Body, Carried, error_of, run_elsewhere
from actum.engine.effects import EffectExecution
from actum.engine.log import Record
from actum.errors import InvalidInput
from actum.machine.keys import outside_key
from actum.model.events import EventKind, Reason
from actum.store.keys import Claim
from actum.store.transactions import TransactionEnded

K = EventKind
AWAY, AWAY_AT_MOST = 500_000, 30_000_000
"""Microseconds between two looks at a database that does not say what became of a commit: doubled each time."""


class TransactionalExecution(EffectExecution):
    """One call of an effect that is transactional in the engine's own database."""

    _carried: Carried | None = None
    _is_committing = False

    def found_started(self) -> None:
        """Begin the same attempt again: without an outcome, its transaction did not commit."""
        self._is_busy = True
        self.runner.when_durable(self._begin)

    def body(self) -> Body:
        self._carried = Carried(self.runner.worker.databases.begin, self.effect.function)
        return self._carried.run

    def leave(self) -> None:
        super().leave()
        if self._carried is not None:
            self._carried.leave()

    def leave_in_doubt(self) -> None:
        self.leave()

    def _tried(self, tried: Tried) -> None:
        self._try = None
        self._is_busy = False
        if self.runner.is_over or tried.was_stopped:
            self.leave()
            self.runner.consider()
        elif tried.error is None:
            self._commit(tried.value)
        else:
            self._not_done(error_of(tried, self.name))

    def _commit(self, value: object) -> None:
        """Have the outcome written by the transaction itself: nothing else of this workflow moves meanwhile."""
        try:
            body = self.effect.codec.encode_result(value)
        except InvalidInput as error:
            self.leave()
            self._not_done(error)
            return
        reported = self._usages
        record = self.outcome(K.EFFECT_SUCCEEDED, None, "output", body)
        self._usages = reported  # still to be told if the transaction does not commit
        record.carrier = self._carried.transaction if self._carried is not None else None
        self._is_busy = self._is_committing = True
        self.runner.intend(self, record)

    def intended(self, record: Record) -> None:
        if not self._is_committing:
            super().intended(record)
            return
        self._is_busy = self._is_committing = False
        self._usages = None
        self.progress.is_started = False
        self.show(record, "completed", record.body)

    def refused(self, why: str) -> None:
        if not self._is_committing:
            super().refused(why)
            return
        self._is_busy = self._is_committing = False
        error = self._carried.refusal(why) if self._carried is not None else RuntimeError(why)
        if isinstance(error, TransactionEnded):
            self._doubt(Reason.BUG, error, str(error))
        else:
            self._not_done(error)


class ElsewhereExecution(EffectExecution):
    """One call of an effect that is transactional in another Postgres."""

    _is_uncertain = False
    """Whether an earlier try may have committed: until a claim has been answered, nobody knows."""
    _looked = 0

    def found_started(self) -> None:
        """Begin the same attempt again: its claim finds whether it happened."""
        self._is_uncertain = True
        self._go_on()

    def body(self) -> Body:
        database: Database = self.effect.transactional  # type: ignore[assignment]  # chosen by its type
        key = outside_key(self.progress.key or "", self.progress.generation)
        runner = self.runner
        claim = Claim(self.effect.kind, key, runner.workflow_id, runner.epoch, self.attempts)

        async def run(*args: Any, **kwargs: Any) -> bytes:
            return await run_elsewhere(
                runner.worker.databases.keys_of(database),
                claim,
                lambda: self.effect.function(*args, **kwargs),
                self.effect.codec.encode_result,
                self._set_uncertain,
            )

        return run

    def _set_uncertain(self, is_uncertain: bool) -> None:
        self._is_uncertain = is_uncertain

    def _tried(self, tried: Tried) -> None:
        self._try = None
        self._is_busy = False
        if self.runner.is_over or tried.was_stopped:
            self.runner.consider()
        elif tried.error is None:
            self.progress.is_started = False
            record = self.outcome(K.EFFECT_SUCCEEDED, None, "output", tried.value)
            self.deliver(record, "completed", tried.value)
        elif isinstance(tried.error, TransactionEnded):
            self._doubt(Reason.BUG, tried.error, str(tried.error))
        elif self._is_uncertain:
            self._looked += 1
            self.wait(min(AWAY * 2**self._looked, AWAY_AT_MOST), "database", self._go_on)
        else:
            self._not_done(error_of(tried, self.name))

    def _go_on(self) -> None:
        self.needs = None
        self._is_busy = True
        self.runner.when_durable(self._begin)

    def leave_in_doubt(self) -> None:
        self.leave()


def execution_of(transactional: bool | Database) -> type[EffectExecution]:
    """Return what carries an effect out, by what its author said of transactions."""
    if isinstance(transactional, Database):
        return ElsewhereExecution
    return TransactionalExecution if transactional else EffectExecution
