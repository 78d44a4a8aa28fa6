"""An effect in doubt: it started, and nobody recorded how it ended; and the ways out.

The declared way decides: it is repeated, its probe looks, or a person is asked. Each answer is a record, and what
follows is derived from the records alone, so a new holder goes on where the last one was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson

from actum.authoring.attempt import Attempt
from actum.authoring.effect import Effect
from actum.authoring.failures import encode_failure
from actum.engine.execution import as_data
from actum.engine.log import Ended, Record
from actum.engine.settling import Settling
from actum.engine.steps import StepExecution
from actum.errors import InvalidInput
from actum.machine import doubt
from actum.machine.retry import Again
from actum.model.events import EventKind, Reason
from actum.outcomes import Happened
from actum.store.rows import MessageRow

K = EventKind


class DoubtfulExecution(Settling, StepExecution):
    """What an effect in flight does when nobody knows whether it happened."""

    _is_busy = False
    mode = "first"
    _answer: Any = None

    @property
    def effect(self) -> Effect[..., Any]:
        """The effect that was called."""
        found: Effect[..., Any] = self.request.subject
        return found

    def decided(self) -> None:
        """Go on from what is known about the approval."""
        raise NotImplementedError(type(self).__name__)

    def wait(self, microseconds: int, needs: str, then: Callable[[], None]) -> None:
        """Do `then` after a pause; `needs` says to people what for."""
        self.needs, self._then = needs, then
        self.due = self.runner.now() + microseconds
        self.runner.consider()

    def _ended(self, state: str, result: bytes | None = None) -> Ended:
        return Ended(self.effect.kind, self.progress.key or "", self.progress.generation, state, result)

    def _succeeded(self, value: object) -> None:
        self._happened(value, K.EFFECT_SUCCEEDED, None)

    def _happened(self, value: object, kind: EventKind, settled: str | None) -> None:
        """Record what happened; a result that cannot be stored is recorded as that, never repeated."""
        word, snapshot = "completed", "output"
        try:
            body = self.effect.codec.encode_result(value)
        except InvalidInput as error:
            word, snapshot = "invalid", "error"
            body = orjson.dumps(
                {"message": f"it happened, and its result cannot be kept: {error}", "path": error.path}
            )
        record = self.outcome(kind, settled or (None if word == "completed" else word), snapshot, body)
        self.progress.is_started = self.progress.is_in_doubt = False
        self.deliver(record, word, body)

    def outcome(self, kind: EventKind, outcome: str | None, snapshot: str, body: bytes) -> Record:
        """Return the record that it happened, with the move of its ledger entry: that keeps outputs only."""
        now, usage = self.runner.now(), self.close_attempt("completed")
        us = max(now - self.progress.started_at, 0)
        return Record(
            kind,
            now,
            step=self.name,
            address=self.address,
            attempt=self.attempts,
            outcome=outcome,
            data=f'{{"us":{us}}}' if usage is None else as_data(us=us, usage=usage),
            snapshot=snapshot,
            argument_hash=self.request.argument_hash,
            body=body,
            ended=self._ended("succeeded", body if snapshot == "output" else None),
        )

    def _give_up(self, record: Record, error: BaseException) -> None:
        self.deliver(record, "failed", record.body)

    def _usage_of(self, outcome: str) -> list[dict[str, Any]] | None:
        return self.close_attempt(outcome)

    # doubt

    def resume(self) -> None:
        if self.is_active or self.due is not None:
            return
        if self.progress.is_in_doubt:
            self._resolve_doubt()
        else:
            self.decided()

    def leave_in_doubt(self) -> None:
        if self._try is not None and not self.progress.is_in_doubt:
            self._note_doubt(Reason.BUG, None, "its workflow was blocked while it executed")
        self.leave()

    def _resolve_doubt(self) -> None:
        if not self.runner.is_stopped:
            super()._resolve_doubt()

    def _repeat(self) -> None:
        self.mode = "again"
        self._again("its contract says to repeat it")

    def _probe_attempt(self) -> Attempt:
        return self._attempt(None)

    def _read_answer(self, found: object) -> doubt.Answer:
        if isinstance(found, Happened):
            self._answer = found.result
        return super()._read_answer(found)

    def _found_happened(self) -> None:
        self._happened(self._answer, K.EFFECT_SETTLED, "happened")

    def _settle_not_happened(self, message: MessageRow | None) -> None:
        """It did not happen and no longer can: note it, and do it under the approval it has."""
        record = Record(
            K.EFFECT_SETTLED,
            self.runner.now(),
            attempt=self.attempts,
            outcome="did_not_happen",
            actor=message.actor if message else "probe",
            data=as_data(why=message.reason if message else None, usage=self.close_attempt("did_not_happen")),
            ended=self._ended("failed"),
            received=message.id if message else None,
        )
        self.progress.is_started = self.progress.is_in_doubt = self.progress.has_open_doubt = False
        self.mode = "again"
        self.needs, self.needs_person = None, False
        self.record(record)
        if message is not None:
            self.intend()
        else:
            self._again("its probe says that it did not happen")

    def _again(self, why: str) -> None:
        """Do it again, as often and as patiently as its retry allows; then a person is asked."""
        runner, verdict = self.runner, self._decide()
        if isinstance(verdict, Again):
            since = max(runner.now() - self.progress.doubted_at, 0)
            left = int(verdict.after / timedelta(microseconds=1)) - since
            if left > 0:
                self.wait(left, "retry", self.intend)
            else:
                self.intend()
        elif self.progress.is_in_doubt:
            self.needs, self.needs_person = f"{why}, and {self.attempts} attempts ended in doubt", True
        else:
            message = f"{why}, and {self.attempts} attempts failed"
            body = encode_failure(self.name, verdict.why.value, RuntimeError(message), max(self.attempts, 1))
            record = Record(
                K.STEP_FAILED,
                runner.now(),
                reason=verdict.why.value,
                snapshot="error",
                argument_hash=self.request.argument_hash,
                body=body,
            )
            self.deliver(record, "failed", body)

    def _unblock(self, actor: str) -> None:
        self.runner.unblock(actor)

    def _settle_happened(self, message: MessageRow) -> None:
        body = message.body if message.body is not None else b"null"
        word = "completed"
        try:
            self.effect.codec.decode_result(body)
        except InvalidInput as error:
            word = "invalid"
            body = orjson.dumps(
                {"message": f"it happened, and the result given does not fit: {error}", "path": error.path}
            )
        self._settle_with(message, word if word == "invalid" else "happened", word, body, "succeeded")

    def _settle_abandoned(self, message: MessageRow) -> None:
        why = message.reason or "a person gave it up without knowing whether it happened"
        body = encode_failure(self.name, Reason.OPERATOR.value, RuntimeError(why), max(self.attempts, 1))
        self.progress.has_open_doubt = True
        self._settle_with(message, "abandoned", "failed", body, "abandoned")

    def _settle_with(self, message: MessageRow, outcome: str, word: str, body: bytes, state: str) -> None:
        record = Record(
            K.EFFECT_SETTLED,
            self.runner.stamp_of(message),
            attempt=self.attempts,
            outcome=outcome,
            actor=message.actor,
            data=as_data(why=message.reason),
            snapshot="output" if word == "completed" else "error",
            argument_hash=self.request.argument_hash,
            body=body,
            ended=self._ended(state, body if word == "completed" else None),
            received=message.id,
        )
        self.progress.is_started = self.progress.is_in_doubt = False
        self.deliver(record, word, body)
