"""Hot statements keep their speed in every state the planner can be in: none, stale or fresh statistics, custom or
generic plans. Measured against each other in one run, so that the machine's own speed does not matter.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

from catalog import execute, fetch
from holding import Held, K, claim, errand

from actum.engine.log import Intent, Record
from actum.engine.recorder import Recorder
from actum.store.store import Store
from actum.testing.harness import Harness
from actum.testing.server import TestServer

WORKFLOWS, EVENTS_EACH, IN_A_FLUSH, ROUNDS = 4_000, 6, 60, 5
TIMES = 10
"""How much slower the slowest state may be than the fastest; a plan that scans a table is slower a hundred times."""

QUIET = """
do $$ declare t regclass; begin
    for t in select c.oid::regclass from pg_class c where c.relnamespace = 'actum'::regnamespace and c.relkind = 'r' loop
        execute format('alter table %s set (autovacuum_enabled = off)', t);
    end loop;
    for t in select c.oid::regclass from pg_class c join pg_am m on m.oid = c.relam
              where c.relnamespace = 'actum'::regnamespace and m.amname = 'brin' and c.relkind = 'i' loop
        execute format('alter index %s set (autosummarize = off)', t);  -- its housekeeping counts as reading the table
    end loop;
end $$;
alter table actum.events disable trigger all;
alter table actum.effects disable trigger all;
"""
FILL = """
insert into actum.events (workflow_id, seq, at, kind, contract, hash)
select w.id, s, now(), 'step.completed', w.contract, '\\x00'
  from actum.workflows w, generate_series(2, $1::int) s;
insert into actum.snapshots (workflow_id, seq, kind, body)
select w.id, s, 'output', '\\x00' from actum.workflows w, generate_series(2, $1::int) s;
insert into actum.effects (kind, key, origin, workflow_id, address, step, argument_hash, arguments, state, tier, started_at)
select 'open', w.id::text, w.id, w.id, '1', 'open', '\\x00', '\\x00', 'succeeded', 0, now() from actum.workflows w;
update actum.workflows set next_seq = $1::int + 1;
"""


SCANNED = """
select coalesce(parent.relname, child.relname) as name, sum(s.seq_tup_read)::int as scanned
  from pg_stat_user_tables s
  join pg_class child on child.oid = s.relid
  left join pg_inherits i on i.inhrelid = child.oid
  left join pg_class parent on parent.oid = i.inhparent
 where s.schemaname = 'actum' and coalesce(parent.relname, child.relname) in ('workflows', 'events', 'snapshots', 'effects')
 group by 1
 order by 1
"""


async def fill(dsn: str, statistics: str) -> None:
    await execute(dsn, QUIET)
    harness = await Harness.open(dsn)
    harness.audits = False
    try:
        if statistics == "stale":
            await harness.client.start_many([errand(str(number)) for number in range(3)])
            await execute(dsn, "analyze")
        for first in range(0, WORKFLOWS, 1000):
            await harness.client.start_many([errand(str(first + number)) for number in range(1000)])
    finally:
        await harness.close()
    for statement in FILL.split(";")[:-1]:
        await execute(dsn, statement.replace("$1", str(EVENTS_EACH)))
    if statistics == "fresh":
        await execute(dsn, "analyze")


class Bench:
    """One state: rounds of each hot statement, written by one recorder."""

    def __init__(self, store: Store) -> None:
        self.store, self.instance = store, uuid4()
        self.recorder = Recorder(store, self.instance)
        self.held: list[Held] = []

    async def claim(self) -> None:
        self.held = await claim(self.store, slots=IN_A_FLUSH, instance=self.instance)
        assert IN_A_FLUSH == len(self.held)

    async def read(self) -> None:
        records = await self.store.records.read([held.id for held in self.held])
        assert IN_A_FLUSH * EVENTS_EACH == len(records)

    async def append(self) -> None:
        await self._flush(nothing)

    async def append_with_intents(self) -> None:
        await self._flush(intent_of)

    async def _flush(self, intent: Callable[[Held], Intent | None]) -> None:
        for held in self.held:
            kind = K.STEP_COMPLETED if intent is nothing else K.EFFECT_STARTED
            record = Record(kind, 1, step="open", address="1", attempt=1, snapshot="output", body=b"1")
            record.intent = intent(held)
            held.log.pending.append(record)
            self.recorder.queue(held.log)
        await self.recorder.flush_once()
        assert {"written"} == {held.said.pop() for held in self.held}


def nothing(held: Held) -> None:
    return None


def intent_of(held: Held) -> Intent:
    key = f"{held.id}/{held.log.next_seq}"
    return Intent("first", "open", key, 1, held.id, "open", b"h", b"[]", 0, None, None, None)


async def measure(dsn: str, plan: str) -> dict[str, float]:
    """Return the least milliseconds of each hot statement."""
    setting = f"plan_cache_mode=force_{plan}_plan"
    store = await Store.open(f"{dsn}{'&' if '?' in dsn else '?'}{setting}", size=1)
    bench = Bench(store)
    try:
        async with store.pool.connection() as connection:
            assert f"force_{plan}_plan" == await connection.fetchval("show plan_cache_mode")
        deeds: dict[str, Callable[[], Awaitable[None]]] = {
            name: getattr(bench, name) for name in ("claim", "read", "append", "append_with_intents")
        }
        taken: dict[str, list[float]] = {name: [] for name in deeds}
        for _ in range(ROUNDS):
            for name, deed in deeds.items():
                begun = time.perf_counter()
                await deed()
                taken[name].append((time.perf_counter() - begun) * 1e3)
        return {name: min(times) for name, times in taken.items()}
    finally:
        await bench.recorder._disconnect()
        await store.close()


async def test_no_state_of_the_planner_makes_a_hot_statement_slow(actum_server: TestServer) -> None:
    measured: dict[str, dict[str, float]] = {}
    for statistics in ("none", "stale", "fresh"):
        dsn = await actum_server.create()
        try:
            await fill(dsn, statistics)
            analyzed = await fetch(
                dsn, "select reltuples from pg_class where oid = 'actum.workflows'::regclass"
            )
            assert {"none": -1, "stale": 3, "fresh": WORKFLOWS}[statistics] == analyzed[0]["reltuples"]
            for plan in ("custom", "generic"):
                before = await fetch(dsn, SCANNED)
                measured[f"{statistics}, {plan}"] = await measure(dsn, plan)
                assert before == await fetch(dsn, SCANNED), "a hot statement read a whole table"
        finally:
            await actum_server.drop(dsn)
    slow = {}
    for name in ("claim", "read", "append", "append_with_intents"):
        times = {state: found[name] for state, found in measured.items()}
        if max(times.values()) > TIMES * min(times.values()):
            slow[name] = {state: f"{milliseconds:.1f} ms" for state, milliseconds in times.items()}
    assert {} == slow
