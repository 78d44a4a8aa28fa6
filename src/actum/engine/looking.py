"""Looks at the world by previews, tried again as their effect's retry allows, since they only look.

One may look into its effect's own database, in a transaction that is rolled back; a database that is away for a moment
fails no effect. Nothing is recorded of a look but what was seen: if the process dies, the next holder looks anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from actum.authoring.attempt import Attempt, refuse_usage
from actum.authoring.call import Call
from actum.authoring.database import Database
from actum.authoring.effect import Effect
from actum.authoring.hooks import Hook
from actum.authoring.looking import CURRENT_LOOK
from actum.engine.attempts import Tried, Try
from actum.engine.databases import Databases
from actum.engine.steps import Limits, reason_of, retry_after_of
from actum.errors import Fatal, InvalidInput
from actum.machine.retry import Again, decide
from actum.outcomes import Preview
from actum.store.transactions import PASSING

if TYPE_CHECKING:
    from actum.engine.runner import Runner

LONGEST_PAUSE = 10.0
"""Seconds between two tries of a look, at most: it holds its workflow meanwhile."""
PAUSES = (0.1, 0.3, 1.0, 3.0, 6.0)
"""Seconds between two tries of a preview whose database was away."""


def preview_of(hook: Hook, transactional: bool | Database, databases: Databases) -> Callable[..., Any]:
    """Return what runs as the preview: the author's function, which may look if its effect is transactional.

    Nothing is connected to until it does. It raises what the last try raised.
    """
    if not (transactional and hook.is_async):
        return hook.function
    function: Callable[..., Awaitable[Any]] = hook.function

    async def run(*args: Any, **kwargs: Any) -> Any:
        CURRENT_LOOK.set(lambda: databases.look(transactional))
        for pause in PAUSES:
            try:
                return await function(*args, **kwargs)
            except PASSING:
                await asyncio.sleep(pause)
        return await function(*args, **kwargs)

    return run


class Look:
    """One look by an effect's preview; `seen` or `failed` is called once, unless it is stopped."""

    def __init__(
        self,
        runner: Runner,
        call: Call[Any],
        seen: Callable[[Preview], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._runner, self._call = runner, call
        self._effect: Effect[..., Any] = call.subject  # type: ignore[assignment]  # only effects have previews
        self._seen, self._failed = seen, failed
        self._try: Try | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._tries = 0
        self._begun_at = runner.now()

    @property
    def is_active(self) -> bool:
        """Whether it looks, or is about to look again: a worker that stops does not wait for that."""
        return self._try is not None or (self._pause is not None and not self._runner.is_draining)

    def begin(self) -> None:
        """Look as soon as everything it stands on is durable."""
        self._pause = None
        self._tries += 1
        self._try = Try(self._runner.loop, lambda tried: self._runner.guarded(self._ended, tried), None)
        self._runner.when_durable(self._begin)

    def stop(self) -> None:
        """End it; nobody is told what it sees."""
        if self._try is not None:
            self._try.stop()
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _begin(self) -> None:
        running, runner, effect = self._try, self._runner, self._effect
        if running is None or running.is_stopped or not runner.may_look():
            self._try = None
            runner.consider()
            return
        hook = effect.hooks["preview"]
        args, kwargs = effect.codec.decode_arguments(self._call.arguments)
        running.start(
            preview_of(hook, effect.transactional, runner.worker.databases),
            args,
            kwargs,
            Attempt(number=self._tries, epoch=runner.epoch, on_usage=refuse_usage),
            is_async=hook.is_async,
            limit=Limits.of(effect).attempt,
            limit_name="timeout.attempt",
            executor=runner.executor,
        )

    def _ended(self, tried: Tried) -> None:
        self._try = None
        runner, name = self._runner, self._effect.name
        if tried.was_stopped or runner.is_over:
            runner.consider()
        elif tried.limit is not None:
            self._look_again(TimeoutError(f"the preview of {name} took too long"))
        elif tried.error is not None:
            self._look_again(tried.error)
        elif not isinstance(tried.value, Preview):
            self._failed(
                InvalidInput(f"{name}.preview returned {type(tried.value).__name__}: return a Preview(…)")
            )
        else:
            self._seen(tried.value)
            runner.consider()

    def _look_again(self, error: BaseException) -> None:
        """Look once more after a pause, if the effect's retry allows it; else it has failed."""
        runner, retry = self._runner, self._effect.retry
        verdict = decide(
            retry=retry,
            attempt=self._tries,
            elapsed=timedelta(microseconds=max(runner.now() - self._begun_at, 0)),
            reason=reason_of(error),
            is_final=isinstance(error, (Fatal, InvalidInput, *retry.never)),
            retry_after=retry_after_of(error),
            jitter=runner.jitter(),
        )
        if isinstance(verdict, Again):
            pause = min(verdict.after.total_seconds(), LONGEST_PAUSE)
            self._pause = runner.loop.call_later(pause, runner.guarded, self.begin)
            runner.consider()
        else:
            self._failed(error)
