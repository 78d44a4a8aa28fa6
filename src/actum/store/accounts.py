"""Statements over `accounts`, `members`, `tokens`, `delegations` and `break_glass`: who people are, and who stands in for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from actum.store.pool import Pool


@dataclass(slots=True)
class AccountRow:
    """One account and the groups it is in; disabled accounts decide nothing."""

    identity: str
    display_name: str
    roles: list[str]
    created_at: datetime
    created_by: str
    disabled_at: datetime | None
    disabled_by: str | None
    groups: list[str]


@dataclass(slots=True)
class TokenRow:
    """One API token, without its hash."""

    id: UUID
    identity: str
    label: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


@dataclass(slots=True)
class DelegationRow:
    """Between `since` and `until` the delegate's vote counts for the delegator."""

    id: UUID
    delegator: str
    delegate: str
    since: datetime
    until: datetime
    reason: str
    given_at: datetime
    given_by: str
    revoked_at: datetime | None
    revoked_by: str | None


@dataclass(slots=True)
class BrokenGlassRow:
    """One hour in which a person decided what they otherwise may not."""

    id: UUID
    actor: str
    role: str
    incident: str
    reason: str
    opened_at: datetime
    until: datetime
    ended_at: datetime | None


class Accounts:
    """The accounts of one database. Each method is the statement of its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, identity: str, *, display_name: str, roles: Sequence[str], by: str) -> bool:
        """Make an account; False when the person has one, compared without letter case."""
        rows = await self._pool.fetch(
            self._pool.statement("accounts", "add"),
            identity=identity,
            display_name=display_name,
            roles=list(roles),
            by=by,
            now=self._pool.now(),
        )
        return bool(rows)

    async def get(self, identity: str) -> AccountRow | None:
        """Return one account, disabled or not, or None."""
        rows = await self._pool.fetch(self._pool.statement("accounts", "get"), identity=identity)
        return AccountRow(**rows[0]) if rows else None

    async def list(self) -> list[AccountRow]:
        """Return every account, by identity."""
        rows = await self._pool.fetch(self._pool.statement("accounts", "list"))
        return [AccountRow(**row) for row in rows]

    async def give_roles(self, identity: str, roles: Sequence[str]) -> bool:
        """Set an account's roles; False when there is none, or it is the last admin and would not stay one."""
        rows = await self._pool.fetch(
            self._pool.statement("accounts", "give_roles"), identity=identity, roles=[*roles]
        )
        return bool(rows)

    async def disable(self, identity: str, *, by: str) -> bool:
        """Disable an account; False when there is none, or no admin would be left."""
        rows = await self._pool.fetch(
            self._pool.statement("accounts", "disable"), identity=identity, by=by, now=self._pool.now()
        )
        return bool(rows)

    async def join_group(self, group: str, identity: str, *, by: str) -> bool:
        """Put an account into `group:NAME` or `team:NAME`; False when there is no such account."""
        rows = await self._pool.fetch(
            self._pool.statement("accounts", "join_group"),
            group_name=group,
            identity=identity,
            by=by,
            now=self._pool.now(),
        )
        return bool(rows)

    async def leave_group(self, group: str, identity: str, *, by: str) -> bool:
        """Take an account out of a group; False when it was not in it."""
        rows = await self._pool.fetch(
            self._pool.statement("accounts", "leave_group"),
            group_name=group,
            identity=identity,
            by=by,
            now=self._pool.now(),
        )
        return bool(rows)

    # tokens

    async def add_token(
        self,
        token_id: UUID,
        identity: str,
        *,
        label: str,
        token_hash: bytes,
        by: str,
        expires_at: datetime | None,
    ) -> bool:
        """Keep a token's hash; False when there is no such account, or it is disabled."""
        rows = await self._pool.fetch(
            self._pool.statement("accounts", "add_token"),
            id=token_id,
            identity=identity,
            label=label,
            hash=token_hash,
            by=by,
            expires_at=expires_at,
            now=self._pool.now(),
        )
        return bool(rows)

    async def use_token(self, token_hash: bytes) -> str | None:
        """Return whose token has this hash, noting that it was used; None unless it is good now."""
        rows = await self._pool.fetch(
            self._pool.statement("accounts", "use_token"), hash=token_hash, now=self._pool.now()
        )
        return rows[0]["identity"] if rows else None

    async def list_tokens(self, identity: str | None = None) -> Sequence[TokenRow]:
        """Return tokens, ended ones included, of one account or of all."""
        rows = await self._pool.fetch(self._pool.statement("accounts", "list_tokens"), identity=identity)
        return [TokenRow(**row) for row in rows]

    async def revoke_token(self, token_id: UUID, *, by: str) -> bool:
        """End a token; False when there is none."""
        rows = await self._pool.fetch(
            self._pool.statement("accounts", "revoke_token"), id=token_id, by=by, now=self._pool.now()
        )
        return bool(rows)

    # standing in

    async def delegate(
        self,
        delegation_id: UUID,
        *,
        delegator: str,
        delegate: str,
        since: datetime,
        until: datetime,
        reason: str,
        by: str,
    ) -> None:
        """Have `delegate` decide in the place of `delegator` between two instants."""
        await self._pool.fetch(
            self._pool.statement("accounts", "delegate"),
            id=delegation_id,
            delegator=delegator,
            delegate=delegate,
            since=since,
            until=until,
            reason=reason,
            by=by,
            now=self._pool.now(),
        )

    async def list_delegations(self) -> Sequence[DelegationRow]:
        """Return every delegation, newest first."""
        rows = await self._pool.fetch(self._pool.statement("accounts", "list_delegations"))
        return [DelegationRow(**row) for row in rows]

    async def end_delegation(self, delegation_id: UUID, *, by: str) -> bool:
        """End a delegation; False when there is none."""
        rows = await self._pool.fetch(
            self._pool.statement("accounts", "end_delegation"), id=delegation_id, by=by, now=self._pool.now()
        )
        return bool(rows)

    async def break_glass(
        self, glass_id: UUID, *, actor: str, role: str, incident: str, reason: str
    ) -> datetime:
        """Let a person decide for an hour what they otherwise may not; return until when."""
        rows = await self._pool.fetch(
            self._pool.statement("accounts", "break_glass"),
            id=glass_id,
            actor=actor,
            role=role,
            incident=incident,
            reason=reason,
            now=self._pool.now(),
        )
        until: datetime = rows[0]["until"]
        return until

    async def list_broken_glass(self) -> Sequence[BrokenGlassRow]:
        """Return every time somebody broke the glass, newest first."""
        rows = await self._pool.fetch(self._pool.statement("accounts", "list_broken_glass"))
        return [BrokenGlassRow(**row) for row in rows]

    async def mend_glass(self, glass_id: UUID) -> bool:
        """End a broken glass before its hour; False when there is none."""
        rows = await self._pool.fetch(
            self._pool.statement("accounts", "mend_glass"), id=glass_id, now=self._pool.now()
        )
        return bool(rows)
