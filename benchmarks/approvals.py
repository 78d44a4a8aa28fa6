"""Approvals: how fast people's decisions are taken, one call each, by one reviewer and by several at once.

Each decision is a transaction of its own: locks, checks, a vote, a link of the decision chain, and word for the workflow.
Sizes: BENCH_APPROVALS, BENCH_REVIEWERS.
"""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

from actum.model.ids import new_id
from actum.store.store import Store
from arena import Arena, announce, number, open_arena, percentile, say

APPROVALS = number("APPROVALS", 1000)
REVIEWERS = number("REVIEWERS", 4)

FILL_WORKFLOWS = """
insert into actum.workflows (id, contract, shape_hash, document_hash, origin, requester, next_seq, chain_head)
select id, 'bench', 'x', 'x', id, 'user:author', 1, 'x' from unnest($1::uuid[]) as w(id)
"""
FILL_APPROVALS = """
insert into actum.approvals (id, workflow_id, address, step, kind, key, action_hash, arguments, preview, tier, rule,
                             contract, requester, approvers)
select id, workflow_id, '1', 'write', 'db.write', id::text, sha256(id::text::bytea), '{"rows":90}',
       '{"sentence":"Write 90 rows","target":"orders","facts":{"rows":90}}', 2, 'bench', 'bench', 'user:author',
       '{group:dba}'
  from unnest($1::uuid[], $2::uuid[]) as a(id, workflow_id)
"""


async def ask(arena: Arena) -> list[UUID]:
    """Make workflows that each ask once; return their approvals."""
    workflows = [new_id() for _ in range(APPROVALS)]
    approvals = [new_id() for _ in range(APPROVALS)]
    await arena.actum.execute(FILL_WORKFLOWS, workflows)
    await arena.actum.execute(FILL_APPROVALS, approvals, workflows)
    return approvals


async def review(store: Store, approvals: list[UUID], actor: str) -> list[float]:
    """Decide one after the other; return the milliseconds of each call."""
    spent = []
    while approvals:
        one = approvals.pop()
        began = time.perf_counter()
        answer = await store.approvals.decide(
            one, ruling="approved", actor=actor, rationale="it is right", seen_hash=None
        )
        spent.append((time.perf_counter() - began) * 1000)
        assert answer.answer == "decided", answer
    return spent


async def run(arena: Arena, reviewers: int) -> tuple[float, list[float]]:
    """Return decisions a second, and the milliseconds of each, with so many reviewers."""
    approvals = await ask(arena)
    store = await Store.open(arena.actum_url, size=reviewers)
    try:
        began = time.perf_counter()
        spent = await asyncio.gather(
            *(review(store, approvals, f"user:dba{number}") for number in range(reviewers))
        )
        return APPROVALS / (time.perf_counter() - began), [one for some in spent for one in some]
    finally:
        await store.close()


async def main() -> None:
    """Run both and announce."""
    result: dict[str, str | float] = {"workload": "approvals", "approvals": APPROVALS}
    async with open_arena() as arena:
        await arena.actum.execute(
            "insert into actum.accounts (identity, display_name, roles, created_by)"
            " select 'user:dba' || n, '', '{approver}', 'bench' from generate_series(0, 99) n"
        )
        await arena.actum.execute(
            "insert into actum.members (group_name, identity, added_by)"
            " select 'group:dba', identity, 'bench' from actum.accounts"
        )
        await run(arena, 1)  # plans and pages are warm
        for name, reviewers in (("one_by_one", 1), ("at_once", REVIEWERS)):
            rate, spent = await run(arena, reviewers)
            result[f"{name}_per_s"] = rate
            result[f"{name}_p50_ms"] = percentile(spent, 0.5)
            result[f"{name}_p99_ms"] = percentile(spent, 0.99)
            say(f"  {name} ({reviewers}): {rate:.0f} decisions/s, p50 {percentile(spent, 0.5):.2f} ms")
    announce(result)


if __name__ == "__main__":
    asyncio.run(main())
