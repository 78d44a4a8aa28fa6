"""A call: a step, effect or contract applied to arguments. Nothing happens until it is used.

To asyncio a call is a coroutine, so `await`, `gather`, `TaskGroup`, `create_task` and `wait_for` take it as it is;
to the engine it is a request with a name and an argument hash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Mapping
from hashlib import sha256
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import orjson

from actum.errors import (
    ActumError,
    InvalidContract,
    InvalidInput,
    KeyConflict,
    NotApproved,
    NotPossible,
    OutsideWorkflow,
)
from actum.flow import Flow, current_flow
from actum.outcomes import Denied, Expired, Rejected

if TYPE_CHECKING:
    from actum.authoring.contract import Contract
    from actum.authoring.payload import Codec
    from actum.flow.records import Outcome

R_co = TypeVar("R_co", covariant=True)


class Subject(Protocol):
    """What can be called: a step, an effect or a contract."""

    @property
    def name(self) -> str: ...
    @property
    def codec(self) -> Codec: ...
    @property
    def way_to_run(self) -> str: ...
    def failed(self, body: bytes | None) -> ActumError: ...


class Call(Coroutine[Any, Any, R_co]):
    """`subject` applied to arguments: await it in a workflow, ask approval for it, or start it.

    Arguments are encoded, and the address is taken, when the call is first used; from then on both are fixed, so
    what was approved is what runs. A call is awaited once: a second await raises NotPossible, as a coroutine would
    refuse it, because a call has one outcome, which the first await received. A call that is never used does
    nothing and warns of nothing.
    """

    __slots__ = (
        "__weakref__",
        "_argument_hash",
        "_arguments",
        "_driver",
        "_is_awaited",
        "address",
        "args",
        "kwargs",
        "subject",
    )

    def __init__(self, subject: Subject, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.subject = subject
        self.args = args
        self.kwargs = kwargs
        self.address: str | None = None
        self._arguments: bytes | None = None
        self._argument_hash: bytes | None = None
        self._driver: Any = None
        self._is_awaited = False

    @property
    def name(self) -> str:
        """The name of the step, effect or contract, compared on replay."""
        return self.subject.name

    @property
    def arguments(self) -> bytes:
        """The arguments as canonical JSON, encoded at first use; raises InvalidInput when they do not fit."""
        if self._arguments is None:
            self._arguments = self.subject.codec.encode_arguments(self.args, self.kwargs)
        return self._arguments

    @property
    def argument_hash(self) -> bytes:
        """SHA-256 of `arguments`, compared on replay."""
        if self._argument_hash is None:
            self._argument_hash = sha256(self.arguments).digest()
        return self._argument_hash

    def edited(self, edit: Mapping[str, Any]) -> Call[R_co]:
        """Return this call with the entries of `edit` in place of its own; it stays the same call to its workflow.

        Place and argument hash are this call's, so that history knows it again. Raises InvalidInput for what is no
        parameter or does not fit.
        """
        own = orjson.loads(self.arguments)
        unknown = sorted(set(edit) - set(own))
        if unknown:
            raise InvalidInput(f"{self.name} has no parameter {unknown[0]!r}: it takes {', '.join(own)}")
        args, kwargs = self.subject.codec.decode_arguments(orjson.dumps({**own, **edit}))
        call: Call[R_co] = type(self)(self.subject, args, kwargs)
        call.address, call._argument_hash = self.address, self.argument_hash
        return call

    def take_address(self) -> str:
        """Return this call's place in the running workflow, taking the next one at first use.

        Raises OutsideWorkflow where no workflow runs, NotPossible for a call that was awaited before, and
        InvalidContract for a call that is not among the running contract's steps.
        """
        flow = running_flow(f"{self.name}(…) was used outside a workflow: {self.subject.way_to_run}")
        if self._is_awaited:
            raise NotPossible(
                f"{self.name}(…) at {self.address} was already awaited, and a call has one outcome: "
                f"keep what the first await returned, or make a new call"
            )
        contract = getattr(flow, "contract", None)
        if contract is not None and not permitted(self, contract):
            raise InvalidContract(
                f"{self.name} is not among the steps of {contract.name}: name it in steps=[…] of the contract"
            )
        _ = self.argument_hash  # refused arguments take no address
        if self.address is None:
            self.address = flow.take_address()
        return self.address

    def receive(self, outcome: Outcome) -> object:
        """Return the value that `outcome` brings to the body, or raise what the body sees."""
        if outcome.word == "completed":
            return self.subject.codec.decode_result(_body_of(outcome))
        failure = self._failure(outcome)
        if isinstance(failure, ActumError):
            failure.address = outcome.address
        raise failure

    def _failure(self, outcome: Outcome) -> BaseException:
        match outcome.word:
            case "failed":
                return self.subject.failed(outcome.body)
            case "rejected" | "expired" | "denied":
                return not_approved(self.name, outcome)
            case "key_conflict":
                values = _object_in(outcome)
                return KeyConflict(
                    _message(values, f"{self.name}: its key is taken"), key=str(values.get("key", ""))
                )
            case "invalid":
                values = _object_in(outcome)
                return InvalidInput(
                    _message(values, f"{self.name}: invalid"), path=str(values.get("path", ""))
                )
            case "cancelled":
                return asyncio.CancelledError(_message(_object_in(outcome), f"{self.name} was cancelled"))
        return unknown_word(self.name, outcome)

    def _ask(self) -> asyncio.Future[Any]:
        address = self.take_address()
        self._is_awaited = True
        flow = running_flow("a call was awaited outside a workflow")
        return flow.ask(self, address)

    def __await__(self) -> Generator[Any, Any, R_co]:
        return self._ask().__await__()

    def send(self, value: None) -> Any:
        """Drive the call as asyncio drives a coroutine."""
        if self._driver is None:
            self._driver = self.__await__()
        return self._driver.send(value)

    def throw(
        self, kind: Any, value: BaseException | object = None, traceback: TracebackType | None = None, /
    ) -> Any:
        """Raise inside the call; one that was not begun is given up without having asked for anything."""
        if self._driver is not None:
            if value is None and traceback is None:
                return self._driver.throw(kind)
            return self._driver.throw(kind, value, traceback)
        self._is_awaited = True
        error = kind() if isinstance(kind, type) else kind
        raise error if value is None else value  # type: ignore[misc]

    def close(self) -> None:
        """Give the call up."""
        self._is_awaited = True
        if self._driver is not None:
            self._driver.close()

    @property
    def __name__(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The name that asyncio shows for a task of this call."""
        return self.subject.name

    def __repr__(self) -> str:
        place = f" at {self.address}" if self.address else ""
        return f"<call of {self.name}{place}>"


