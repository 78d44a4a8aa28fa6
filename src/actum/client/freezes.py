"""The kill switch: freezing a scope, lifting it, and what had already begun."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from actum.client.arguments import check_id, check_texts
from actum.client.finding import one_of, read_digits
from actum.errors import InvalidInput, NotFound
from actum.model.ids import new_id
from actum.store.freezes import FreezeRow, InFlightRow

if TYPE_CHECKING:
    from actum.client.client import Client

SCOPES = ("everything", "contract", "kind", "environment")
MODES = ("deny", "force_tier_2", "hold_starts")
STARTED = ("everything", "contract")
"""The scopes that a start is known to be of."""
ROLES = ("operator", "policy_owner", "admin")
"""Who may throw the switch, once there are accounts."""


class Freezes:
    """The freezes of a client's database: `client.freezes`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._store = client.store.freezes

    async def freeze(
        self, scope: str, subject: str | None = None, *, mode: str = "deny", reason: str
    ) -> tuple[UUID, Sequence[InFlightRow]]:
        """Throw the switch; return the freeze and the effects of its scope that it no longer reaches.

        Modes: `deny` refuses every intent, `force_tier_2` asks a person for each, `hold_starts` starts no workflow. It
        holds for every intent whose statement begins after this returns, until `unfreeze`. Raises InvalidInput, and
        NotEntitled where there are accounts and this actor's is no operator, policy owner or admin.
        """
        if scope not in SCOPES or mode not in MODES:
            raise InvalidInput(
                f"{scope} / {mode} is no freeze: scopes are {', '.join(SCOPES)}, modes {', '.join(MODES)}"
            )
        if mode == "hold_starts" and scope not in STARTED:
            raise InvalidInput(
                f"starts are held for {' or '.join(STARTED)}: a workflow has no {scope} before it acts, so use deny",
                path="mode",
            )
        check_texts(subject=subject, reason=reason)
        if (scope == "everything") != (subject is None) or (subject is not None and not subject.strip()):
            raise InvalidInput(
                f"a freeze of {scope} takes {'no' if scope == 'everything' else 'the'} name of one"
            )
        if not reason.strip():
            raise InvalidInput("a freeze needs its reason: say in a few words why", path="reason")
        await self._client.accounts.require_role(ROLES, "freeze anything")
        freeze_id = new_id()
        await self._store.freeze(
            freeze_id, scope=scope, subject=subject, mode=mode, actor=self._client.actor, reason=reason
        )
        return freeze_id, await self._store.list_in_flight(scope, subject)

    async def find_oddity(self, scope: str, subject: str | None) -> str | None:
        """Return what a person should know who freezes this: that nothing of the name is known, or None.

        It is frozen all the same: what has the name may be deployed later.
        """
        if subject is None or scope not in ("contract", "kind"):
            return None
        known = await self._store.list_known(scope)
        if subject in known:
            return None
        nearby = difflib.get_close_matches(subject, known, n=1)
        hint = f": did you mean {nearby[0]!r}?" if nearby else ""
        return f"no {scope} {subject!r} is known here{hint}"

    async def unfreeze(self, freeze_id: UUID) -> None:
        """Lift a freeze; twice changes nothing. Raises NotFound, and NotEntitled as `freeze` does."""
        check_id(freeze_id, "a freeze", "actum freeze")
        await self._client.accounts.require_role(ROLES, "lift a freeze")
        if not await self._store.unfreeze(freeze_id, actor=self._client.actor):
            raise NotFound(f"there is no freeze {freeze_id}: `actum freeze` lists those that hold")
        self._client.hints.send("ready")

    async def find(self, digits: str) -> UUID:
        """Return the freeze that holds and ends in these digits, four at least; raises NotFound and InvalidInput."""
        found = await self._store.find(read_digits(digits, "freeze", "actum freeze"))
        return one_of(found, digits, "freeze", "actum freeze")

    async def list(self, *, only_active: bool = True) -> Sequence[FreezeRow]:
        """Return freezes, newest first."""
        return await self._store.list(only_active=only_active)

    async def list_in_flight(self, scope: str, subject: str | None = None) -> Sequence[InFlightRow]:
        """Return the effects of a scope that have begun and not ended."""
        return await self._store.list_in_flight(scope, subject)
