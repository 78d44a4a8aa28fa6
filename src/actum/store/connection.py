"""The driver's connection, without two habits that cost us more than our statements do.

It asks every new connection about the types of arrays, which are the same in every database of a major version; and
it cleans a connection up after every use, although no statement of ours leaves anything behind (a test of the house
sees to that). Where a version of the driver no longer asks in this way, nothing here is called.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import asyncpg

FIRST_OWN_TYPE = 16384
"""The types below are the server's own: their numbers never change within a major version."""

_KNOWN: dict[tuple[int, frozenset[int]], Any] = {}


class Connection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection for statements of ours."""

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> tuple[Any, Any]:
        asked = frozenset(typeoids)
        key = (self.get_server_version().major, asked)
        if key in _KNOWN:
            return _KNOWN[key], SimpleNamespace(name="known")  # named: the driver need not prepare anew
        types, statement = await super()._introspect_types(asked, timeout)
        if max(asked) < FIRST_OWN_TYPE:
            _KNOWN[key] = types
        return types, statement

    def get_reset_query(self) -> str:
        """Return what is sent when a connection goes back to its pool: nothing."""
        return ""
