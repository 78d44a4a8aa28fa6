"""An effect in doubt: it started, and nobody recorded how it ended; and the ways out.

The declared way decides: it is repeated, its probe looks, or a person is asked. Each answer is a record, and what
follows is derived from the records alone, so a new holder goes on where the last one was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson

from actum.authoring.effect import Effect
from actum.authoring.failures import encode_failure
from actum.engine.attempts import Tried, Try
from actum.engine.execution import as_data
from actum.engine.log import Ended, Record, to_datetime, to_microseconds
from actum.engine.steps import Limits, StepExecution, reason_of, retry_after_of
from actum.errors import Fatal, InvalidInput
from actum.machine import doubt
from actum.machine.retry import Again, decide
from actum.model.events import EventKind, Reason
from actum.outcomes import Happened, NotHappened, Unknown
from actum.store.rows import MessageRow

K = EventKind


class DoubtfulExecution(StepExecution):
    """What an effect in flight does when nobody knows whether it happened."""

    _is_busy = False
    mode = "first"
    _then: Callable[[], None] | None = None
    _probed: doubt.Probed | None = None
    _probe_failures = 0
    _returned_at: int | None = None
    _answer: Any = None

    @property
    def effect(self) -> Effect[..., Any]:
        """The effect that was called."""
        found: Effect[..., Any] = self.request.subject
        return found

    def decided(self) -> None:
        """Go on from what is known about the approval."""
        raise NotImplementedError(type(self).__name__)

    def intend(self) -> None:
        """Queue the intent."""
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
        """Return the record that it happened, with the move of its ledger entry."""
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
            ended=self._ended("succeeded", body),
        )

    def _not_done(self, error: BaseException) -> None:
        """The author says that it certainly did not happen: try again, or give up."""
        runner, now = self.runner, self.runner.now()
        reason = reason_of(error)
        usage = self.close_attempt(reason.value)
        first = self.progress.first_started_at or self._started_at
        verdict = decide(
            retry=self.effect.retry,
            attempt=self.tries,
            elapsed=timedelta(microseconds=max(now - first, 0)),
            reason=reason,
            is_final=isinstance(error, (Fatal, *self.effect.retry.never)),
            retry_after=retry_after_of(error),
            jitter=runner.jitter(),
        )
        body = encode_failure(self.name, reason.value, error, self.attempts)
        self.progress.is_started = False
        record = Record(
            K.EFFECT_FAILED,
            now,
            attempt=self.attempts,
            reason=reason.value,
            data=None if usage is None else as_data(usage=usage),
            snapshot="error",
            argument_hash=self.request.argument_hash,
            body=body,
            ended=self._ended("failed"),
        )
        if isinstance(verdict, Again):
            again_at = now + int(verdict.after / timedelta(microseconds=1))
            record.kind = K.ATTEMPT_FAILED
            record.data = as_data(again_at=again_at, started=first, usage=usage)
            self.progress.first_started_at, self.progress.failure = first, body
            self.due, self._then = again_at, self.intend
            self.record(record)
            runner.consider()
        else:
            self.deliver(record, "failed", body)

    # doubt

    def _doubt(self, reason: Reason, error: BaseException | None, why: str) -> None:
        """Record that nobody knows whether it happened, then take the declared way out."""
        self._note_doubt(reason, error, why)
        self._resolve_doubt()
        self.runner.consider()

    def _note_doubt(self, reason: Reason, error: BaseException | None, why: str) -> None:
        body = encode_failure(self.name, reason.value, error or RuntimeError(why), max(self.attempts, 1))
        record = Record(
            K.EFFECT_DOUBTED,
            self.runner.now(),
            attempt=self.attempts,
            reason=reason.value,
            data=as_data(why=why, way=self.effect.way_out, usage=self.close_attempt(reason.value)),
            snapshot="error",
            argument_hash=self.request.argument_hash,
            body=body,
            ended=self._ended("in_doubt"),
        )
        self.progress.is_in_doubt, self.progress.doubted_at = True, record.at
        self.progress.failure_reason = reason.value
        self.record(record)

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
        if self.runner.is_stopped:
            return
        limit = Limits.of(self.effect).attempt
        way = doubt.decide(
            way=doubt.Way(self.effect.way_out),
            started_at=to_datetime(self.progress.started_at),
            attempt_timeout=None if limit is None else timedelta(seconds=limit),
            settle_after=self.effect.settle_after,
            now=to_datetime(self.runner.now()),
            probed=self._probed,
        )
        match way:
            case doubt.RepeatNow():
                self.mode = "again"
                self._again("its contract says to repeat it")
            case doubt.ProbeNow():
                self._is_busy = True
                self.runner.when_durable(self._probe)
            case doubt.ProbeAgainAt(instant):
                self._probed = (
                    None
                    if self._probed and self._probed.answer is doubt.Answer.NOT_HAPPENED
                    else self._probed
                )
                wait = int((instant - to_datetime(self.runner.now())) / timedelta(microseconds=1))
                self.wait(max(wait, 0), "probe", self._probe_again)
            case doubt.SettleHappened():
                self._happened(self._answer, K.EFFECT_SETTLED, "happened")
            case doubt.SettleNotHappened():
                self._settle_not_happened("probe", None)
            case doubt.AskPerson(why):
                self.needs, self.needs_person = why, True

    def _probe_again(self) -> None:
        self._is_busy = True
        self.runner.when_durable(self._probe)

    def _probe(self) -> None:
        if not self.progress.is_in_doubt:
            self._is_busy = False
            return
        if not self.runner.may_begin(self):
            return
        hook = self.effect.hooks["probe"]
        args, kwargs = self.effect.codec.decode_arguments(self.request.arguments)
        self._started_at = self.runner.now()

        def ended(tried: Tried) -> None:
            if self._try is look:
                self.runner.guarded(self._probe_ended, tried)

        look = self._try = Try(self.runner.loop, ended, None)
        look.start(
            hook.function,
            args,
            kwargs,
            self._attempt(None),
            is_async=hook.is_async,
            limit=Limits.of(self.effect).attempt,
            limit_name="timeout.attempt",
            executor=self.runner.executor,
        )

    def _probe_ended(self, tried: Tried) -> None:
        self._try = None
        self._is_busy = False
        if tried.was_stopped or self.runner.is_over:
            self.runner.consider()
            return
        begun = to_datetime(self._started_at)
        returned = None if self._returned_at is None else to_datetime(self._returned_at)
        match tried.value if tried.error is None and tried.limit is None else None:
            case Happened(result):
                self._answer = result
                self._probed = doubt.Probed(doubt.Answer.HAPPENED, begun, returned)
            case NotHappened():
                self._probed = doubt.Probed(doubt.Answer.NOT_HAPPENED, begun, returned)
            case Unknown():
                self._probed = doubt.Probed(doubt.Answer.UNKNOWN, begun, returned)
            case _:
                self._probe_failures += 1
                self._probed = doubt.Probed(doubt.Answer.FAILED, begun, returned, self._probe_failures)
        self._resolve_doubt()
        self.runner.consider()

    def _settle_not_happened(self, actor: str, message: MessageRow | None) -> None:
        """It did not happen and no longer can: note it, and do it under the approval it has."""
        record = Record(
            K.EFFECT_SETTLED,
            self.runner.now(),
            attempt=self.attempts,
            outcome="did_not_happen",
            actor=actor,
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
        runner = self.runner
        first = self.progress.first_started_at = self.progress.first_started_at or self.progress.started_at
        verdict = decide(
            retry=self.effect.retry,
            attempt=max(self.tries, 1),
            elapsed=timedelta(microseconds=max(runner.now() - first, 0)),
            reason=Reason(self.progress.failure_reason or Reason.OTHER.value),
            is_final=False,
            jitter=runner.jitter(),
        )
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

    def receive(self, message: MessageRow) -> bool:
        """A person settles the doubt; a probe under way is not listened to any more."""
        if message.kind != "settle" or not self.progress.is_in_doubt:
            return False
        if to_microseconds(message.sent_at) < self.progress.started_at:
            return False  # it was said of an earlier attempt
        if self._try is not None:
            self._try.stop()
            self._try = None
        self._is_busy = False
        self.runner.unblock(message.actor)
        self.needs, self.needs_person, self.due, self._then = None, False, None, None
        match message.outcome:
            case "did_not_happen":
                self._settle_not_happened(message.actor, message)
            case "abandon":
                self._settle_abandoned(message)
            case _:
                self._settle_happened(message)
        return True

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
        self._settle_with(message, "abandoned", "failed", body, "abandoned")

    def _settle_with(self, message: MessageRow, outcome: str, word: str, body: bytes, state: str) -> None:
        record = Record(
            K.EFFECT_SETTLED,
            self.runner.stamp_of(message),
            attempt=self.attempts,
            outcome=outcome,
            actor=message.actor,
            data=as_data(why=message.reason),
            snapshot="error" if word == "failed" else "output",
            argument_hash=self.request.argument_hash,
            body=body,
            ended=self._ended(state, body if state == "succeeded" else None),
            received=message.id,
        )
        self.progress.is_started = self.progress.is_in_doubt = False
        self.deliver(record, word, body)
