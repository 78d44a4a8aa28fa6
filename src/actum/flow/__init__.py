"""The author's coroutine as a deterministic machine; see README.md."""

from actum.flow.addresses import Address
from actum.flow.flow import Flow, current_flow
from actum.flow.logs import ReplayFilter
from actum.flow.loop import FlowLoop
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
from actum.flow.refusals import Mismatch, OutsideWork
from actum.flow.requests import Command, Commands, Request, Timer
from actum.flow.waiting import install as _install

__all__ = [
    "Abandoned",
    "Address",
    "CancelRequested",
    "Cancelled",
    "Command",
    "Commands",
    "Delivery",
    "Ending",
    "Flow",
    "FlowLoop",
    "Mismatch",
    "Outcome",
    "OutsideWork",
    "Raised",
    "ReplayFilter",
    "Request",
    "Returned",
    "SignalReceived",
    "Started",
    "Timer",
    "Unheard",
    "current_flow",
]

_install()
