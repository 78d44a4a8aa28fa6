"""When each policy was active: what `actum audit verify` holds against the policy that a log names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeAlias

import orjson

from actum.client import Client
from actum.machine.policy.again import LEEWAY
from actum.store.policies import PolicyRow

Span: TypeAlias = tuple[datetime, datetime]
ALWAYS = datetime(9999, 1, 1, tzinfo=UTC)


class PolicyTimes:
    """The times in which policies were active; read once, and again before anything is said against a log.

    Whoever ruled may not have known of another policy at once, and wrote it down later: a few minutes are let pass.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._times: dict[bytes, list[Span]] | None = None

    async def find_fault(self, policy_hash: bytes | None, at: datetime) -> str | None:
        """Return what is wrong if another policy than the one named was active at that instant, or one and none is named."""
        if self._is_so(policy_hash, at):
            return None
        self._times = {row.hash: active_times(row) for row in await self._client.policies.list()}
        if self._is_so(policy_hash, at):
            return None
        if policy_hash is not None:
            return f"was ruled by the policy {policy_hash.hex()[:12]}, which was not active then"
        return "was ruled by no policy, although one was active then"

    def _is_so(self, policy_hash: bytes | None, at: datetime) -> bool:
        if self._times is None:
            return False
        if policy_hash is not None:
            return any(
                since - LEEWAY <= at <= until + LEEWAY for since, until in self._times.get(policy_hash, ())
            )
        every = [one for times in self._times.values() for one in times]
        return not any(since + LEEWAY < at < until - LEEWAY for since, until in every)


def active_times(row: PolicyRow) -> list[Span]:
    """Return from when to when a policy was active, by its history."""
    times: list[Span] = []
    for entry in orjson.loads(row.history):
        at = datetime.fromtimestamp(float(entry["at"]), UTC)
        if entry["act"] == "activated":
            times.append((at, ALWAYS))
        elif entry["act"] == "retired" and times:
            times[-1] = times[-1][0], at
    return times
