"""Signals: outside data delivered to a waiting workflow."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

from actum.authoring.call import running_flow
from actum.authoring.names import check_name
from actum.authoring.payload import ValueCodec

T = TypeVar("T")


class Signal(Generic[T]):
    """A named, typed mailbox of a workflow: `await replied.wait()` inside, `handle.signal(replied, …)` outside.

    Signals are kept in the order received; one that nobody waits for yet stays until somebody does.

        replied = Signal("customer_replied", Reply)
    """

    __slots__ = ("_codec", "name")

    def __init__(self, name: str, type: type[T]) -> None:  # noqa: A002  # the word people expect
        self.name = check_name("a signal", name)
        self._codec = ValueCodec(f"signal {name}", lambda: type)

    async def wait(self) -> T:
        """Return the oldest signal not yet taken, waiting for it as rows only.

        A wait that is cancelled takes nothing. Raises OutsideWorkflow where no workflow runs.
        """
        flow = running_flow(
            f"signal {self.name} was awaited outside a workflow: await it in the body of a @contract"
        )
        return cast(T, self._codec.decode(await flow.receive_signal(self.name)))

    def encode(self, value: T) -> bytes:
        """Return the bytes of `value`; raises InvalidInput when it does not fit."""
        return self._codec.encode(value)

    def decode(self, body: bytes) -> T:
        """Return the value in `body`; raises InvalidInput when it does not fit."""
        return cast(T, self._codec.decode(body))

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
        return self._codec.schema()

    def __repr__(self) -> str:
        return f"<signal {self.name}>"
