"""Signals that were received, until the body takes them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actum.flow.awaiting import SignalFuture


class Mailboxes:
    """Per signal name: what has come and nobody took, or who waits for the next; each first in, first out."""

    __slots__ = ("_letters", "_waiters")

    def __init__(self) -> None:
        self._letters: dict[str, deque[bytes]] = {}
        self._waiters: dict[SignalFuture, None] = {}

    def put(self, name: str, body: bytes) -> None:
        """Give a signal to whoever has waited longest, else keep it."""
        for waiter in self._waiters:
            if waiter.name == name:
                del self._waiters[waiter]
                waiter.set_result(body)
                return
        self._letters.setdefault(name, deque()).append(body)

    def wait(self, waiter: SignalFuture) -> None:
        """Give the waiter the oldest signal there is, else let it wait."""
        letters = self._letters.get(waiter.name)
        if letters:
            waiter.set_result(letters.popleft())
        else:
            self._waiters[waiter] = None

    def leave(self, waiter: SignalFuture) -> None:
        """Forget a waiter, whether or not it still waits."""
        self._waiters.pop(waiter, None)

    @property
    def has_waiters(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiters)

    def awaited(self) -> tuple[str, ...]:
        """Return the names somebody waits for, longest wait first, each once."""
        return tuple(dict.fromkeys(waiter.name for waiter in self._waiters))

    def forget_waiters(self) -> None:
        """Let nobody wait any longer."""
        self._waiters.clear()
