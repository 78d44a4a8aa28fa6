"""Accounts, groups, tokens, delegations and the broken glass: who people are, and who made them so.

With the first account a database closes: from then on only those decide whom an approval names. So the first account
is an admin, and the last admin stays one. Accounts are disabled, never deleted: the logs go on naming them.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from actum.errors import InvalidInput, NotEntitled, NotFound, NotPossible
from actum.machine.approvals import identity, is_same
from actum.model.contract import Duration, parse_duration
from actum.model.ids import new_id, short
from actum.store.accounts import AccountRow, BrokenGlassRow, DelegationRow, TokenRow

if TYPE_CHECKING:
    from actum.client.client import Client

ROLES = ("viewer", "approver", "operator", "policy_owner", "admin")
GLASS_ROLES = ("operator", "policy_owner", "admin")
TOKEN_PREFIX = "actum_"  # noqa: S105  # what every token begins with, so that it is known where it leaks
TOKEN_BYTES = 32
LONGEST_NAME = 200


class Accounts:
    """The accounts of a client's database: `client.accounts`.

    Changed by admins; by anybody as long as there is no account; and by whoever connects with a database role (`db:…`),
    whose rights are the database's own. Others get NotEntitled, and nothing is changed.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._store = client.store.accounts

    async def add(
        self, name: str, *, display_name: str = "", roles: Sequence[str] = ("approver",)
    ) -> AccountRow:
        """Make an account for `user:NAME` or `service:NAME`; a bare name is a user's.

        Raises InvalidInput for what names nobody, an unknown role, or a first account that is no admin; NotPossible when
        the person has one, whatever the letter case.
        """
        who, wanted = _person(name), _checked_roles(roles)
        await self._require_admin()
        if "admin" not in wanted and not await self._store.list():
            raise InvalidInput(
                "the first account closes the database to everybody without one, so it has to be an admin: "
                "give it the role admin",
                path="roles",
            )
        if not await self._store.add(
            who, display_name=display_name.strip(), roles=wanted, by=self._client.actor
        ):
            raise NotPossible(f"{who} has an account already: `actum account list` shows it")
        return await self.get(who)

    async def get(self, name: str) -> AccountRow:
        """Return one account; raises NotFound."""
        found = await self._store.get(_person(name))
        if found is None:
            raise NotFound(
                f"there is no account {identity(name)}: `actum account list` shows those there are"
            )
        return found

    async def list(self) -> Sequence[AccountRow]:
        """Return every account, disabled ones included."""
        return await self._store.list()

    async def give_roles(self, name: str, roles: Sequence[str]) -> None:
        """Set an account's roles, all of them. Raises NotFound, and NotPossible for the last admin."""
        wanted = _checked_roles(roles)
        await self._require_admin()
        who = (await self.get(name)).identity
        if not await self._store.give_roles(who, wanted):
            raise NotPossible(f"{who} is the last admin: make another one first")

    async def disable(self, name: str) -> None:
        """Disable an account: its tokens end, and it decides nothing. Raises as `give_roles` does."""
        await self._require_admin()
        who = (await self.get(name)).identity
        if not await self._store.disable(who, by=self._client.actor):
            raise NotPossible(f"{who} is the last admin: make another one first")

    async def join_group(self, group: str, name: str) -> None:
        """Put an account into `group:NAME` or `team:NAME`; twice changes nothing. Raises NotFound."""
        wanted = _group(group)
        await self._require_admin()
        if not await self._store.join_group(wanted, (await self.get(name)).identity, by=self._client.actor):
            raise NotFound(f"there is no account {identity(name)}: `actum account add` makes one")

    async def leave_group(self, group: str, name: str) -> None:
        """Take an account out of a group; raises NotFound when it was not in it."""
        wanted = _group(group)
        await self._require_admin()
        if not await self._store.leave_group(wanted, _person(name), by=self._client.actor):
            raise NotFound(f"{identity(name)} is not in {wanted}: `actum account list` shows who is")

    # tokens

    async def make_token(
        self, name: str, *, label: str, expires: Duration | None = None
    ) -> tuple[str, TokenRow]:
        """Make an API token and return it with its row; it is shown this once, and only its hash is kept.

        For oneself, or by an admin for others. Raises NotFound, and NotPossible for a disabled account.
        """
        if not label.strip():
            raise InvalidInput("a token needs a label: say what it is for", path="label")
        who = (await self.get(name)).identity
        if not is_same(who, self._client.actor):
            await self._require_admin()
        lasts = None if expires is None else parse_duration(expires)
        now = await self._client.store.read_clock()
        until = None if lasts is None else now + lasts
        token_id, text = new_id(), TOKEN_PREFIX + _random_text()
        if not await self._store.add_token(
            token_id,
            who,
            label=label.strip(),
            token_hash=hash_token(text),
            by=self._client.actor,
            expires_at=until,
        ):
            raise NotPossible(f"{who} is disabled and gets no token")
        row = TokenRow(token_id, who, label.strip(), now, self._client.actor, until, None, None, None)
        return text, row

    async def check_token(self, text: str) -> AccountRow:
        """Return the account a token stands for, noting its use; raises NotEntitled unless it is good now."""
        who = await self._store.use_token(hash_token(text))
        if who is None:
            raise NotEntitled(
                "this token is not good: it is unknown, expired, revoked, or its account is disabled; "
                "`actum account token` makes a new one"
            )
        return await self.get(who)

    async def list_tokens(self, name: str | None = None) -> Sequence[TokenRow]:
        """Return tokens, ended ones included, without anything one could sign in with."""
        return await self._store.list_tokens(None if name is None else _person(name))

    async def revoke_token(self, token_id: UUID) -> None:
        """End a token at once; twice changes nothing. For one's own, or by an admin. Raises NotFound."""
        mine = {one.id for one in await self._store.list_tokens(self._client.actor)}
        if token_id not in mine:
            await self._require_admin()
        if not await self._store.revoke_token(token_id, by=self._client.actor):
            raise NotFound(f"there is no token {token_id}: `actum account list` shows those there are")

    # standing in

    async def delegate(
        self, delegate: str, *, since: datetime, until: datetime, reason: str, delegator: str = ""
    ) -> UUID:
        """Have `delegate` decide in the place of `delegator`, this actor unless an admin names another.

        The delegate's vote is the delegator's: together they have one each, and neither may have requested or written
        what is decided. Raises InvalidInput for a time that ends before it begins, or a reason that is missing.
        """
        whose, to = identity(delegator or self._client.actor), _person(delegate)
        if not is_same(whose, self._client.actor):
            await self._require_admin()
        if is_same(whose, to):
            raise InvalidInput(f"{to} cannot stand in for themselves: name somebody else", path="delegate")
        if until <= since or not reason.strip():
            raise InvalidInput("a delegation needs its reason, and has to end after it begins", path="until")
        delegation_id = new_id()
        await self._store.delegate(
            delegation_id,
            delegator=whose,
            delegate=to,
            since=since,
            until=until,
            reason=reason,
            by=self._client.actor,
        )
        return delegation_id

    async def list_delegations(self) -> Sequence[DelegationRow]:
        """Return who stands or stood in for whom, newest first."""
        return await self._store.list_delegations()

    async def end_delegation(self, delegation_id: UUID) -> None:
        """End a delegation at once, by one of the two or an admin; twice changes nothing. Raises NotFound."""
        row = next((one for one in await self._store.list_delegations() if one.id == delegation_id), None)
        if row is None:
            raise NotFound(f"there is no delegation {delegation_id}")
        if not any(is_same(self._client.actor, one) for one in (row.delegator, row.delegate)):
            await self._require_admin()
        await self._store.end_delegation(delegation_id, by=self._client.actor)

    async def break_glass(self, *, role: str, incident: str, reason: str) -> datetime:
        """Decide for an hour what this actor otherwise may not, but for their own work; return until when.

        Needs an account with one of the roles operator, policy_owner and admin, and names it, the incident and why: all
        of it is listed for ever. Raises NotEntitled and InvalidInput.
        """
        if not incident.strip() or not reason.strip():
            raise InvalidInput("breaking the glass needs its incident and its reason", path="reason")
        row = await self._store.get(self._client.actor)
        if row is None or row.disabled_at is not None or role not in row.roles or role not in GLASS_ROLES:
            raise NotEntitled(
                f"{self._client.actor} cannot break the glass as {role}: it takes an account with one of the roles "
                f"{', '.join(GLASS_ROLES)}"
            )
        return await self._store.break_glass(
            new_id(), actor=row.identity, role=role, incident=incident, reason=reason
        )

    async def list_broken_glass(self) -> Sequence[BrokenGlassRow]:
        """Return every time somebody broke the glass, newest first."""
        return await self._store.list_broken_glass()

    async def mend_glass(self, glass_id: UUID) -> None:
        """End a broken glass before its hour is over, by who broke it or an admin; twice changes nothing.

        Raises NotFound and NotEntitled.
        """
        row = next((one for one in await self._store.list_broken_glass() if one.id == glass_id), None)
        if row is not None and not is_same(self._client.actor, row.actor):
            await self._require_admin()
        if row is None or not await self._store.mend_glass(glass_id):
            raise NotFound(f"the glass {short(glass_id)} was never broken")

    async def require_role(self, roles: Sequence[str], what: str) -> None:
        """Raise NotEntitled unless this actor's account has one of `roles`; `what` is what it wants to do.

        Nothing is asked of a database role (`db:…`), nor of anybody as long as there is no account.
        """
        actor = self._client.actor
        if actor.startswith("db:") or not await self._store.list():
            return
        row = await self._store.get(actor)
        if row is None or row.disabled_at is not None or not set(roles) & set(row.roles):
            named = " or ".join(role.replace("_", " ") for role in roles)
            raise NotEntitled(f"{actor} is no {named} and cannot {what}: ask somebody who is")

    async def _require_admin(self) -> None:
        await self.require_role(("admin",), "change accounts")


