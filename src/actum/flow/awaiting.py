"""The futures a body waits on: for the outcome of an address, and for a signal."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from actum.flow.loop import FlowFuture
from actum.flow.records import Outcome
from actum.flow.refusals import Mismatch

if TYPE_CHECKING:
    from actum.flow.addresses import Address
    from actum.flow.flow import Flow
    from actum.flow.requests import Request


class AskedFuture(FlowFuture):
    """Waits for the outcome of one address.

    Cancelling it gives the address up, except once its effect has started: then the cancellation is kept back, and
    delivered in the place of the outcome.
    """

    __slots__ = ("address", "flow", "is_started", "kept_back", "request")

    def __init__(self, request: Request, address: Address, flow: Flow) -> None:
        super().__init__(loop=flow.loop)
        self.request = request
        self.address = address
        self.flow = flow
        self.is_started = False
        self.kept_back: tuple[Any] | None = None

    def cancel(self, msg: Any = None) -> bool:
        if self.is_started and not self.done():
            self.kept_back = (msg,)
            return True
        if not super().cancel(msg):
            return False
        self.flow.abandon(self.address)
        return True

    def deliver(self, outcome: Outcome) -> None:
        if self.done():
            return
        if self.kept_back is not None:
            super().cancel(*self.kept_back)
            return
        try:
            value = self.request.receive(outcome)
        except Mismatch:
            raise
        except StopIteration as error:
            self.set_exception(RuntimeError(f"the outcome of {outcome.name} raised {error!r}"))
        except (Exception, asyncio.CancelledError) as error:
            self.set_exception(error)
        else:
            self.set_result(value)


class SignalFuture(FlowFuture):
    """Waits for the next signal of a mailbox; cancelling it leaves the mailbox as it was."""

    __slots__ = ("flow", "name")

    def __init__(self, name: str, flow: Flow) -> None:
        super().__init__(loop=flow.loop)
        self.name = name
        self.flow = flow

    def cancel(self, msg: Any = None) -> bool:
        if not super().cancel(msg):
            return False
        self.flow.mailboxes.leave(self)
        return True
