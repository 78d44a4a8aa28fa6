"""Contracts: what a workflow promises, and the function that keeps it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, overload

from actum.authoring.call import Call
from actum.authoring.discovery import find_steps
from actum.authoring.document import describe, document_hash, shape_hash
from actum.authoring.effect import Effect
from actum.authoring.failures import decode_failure
from actum.authoring.names import check_name, name_of
from actum.authoring.payload import Codec
from actum.authoring.step import Step
from actum.errors import ActumError, InvalidContract, NotFound
from actum.model.budget import Budget, find_excess
from actum.model.contract import Duration, Owner, parse_duration
from actum.model.sample import Sample
from actum.model.slo import Slo

P = ParamSpec("P")
R = TypeVar("R")

OnFailure: TypeAlias = Literal["rollback", "hold", "fail"]
AnyStep: TypeAlias = "Step[..., Any] | Contract[..., Any]"


class Contract(Generic[P, R]):
    """A coroutine function as a durable workflow; made by `@contract`.

    Calling it gives a lazy `Call`: awaited in another contract's body it runs as a child, `client.start` starts it.
    Its steps are read from the code when they are first needed, so that it may be written above them.
    """

    word = "contract"

    def __init__(
        self,
        function: Callable[P, Coroutine[Any, Any, R]],
        *,
        owner: Owner | None = None,
        on_failure: OnFailure | None = None,
        deadline: Duration | None = None,
        queue: str = "default",
        budget: Budget | Sequence[Budget] | None = None,
        slo: Slo | None = None,
        verdicts: Sample | None = None,
        steps: Sequence[AnyStep] | None = None,
        changes: Sequence[str] = (),
        name: str | None = None,
    ) -> None:
        self.name = name_of(self.word, function, name)
        if not inspect.iscoroutinefunction(function):
            raise InvalidContract(
                f"{self.name} is a plain function, and a contract's body awaits its steps: write async def"
            )
        self.function: Callable[P, Coroutine[Any, Any, R]] = function
        self.owner = _checked_owner(self.name, owner)
        self._chosen: OnFailure | None = _checked_failure(self.name, on_failure)
        self.deadline: timedelta | None = None if deadline is None else parse_duration(deadline)
        self.slo = _checked_slo(self.name, slo)
        self.verdicts = _checked_sample(self.name, verdicts)
        self.queue = check_name(f"the queue of {self.name}", queue)
        self.budgets = _checked_budgets(self.name, budget)
        self.changes = _checked_changes(self.name, changes)
        self.codec = Codec(function, self.name)
        self._given = None if steps is None else self._checked_steps(steps)
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        """Return a call: nothing happens until it is awaited in a workflow or started."""
        return Call(self, args, kwargs)

    @property
    def on_failure(self) -> OnFailure:
        """What happens when the body fails; `"fail"` for a contract without effects that says nothing."""
        return self._chosen or "fail"

    @cached_property
    def steps(self) -> tuple[AnyStep, ...]:
        """The steps, effects and contracts that the body may await: those given, or those found in its code.

        Raises InvalidContract for two of one name, and for effects without a chosen `on_failure`.
        """
        if self._given is not None:
            return self._given
        return self._checked_steps(find_steps(self.function, lambda one: isinstance(one, Step | Contract)))

    @cached_property
    def steps_by_name(self) -> dict[str, AnyStep]:
        """The steps by the names under which they are recorded."""
        return {one.name: one for one in self.steps}

    def step_named(self, name: str) -> AnyStep:
        """Return the step called `name`; raises NotFound when this contract has none."""
        found = self.steps_by_name.get(name)
        if found is None:
            known = ", ".join(sorted(self.steps_by_name)) or "none"
            raise NotFound(f"{self.name} has no step {name!r}: its steps are {known}")
        return found

    def document(self, runbook: str | None = None) -> dict[str, Any]:
        """Return the contract as plain JSON values, with the text of its runbook where it is given.

        Raises InvalidContract for a contract that is declared wrongly.
        """
        return describe(self, runbook)

    @cached_property
    def document_hash(self) -> bytes:
        """SHA-256 of the document without the runbook's text; `document.document_hash` takes one with it."""
        return document_hash(self.document())

    @cached_property
    def shape_hash(self) -> bytes:
        """SHA-256 of what a history depends on: name, step names, effect kinds, changes."""
        return shape_hash(self)

    @property
    def way_to_run(self) -> str:
        """How to run it where no workflow runs."""
        return (
            f"start it with client.start({self.name}(…)) or actum.run({self.name}(…)), "
            f"or use {self.name}.function in a unit test"
        )

    def failed(self, body: bytes | None) -> ActumError:
        """Return the exception that a parent's body sees when this child did not complete."""
        return decode_failure(body).as_workflow_failed()

    def _checked_steps(self, steps: Sequence[AnyStep]) -> tuple[AnyStep, ...]:
        by_name: dict[str, AnyStep] = {}
        for one in steps:
            if not isinstance(one, Step | Contract):
                raise InvalidContract(
                    f"{self.name}: {one!r} in steps=[…] is no step: decorate it with @step, @effect or @contract"
                )
            if by_name.setdefault(one.name, one) is not one:
                raise InvalidContract(
                    f"{self.name} has two steps named {one.name!r}: give one of them another with name=…"
                )
        for one in by_name.values():
            unit = find_excess(one.spends, self.budgets) if isinstance(one, Step) and one.spends else None
            if unit is not None:
                raise InvalidContract(
                    f"{self.name}: one attempt of {one.name} spends more {unit} than a whole budget has, so it would "
                    "never begin: raise the budget, or say less in spends=Spending(…)"
                )
        effects = [one.name for one in by_name.values() if isinstance(one, Effect)]
        if effects and self._chosen is None:
            raise InvalidContract(
                f"{self.name} has effects ({', '.join(effects)}) and does not say what happens when it fails: "
                'choose on_failure="rollback", "hold" or "fail"'
            )
        return tuple(by_name.values())

    def __repr__(self) -> str:
        return f"<contract {self.name}>"


