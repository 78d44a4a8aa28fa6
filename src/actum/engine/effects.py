"""One effect call in flight: approval, intent, attempt, outcome; and after a crash, the way out of doubt.

Every move is a record, and the next move follows from the records alone: the same code goes on after a crash.
The ledger row is the intent. The attempt begins only once that row is durable, so whoever finds `started` without an
outcome knows: it may have happened.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import orjson

from actum.authoring.attempt import Attempt
from actum.authoring.effect import Effect
from actum.authoring.failures import encode_failure
from actum.engine.asking import Asking, key_of, withdraw
from actum.engine.attempts import Tried, Try
from actum.engine.execution import as_data
from actum.engine.log import Ended, Intent, Record, to_datetime
from actum.engine.steps import Limits, StepExecution, reason_of
from actum.errors import InvalidInput, NotDone
from actum.machine import doubt, ledger
from actum.machine.keys import action_hash, outside_key
from actum.machine.policy import STRICTEST
from actum.machine.retry import Again, decide
from actum.model.events import EventKind, Reason
from actum.outcomes import Approved, Happened, NotHappened, Unknown
from actum.store.rows import MessageRow, ReachedRow

K = EventKind
WAIT_FOR_OTHER = 1_000_000
"""Microseconds between two looks at a key that another workflow is busy with."""


class EffectExecution(StepExecution):
    """One effect call in flight."""

    _asking: Asking | None = None
    _is_reaching = False
    _is_intending = False
    _mode = "first"
    _then: Any = None
    _probed: doubt.Probed | None = None
    _probe_failures = 0
    _body_returned = False

    @property
    def effect(self) -> Effect[..., Any]:
        """The effect that was called."""
        found: Effect[..., Any] = self.request.subject
        return found

    @property
    def is_active(self) -> bool:
        """Whether its preview, its attempt or its probe executes, or the ledger is being read."""
        return self._is_busy or self._is_reaching or (self._asking is not None and self._asking.is_active)

    @is_active.setter
    def is_active(self, value: bool) -> None:
        self._is_busy = value

    _is_busy = False

    def start(self) -> None:
        progress = self.progress
        self.attempts = progress.attempts
        if self.runner.history.rollback_wanted is not None and not progress.is_started:
            self._end_unstarted(
                "denied", {"reason": "the workflow is being rolled back: it asks for no new effects"}
            )
        elif progress.is_in_doubt:
            self._resolve_doubt()
        elif progress.is_started:
            self._doubt(Reason.WORKER_LOST, None, "the worker was lost while it executed")
        elif progress.again_at is not None and progress.again_at > self.runner.now():
            self.due, self._then = progress.again_at, self._intend
        else:
            if progress.attempts:
                self._mode = "again"
            self.decided()

    def act(self) -> None:
        self.due = None
        then, self._then = self._then, None
        if then is not None:
            then()

    def stop(self) -> None:
        self.leave()
        if self.progress.asked is not None and self.progress.asked.ruling is None:
            withdraw(self.runner, self.progress, self.address, self.name)
        self.record(Record(self.abandoned_kind, self.runner.now()))

    def leave(self) -> None:
        super().leave()
        if self._asking is not None:
            self._asking.leave()

    def waits(self) -> dict[str, Any]:
        return {**super().waits(), "kind": self.effect.kind, "key": self.progress.key}

    # approval

    def decided(self) -> None:
        """Go on from what is known about the approval."""
        if self.progress.is_started or self._is_intending or self.is_active:
            return
        asked = self.progress.asked
        self.needs = None
        if asked is None or asked.is_closed:
            self._asking = Asking(self.runner, self.request, self.address, None, self._could_not_ask)
            self.needs = "approval"
            self._asking.begin()
        elif asked.ruling is None:
            self.needs = "approval"
        elif asked.ruling == "rejected":
            self._end_unstarted(
                "rejected", {"reason": asked.rationale or "", "by": [asked.by] if asked.by else []}
            )
        else:
            self._intend()

    def _could_not_ask(self, error: BaseException) -> None:
        self.runner.fail_address(self, error)

    def _end_unstarted(self, word: str, values: dict[str, Any]) -> None:
        body = orjson.dumps(values)
        reason = {"rejected": Reason.HUMAN_REJECTED, "key_conflict": Reason.CONFLICT}.get(
            word, Reason.PERMISSION
        )
        record = Record(
            K.STEP_FAILED,
            self.runner.now(),
            outcome=word,
            reason=reason.value,
            snapshot="error",
            argument_hash=self.request.argument_hash,
            body=body,
        )
        self.deliver(record, word, body)

    # intent

    def _intend(self) -> None:
        """Queue the intent; `intended` or `refused` follows."""
        if self._is_intending:
            return
        progress, asked = self.progress, self.progress.asked
        if progress.key is None:
            try:
                progress.key = key_of(self.runner, self.request, self.address)
            except Exception as error:  # the author's key function
                self.runner.fail_address(self, error)
                return
        self._is_intending = True
        self.attempts += 1
        preview = orjson.loads(progress.preview) if progress.preview else {}
        arguments = self.request.arguments
        intent = Intent(
            mode=self._mode,
            kind=self.effect.kind,
            key=progress.key,
            generation=progress.generation,
            origin=self.runner.row.origin,
            step=self.name,
            argument_hash=self.request.argument_hash,
            arguments=arguments,
            tier=STRICTEST,
            approval_id=asked.approval_id if asked else None,
            action_hash=action_hash(
                self.effect.kind, preview.get("target", ""), arguments, progress.key, self.address
            ),
            policy_hash=None,
        )
        record = Record(
            K.EFFECT_STARTED,
            self.runner.now(),
            attempt=self.attempts,
            tier=STRICTEST,
            data=as_data(
                kind=intent.kind,
                key=intent.key,
                generation=intent.generation,
                approval_id=str(asked.approval_id) if asked else None,
            ),
            snapshot="start",
            argument_hash=self.request.argument_hash,
            intent=intent,
        )
        record.address, record.step = self.address, self.name
        self.runner.intend(self, record)

    def intended(self, record: Record) -> None:
        """The intent is durable: from here on the effect may happen."""
        self._is_intending = False
        self.progress.is_started = True
        self.progress.is_in_doubt = False
        self.progress.started_at = record.at
        self.progress.again_at = None
        self._mode = "again"
        self._body_returned = False
        self._probed, self._probe_failures = None, 0
        self._begin()

    def refused(self, why: str) -> None:
        """The database refused the intent; nothing was written, and nothing has happened."""
        self._is_intending = False
        self.attempts -= 1
        match why:
            case "key":
                self._is_reaching = True
                self.runner.spawn(self._reach(), f"reach {self.progress.key}")
            case "frozen":
                self._wait(WAIT_FOR_OTHER * 5, "freeze", self._intend)
            case _:
                withdraw(self.runner, self.progress, self.address, self.name)
                self.progress.asked = None
                self.progress.preview = None
                self.decided()

    def _wait(self, microseconds: int, needs: str, then: Any) -> None:
        self.needs, self._then = needs, then
        self.due = self.runner.now() + microseconds
        self.runner.consider()

    async def _reach(self) -> None:
        """Read what stands under the key, and do what the ledger says."""
        kind, key = self.effect.kind, self.progress.key or ""
        try:
            found = (await self.runner.store.effects.reach([(kind, key)])).get((kind, key))
        finally:
            self._is_reaching = False
        if self.runner.is_over or self.runner.executions.get(self.address) is not self:
            return
        mine = ledger.Mine(self.runner.workflow_id, self.address, self.request.argument_hash)
        self.runner.guarded(self._reached, ledger.reach(_existing(found), mine), found)
        self.runner.consider()

    def _reached(self, reached: ledger.Reached, found: ReachedRow | None) -> None:
        match reached:
            case ledger.Take():
                self._mode = "first"
                self._intend()
            case ledger.Own(existing):
                self._go_on_from(existing)
            case ledger.Join(result):
                self._join(result, found)
            case ledger.WaitForOther():
                self._wait(WAIT_FOR_OTHER, "key", self._intend)
            case ledger.TakeOver():
                self._mode = "take_over"
                self.progress.generation = found.generation if found else 1
                self._intend()
            case ledger.NewGeneration(generation):
                self._mode = "first"
                self.progress.generation = generation
                self._intend()
            case ledger.Conflict(workflow_id):
                message = (
                    f"the key {self.progress.key!r} of {self.effect.kind} already stands for other arguments "
                    f"(workflow {str(workflow_id)[-8:]}): one key is one operation, so give this one another"
                )
                self._end_unstarted("key_conflict", {"message": message, "key": self.progress.key})

    def _go_on_from(self, existing: ledger.Existing) -> None:
        """The entry is this very call's: the log knows less than the ledger only if records were lost."""
        if existing.state in (
            ledger.EffectState.FAILED,
            ledger.EffectState.ABANDONED,
            ledger.EffectState.IN_DOUBT,
        ):
            self._mode = "again"
            self.attempts = max(self.attempts, existing.attempt)
            self._intend()
        else:
            self._wait(WAIT_FOR_OTHER, "key", self._intend)

    def _join(self, result: bytes | None, found: ReachedRow | None) -> None:
        row = {
            "id": str(self.runner.workflow_id),
            "kind": self.effect.kind,
            "key": self.progress.key,
            "generation": found.generation if found else 1,
        }
        withdraw(self.runner, self.progress, self.address, self.name)
        record = Record(
            K.EFFECT_SHARED,
            self.runner.now(),
            data=as_data(
                kind=self.effect.kind, key=self.progress.key, by=str(found.workflow_id) if found else None
            ),
            snapshot="output",
            argument_hash=self.request.argument_hash,
            body=result,
            extras=(("shared", row),),
        )
        self.deliver(record, "completed", result)

    # attempt

    def _attempt(self, deadline: int | None) -> Attempt:
        base = super()._attempt(deadline)
        asked = self.progress.asked
        return Attempt(
            number=base.number,
            key=outside_key(self.progress.key or "", self.progress.generation),
            epoch=base.epoch,
            previous=base.previous,
            deadline=base.deadline,
            approval=Approved((asked.by,) if asked.by else (), asked.rationale or "") if asked else None,
            on_heartbeat=base.on_heartbeat,
        )

    def _tried(self, tried: Tried) -> None:
        self._try = None
        self._is_busy = False
        if self.runner.is_over:
            return
        self._body_returned = True
        error = tried.error
        if error is None:
            self._succeeded(tried.value)
        elif isinstance(error, (NotDone, *self.effect.not_done)):
            self._not_done(error)
        elif tried.limit is not None:
            self._doubt(
                Reason(tried.limit), error, f"its {tried.limit.removeprefix('timeout.')} time-out had passed"
            )
        elif tried.was_stopped or isinstance(error, asyncio.CancelledError):
            self._doubt(Reason.OPERATOR, error, "it was interrupted while it executed")
        else:
            self._doubt(reason_of(error), error, str(error) or type(error).__name__)

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
        now = self.runner.now()
        record = Record(
            kind,
            now,
            attempt=self.attempts,
            outcome=settled or (None if word == "completed" else word),
            data=f'{{"us":{max(now - self.progress.started_at, 0)}}}',
            snapshot=snapshot,
            argument_hash=self.request.argument_hash,
            body=body,
            ended=self._ended("succeeded", body),
        )
        self.progress.is_started = self.progress.is_in_doubt = False
        self.deliver(record, word, body)

    def _not_done(self, error: BaseException) -> None:
        """The author says that it certainly did not happen: try again, or give up."""
        runner, now = self.runner, self.runner.now()
        reason = reason_of(error)
        first = self.progress.first_started_at or self._started_at
        verdict = decide(
            retry=self.effect.retry,
            attempt=self.attempts,
            elapsed=timedelta(microseconds=max(now - first, 0)),
            reason=reason,
            is_final=isinstance(error, self.effect.retry.never) if self.effect.retry.never else False,
            jitter=runner.jitter(),
        )
        body = encode_failure(self.name, reason.value, error, self.attempts)
        self.progress.is_started = False
        record = Record(
            K.EFFECT_FAILED,
            now,
            attempt=self.attempts,
            reason=reason.value,
            snapshot="error",
            argument_hash=self.request.argument_hash,
            body=body,
            ended=self._ended("failed"),
        )
        if isinstance(verdict, Again):
            again_at = now + int(verdict.after / timedelta(microseconds=1))
            record.kind = K.ATTEMPT_FAILED
            record.data = as_data(again_at=again_at, started=first)
            self.progress.first_started_at, self.progress.failure = first, body
            self.due, self._then = again_at, self._intend
            self.record(record)
            runner.consider()
        else:
            self.deliver(record, "failed", body)

    # doubt

    def _doubt(self, reason: Reason, error: BaseException | None, why: str) -> None:
        """Record that nobody knows whether it happened, then take the declared way out."""
        body = encode_failure(self.name, reason.value, error or RuntimeError(why), max(self.attempts, 1))
        record = Record(
            K.EFFECT_DOUBTED,
            self.runner.now(),
            attempt=self.attempts,
            reason=reason.value,
            data=as_data(why=why, way=self.effect.way_out),
            snapshot="error",
            argument_hash=self.request.argument_hash,
            body=body,
            ended=self._ended("in_doubt"),
        )
        self.progress.is_in_doubt = True
        self.record(record)
        self._resolve_doubt()
        self.runner.consider()

    def resume(self) -> None:
        if self.progress.is_in_doubt and not self.is_active:
            self._resolve_doubt()

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
                self._mode = "again"
                self._intend()
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
                self._wait(max(wait, 0), "probe", self._probe_again)
            case doubt.SettleHappened():
                self._happened(self._answer, K.EFFECT_SETTLED, "happened")
            case doubt.SettleNotHappened():
                self._settle_not_happened("probe", None)
            case doubt.AskPerson(why):
                self.needs, self.needs_person = why, True

    _answer: Any = None

    def _probe_again(self) -> None:
        self._is_busy = True
        self.runner.when_durable(self._probe)

    def _probe(self) -> None:
        if not self.runner.may_begin(self):
            return
        hook = self.effect.hooks["probe"]
        args, kwargs = self.effect.codec.decode_arguments(self.request.arguments)
        self._started_at = self.runner.now()
        self._try = Try(self.runner.loop, lambda tried: self.runner.guarded(self._probe_ended, tried), None)
        self._try.start(
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
        begun, returned = to_datetime(self._started_at), self._body_returned
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
            data=as_data(why=message.reason if message else None),
            ended=self._ended("failed"),
            received=message.id if message else None,
        )
        self.progress.is_started = self.progress.is_in_doubt = False
        self._mode = "again"
        self.needs, self.needs_person = None, False
        self.record(record)
        self._intend()

    def receive(self, message: MessageRow) -> bool:
        """A person settles the doubt."""
        if message.kind != "settle" or not self.progress.is_in_doubt:
            return False
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


def _existing(found: ReachedRow | None) -> ledger.Existing | None:
    if found is None:
        return None
    return ledger.Existing(
        found.workflow_id,
        found.address,
        found.argument_hash,
        ledger.EffectState(found.state),
        found.generation,
        found.attempt,
        found.result,
    )
