-- Facts added up by the hour, each once: those of transactions between the last watermark and the oldest one still open.
-- An older transaction that commits late holds the watermark back until then; a row's number or time would not.

-- name: hold
-- Keeps other refreshes away until the transaction ends. Called by a refresh, first.
with held as materialized (
    select s.is_only
      from actum.rollup_state s
       for update
)
select h.is_only
  from held h;

-- name: place
-- From which transaction on nothing is added yet, the oldest still open, and the first not begun. Called by whoever reads or moves the rollup's place.
select s.watermark::text as first, pg_snapshot_xmin(pg_current_snapshot())::text as oldest,
       pg_snapshot_xmax(pg_current_snapshot())::text as last
  from actum.rollup_state s;

-- name: add
-- Adds the facts that were recorded between two transactions to their hours. Called by a refresh, third; returns how many hours changed.
with added as (
    insert into actum.rollups (hour, measure, contract, team, step, outcome, reason, tier, count, us)
    select date_trunc('hour', f.at, 'UTC'), f.measure, f.contract, coalesce(f.team, ''), coalesce(f.step, ''),
           coalesce(f.outcome, ''), coalesce(f.reason, ''), coalesce(f.tier, -1), sum(f.count), sum(f.us)
      from actum.facts f
     where f.xid >= :since::text::xid8
       and f.xid < :until::text::xid8
     group by 1, 2, 3, 4, 5, 6, 7, 8
        on conflict (measure, hour, contract, team, step, outcome, reason, tier) do update
       set count = rollups.count + excluded.count,
           us = rollups.us + excluded.us
    returning 1
)
select count(*)::int as changed
  from added;

-- name: advance
-- Says up to where facts are added. Called by a refresh, last.
update actum.rollup_state s
   set watermark = :until::text::xid8,
       refreshed_at = coalesce(:now::timestamptz, now())
 where s.is_only;

-- name: totals
-- Everything that was ever added up, over all hours and teams. Called by the client for `/metrics`.
select r.measure, r.contract, r.step, r.outcome, r.reason, r.tier, sum(r.count)::bigint as count, sum(r.us)::bigint as us
  from actum.rollups r
 group by r.measure, r.contract, r.step, r.outcome, r.reason, r.tier
 order by r.measure, r.contract, r.step, r.outcome, r.reason, r.tier;

-- name: lag
-- How many facts lie between two transactions, and the age of the oldest in seconds. Called by `Rollups.lag` for `/metrics`.
select count(*)::bigint as facts,
       coalesce(
           extract(epoch from coalesce(:now::timestamptz, now())
                   - min(f.at) filter (where f.measure not in ('verdicts', 'disagreements'))), 0)::float8 as seconds
  from actum.facts f
 where f.xid >= :first::text::xid8
   and f.xid < :last::text::xid8;