def permitted(call: Call[Any], contract: Contract[Any, Any]) -> bool:
    """Whether `call` is of one of the steps that `contract` names."""
    return contract.steps_by_name.get(call.name) is call.subject


def running_flow(refusal: str) -> Flow:
    """Return the flow that is running here; raises OutsideWorkflow with `refusal` where there is none."""
    flow = current_flow()
    if flow is None:
        raise OutsideWorkflow(refusal)
    return flow


def not_approved(name: str, outcome: Outcome) -> NotApproved:
    """Return the exception for an effect that was awaited and whose approval did not come."""
    record = approval_refusal(outcome)
    return NotApproved(f"{name} was not approved ({outcome.word}): {record.reason}", outcome=record)


def approval_refusal(outcome: Outcome) -> Rejected | Expired | Denied:
    """Return the record of `actum.outcomes` that an outcome `rejected`, `expired` or `denied` stands for."""
    values = _object_in(outcome)
    reason = str(values.get("reason", ""))
    match outcome.word:
        case "rejected":
            return Rejected(reason, by=tuple(values.get("by", ())))
        case "expired":
            return Expired(reason) if reason else Expired()
    return Denied(reason)


def unknown_word(name: str, outcome: Outcome) -> ActumError:
    """Return the error for an outcome that this version cannot read."""
    return ActumError(
        f"{name} at {outcome.address}: the recorded outcome {outcome.word!r} is not one this version of Actum knows: "
        "run the version that wrote it, or a later one"
    )


def _object_in(outcome: Outcome) -> dict[str, Any]:
    values = orjson.loads(outcome.body or b"{}")
    return values if isinstance(values, dict) else {}


def _body_of(outcome: Outcome) -> bytes:
    return b"null" if outcome.body is None else outcome.body


def _message(values: Mapping[str, Any], otherwise: str) -> str:
    return str(values.get("message") or values.get("reason") or otherwise)
