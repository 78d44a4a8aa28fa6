"""Plain steps: attempts until one succeeds, its verdict allows it, or its retry gives up.

A plain step records no start. If the process dies while it executes, it runs again as the same attempt number:
a crash is not a failed attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from opentelemetry.trace import Span

from actum.authoring.attempt import Attempt
from actum.authoring.failures import Failure, attribute_of, decode_failure, encode_failure, text_of
from actum.authoring.step import Step
from actum.engine.attempts import Tried, Try
from actum.engine.budgeting import LOOK_AGAIN
from actum.engine.execution import Execution, as_data, fail_over_budget
from actum.engine.log import Record, to_datetime
from actum.engine.telemetry import end_span, inside
from actum.errors import Fatal, InvalidInput
from actum.machine.classify import classify, pause_of
from actum.machine.retry import Again, decide
from actum.model.budget import Over
from actum.model.contract import Duration, Timeout, parse_duration
from actum.model.events import EventKind, Reason
from actum.model.usage import Usage, sum_usages
from actum.outcomes import Approved, Unusable


def reason_of(error: BaseException) -> Reason:
    """Return the word of the closed list that fits an exception; never raises."""
    if isinstance(error, InvalidInput):
        return Reason.SCHEMA_INVALID
    names = [kind.__name__ for kind in type(error).__mro__]
    codes = (attribute_of(holder, "status_code") for holder in (error, attribute_of(error, "response")))
    return classify(names, text_of(error), next((code for code in codes if isinstance(code, int)), None))


def seconds(duration: Duration | None) -> float | None:
    """Return a duration in seconds, None for none."""
    return None if duration is None else parse_duration(duration).total_seconds()


class Limits:
    """A step's time-outs in seconds, computed once for each step."""

    __slots__ = ("attempt", "stall", "total")

    def __init__(self, timeout: Timeout) -> None:
        self.attempt = seconds(timeout.attempt)
        self.total = seconds(timeout.total)
        self.stall = seconds(timeout.stall)

    @classmethod
    def of(cls, step: Step[..., Any]) -> Limits:
        """Return the limits of `step`, kept on it after the first time."""
        found: Limits | None = getattr(step, "_limits", None)
        if found is None:
            found = cls(step.timeout)
            step._limits = found  # type: ignore[attr-defined]
        return found


