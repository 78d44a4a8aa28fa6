"""The author's coroutine as a deterministic machine: outcomes in, commands out, no I/O and no clock."""

from __future__ import annotations

import asyncio
import hashlib
import random
import sys
import threading
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Any

from actum.flow.address_book import AddressBook
from actum.flow.addresses import Address, Path
from actum.flow.awaiting import AskedFuture, SignalFuture
from actum.flow.closing import close_generators, close_tasks
from actum.flow.loop import FlowLoop, FlowTask, TimerReady
from actum.flow.mailboxes import Mailboxes
from actum.flow.records import (
    Abandoned,
    Cancelled,
    CancelRequested,
    Delivery,
    Ending,
    Outcome,
    Raised,
    Returned,
    SignalReceived,
    Started,
    Unheard,
)
from actum.flow.requests import Commands, Request

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Flow:
    """Drives one body: `advance` delivers what was recorded and returns what to carry out.

    `start` makes the body's coroutine and is called at once; none of the body runs before the first `advance`.
    `started_at` is the first instant of workflow time, in microseconds since the epoch (UTC); `seed` decides
    `uuid4()` and `random()`. A flow with the same three, given the same deliveries, does the same in every process.

    A flow belongs to one thread. After a `Mismatch`, or a KeyboardInterrupt out of the body, close it and make a new one.
    """

    def __init__(
        self, start: Callable[[], Coroutine[Any, Any, Any]], *, started_at: int, seed: bytes
    ) -> None:
        self.loop = FlowLoop(self, started_at, _first_number(seed))
        self.mailboxes = Mailboxes()
        self.is_closing = False
        self.is_replaying = False
        self._is_closed = False
        self._has_ended = False
        self._seed = seed
        self._uuids = 0
        self._random: random.Random | None = None
        self._book = AddressBook()
        self._dropped_generators: list[AsyncGenerator[Any, Any]] = []
        outside = self._enter()
        try:
            self._root = FlowTask(start(), loop=self.loop, name="root", context=copy_context(), path=Path())
        finally:
            self._leave(outside)

    # what whoever drives the flow asks

    def advance(self, deliveries: Sequence[Delivery]) -> Commands:
        """Deliver records in order, each followed by everything it makes possible; return what to carry out now.

        The first call also runs the body to its first wait, so a fresh flow takes a whole history at once. Commands
        are returned once: `start` holds what is asked for and still awaited after all deliveries.

        Raises Mismatch when a record and the body disagree, in either direction.
        """
        if self._is_closed:
            raise RuntimeError("This flow is closed; make a new one from the recorded history.")
        outside = self._enter()
        try:
            self._activate()
            for delivery in deliveries:
                self._deliver(delivery)
        finally:
            self._leave(outside)
        return self._book.take_commands()

    def note_started(self, started: Started) -> None:
        """Take in that an effect has begun, as `advance` would: it moves neither the body nor its time.

        Raises Mismatch when the body asks for something else there.
        """
        self._book.mark_started(started)

    @property
    def is_done(self) -> bool:
        """Whether the body has ended; effects that had started may still be in `waiting`."""
        return self._root.done()

    def ending(self) -> Ending:
        """Return how the body ended. Raises RuntimeError while it has not."""
        if not self._root.done():
            raise RuntimeError("The body has not ended; ask is_done first.")
        if self._root.cancelled():
            return Cancelled()
        error = self._root.exception()
        return Returned(self._root.result()) if error is None else Raised(error)

    @property
    def is_stuck(self) -> bool:
        """Whether the body waits for nothing that could ever come, which is a bug in the body."""
        return not (self.is_done or self.loop.ready or self.is_waiting)

    @property
    def is_waiting(self) -> bool:
        """Whether an outcome or a signal could move the body."""
        return bool(self._book.waiting or self.mailboxes.has_waiters)

    @property
    def waiting(self) -> Mapping[Address, Request]:
        """What was asked for and not delivered, in the order in which it was asked for."""
        return {address: awaited.request for address, awaited in self._book.waiting.items()}

    @property
    def started(self) -> frozenset[Address]:
        """The addresses in `waiting` whose effect has started: a start command for one of these is a doubt to settle."""
        return frozenset(address for address, awaited in self._book.waiting.items() if awaited.is_started)

    @property
    def abandoned(self) -> Mapping[Address, Request]:
        """What was given up and whose Abandoned record was not delivered, in the order in which it was given up.

        After a replay this also names what an earlier process handed out and had no time to stop.
        """
        return dict(self._book.unrecorded)

    @property
    def awaited_signals(self) -> tuple[str, ...]:
        """The names of the signals somebody waits for."""
        return self.mailboxes.awaited()

    @property
    def oldest(self) -> Address | None:
        """The address that was asked for first of those in flight, or None."""
        return next(iter(self._book.waiting), None)

    @property
    def errors(self) -> Sequence[Unheard]:
        """Exceptions nobody asked about, such as those of tasks that were never awaited; the first hundred."""
        return self.loop.unheard

    @contextmanager
    def replaying(self) -> Iterator[None]:
        """Mark what runs inside as replay, for `ReplayFilter`."""
        self.is_replaying = True
        try:
            yield
        finally:
            self.is_replaying = False

    def close(self) -> None:
        """Put the body away: close its coroutines and discard whatever their `finally` blocks ask for.

        What they raise is swallowed. A second call does nothing; `ending()` stays readable.
        """
        if self._is_closed:
            return
        self.is_closing = True
        outside = self._enter()
        try:
            close_tasks(self.loop)
            close_generators(self._dropped_generators)
        finally:
            self._leave(outside)
            self._is_closed = True
            self.is_closing = False
            self._forget()

    # what the body asks, through what authors write with

    def ask(self, request: Request, address: Address | None = None) -> asyncio.Future[Any]:
        """Ask for `request` and return the future of what it brings.

        `address` is one taken earlier with `take_address`; without it the running task's next is taken. Each address
        is asked for once, else RuntimeError. While the flow closes, the future never comes and nothing is asked.
        """
        if address is None:
            address = self.loop.take_address()
        future = AskedFuture(request, address, self)
        if not self._discards:
            self._book.add(future)
        return future

    def take_address(self) -> Address:
        """Take the running task's next address, to be asked for now or later."""
        return self.loop.take_address()

    def receive_signal(self, name: str) -> asyncio.Future[bytes]:
        """Return the future of the next signal in the mailbox `name`; signals come in the order of the log.

        A signal stays in the mailbox until it goes to somebody who waits, so a wait given up loses nothing.
        """
        future = SignalFuture(name, self)
        if not self._discards:
            self.mailboxes.wait(future)
        return future

    def now(self) -> datetime:
        """Return workflow time: the greatest instant delivered so far."""
        return _EPOCH + timedelta(microseconds=self.loop.now)

    def uuid4(self) -> uuid.UUID:
        """Return the flow's next UUID; it follows from the seed and records nothing."""
        self._uuids += 1
        digest = hashlib.sha256(b"uuid4:%d:%b" % (self._uuids, self._seed)).digest()
        return uuid.UUID(bytes=digest[:16], version=4)

    def random(self) -> random.Random:
        """Return the flow's one source of randomness; it follows from the seed and records nothing."""
        if self._random is None:
            self._random = random.Random(hashlib.sha256(b"random:" + self._seed).digest())  # noqa: S311
        return self._random

    # what the loop and its futures ask

    def ask_timer(self, timer: TimerReady) -> None:
        """Ask for a durable timer at the running task's next address."""
        timer.address = self.loop.take_address()
        if not self._discards:
            self._book.add(timer)

    def abandon(self, address: Address) -> None:
        """Give an address up; it is not started any more, and stopped if it was handed out."""
        self._book.abandon(address)

    # deliveries

    def _deliver(self, delivery: Delivery) -> None:
        match delivery:
            case Outcome():
                self._deliver_outcome(delivery)
            case Started():
                self._book.mark_started(delivery)
            case Abandoned():
                self._book.compare(delivery)
            case SignalReceived():
                self._pass_time(delivery.at)
                self.mailboxes.put(delivery.name, delivery.body)
                self._activate()
            case CancelRequested():
                self._pass_time(delivery.at)
                self._root.cancel(delivery.reason)
                self._activate()

    def _deliver_outcome(self, outcome: Outcome) -> None:
        awaited = self._book.settle(outcome)
        if awaited is None:
            return
        self._pass_time(outcome.at)
        if not self._has_ended:
            awaited.deliver(outcome)
            self._activate()

    def _pass_time(self, instant: int) -> None:
        if instant > self.loop.now:
            self.loop.now = instant

    # activations

    def _enter(self) -> tuple[Any, Any, Flow | None]:
        """Make the flow's loop the running one; generators a body drops are kept, not closed by the collector's whim."""
        outside = asyncio._get_running_loop(), sys.get_asyncgen_hooks(), _running.flow
        _running.flow = self
        asyncio._set_running_loop(self.loop)
        sys.set_asyncgen_hooks(firstiter=None, finalizer=self._dropped_generators.append)
        return outside

    def _leave(self, outside: tuple[Any, Any, Flow | None]) -> None:
        loop, hooks, _running.flow = outside
        asyncio._set_running_loop(loop)
        sys.set_asyncgen_hooks(*hooks)

    def _activate(self) -> None:
        if self._has_ended:
            return
        self.loop.run_until_idle()
        if self._root.done():
            self._end()

    def _end(self) -> None:
        """Give up what tasks left behind still ask for; effects that have started are waited for."""
        self._has_ended = self._book.has_ended = True
        self.loop.ready.clear()
        self.mailboxes.forget_waiters()
        self._book.abandon_what_has_not_started()

    @property
    def _discards(self) -> bool:
        return self.is_closing or self._is_closed

    def _forget(self) -> None:
        self.loop.ready.clear()
        self.mailboxes.forget_waiters()
        self._book.forget()


class _Running(threading.local):
    """The flow whose body is running in a thread. Asking asyncio for its loop instead asks the system for our pid."""

    flow: Flow | None = None


_running = _Running()


def current_flow() -> Flow | None:
    """Return the flow whose body is running in this thread, or None outside of bodies."""
    return _running.flow


def _first_number(seed: bytes) -> int:
    """Return where a flow begins to number its tasks and futures.

    The numbers are their hashes. asyncio keeps the tasks of a whole process in one set, and hashes that were equal in
    every flow would make that set a list.
    """
    return int.from_bytes(hashlib.sha256(seed).digest()[:7], "big")
