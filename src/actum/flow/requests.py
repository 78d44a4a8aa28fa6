"""What comes out of a flow: requests, and the commands to carry them out or to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from actum.flow.addresses import Address

if TYPE_CHECKING:
    from actum.flow.records import Outcome


class Request(Protocol):
    """What a body asks for at an address; whoever drives the flow carries it out.

    `name` and `argument_hash` are compared with the record on replay.
    """

    @property
    def name(self) -> str: ...

    @property
    def argument_hash(self) -> bytes: ...

    def receive(self, outcome: Outcome) -> object:
        """Return the value for the body, or raise what the body sees.

        Called once per outcome, live and in replay alike, so it must be a pure function of the outcome. A `Mismatch`
        raised here leaves `Flow.advance` instead of entering the body.
        """


@dataclass(frozen=True, slots=True)
class Timer:
    """Asks for an outcome `fired` once the instant `due` (microseconds since the epoch, UTC) has come."""

    due: int

    @property
    def name(self) -> str:
        return "timer"

    @property
    def argument_hash(self) -> bytes:
        return self.due.to_bytes(8, "big", signed=True)

    def receive(self, outcome: Outcome) -> None:
        """A timer brings nothing but its instant."""


class Command(NamedTuple):
    """Carry out `request`; its outcome belongs to `address`."""

    address: Address
    request: Request


class Commands(NamedTuple):
    """What to do after an advance, each in the order in which the body came to it.

    `start` is asked for and still awaited; `stop` was handed out earlier and has since been given up.
    """

    start: tuple[Command, ...]
    stop: tuple[Address, ...]


NO_COMMANDS = Commands((), ())
