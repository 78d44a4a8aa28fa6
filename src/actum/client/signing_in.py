"""Who a client is when it opens: a token's account, a name that nobody has to prove, or the database role.

A name proves nothing: whoever has the DSN can write any. So once a database has accounts, people and whoever has an
account act by a token alone, and without one as the database role, `db:ROLE`. The embedded server is a laptop's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actum.errors import NotEntitled
from actum.machine.approvals import identity, is_same

if TYPE_CHECKING:
    from actum.client.client import Client


async def find_actor(client: Client, named: str, token: str) -> str:
    """Return who a client acts as, noting the use of a token.

    Raises NotEntitled for a token that is not good now, for one of somebody else than was named, and for a name that
    has to sign in.
    """
    actor = identity(named) if named else ""
    if token:
        return await _sign_in(client, actor, token)
    if not actor:
        return f"db:{(await client.store.describe())['role']}"
    if not client.is_embedded and await _has_to_sign_in(client, actor):
        raise NotEntitled(
            f"{actor} has to sign in, because this database has accounts: give a token (`actum account token`) as "
            "ACTUM_TOKEN, or name no actor and act as the database role"
        )
    return actor


async def _sign_in(client: Client, actor: str, token: str) -> str:
    who = (await client.accounts.check_token(token)).identity
    if actor and not is_same(actor, who):
        raise NotEntitled(
            f"the token is one of {who} and cannot act as {actor}: leave the actor out, or the token"
        )
    return who


async def _has_to_sign_in(client: Client, actor: str) -> bool:
    if not actor.startswith("user:"):
        return await client.store.accounts.get(actor) is not None
    return bool(await client.store.accounts.list())
