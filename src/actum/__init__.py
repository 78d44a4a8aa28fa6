"""Execution contracts for AI workflows, on Postgres.

Names are imported at first use, so that `import actum` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actum.authoring.approval import request_approval
    from actum.authoring.attempt import attempt
    from actum.authoring.call import Call
    from actum.authoring.clock import now, random, uuid4
    from actum.authoring.contract import contract
    from actum.authoring.effect import effect
    from actum.authoring.question import ask
    from actum.authoring.signals import Signal
    from actum.authoring.step import step
    from actum.authoring.usage import report_usage
    from actum.client import Client
    from actum.client.run import arun, run
    from actum.engine.worker import Worker
    from actum.errors import Fatal, NotApproved, NotDone, RollBack, StepFailed, WorkflowFailed
    from actum.model.budget import Budget, Spending
    from actum.model.contract import Owner, Retry, Timeout
    from actum.model.sample import Sample
    from actum.model.slo import Slo
    from actum.outcomes import (
        Approved,
        Expired,
        Happened,
        NotHappened,
        NotNeeded,
        Preview,
        Rejected,
        Unknown,
        Unusable,
        Usable,
    )

__all__ = [
    "Approved",
    "Budget",
    "Call",
    "Client",
    "Expired",
    "Fatal",
    "Happened",
    "NotApproved",
    "NotDone",
    "NotHappened",
    "NotNeeded",
    "Owner",
    "Preview",
    "Rejected",
    "Retry",
    "RollBack",
    "Sample",
    "Signal",
    "Slo",
    "Spending",
    "StepFailed",
    "Timeout",
    "Unknown",
    "Unusable",
    "Usable",
    "Worker",
    "WorkflowFailed",
    "arun",
    "ask",
    "attempt",
    "contract",
    "effect",
    "now",
    "random",
    "report_usage",
    "request_approval",
    "run",
    "step",
    "uuid4",
]

_HOMES = {
    "actum.authoring.approval": ("request_approval",),
    "actum.authoring.attempt": ("attempt",),
    "actum.authoring.call": ("Call",),
    "actum.authoring.clock": ("now", "random", "uuid4"),
    "actum.authoring.contract": ("contract",),
    "actum.authoring.effect": ("effect",),
    "actum.authoring.question": ("ask",),
    "actum.authoring.signals": ("Signal",),
    "actum.authoring.step": ("step",),
    "actum.authoring.usage": ("report_usage",),
    "actum.client": ("Client",),
    "actum.client.run": ("arun", "run"),
    "actum.engine.worker": ("Worker",),
    "actum.errors": ("Fatal", "NotApproved", "NotDone", "RollBack", "StepFailed", "WorkflowFailed"),
    "actum.model.budget": ("Budget", "Spending"),
    "actum.model.contract": ("Owner", "Retry", "Timeout"),
    "actum.model.sample": ("Sample",),
    "actum.model.slo": ("Slo",),
    "actum.outcomes": (
        "Approved",
        "Expired",
        "Happened",
        "NotHappened",
        "NotNeeded",
        "Preview",
        "Rejected",
        "Unknown",
        "Unusable",
        "Usable",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'actum' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
