"""Workflow time and randomness: the same in every replay, and nothing is recorded for them."""

from __future__ import annotations

from datetime import datetime
from random import Random
from uuid import UUID

from actum.authoring.call import running_flow


def now() -> datetime:
    """Return workflow time in UTC: the instant of the latest outcome delivered; it never goes back.

    Raises OutsideWorkflow in a step or in plain code.
    """
    flow = running_flow(
        "actum.now() was asked for outside a workflow's body: use datetime.now(UTC), in steps too"
    )
    return flow.now()


def uuid4() -> UUID:
    """Return the next UUID of this workflow's own sequence; raises OutsideWorkflow in a step or in plain code."""
    flow = running_flow(
        "actum.uuid4() was asked for outside a workflow's body: use uuid.uuid4(), in steps too"
    )
    return flow.uuid4()


def random() -> Random:
    """Return this workflow's own generator of random numbers; raises OutsideWorkflow in a step or in plain code."""
    flow = running_flow(
        "actum.random() was asked for outside a workflow's body: use the random module, in steps too"
    )
    return flow.random()