class StepExecution(Execution):
    """One step call in flight."""

    _try: Try | None = None
    _started_at = 0
    _decoded: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    _usages: list[Usage] | None = None
    _span: Span | None = None
    is_effect = False
    over_why: str | None = None
    """Why a budget does not let it in, or nobody can rule it, where it waits for that."""

    @property
    def step(self) -> Step[..., Any]:
        """The step that was called."""
        found: Step[..., Any] = self.request.subject
        return found

    def start(self) -> None:
        self.attempts = self.progress.attempts
        again_at = self.progress.again_at
        if again_at is not None and again_at > self.runner.now():
            self.due = again_at
            return
        self.attempts += 1
        self.is_active = True
        self.runner.when_durable(self._begin)

    def act(self) -> None:
        self.due = self.needs = None
        self.attempts += 1
        self.is_active = True
        self.runner.when_durable(self._begin)

    def stop(self) -> None:
        usage = self.close_attempt("abandoned")
        data = None if usage is None else as_data(usage=usage)
        self.record(Record(self.abandoned_kind, self.runner.now(), data=data))
        self.leave()

    def waits(self) -> dict[str, Any]:
        held = {"why": self.over_why} if self.needs in ("budget", "policy") else {}
        return {**super().waits(), **held}

    def leave(self) -> None:
        if self._try is not None:
            self._try.stop()
        self._end_span("left", ())

    # attempts

    def _begin(self) -> None:
        budgeting = self.runner.budgeting
        if not self.runner.may_begin(self):
            if budgeting is not None:
                budgeting.release(self.address)
            return
        if budgeting is not None and not budgeting.is_let_in(self, self.attempts, self._begin):
            return
        step = self.step
        self._started_at = self.runner.now()
        limit, name = self._limit()
        self._decoded = step.codec.decode_arguments(self.request.arguments)
        args, kwargs = self._decoded
        self._run(
            self.body(),
            args,
            kwargs,
            is_async=step.is_async,
            limit=limit,
            limit_name=name,
            done=self._tried,
        )

    def over_budget(self, over: Over, why: str) -> None:
        """Hold an attempt that its budget does not let in, or end the step."""
        self.attempts -= 1
        if over == "fail":
            fail_over_budget(self, why)
            return
        self.needs, self.over_why = "budget", why
        self.due = self.runner.now() + LOOK_AGAIN
        self.runner.consider()

    def body(self) -> Callable[..., Any]:
        """Return what an attempt runs."""
        return self.step.function

    def _limit(self) -> tuple[float | None, str]:
        limits = Limits.of(self.step)
        if limits.total is None:
            return limits.attempt, "timeout.attempt"
        spent = (self._started_at - (self.progress.first_started_at or self._started_at)) / 1e6
        left = max(limits.total - spent, 0.0)
        if limits.attempt is not None and limits.attempt <= left:
            return limits.attempt, "timeout.attempt"
        return left, "timeout.total"

    def _run(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        is_async: bool,
        limit: float | None,
        limit_name: str,
        done: Callable[[Tried], None],
    ) -> None:
        runner = self.runner
        self.is_active = True
        stall = Limits.of(self.step).stall
        self._try = Try(runner.loop, lambda tried: runner.guarded(done, tried), stall)
        attempt = self._attempt(None if limit is None else self._started_at + int(limit * 1e6))
        if runner.telemetry is not None and self._span is None:
            self._span = runner.telemetry.begin(self)
        start = self._try.start if self._span is None else inside(self._span, self._try.start)
        start(
            function,
            args,
            kwargs,
            attempt,
            is_async=is_async,
            limit=limit,
            limit_name=limit_name,
            executor=runner.executor,
        )

    @property
    def attempt_key(self) -> str | None:
        """The operation key that the attempt is told: none in a step."""
        return None

    @property
    def attempt_approval(self) -> Approved | None:
        """What the attempt is told of its approval."""
        return None

    def _attempt(self, deadline: int | None) -> Attempt:
        beat = self._try.beat if self._try is not None else None
        return Attempt(
            number=self.attempts,
            key=self.attempt_key,
            approval=self.attempt_approval,
            epoch=self.runner.epoch,
            previous=_previous(self.progress.failure),
            deadline=None if deadline is None else to_datetime(deadline),
            on_heartbeat=lambda _progress: beat() if beat is not None else None,
            on_usage=self._note_usage,
        )

    def _note_usage(self, usage: Usage) -> None:
        """Take a report of the running attempt; from any thread."""
        if self._usages is None:
            self._usages = []
        self._usages.append(usage)

    def close_attempt(self, outcome: str) -> list[dict[str, Any]] | None:
        """Return what the attempt that just ended used, for its event; None where nothing was reported."""
        usages, self._usages = self._usages, None
        if self.runner.budgeting is not None:
            us = self.runner.now() - self._started_at
            self.runner.budgeting.charge(self.address, self.attempts, usages or (), us)
        self._end_span(outcome, usages or ())
        return sum_usages(usages) if usages else None

    def _end_span(self, outcome: str, usages: Sequence[Usage]) -> None:
        span, self._span = self._span, None
        if span is not None:
            end_span(span, outcome, usages)

    def _tried(self, tried: Tried) -> None:
        self._try = None
        self.is_active = False
        if tried.was_stopped or self.runner.is_over:
            self.runner.consider()
            return
        if tried.limit is not None:
            self._failed(_passed(tried.limit, self.name), Reason(tried.limit))
        elif isinstance(tried.error, asyncio.CancelledError):
            self._failed(RuntimeError(f"{self.name} cancelled itself"), Reason.BUG)
        elif tried.error is not None:
            self._failed(tried.error, reason_of(tried.error))
        elif "verdict" in self.step.hooks:
            self._judge(tried.value)
        else:
            self._succeeded(tried.value)

    def _succeeded(self, value: object) -> None:
        try:
            body = self.step.codec.encode_result(value)
        except InvalidInput as error:
            self._failed(error, Reason.SCHEMA_INVALID)
            return
        now, usage = self.runner.now(), self.close_attempt("completed")
        us = now - self._started_at
        record = Record(
            EventKind.STEP_COMPLETED,
            now,
            attempt=self.attempts,
            data=f'{{"us":{us}}}' if usage is None else as_data(us=us, usage=usage),
            snapshot="output",
            argument_hash=self.request.argument_hash,
            body=body,
        )
        self.deliver(record, "completed", body)

    def _judge(self, value: object) -> None:
        hook = self.step.hooks["verdict"]
        args, kwargs = self._decoded or ((), {})

        def judged(tried: Tried) -> None:
            self._try = None
            self.is_active = False
            if tried.was_stopped or self.runner.is_over:
                self.runner.consider()
            elif tried.error is not None or tried.limit is not None:
                error = tried.error or _passed(tried.limit or "", f"the verdict of {self.name}")
                self._failed(error, reason_of(error))
            elif isinstance(tried.value, Unusable):
                self._failed(_Unusable(tried.value.why), Reason.CHECK_FAILED)
            else:
                self._succeeded(value)

        limit = Limits.of(self.step).attempt
        self._run(
            hook.function,
            (value, *args),
            kwargs,
            is_async=hook.is_async,
            limit=limit,
            limit_name="timeout.attempt",
            done=judged,
        )

    def _failed(self, error: BaseException, reason: Reason) -> None:
        runner, step, now = self.runner, self.step, self.runner.now()
        usage = self.close_attempt(reason.value)
        first = self.progress.first_started_at or self._started_at
        verdict = decide(
            retry=step.retry,
            attempt=self.tries,
            elapsed=timedelta(microseconds=max(now - first, 0)),
            reason=reason,
            is_final=isinstance(error, (Fatal, *step.retry.never)),
            retry_after=retry_after_of(error),
            jitter=runner.jitter(),
        )
        body = encode_failure(self.name, reason.value, error, self.attempts)
        record = Record(
            EventKind.STEP_FAILED,
            now,
            attempt=self.attempts,
            reason=reason.value,
            data=None if usage is None else as_data(usage=usage),
            snapshot="error",
            argument_hash=self.request.argument_hash,
            body=body,
        )
        if isinstance(verdict, Again):
            again_at = now + int(verdict.after / timedelta(microseconds=1))
            record.kind = EventKind.ATTEMPT_FAILED
            record.data = as_data(again_at=again_at, started=first, usage=usage)
            self.progress.first_started_at = first
            self.progress.failure, self.progress.failure_reason = body, reason.value
            self.progress.again_at, self.progress.attempts = again_at, self.attempts
            self.due = again_at
            self.record(record)
            runner.consider()
        else:
            record.reason = verdict.why.value
            if verdict.why is not reason:
                record.body = body = encode_failure(self.name, verdict.why.value, error, self.attempts)
            self.deliver(record, "failed", body)


class _Unusable(Exception):  # recorded by this name, and told to the next attempt
    """An output that was completed and cannot be used."""


_Unusable.__name__ = _Unusable.__qualname__ = "Unusable"


def _passed(limit: str, name: str) -> TimeoutError:
    return TimeoutError(f"{name} was given up: its {limit.removeprefix('timeout.')} time-out had passed")


def _previous(failure: bytes | None) -> Failure | Unusable | None:
    if failure is None:
        return None
    decoded = decode_failure(failure)
    return Unusable(decoded.message) if decoded.error_type == "Unusable" else decoded


def retry_after_of(error: BaseException) -> timedelta | None:
    """Return the pause that an exception asks for in its attribute `retry_after`; never raises."""
    return pause_of(attribute_of(error, "retry_after"))
