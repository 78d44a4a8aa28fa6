"""The undo of a transactional effect: its rows, its own entry and the mark on the effect commit together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actum.authoring.database import Database
from actum.engine.attempts import Tried
from actum.engine.carrying import Carried, error_of, run_elsewhere
from actum.engine.log import Record
from actum.engine.undoing import UndoExecution
from actum.machine.keys import outside_key
from actum.model.events import EventKind, Reason
from actum.store.keys import Claim
from actum.store.transactions import TransactionEnded

K = EventKind
AWAY = 5_000_000
"""Microseconds between two looks at a database that does not say what became of a commit."""


class TransactionalUndo(UndoExecution):
    """The undo of an effect that is transactional in the engine's own database."""

    _carried: Carried | None = None
    _is_committing = False

    def found_started(self) -> None:
        """Begin again: without an outcome, its transaction did not commit."""
        self.is_active = True
        self.runner.when_durable(self._begin)

    def body(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self._carried = Carried(self.runner.worker.databases.begin, function)
        return self._carried.run

    def leave(self) -> None:
        super().leave()
        if self._carried is not None:
            self._carried.leave()

    def _tried(self, tried: Tried) -> None:
        self._try, self.is_active = None, False
        if self.runner.is_over or tried.was_stopped:
            self.leave()
        elif tried.error is not None:
            self._not_done(error_of(tried, self.name))
        elif self._carried is not None:
            record = self.moved(K.EFFECT_SUCCEEDED, None, "succeeded", "undone", None)
            record.carrier = self._carried.transaction
            self.is_active = self._is_committing = True
            self.runner.intend(self, record)

    def intended(self, record: Record) -> None:
        if not self._is_committing:
            super().intended(record)
            return
        self.is_active = self._is_committing = self.progress.is_started = False
        self.on_done(self.address)

    def refused(self, why: str) -> None:
        if not self._is_committing:
            super().refused(why)
            return
        self.is_active = self._is_committing = False
        error = self._carried.refusal(why) if self._carried is not None else RuntimeError(why)
        if isinstance(error, TransactionEnded):
            self._doubt(Reason.BUG, error, str(error))
        else:
            self._not_done(error)


class ElsewhereUndo(UndoExecution):
    """The undo of an effect that is transactional in another Postgres."""

    _is_uncertain = False

    def found_started(self) -> None:
        """Begin again: its claim finds whether it happened."""
        self._is_uncertain = True
        self._go_on()

    def body(self, function: Callable[..., Any]) -> Callable[..., Any]:
        database: Database = self.effect.transactional  # type: ignore[assignment]  # chosen by its type
        key = outside_key(self.request.key, self.request.generation)
        runner = self.runner
        claim = Claim(self.request.kind, key, runner.workflow_id, runner.epoch, max(self.attempts, 1))

        async def run(*args: Any, **kwargs: Any) -> bytes:
            return await run_elsewhere(
                runner.worker.databases.keys_of(database),
                claim,
                lambda: function(*args, **kwargs),
                lambda _: b"null",
                self._set_uncertain,
            )

        return run

    def _set_uncertain(self, is_uncertain: bool) -> None:
        self._is_uncertain = is_uncertain

    def _tried(self, tried: Tried) -> None:
        self._try, self.is_active = None, False
        if self.runner.is_over or tried.was_stopped:
            return
        if tried.error is None:
            self._succeeded(K.EFFECT_SUCCEEDED, None, None)
        elif isinstance(tried.error, TransactionEnded):
            self._doubt(Reason.BUG, tried.error, str(tried.error))
        elif self._is_uncertain:
            self.needs, self._then = "database", self._go_on
            self.due = self.runner.now() + AWAY
            self.runner.consider()
        else:
            self._not_done(error_of(tried, self.name))

    def _go_on(self) -> None:
        self.needs = None
        self.is_active = True
        self.runner.when_durable(self._begin)


def undo_of(transactional: bool | Database) -> type[UndoExecution]:
    """Return what carries an undo out, by what its effect's author said of transactions."""
    if isinstance(transactional, Database):
        return ElsewhereUndo
    return TransactionalUndo if transactional else UndoExecution
