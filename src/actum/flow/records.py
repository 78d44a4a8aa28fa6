"""What goes into a flow: the deliveries, and how a flow can end.

Every instant `at` is in microseconds since the epoch, UTC. Records are delivered in the order of the log, live and in
replay alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from actum.flow.addresses import Address


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an address: a `word` such as `completed`, `failed` or `fired`, and what belongs to it."""

    address: Address
    name: str
    argument_hash: bytes
    at: int
    word: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The durable intent of an effect.

    From here on a cancellation does not tear the await: the body waits for the outcome and sees the cancellation then.
    """

    address: Address
    name: str
    argument_hash: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The record that an address was given up. The flow gave it up by itself; this one is only compared."""

    address: Address
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class SignalReceived:
    """Outside data for the mailbox `name`, where it waits until the body takes it."""

    name: str
    at: int
    body: bytes


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """An operator, a deadline or a rollback cancels the body; `reason` becomes the message of its CancelledError."""

    at: int
    reason: str


Delivery: TypeAlias = Outcome | Started | Abandoned | SignalReceived | CancelRequested


@dataclass(frozen=True, slots=True)
class Returned:
    """The body returned `value`."""

    value: object


@dataclass(frozen=True, slots=True)
class Raised:
    """The body raised `exception` and nobody caught it."""

    exception: BaseException


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The body ended by a cancellation."""


Ending: TypeAlias = Returned | Raised | Cancelled


@dataclass(frozen=True, slots=True)
class Unheard:
    """An exception inside a flow that nobody asked about, such as that of a task nobody awaited."""

    message: str
    exception: BaseException | None
