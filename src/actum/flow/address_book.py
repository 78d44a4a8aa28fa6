"""What became of each address of a flow: waited for, delivered or given up; and whether the records agree."""

from __future__ import annotations

from typing import TypeAlias

from actum.flow.addresses import Address
from actum.flow.awaiting import AskedFuture
from actum.flow.loop import TimerReady
from actum.flow.records import Abandoned, Outcome, Started
from actum.flow.refusals import Mismatch
from actum.flow.requests import NO_COMMANDS, Command, Commands, Request

Awaited: TypeAlias = AskedFuture | TimerReady

_DELIVERED_BEFORE = "nothing more: its outcome came before"


class AddressBook:
    """An address is asked for once, and then waits until it is delivered or given up, whichever comes first."""

    __slots__ = ("_abandoned", "_delivered", "_to_start", "_to_stop", "has_ended", "unrecorded", "waiting")

    def __init__(self) -> None:
        self.waiting: dict[Address, Awaited] = {}
        self.unrecorded: dict[Address, Request] = {}
        self.has_ended = False
        self._abandoned: dict[Address, Request] = {}
        self._delivered: set[Address] = set()
        self._to_start: dict[Address, Awaited] = {}
        self._to_stop: list[Address] = []

    def add(self, awaited: Awaited) -> None:
        """Let somebody wait for an address, and have it started. Raises RuntimeError for an address asked for before."""
        address = awaited.address
        if address in self.waiting or address in self._delivered or address in self._abandoned:
            raise RuntimeError(f"Address {address} was already asked for; await each call once.")
        self.waiting[address] = self._to_start[address] = awaited

    def abandon(self, address: Address) -> None:
        """Give an address up, if it is waited for: it is not started any more, and stopped if it was handed out."""
        awaited = self.waiting.pop(address, None)
        if awaited is None:
            return
        self._abandoned[address] = self.unrecorded[address] = awaited.request
        if self._to_start.pop(address, None) is None:
            self._to_stop.append(address)

    def abandon_what_has_not_started(self) -> None:
        """Give up all addresses but those of effects that have started."""
        for address, awaited in list(self.waiting.items()):
            if not awaited.is_started:
                self.abandon(address)

    def take_commands(self) -> Commands:
        """Return what is to be started and stopped since the last time."""
        if not self._to_start and not self._to_stop:
            return NO_COMMANDS
        start = tuple([Command(address, awaited.request) for address, awaited in self._to_start.items()])
        stop = tuple(self._to_stop)
        self._to_start.clear()
        self._to_stop.clear()
        return Commands(start, stop)

    def settle(self, outcome: Outcome) -> Awaited | None:
        """Return who waits for the outcome, and is to get it, or None when the address was given up before.

        Raises Mismatch when the body asked for something else, or for nothing.
        """
        awaited = self._find(outcome)
        address = outcome.address
        if awaited is not None:
            del self.waiting[address]
            self._to_start.pop(address, None)
            self._delivered.add(address)
            return awaited
        self.unrecorded.pop(address, None)
        if address in self._to_stop:
            self._to_stop.remove(address)  # it has come to its end by itself
        return None

    def mark_started(self, started: Started) -> None:
        """Note the durable intent of an effect. Raises Mismatch as `settle` does."""
        awaited = self._find(started)
        if awaited is not None:
            awaited.is_started = True

    def compare(self, record: Abandoned) -> None:
        """Raise Mismatch unless the body gave the recorded address up, too."""
        address, recorded = record.address, f"{record.name} given up"
        request = self._abandoned.get(address)
        if request is None:
            awaited = self.waiting.get(address)
            asked = (
                f"{_describe(awaited.request)} and still awaits it"
                if awaited
                else self._asked_no_more(address)
            )
            raise Mismatch(address, recorded=recorded, asked=asked)
        if request.name != record.name:
            raise Mismatch(address, recorded=recorded, asked=f"{request.name} and gave it up")
        self.unrecorded.pop(address, None)

    def forget(self) -> None:
        """Let nobody wait, now that the flow is closed."""
        self.waiting.clear()
        self._to_start.clear()
        self._to_stop.clear()

    def _find(self, record: Outcome | Started) -> Awaited | None:
        awaited = self.waiting.get(record.address)
        request = awaited.request if awaited is not None else self._abandoned.get(record.address)
        if request is None:
            again = " a second time" if record.address in self._delivered else ""
            asked = self._asked_no_more(record.address)
            raise Mismatch(record.address, recorded=f"{_describe(record)}{again}", asked=asked)
        if request.name != record.name or request.argument_hash != record.argument_hash:
            raise Mismatch(record.address, recorded=_describe(record), asked=_describe(request))
        return awaited

    def _asked_no_more(self, address: Address) -> str:
        if address in self._delivered:
            return _DELIVERED_BEFORE
        return "nothing and has ended" if self.has_ended else "nothing"


def _describe(side: Request | Outcome | Started) -> str:
    return f"{side.name} ({side.argument_hash.hex()[:16]})"
