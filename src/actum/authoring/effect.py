"""Effects: steps that act on the outside world, once, under a stable key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload

from actum.authoring.database import Database
from actum.authoring.hooks import HookName
from actum.authoring.names import check_kind
from actum.authoring.step import Step, as_timeout
from actum.errors import InvalidContract, InvalidInput
from actum.machine.keys import validate_key
from actum.model.budget import Spending
from actum.model.contract import Duration, Retry, Timeout, parse_duration
from actum.outcomes import Happened, NotHappened, Preview, Unknown

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_EFFECT_TIMEOUT = Timeout(attempt="1m")
DEFAULT_SETTLE_AFTER = timedelta(seconds=30)


class Effect(Step[P, R]):
    """A function that changes a system outside; made by `@effect`.

    Its intent is durable before it starts. It is tried again only where it certainly did not happen (`NotDone`, or
    a type in `not_done`); everything else leaves it in doubt, and its way out of doubt decides.
    """

    word = "effect"

    def __init__(
        self,
        function: Callable[P, Any],
        *,
        kind: str,
        in_doubt: Literal["ask", "repeat"] = "ask",
        not_done: Sequence[type[BaseException]] = (),
        transactional: bool | Database = False,
        editable: Sequence[str] = (),
        settle_after: Duration = DEFAULT_SETTLE_AFTER,
        timeout: Duration | Timeout | None = None,
        retry: Retry | None = None,
        spends: Spending | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(function, retry=retry, spends=spends, name=name)
        self.kind = check_kind(kind)
        self.timeout = as_timeout(self.name, timeout, DEFAULT_EFFECT_TIMEOUT)
        self.in_doubt: Literal["ask", "repeat"] = _checked_doubt(self.name, in_doubt)
        self.not_done = _checked_types(self.name, not_done)
        self.editable = self._checked_editable(editable)
        self.settle_after = parse_duration(settle_after)
        self.transactional: bool | Database = transactional
        self._check_transactional(transactional)

    def key(self, function: Callable[P, str]) -> Callable[P, str]:
        """Attach the operation key, a plain function of the arguments; without it: origin workflow and address."""
        self._attach("key", function)
        return function

    def preview(
        self, function: Callable[P, Awaitable[Preview] | Preview]
    ) -> Callable[P, Awaitable[Preview] | Preview]:
        """Attach the look at the world that gives policy its facts and the approver a card; it may not write."""
        self._attach("preview", function)
        return function

    def probe(
        self,
        function: Callable[
            P, Awaitable[Happened[R] | NotHappened | Unknown] | Happened[R] | NotHappened | Unknown
        ],
    ) -> Callable[P, Awaitable[Happened[R] | NotHappened | Unknown] | Happened[R] | NotHappened | Unknown]:
        """Attach the question to the world after a crash: did it happen? It may not write."""
        self._attach("probe", function)
        return function

    def undo(
        self, function: Callable[Concatenate[R, P], Awaitable[None] | None]
    ) -> Callable[Concatenate[R, P], Awaitable[None] | None]:
        """Attach the exact reverse: it takes the result, then the effect's own parameters."""
        self._attach("undo", function)
        return function

    def compensate(
        self, function: Callable[Concatenate[R, P], Awaitable[None] | None]
    ) -> Callable[Concatenate[R, P], Awaitable[None] | None]:
        """Attach a counter-action, where there is no exact reverse: result first, then the effect's parameters."""
        self._attach("compensate", function)
        return function

    @property
    def reversibility(self) -> Literal["undoable", "compensable", "final"]:
        """How a rollback treats this effect: exactly reversed, counter-acted, or left standing by name."""
        if "undo" in self.hooks:
            return "undoable"
        return "compensable" if "compensate" in self.hooks else "final"

    @property
    def way_out(self) -> Literal["repeat", "probe", "ask"]:
        """What ends a doubt about this effect: repeating it, its probe, or a person."""
        if self.in_doubt == "repeat":
            return "repeat"
        return "probe" if "probe" in self.hooks else "ask"

    def key_for(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        """Return the author's operation key for these decoded arguments, or None where the default key applies.

        Raises InvalidInput for a key that cannot be stored: 1 to 255 printable characters.
        """
        hook = self.hooks.get("key")
        if hook is None:
            return None
        key = hook.function(*args, **kwargs)
        if not isinstance(key, str):
            raise InvalidInput(f"{self.name}.key returned {key!r}: an operation key is text", path="key")
        try:
            return validate_key(key)
        except InvalidInput as error:
            raise InvalidInput(f"{self.name}.key: {error}", path="key") from None

    def _attach(self, name: HookName, function: Callable[..., Any]) -> None:
        other = {"undo": "compensate", "compensate": "undo"}.get(name)
        if other in self.hooks:
            raise InvalidContract(
                f"{self.name} has both an undo and a compensate: keep the undo if it is the exact reverse, else the other"
            )
        super()._attach(name, function)

    def _check_transactional(self, transactional: object) -> None:
        if not isinstance(transactional, bool | Database):
            raise InvalidContract(
                f"{self.name}: transactional={transactional!r} is no database: write True for the engine's own, or "
                "actum.sql.Database(…) for another Postgres"
            )
        if not transactional:
            return
        if not self.is_async:
            raise InvalidContract(
                f"{self.name} is transactional and a plain function: write `async def`, its connection is asynchronous"
            )
        if self.in_doubt == "repeat":
            raise InvalidContract(
                f"{self.name} is transactional, so its outcome commits with its rows: leave in_doubt out"
            )

    def _checked_editable(self, editable: Sequence[str]) -> tuple[str, ...]:
        if isinstance(editable, str):
            raise InvalidContract(
                f"{self.name}: editable={editable!r} is one text: write editable=({editable!r},)"
            )
        for name in editable:
            if name not in self.codec.signature.parameters:
                raise InvalidContract(
                    f"{self.name}: editable names {name!r}, which is none of its parameters"
                )
        return tuple(editable)


class EffectDecorator(Protocol):
    """What `@effect(...)` returns."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Effect[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Effect[P, R]: ...


def effect(
    kind: str,
    *,
    in_doubt: Literal["ask", "repeat"] = "ask",
    not_done: Sequence[type[BaseException]] = (),
    transactional: bool | Database = False,
    editable: Sequence[str] = (),
    settle_after: Duration = DEFAULT_SETTLE_AFTER,
    timeout: Duration | Timeout | None = None,
    retry: Retry | None = None,
    spends: Spending | None = None,
    name: str | None = None,
) -> EffectDecorator:
    """Make an effect of a function; `kind`, such as `"git.commit"`, is what policy speaks about.

    `in_doubt="repeat"` says that the other side honours the key, so repeating is safe; otherwise a probe decides
    where one is attached, else a person. `not_done` lists exceptions after which it certainly did not happen.
    `transactional` has the body's rows and its outcome commit together: True in the engine's own database, or a
    `actum.sql.Database`; the body writes through `actum.sql.connection()`, and whatever it raises has not happened.
    `settle_after` is how long after its time-out a request may still arrive (30 seconds by default). `editable`
    names the parameters an approver may change. `timeout` is per attempt, 1 minute when omitted. `spends` is what an
    attempt will use, reserved from the contract's budgets before its intent. Raises InvalidContract for anything that cannot be meant.

        @effect("mail.send", timeout="20s", not_done=(ConnectionRefusedError,))
        async def send(to: str, text: str) -> str: ...
    """

    def decorate(function: Callable[..., Any]) -> Any:
        return Effect(
            function,
            kind=kind,
            in_doubt=in_doubt,
            not_done=not_done,
            transactional=transactional,
            editable=editable,
            settle_after=settle_after,
            timeout=timeout,
            retry=retry,
            spends=spends,
            name=name,
        )

    if callable(kind):
        raise InvalidContract('@effect needs an operation kind: write @effect("mail.send")')
    return decorate


def _checked_doubt(name: str, in_doubt: Literal["ask", "repeat"]) -> Literal["ask", "repeat"]:
    if in_doubt not in ("ask", "repeat"):
        raise InvalidContract(f'{name}: in_doubt={in_doubt!r} is none: write "ask" or "repeat"')
    return in_doubt


def _checked_types(name: str, types: object) -> tuple[type[BaseException], ...]:
    given: tuple[Any, ...] = tuple(types) if isinstance(types, Sequence) else (types,)
    for one in given:
        if not (isinstance(one, type) and issubclass(one, BaseException)):
            raise InvalidContract(f"{name}: not_done names {one!r}, which is no exception type")
    return given
