"""From a history to a body that stands where the last holder left it, with what it asks for now.

Pure: nothing is carried out. If the process dies here, nothing has changed.
"""

from __future__ import annotations

import logging
import sys
from typing import Any
from uuid import UUID

from actum.authoring.contract import Contract
from actum.engine.execution import as_data
from actum.engine.history import History, find_unasked
from actum.engine.reopening import replay
from actum.flow import Commands, Flow, Mismatch, ReplayFilter


def stand_up(contract: Contract[..., Any], workflow_id: UUID, history: History) -> tuple[Flow, Commands]:
    """Return the replayed body and what to carry out.

    Raises InvalidInput where the recorded input does not fit the contract any more, and Mismatch where code and record
    disagree; the body is put away then.
    """
    args, kwargs = contract.codec.decode_arguments(history.arguments)
    flow = Flow(
        lambda: contract.function(*args, **kwargs), started_at=history.started_at, seed=workflow_id.bytes
    )
    flow.contract = contract  # type: ignore[attr-defined]  # read by calls, to refuse what the contract lacks
    try:
        commands = replay(flow, history)
        unasked = find_unasked(history, flow)
        if unasked is not None:
            raise unasked
    except BaseException:
        flow.close()
        raise
    return flow, commands


def filter_replays() -> None:
    """Have no handler of the root logger say again what a body says while it is replayed; twice changes nothing."""
    for handler in logging.getLogger().handlers:
        if not any(isinstance(one, ReplayFilter) for one in handler.filters):
            handler.addFilter(ReplayFilter())


def describe_mismatch(mismatch: Mismatch, python: str | None) -> str:
    """Return the data of the block: both sides, and the Pythons that wrote the history and read it."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    return as_data(
        address=mismatch.address,
        recorded=mismatch.recorded,
        asked=mismatch.asked,
        python=python,
        python_here=here,
    )
