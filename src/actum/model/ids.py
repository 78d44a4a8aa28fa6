"""Workflow ids: UUID version 7, made by the client, known to people by their last eight digits."""

from __future__ import annotations

import secrets
import time
from uuid import UUID


def new_id(milliseconds: int | None = None) -> UUID:
    """Return a new UUIDv7 (RFC 9562, section 5.7) for `milliseconds` since the epoch, now when omitted."""
    instant = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    return UUID(
        int=(instant << 80) | (7 << 76) | (secrets.randbits(12) << 64) | (2 << 62) | secrets.randbits(62)
    )


def short(workflow_id: UUID) -> str:
    """Return the last eight digits, the name by which people know a workflow."""
    return workflow_id.hex[-8:]


def born_at(workflow_id: UUID) -> int:
    """Return the milliseconds since the epoch that a UUIDv7 carries."""
    return workflow_id.int >> 80
