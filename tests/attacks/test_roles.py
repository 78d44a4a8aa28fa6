"""Attacks with a database role of its own: what may be called with which arguments, and by which clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from holding import hold
from people import asked, close_the_door, of

from actum.testing.harness import Harness


@asynccontextmanager
async def as_role(actum: Harness, role: str) -> AsyncIterator[Any]:
    """Connect as one who signed in with `role` and has no more rights than it."""
    connection = await asyncpg.connect(actum.dsn)
    try:
        await connection.execute(f"set session authorization {role}")
        yield connection
    finally:
        await connection.close()


async def use_as_worker(actum: Harness, grant_id: UUID, approval_id: UUID, a_now: str = "null") -> str:
    """Have a worker first claim a use of the grant for this approval, then use it; return the answer."""
    async with as_role(actum, "actum_worker") as worker:
        await worker.execute(
            "select actum.reserve($1, a.workflow_id, a.address, 1, a.id, '{}', 1000, '{}', null)"
            " from actum.approvals a where a.id = $2",
            grant_id,
            approval_id,
        )
        answer: str = await worker.fetchval(
            f"select answer from actum.use_grant($1, $2, 1, '{{}}', {a_now})",  # noqa: S608  # our own words
            grant_id,
            approval_id,
        )
        return answer


@pytest.mark.parametrize("flaw", ["revoked", "ended", "another kind", "its own requester's"])
async def test_a_use_that_a_worker_claims_first_opens_no_grant_that_does_not_hold(
    actum: Harness, flaw: str
) -> None:
    giver = actum.client if flaw == "its own requester's" else actum.reviewer
    kind = "other" if flaw == "another kind" else "open"
    grant_id = await giver.grants.give({"kind": kind}, uses=5, lasts="1h", reason="a busy hour")
    async with actum.store.pool.connection() as connection:
        if flaw == "ended":
            await connection.execute("update actum.grants set until = now() - interval '1 minute'")
    if flaw == "revoked":
        await giver.grants.revoke(grant_id)
    approval_id = await (await hold(actum)).ask()
    expected = {"another kind": "not_covered", "its own requester's": "self_approval"}.get(flaw, "ended")
    assert expected == await use_as_worker(actum, grant_id, approval_id)
    assert "pending" == (await actum.store.approvals.get(approval_id)).state  # type: ignore[union-attr]


async def test_a_worker_uses_no_grant_by_a_clock_of_its_own(actum: Harness) -> None:
    grant_id = await actum.reviewer.grants.give({"kind": "open"}, uses=5, lasts="1h", reason="a busy hour")
    async with actum.store.pool.connection() as connection:
        await connection.execute("update actum.grants set until = now() - interval '1 minute'")
    approval_id = await (await hold(actum)).ask()
    assert "ended" == await use_as_worker(actum, grant_id, approval_id, "now() - interval '1 hour'")


async def test_whoever_asks_anew_takes_from_a_grant_what_is_asked_now(actum: Harness) -> None:
    grant_id = await actum.reviewer.grants.give(
        {"kind": "open"}, uses=5, lasts="1h", reason="a few rows", max_sums={"rows": 100}
    )
    held = await hold(actum)
    first, second = await held.ask("door"), await held.ask("window")
    assert "granted" == await actum.store.grants.use(grant_id, first, amounts={"rows": 10})
    assert "spent" == await actum.store.grants.use(grant_id, second, amounts={"rows": 101})
    assert "granted" == await actum.store.grants.use(grant_id, second, amounts={"rows": 90})
    (use,) = await actum.reviewer.grants.list_uses(grant_id)
    assert (second, '{"rows": 90}', "reserved") == (use.approval_id, use.amounts, use.state)


async def test_a_limit_that_is_no_number_fits_nothing(actum: Harness) -> None:
    async with actum.store.pool.connection() as connection:
        for limit in ("null", '"NaN"', '"Infinity"'):
            fits = await connection.fetchval(
                "select actum.fits('{}', '{\"rows\": 1}', $1::text::jsonb)", f'{{"rows": {limit}}}'
            )
            assert fits is False, limit


async def test_neither_workers_nor_the_console_have_a_clock_of_their_own(actum: Harness) -> None:
    await close_the_door(actum)
    now = await actum.store.read_clock()
    approval_id = await asked(
        actum, of("dba", "group:dba"), expires_at=now, on_expiry="escalate", escalate_to=None
    )
    async with as_role(actum, "actum_console") as console:
        answer = await console.fetchval(
            "select answer from actum.decide_approval($1, 'approved', 'user:ana', 'fine', null,"
            " now() - interval '1 hour')",
            approval_id,
        )
    assert "expired" == answer
    other = await (await hold(actum)).ask("window", expires_at=now.replace(year=now.year + 1))
    async with as_role(actum, "actum_worker") as worker:
        found = await worker.fetch("select * from actum.expire_approvals(10, now() + interval '9 years')")
    assert other not in [row["approval_id"] for row in found]


async def test_an_approval_is_handed_over_to_one_person_and_to_no_group(actum: Harness) -> None:
    await close_the_door(actum)
    approval_id = await asked(actum, of("dba", "group:dba", quorum=2))
    async with as_role(actum, "actum_console") as console:
        for whom in ("group:interns", "team:x", " ", "user:", "GROUP:dba"):
            answer = await console.fetchval(
                "select answer from actum.hand_over_approval($1, 'user:ana', $2, 'x', null)",
                approval_id,
                whom,
            )
            assert "not_entitled" == answer, whom
