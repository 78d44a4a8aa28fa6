"""Steps: named stages of a workflow, checkpointed when they complete."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from actum.authoring.call import Call
from actum.authoring.failures import decode_failure
from actum.authoring.hooks import Hook, HookName, make_hook
from actum.authoring.names import name_of
from actum.authoring.payload import Codec
from actum.errors import ActumError, InvalidContract
from actum.model.budget import Spending
from actum.model.contract import Duration, Retry, Timeout
from actum.outcomes import Unusable, Usable

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_TIMEOUT = Timeout(attempt="10m")
"""A step without a time-out of its own is given up after this long, so that none can stall for ever."""


class Step(Generic[P, R]):
    """A function as a named stage of a workflow; made by `@step`.

    Calling it gives a lazy `Call`. A step may run again after a crash that came before its outcome was durable; once
    the outcome is durable it never runs again. What acts on the outside world is an effect instead.
    """

    word = "step"

    def __init__(
        self,
        function: Callable[P, Any],
        *,
        timeout: Duration | Timeout | None = None,
        retry: Retry | None = None,
        spends: Spending | None = None,
        name: str | None = None,
    ) -> None:
        self.name = name_of(self.word, function, name)
        # The undecorated function, for unit tests: what it returns (a value or a coroutine) is as it was written.
        self.function: Callable[P, Any] = function
        self.is_async = inspect.iscoroutinefunction(function)
        self.timeout = as_timeout(self.name, timeout)
        self.retry = as_retry(self.name, retry)
        self.spends = as_spending(self.name, spends)
        self.codec = Codec(function, self.name)
        self.hooks: dict[HookName, Hook] = {}
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        """Return a call: nothing happens until it is awaited in a workflow."""
        return Call(self, args, kwargs)

    def verdict(
        self, function: Callable[Concatenate[R, P], Awaitable[Usable | Unusable] | Usable | Unusable]
    ) -> Callable[Concatenate[R, P], Awaitable[Usable | Unusable] | Usable | Unusable]:
        """Attach the judge of outputs: it takes the result, then the step's own parameters.

        An `Unusable` counts as a failed attempt, and the next attempt is told why.
        """
        self._attach("verdict", function)
        return function

    @property
    def way_to_run(self) -> str:
        """How to run it where no workflow runs."""
        return f"await it in the body of a @contract, or use {self.name}.function in a unit test"

    def failed(self, body: bytes | None) -> ActumError:
        """Return the exception that a body sees when this step gave up."""
        return decode_failure(body).as_step_failed()

    def _attach(self, name: HookName, function: Callable[..., Any]) -> None:
        if name in self.hooks:
            raise InvalidContract(f"{self.name} already has a {name}: attach one")
        self.hooks[name] = make_hook(name, self.name, self.function, function)

    def __repr__(self) -> str:
        return f"<{self.word} {self.name}>"


class StepDecorator(Protocol):
    """What `@step(...)` returns."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Step[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Step[P, R]: ...


@overload
def step(function: Callable[P, Coroutine[Any, Any, R]], /) -> Step[P, R]: ...
@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(
    *,
    timeout: Duration | Timeout | None = None,
    retry: Retry | None = None,
    spends: Spending | None = None,
    name: str | None = None,
) -> StepDecorator: ...
def step(
    function: Callable[..., Any] | None = None,
    /,
    *,
    timeout: Duration | Timeout | None = None,
    retry: Retry | None = None,
    spends: Spending | None = None,
    name: str | None = None,
) -> Any:
    """Make a step of a function; plain functions run in a thread, coroutine functions on the worker's loop.

    `timeout` is per attempt (`"3m"`, a timedelta), or a Timeout for finer limits; 10 minutes when omitted. `retry`
    says how often and how patiently it is tried again. `spends` is what an attempt will use, reserved from the
    contract's budgets before it begins. `name` is what is recorded; the function's own when omitted.
    Raises InvalidContract for anything that cannot be meant.

        @step(timeout="30s", retry=Retry(attempts=4))
        async def fetch(url: str) -> str: ...
    """

    def decorate(function: Callable[..., Any]) -> Step[..., Any]:
        return Step(function, timeout=timeout, retry=retry, spends=spends, name=name)

    return decorate if function is None else decorate(function)


def as_timeout(name: str, timeout: Duration | Timeout | None, default: Timeout = DEFAULT_TIMEOUT) -> Timeout:
    """Return the limits that `timeout` means; a duration is the limit of each attempt."""
    match timeout:
        case None:
            return default
        case Timeout():
            return timeout
        case str() | timedelta():
            return Timeout(attempt=timeout)
    raise InvalidContract(f'{name}: timeout={timeout!r} is none: write "3m", a timedelta or Timeout(…)')


def as_retry(name: str, retry: Retry | None) -> Retry:
    """Return `retry`, or the default one; raises InvalidContract for anything else."""
    if retry is not None and not isinstance(retry, Retry):
        raise InvalidContract(f"{name}: retry={retry!r} is none: write Retry(attempts=3)")
    return Retry() if retry is None else retry


def as_spending(name: str, spends: Spending | None) -> Spending | None:
    """Return `spends`; raises InvalidContract for anything else."""
    if spends is not None and not isinstance(spends, Spending):
        raise InvalidContract(
            f"{name}: spends={spends!r} is none: write Spending(tokens=4000, model_calls=1)"
        )
    return spends
