"""The raw limit: what the database takes when nothing is computed.

The rows of a step (its workflow's row moved on, one event, one snapshot), made beforehand, a hundred to a statement,
over one connection, one statement after the other.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

SCHEMA = """
create schema if not exists raw;
drop table if exists raw.workflows, raw.events, raw.snapshots;
create table raw.workflows (
    id uuid primary key, status text, step text, next_seq int, head bytea, updated_at timestamptz
) with (fillfactor = 70);
create table raw.events (
    workflow_id uuid, seq int, at timestamptz, kind text, step text, address text, head bytea,
    primary key (workflow_id, seq)
);
create table raw.snapshots (
    workflow_id uuid, seq int, address text, body bytea, argument_hash bytea, primary key (workflow_id, seq)
);
"""
FLUSH = """
with rows as materialized (
    select *
      from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::bytea[], $6::bytea[])
           as r(id, seq, step, address, body, hash)
),
moved as (
    update raw.workflows w
       set next_seq = r.seq, step = r.step, head = r.hash, updated_at = now()
      from rows r
     where w.id = r.id and w.id = any($1::uuid[])
    returning w.id
),
logged as (
    insert into raw.events
    select r.id, r.seq, now(), 'step.completed', r.step, r.address, r.hash from rows r
),
kept as (
    insert into raw.snapshots select r.id, r.seq, r.address, r.body, r.hash from rows r
)
select count(*) from moved
"""


async def run(connection: Any, workflows: int, steps: int, in_flight: int) -> float:
    """Return the steps a second that the database takes."""
    await connection.execute(SCHEMA)
    ids = [uuid.uuid4() for _ in range(workflows)]
    await connection.execute(
        "insert into raw.workflows select unnest($1::uuid[]), 'running', null, 1, null, now()", ids
    )
    body, hashed = b"x" * 110, b"h" * 32
    flushes = []
    for first in range(0, workflows, in_flight):
        some = ids[first : first + in_flight]
        count = len(some)
        flushes += [
            (some, [seq] * count, ["compute"] * count, [str(seq)] * count, [body] * count, [hashed] * count)
            for seq in range(1, steps + 1)
        ]
    statement = await connection.prepare(FLUSH)
    began = time.perf_counter()
    for flush in flushes:
        await statement.fetchval(*flush)
    return workflows * steps / (time.perf_counter() - began)
