"""People with accounts, and approvals with requirements, for tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from holding import Held, hold

from actum.store.rows import DecidedRow
from actum.testing.harness import Harness

DBAS = ("user:ana", "user:bo", "user:cleo")


async def close_the_door(actum: Harness) -> None:
    """Make accounts: an admin, and three people of group:dba; from now on only those decide whom an approval names."""
    await actum.client.accounts.add("user:root", roles=["admin"])
    root = await actum.acting("user:root")
    for one in DBAS:
        await root.accounts.add(one)
        await root.accounts.join_group("group:dba", one)


async def asked(
    actum: Harness, *requirements: dict[str, Any], held: Held | None = None, key: str = "door", **columns: Any
) -> UUID:
    """Return an open approval of a held workflow; its row is changed as the engine would have written it."""
    approval_id = await (held or await hold(actum)).ask(key)
    values = {"requirements": orjson.dumps(requirements).decode() if requirements else None, **columns}
    async with actum.store.pool.connection() as connection:
        for name, value in values.items():
            kind = "::jsonb" if name in ("requirements", "escalate_to") else ""
            await connection.execute(
                f"update actum.approvals set {name} = $2{kind} where id = $1",  # noqa: S608  # our names
                approval_id,
                value,
            )
    return approval_id


def of(group: str, *by: str, quorum: int = 1, never: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a requirement as the engine writes it."""
    return {"group": group, "by": list(by), "quorum": quorum, "never": ["requester", *never]}


async def vote(
    actum: Harness, approval_id: UUID, actor: str, ruling: str = "approved", **options: Any
) -> DecidedRow:
    """Vote; return what the database said."""
    return await actum.store.approvals.decide(
        approval_id, ruling=ruling, actor=actor, rationale="because", **{"seen_hash": None, **options}
    )


async def says(
    actum: Harness, approval_id: UUID, actor: str, ruling: str = "approved", **options: Any
) -> str:
    """Vote; return the word of the answer."""
    return (await vote(actum, approval_id, actor, ruling, **options)).answer


async def stand_in(actum: Harness, delegator: str, delegate: str) -> UUID:
    """Have one person decide for another for an hour, from now on."""
    now = await actum.store.read_clock()
    client = await actum.acting(delegator)
    return await client.accounts.delegate(
        delegate, since=now - timedelta(seconds=1), until=now + timedelta(hours=1), reason="a week off"
    )
