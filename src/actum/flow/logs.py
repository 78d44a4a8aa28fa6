"""Logging from bodies: once, live."""

from __future__ import annotations

import logging

from actum.flow.flow import current_flow


class ReplayFilter(logging.Filter):
    """Drops what a body logs while it is replayed or closed; it said so the first time, or must not have run.

    Put it on handlers: a filter on a logger does not see the records of its children.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is to be kept."""
        flow = current_flow()
        return flow is None or not (flow.is_replaying or flow.is_closing)
