"""How a doubt is settled, whoever has it: an effect in flight, or the undo of one.

It started, and nobody recorded how it ended. The declared way decides: it is repeated, a probe looks, or a person is
asked. Each answer is a record, and what follows is derived from the records alone, so a new holder goes on where the
last one was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from actum.authoring.attempt import Attempt
from actum.authoring.effect import Effect
from actum.authoring.failures import encode_failure, message_of
from actum.engine.attempts import Tried, Try
from actum.engine.execution import Execution, as_data
from actum.engine.log import Ended, Record, to_datetime, to_microseconds
from actum.engine.steps import Limits, reason_of, retry_after_of
from actum.errors import Fatal
from actum.machine import doubt
from actum.machine.retry import Again, Retrying, decide
from actum.model.events import EventKind, Reason
from actum.outcomes import Happened, NotHappened, Unknown
from actum.store.rows import MessageRow

K = EventKind


class Settling(Execution):
    """What effects and undos in flight do alike about failures and doubts; each says what its outcomes are."""

    _try: Try | None = None
    _then: Callable[[], None] | None = None
    _returned_at: int | None = None
    _probed: doubt.Probed | None = None
    _probe_begun_at = 0

    # what each of them says

    @property
    def effect(self) -> Effect[..., Any]:
        """The effect that is done or undone."""
        raise NotImplementedError(type(self).__name__)

    def intend(self) -> None:
        """Queue the intent of another attempt."""
        raise NotImplementedError(type(self).__name__)

    def _ended(self, state: str, result: bytes | None = None) -> Ended:
        """Return the move of its own ledger entry."""
        raise NotImplementedError(type(self).__name__)

    def _usage_of(self, outcome: str) -> list[dict[str, Any]] | None:
        """Return what the attempt that ended so has used."""
        return None

    def _give_up(self, record: Record, error: BaseException) -> None:
        """It certainly did not happen, and is not tried again: `record` says so."""
        raise NotImplementedError(type(self).__name__)

    def _repeat(self) -> None:
        """Its contract says to repeat it."""
        raise NotImplementedError(type(self).__name__)

    def _probe_attempt(self) -> Attempt:
        """Return what a probe is told of the attempt it looks for."""
        raise NotImplementedError(type(self).__name__)

    def _found_happened(self) -> None:
        """Its probe says that it happened."""
        raise NotImplementedError(type(self).__name__)

    def _settle_not_happened(self, message: MessageRow | None) -> None:
        """It did not happen and no longer can, says a person, or its probe."""
        raise NotImplementedError(type(self).__name__)

    def _settle_happened(self, message: MessageRow) -> None:
        """It happened, says a person."""
        raise NotImplementedError(type(self).__name__)

    def _settle_abandoned(self, message: MessageRow) -> None:
        """A person gives it up without knowing."""
        raise NotImplementedError(type(self).__name__)

    def _unblock(self, actor: str) -> None:
        """A person's word has come that the workflow was blocked for."""
        raise NotImplementedError(type(self).__name__)

    # certain failures

    def act(self) -> None:
        self.due = None
        then, self._then = self._then, None
        if then is not None:
            then()

    def _not_done(self, error: BaseException) -> None:
        """The author says that it certainly did not happen: try again, or give up.

        That is said of this attempt alone: where an earlier one is in doubt, the doubt stays.
        """
        now, reason = self.runner.now(), reason_of(error)
        if self.progress.has_open_doubt:
            self._doubt(reason, error, f"an earlier attempt may have happened; this one: {message_of(error)}")
            return
        usage = self._usage_of(reason.value)
        verdict = self._decide(reason, error)
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
        if not isinstance(verdict, Again):
            self._give_up(record, error)
            return
        again_at = now + int(verdict.after / timedelta(microseconds=1))
        record.kind = K.ATTEMPT_FAILED
        record.data = as_data(again_at=again_at, started=self.progress.first_started_at, usage=usage)
        self.progress.failure = body
        self.due, self._then = again_at, self.intend
        self.record(record)
        self.runner.consider()

    def _decide(self, reason: Reason | None = None, error: BaseException | None = None) -> Retrying:
        """Say whether its retry allows another attempt, after a failure or a doubt for `reason`."""
        now, progress = self.runner.now(), self.progress
        first = progress.first_started_at = progress.first_started_at or progress.started_at
        return decide(
            retry=self.effect.retry,
            attempt=max(self.tries, 1),
            elapsed=timedelta(microseconds=max(now - first, 0)),
            reason=reason or Reason(progress.failure_reason or Reason.OTHER.value),
            is_final=isinstance(error, (Fatal, *self.effect.retry.never)),
            retry_after=None if error is None else retry_after_of(error),
            jitter=self.runner.jitter(),
        )

    # doubt

    def waits(self) -> dict[str, Any]:
        failed = self.progress.probes_failed
        return {**super().waits(), **({} if failed is None else {"probes_failed": failed})}

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
            data=as_data(why=why, way=self.effect.way_out, usage=self._usage_of(reason.value)),
            snapshot="error",
            argument_hash=self.request.argument_hash,
            body=body,
            ended=self._ended("in_doubt"),
        )
        self.progress.is_in_doubt, self.progress.doubted_at = True, record.at
        self.progress.failure_reason = reason.value
        self.record(record)

    def _resolve_doubt(self) -> None:
        """Take the declared way out of doubt, as far as it is known by now."""
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
                self._repeat()
            case doubt.ProbeNow():
                self._begin_probe()
            case doubt.ProbeAgainAt(instant):
                if self._probed is not None and self._probed.answer is doubt.Answer.NOT_HAPPENED:
                    self._probed = None
                self.needs, self._then = "probe", self._begin_probe
                self.due = max(to_microseconds(instant), self.runner.now())
            case doubt.SettleHappened():
                self._found_happened()
            case doubt.SettleNotHappened():
                self._settle_not_happened(None)
            case doubt.AskPerson(why):
                self.needs, self.needs_person = why, True

    def _begin_probe(self) -> None:
        self.is_active = True
        self.runner.when_durable(self._probe)

    def _probe(self) -> None:
        if not self.progress.is_in_doubt:
            self.is_active = False
            return
        if not self.runner.may_begin(self):
            return
        hook = self.effect.hooks["probe"]
        args, kwargs = self.effect.codec.decode_arguments(self.request.arguments)
        self._probe_begun_at = self.runner.now()

        def ended(tried: Tried) -> None:
            if self._try is look:  # else a person has settled the doubt, and nobody listens any more
                self.runner.guarded(self._probe_ended, tried)

        look = self._try = Try(self.runner.loop, ended, None)
        look.start(
            hook.function,
            args,
            kwargs,
            self._probe_attempt(),
            is_async=hook.is_async,
            limit=Limits.of(self.effect).attempt,
            limit_name="timeout.attempt",
            executor=self.runner.executor,
        )

    def _probe_ended(self, tried: Tried) -> None:
        self._try, self.is_active = None, False
        if tried.was_stopped or self.runner.is_over:
            self.runner.consider()
            return
        has_looked = tried.error is None and tried.limit is None
        answer = self._read_answer(tried.value) if has_looked else doubt.Answer.FAILED
        before = self.progress.probes_failed
        failed = (before or 0) + 1 if answer is doubt.Answer.FAILED else 0
        if failed or before:
            self.progress.probes_failed = failed
            self.runner.note_taken_up()  # so that the park that follows says how many have failed
        is_bounded = self._returned_at is not None and not self.progress.has_open_doubt
        returned = to_datetime(self._returned_at or 0) if is_bounded else None
        begun = to_datetime(self._probe_begun_at)
        self._probed = doubt.Probed(answer, begun, returned, failed)
        self._resolve_doubt()
        self.runner.consider()

    def _read_answer(self, found: object) -> doubt.Answer:
        """Return what a probe's answer says of this."""
        match found:
            case Happened():
                return doubt.Answer.HAPPENED
            case NotHappened():
                return doubt.Answer.NOT_HAPPENED
            case Unknown():
                return doubt.Answer.UNKNOWN
            case _:
                return doubt.Answer.FAILED

    def receive(self, message: MessageRow) -> bool:
        """A person settles the doubt; a probe under way is not listened to any more."""
        if message.kind != "settle" or not self.progress.is_in_doubt:
            return False
        if to_microseconds(message.sent_at) < self.progress.started_at:
            return False  # it was said of an earlier attempt
        if self._try is not None:
            self._try.stop()
            self._try = None
        self.is_active = False
        self._unblock(message.actor)
        self.needs, self.needs_person, self.due, self._then = None, False, None, None
        match message.outcome:
            case "did_not_happen":
                self._settle_not_happened(message)
            case "abandon":
                self._settle_abandoned(message)
            case _:
                self._settle_happened(message)
        return True
