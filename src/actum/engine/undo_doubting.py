"""The undo of an effect in doubt: it started, and nobody recorded how it ended; and the ways out.

The effect's own way out decides: the undo is repeated, the effect's probe looks whether the effect is still there, or
a person is asked. What follows is derived from the records alone, so a new holder goes on where the last one was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from actum.authoring.attempt import Attempt
from actum.authoring.effect import Effect
from actum.authoring.failures import encode_failure
from actum.engine.attempts import Tried, Try
from actum.engine.execution import Execution, as_data
from actum.engine.log import Ended, Record, to_datetime, to_microseconds
from actum.engine.steps import Limits
from actum.errors import Fatal, InvalidInput
from actum.machine import doubt
from actum.machine.keys import outside_key
from actum.machine.retry import Again, GiveUp, Retrying, decide
from actum.model.events import EventKind, Reason
from actum.outcomes import Happened, NotHappened
from actum.store.rows import MessageRow

if TYPE_CHECKING:
    from actum.engine.rollback import UndoRequest

K = EventKind


class DoubtfulUndo(Execution):
    """What an undo in flight does when nobody knows whether it happened; and what it records."""

    on_done: Callable[[str], None]
    on_failed: Callable[[str], None]
    on_held: Callable[[], None]
    _try: Try | None = None
    _then: Callable[[], None] | None = None
    _returned_at: int | None = None
    _probed: doubt.Probed | None = None
    _failures = 0
    _begun_at = 0
    begins_undo = True
    """Whether its first intent moves the effect to `undoing`: not where an earlier holder's did."""
    family = "{}"
    """The workflows that are rolled back together, as an array's text: their holding keeps nothing standing."""

    @property
    def effect(self) -> Effect[..., Any]:
        """The effect being undone."""
        request: UndoRequest = self.request
        return request.effect

    def _intend(self) -> None:
        """Queue the intent."""
        raise NotImplementedError(type(self).__name__)

    def why_unfit(self) -> str | None:
        """Return why this version of the code cannot undo what was recorded, if that is so, and the ways out."""
        codec, request = self.effect.codec, self.request
        try:
            codec.decode_arguments(request.arguments)
            codec.decode_result(request.result)
        except InvalidInput as error:
            return (
                f"what {self.effect.name} recorded does not fit the code any more ({error}): undo it by hand and settle "
                f"{self.address} as happened, or deploy the version that did it and settle {self.address} as not happened"
            )
        return None

    # recording

    def _succeeded(self, kind: EventKind, outcome: str | None, message: MessageRow | None) -> None:
        self.progress.is_started = self.progress.is_in_doubt = False
        self._move(kind, outcome, "succeeded", "undone", message)
        self.on_done(self.address)

    def _move(
        self,
        kind: EventKind,
        outcome: str | None,
        state: str,
        original: str | None,
        message: MessageRow | None,
    ) -> None:
        self.record(self.moved(kind, outcome, state, original, message))

    def moved(
        self,
        kind: EventKind,
        outcome: str | None,
        state: str,
        original: str | None,
        message: MessageRow | None,
    ) -> Record:
        """Return the record of one move of the undo's own ledger entry, and of the entry it undoes."""
        record = Record(
            kind,
            self.runner.now(),
            attempt=self.attempts,
            outcome=outcome,
            actor=message.actor if message else None,
            data=as_data(why=message.reason if message else None),
            ended=Ended(self.request.kind, self.request.key, self.request.generation, state),
            received=message.id if message else None,
        )
        if original is not None:
            record.also_ended = self._original(original)
        record.address, record.step = self.address, self.name
        return record

    def _original(self, state: str) -> Ended:
        return Ended(self.effect.kind, self.request.key, self.request.generation, state, self.request.result)

    # attempt

    def _run(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        key: str,
        is_async: bool,
        done: Callable[[Tried], None],
    ) -> None:
        """Begin one try; `key` is what is appended to the effect's own key."""
        runner = self.runner
        self.is_active = True
        self._begun_at = runner.now()

        def ended(tried: Tried) -> None:
            if self._try is running:  # else a person has settled the doubt, and nobody listens any more
                runner.guarded(done, tried)

        running = self._try = Try(runner.loop, ended, None)
        running.start(
            function,
            args,
            kwargs,
            Attempt(
                number=max(self.attempts, 1),
                key=outside_key(self.request.key, self.request.generation) + key,
                epoch=runner.epoch,
            ),
            is_async=is_async,
            limit=Limits.of(self.effect).attempt,
            limit_name="timeout.attempt",
            executor=runner.executor,
        )

    # doubt

    def _doubt(self, reason: Reason, error: BaseException | None, why: str) -> None:
        body = encode_failure(self.name, reason.value, error or RuntimeError(why), max(self.attempts, 1))
        now = self.runner.now()
        self.progress.is_in_doubt, self.progress.failure_reason = True, reason.value
        self.progress.doubted_at = now
        self.record(
            Record(
                K.EFFECT_DOUBTED,
                now,
                attempt=self.attempts,
                reason=reason.value,
                data=as_data(why=why, way=self.effect.way_out),
                snapshot="error",
                argument_hash=self.request.argument_hash,
                body=body,
                ended=Ended(self.request.kind, self.request.key, self.request.generation, "in_doubt"),
            )
        )
        self._resolve()
        self.runner.consider()

    def _resolve(self) -> None:
        unfit = self.why_unfit()
        if unfit is not None:
            self.needs, self.needs_person = unfit, True
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
                self._repeat()
            case doubt.ProbeNow():
                self.is_active = True
                self.runner.when_durable(self._probe)
            case doubt.ProbeAgainAt(instant):
                if self._probed is not None and self._probed.answer is doubt.Answer.NOT_HAPPENED:
                    self._probed = None
                wait = int((instant - to_datetime(self.runner.now())) / timedelta(microseconds=1))
                self.needs, self._then = "probe", self._probe_again
                self.due = self.runner.now() + max(wait, 0)
            case doubt.SettleHappened():
                self._succeeded(K.EFFECT_SETTLED, "happened", None)
            case doubt.SettleNotHappened():
                self._settle_not_happened(None)
            case doubt.AskPerson(why):
                self.needs, self.needs_person = why, True

    def _probe_again(self) -> None:
        self.is_active = True
        self.runner.when_durable(self._probe)

    def _probe(self) -> None:
        if not self.runner.may_begin(self):
            return
        hook = self.effect.hooks["probe"]
        args, kwargs = self.effect.codec.decode_arguments(self.request.arguments)
        # It looks for the effect, so it gets the effect's own key: under the undo's it would find nothing.
        self._run(hook.function, args, kwargs, key="", is_async=hook.is_async, done=self._looked)

    def _looked(self, tried: Tried) -> None:
        """The probe looks at the effect; for its undo the answer is the other way round."""
        self._try, self.is_active = None, False
        if tried.was_stopped or self.runner.is_over:
            self.runner.consider()
            return
        answer = doubt.Answer.FAILED
        if tried.error is None and tried.limit is None:
            match tried.value:
                case Happened():
                    answer = doubt.Answer.NOT_HAPPENED
                case NotHappened():
                    answer = doubt.Answer.HAPPENED
                case _:
                    answer = doubt.Answer.UNKNOWN
        self._failures = self._failures + 1 if answer is doubt.Answer.FAILED else 0
        returned = None if self._returned_at is None else to_datetime(self._returned_at)
        self._probed = doubt.Probed(answer, to_datetime(self._begun_at), returned, self._failures)
        self._resolve()
        self.runner.consider()

    def _repeat(self) -> None:
        """Undo it again, as often and as patiently as its retry allows; then a person is asked."""
        verdict = self._decide()
        if isinstance(verdict, Again):
            self._wait_for_retry(verdict, self.progress.doubted_at)
        else:
            self.needs, self.needs_person = f"{self.attempts} attempts to undo it ended in doubt", True

    def _settle_not_happened(self, message: MessageRow | None) -> None:
        """It was not undone: a person's word has it undone at once, a probe's as often as its retry allows."""
        verdict = self._decide() if message is None else None
        self.progress.is_started = self.progress.is_in_doubt = self.progress.has_open_doubt = False
        original = "undo_failed" if isinstance(verdict, GiveUp) else None
        self._move(K.EFFECT_SETTLED, "did_not_happen", "failed", original, message)
        match verdict:
            case None:
                self._intend()
            case Again():
                self._wait_for_retry(verdict, self.runner.now())
            case GiveUp():
                self.on_failed(
                    f"{self.name} at {self.address} was tried {self.attempts} times, and it stands"
                )

    def _decide(self, reason: Reason | None = None, error: BaseException | None = None) -> Retrying:
        """Say whether its retry allows another attempt, after a failure or a doubt for `reason`."""
        now = self.runner.now()
        first = self.progress.first_started_at = self.progress.first_started_at or self.progress.started_at
        return decide(
            retry=self.effect.retry,
            attempt=max(self.attempts, 1),
            elapsed=timedelta(microseconds=max(now - first, 0)),
            reason=reason or Reason(self.progress.failure_reason or Reason.OTHER.value),
            is_final=isinstance(error, (Fatal, *self.effect.retry.never)),
            jitter=self.runner.jitter(),
        )

    def _wait_for_retry(self, verdict: Again, since: int) -> None:
        """Wait from `since` on: counted from each claim instead, a wait that is parked would never end."""
        self.needs, self._then = "retry", self._intend
        self.due = since + int(verdict.after / timedelta(microseconds=1))

    def receive(self, message: MessageRow) -> bool:
        """A person settles the doubt about the undo."""
        if message.kind != "settle" or not self.progress.is_in_doubt:
            return False
        if to_microseconds(message.sent_at) < self.progress.started_at:
            return False  # it was said of an earlier attempt
        if self._try is not None:
            self._try.stop()
            self._try = None
        self.is_active = False
        self.needs, self.needs_person, self.due, self._then = None, False, None, None
        self.runner.go_on_rolling_back(message.actor)
        if message.outcome == "did_not_happen":
            self._settle_not_happened(message)
        elif message.outcome == "happened":
            self._succeeded(K.EFFECT_SETTLED, "happened", message)
        else:
            self.progress.is_started = self.progress.is_in_doubt = False
            self._move(K.EFFECT_SETTLED, "abandoned", "abandoned", "undo_failed", message)
            self.on_failed(
                f"{self.name} at {self.address} was given up: {message.reason or 'nobody could tell'}"
            )
        return True
