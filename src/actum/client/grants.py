"""Grants: standing approvals with limits and an end, shown with what they would have matched before they are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from actum.client.arguments import check_count, check_id, check_text
from actum.client.finding import one_of, read_digits
from actum.errors import InvalidInput, NotFound
from actum.machine.amounts import Amount, exact_amounts
from actum.machine.approvals import is_same
from actum.machine.grants import check_matcher, covers
from actum.model.contract import Duration, parse_duration
from actum.model.ids import new_id
from actum.store.grants import GrantRow, ReservationRow

if TYPE_CHECKING:
    from actum.client.client import Client

LOOK_BACK = timedelta(days=30)
LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class WouldMatch:
    """What a grant would have matched of what was asked in the last 30 days; `approvals` are the newest twenty."""

    asked: int
    matched: int
    approved: int
    rejected: int
    approvals: tuple[UUID, ...]


class Grants:
    """The grants of a client's database: `client.grants`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._store = client.store.grants

    async def preview(self, matcher: Mapping[str, Any]) -> WouldMatch:
        """Return what a grant of this matcher would have matched in the last 30 days. Raises InvalidInput; changes nothing."""
        check_matcher(matcher)
        since = await self._client.store.read_clock() - LOOK_BACK
        asked = await self._store.list_asked(
            since, kind=matcher.get("kind"), contract=matcher.get("contract")
        )
        matched = [row for row in asked if covers(matcher, _own(row, matcher), _facts(row["preview"]))]
        states = [row["state"] for row in matched]
        return WouldMatch(
            len(asked),
            len(matched),
            sum(state in ("approved", "used", "stale", "revoked") for state in states),
            states.count("rejected"),
            tuple(row["id"] for row in matched[-20:]),
        )

    async def give(
        self,
        matcher: Mapping[str, Any],
        *,
        uses: int,
        lasts: Duration,
        reason: str,
        max_sums: Mapping[str, Amount] | None = None,
    ) -> UUID:
        """Give a standing approval for what `matcher` covers, at most `uses` times and `max_sums` in all, and return it.

        It is used as a decision of this actor: only where they alone would have been enough to approve, never for what
        they requested. Sums are exact: a limit such as `Decimal("0.3")` or 0.3 is three tenths. Raises InvalidInput for a
        matcher or limit that cannot be meant.
        """
        check_matcher(matcher)
        length = parse_duration(lasts)
        sums = exact_amounts(max_sums or {})
        if (
            not 1 <= check_count(uses, "uses")
            or len(sums) < len(max_sums or {})
            or any(most < 0 or not name.strip() for name, most in sums.items())
        ):
            raise InvalidInput(
                "a grant has limits: at least one use, and sums that are neither negative nor endless",
                path="uses",
            )
        if not timedelta() < length <= LONGEST:
            raise InvalidInput(
                f"a grant ends after {LONGEST.days} days at the latest: name its end", path="lasts"
            )
        if not check_text(reason, "the reason").strip():
            raise InvalidInput("a grant needs its reason: say in a few words why", path="reason")
        grant_id = new_id()
        await self._store.give(
            grant_id,
            matcher=matcher,
            max_uses=uses,
            max_sums=sums,
            until=await self._client.store.read_clock() + length,
            by=self._client.actor,
            reason=reason,
        )
        return grant_id

    async def revoke(self, grant_id: UUID) -> None:
        """End a grant, by who gave it, an operator or an admin; what was approved by it stays.

        Twice changes nothing. Raises NotFound and NotEntitled.
        """
        check_id(grant_id, "a grant", "actum grant list")
        row = next((one for one in await self._store.list(only_active=False) if one.id == grant_id), None)
        if row is not None and not is_same(self._client.actor, row.given_by):
            await self._client.accounts.require_role(("operator", "admin"), "end what another gave")
        if row is None or not await self._store.revoke(grant_id, by=self._client.actor):
            raise NotFound(f"there is no grant {grant_id}: `actum grant list` shows those there are")

    async def find(self, digits: str) -> UUID:
        """Return the grant that ends in these digits, four at least; raises NotFound and InvalidInput."""
        found = await self._store.find(read_digits(digits, "grant", "actum grant list"))
        return one_of(found, digits, "grant", "actum grant list")

    async def list(self, *, only_active: bool = True) -> Sequence[GrantRow]:
        """Return grants with what was used of them, newest first."""
        return await self._store.list(only_active=only_active)

    async def list_uses(self, grant_id: UUID) -> Sequence[ReservationRow]:
        """Return the uses of a grant, oldest first."""
        return await self._store.list_reservations(grant_id)


def _own(row: Any, matcher: Mapping[str, Any]) -> dict[str, str | None]:
    """An approval does not say in which environment it was asked: the preview takes it as matching."""
    return {
        **{name: row[name] for name in ("kind", "contract", "team")},
        "environment": matcher.get("environment"),
    }


def _facts(preview: str | None) -> Mapping[str, Any]:
    facts = orjson.loads(preview).get("facts") if preview else None
    return facts if isinstance(facts, dict) else {}