class ContractDecorator(Protocol):
    """What `@contract(...)` returns."""

    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Contract[P, R]: ...


@overload
def contract(function: Callable[P, Coroutine[Any, Any, R]], /) -> Contract[P, R]: ...
@overload
def contract(
    *,
    owner: Owner | None = None,
    on_failure: OnFailure | None = None,
    deadline: Duration | None = None,
    queue: str = "default",
    budget: Budget | Sequence[Budget] | None = None,
    slo: Slo | None = None,
    verdicts: Sample | None = None,
    steps: Sequence[AnyStep] | None = None,
    changes: Sequence[str] = (),
    name: str | None = None,
) -> ContractDecorator: ...
def contract(
    function: Callable[..., Coroutine[Any, Any, Any]] | None = None,
    /,
    *,
    owner: Owner | None = None,
    on_failure: OnFailure | None = None,
    deadline: Duration | None = None,
    queue: str = "default",
    budget: Budget | Sequence[Budget] | None = None,
    slo: Slo | None = None,
    verdicts: Sample | None = None,
    steps: Sequence[AnyStep] | None = None,
    changes: Sequence[str] = (),
    name: str | None = None,
) -> Any:
    """Make a contract of a coroutine function: the body of a durable workflow.

    `on_failure` must be chosen by a contract with effects. `deadline` bounds the whole workflow, waiting included.
    `queue` is where its workflows wait. `budget` is what it may use, one or several. `slo` is what its owner promises about it. `verdicts` is the share of its outputs that has to be judged. `steps` names what the body may await; without it they are found from the
    code. `changes` are the names that `changed(…)` asks about. Raises InvalidContract for anything that cannot be
    meant: at once for what is written here, at first use for what is read from the code.

        @contract(owner=Owner(team="platform"), on_failure="hold", deadline="2d")
        async def change_repository(task: Task) -> Summary: ...
    """

    def decorate(function: Callable[..., Coroutine[Any, Any, Any]]) -> Contract[..., Any]:
        return Contract(
            function,
            owner=owner,
            on_failure=on_failure,
            deadline=deadline,
            queue=queue,
            budget=budget,
            slo=slo,
            verdicts=verdicts,
            steps=steps,
            changes=changes,
            name=name,
        )

    return decorate if function is None else decorate(function)


def _checked_owner(name: str, owner: object) -> Owner | None:
    if owner is None or isinstance(owner, Owner):
        return owner
    raise InvalidContract(f'{name}: owner={owner!r} is none: write Owner(team="platform", …)')


def _checked_slo(name: str, slo: object) -> Slo | None:
    if slo is None or isinstance(slo, Slo):
        return slo
    raise InvalidContract(f"{name}: slo={slo!r} promises nothing: write Slo(completion=0.99, …)")


def _checked_sample(name: str, sample: object) -> Sample | None:
    if sample is None or isinstance(sample, Sample):
        return sample
    raise InvalidContract(f'{name}: verdicts={sample!r} asks for none: write Sample("10%")')


def _checked_failure(name: str, on_failure: OnFailure | None) -> OnFailure | None:
    if on_failure not in (None, "rollback", "hold", "fail"):
        raise InvalidContract(
            f'{name}: on_failure={on_failure!r} is none: choose "rollback", "hold" or "fail"'
        )
    return on_failure


def _checked_budgets(name: str, budget: Any) -> tuple[Budget, ...]:
    budgets = tuple(budget) if isinstance(budget, Sequence) else () if budget is None else (budget,)
    for one in budgets:
        if not isinstance(one, Budget):
            raise InvalidContract(f'{name}: budget={one!r} is none: write Budget(tokens=200_000, per="day")')
    scopes = [(one.per, one.team) for one in budgets]
    if len(set(scopes)) != len(scopes):
        raise InvalidContract(f"{name} has two budgets for the same: put their limits into one Budget(…)")
    return budgets


def _checked_changes(name: str, changes: Sequence[str]) -> tuple[str, ...]:
    if isinstance(changes, str):
        raise InvalidContract(f"{name}: changes={changes!r} is one text: write changes=({changes!r},)")
    for change in changes:
        check_name(f"a change of {name}", change)
    if len(set(changes)) != len(changes):
        raise InvalidContract(f"{name}: changes names one change twice: keep each once")
    return tuple(changes)