def hash_token(text: str) -> bytes:
    """Return what is kept of a token: SHA-256 is enough, because a token is 32 random bytes and nothing to guess."""
    return sha256(text.strip().encode("utf-8", "surrogatepass")).digest()


def _random_text() -> str:
    return urlsafe_b64encode(secrets.token_bytes(TOKEN_BYTES)).rstrip(b"=").decode()


def _person(name: str) -> str:
    who = identity(name)
    kind, _, rest = who.partition(":")
    if kind not in ("user", "service") or not rest or len(who) > LONGEST_NAME or not who.isprintable():
        raise InvalidInput(
            f"{name!r} names no person: write user:NAME or service:NAME, {LONGEST_NAME} printable characters at most",
            path="identity",
        )
    return who


def _group(name: str) -> str:
    group = identity(name)
    kind, _, rest = group.partition(":")
    if kind not in ("group", "team") or not rest or not group.isprintable():
        raise InvalidInput(f"{name!r} names no group: write group:NAME or team:NAME", path="group")
    return group


def _checked_roles(roles: Sequence[str]) -> list[str]:
    unknown = [one for one in roles if one not in ROLES]
    if unknown or not roles or isinstance(roles, str):
        named = repr(unknown[0]) if unknown else "nothing"
        raise InvalidInput(f"{named} is no role: those are {', '.join(ROLES)}", path="roles")
    return sorted(set(roles), key=ROLES.index)
