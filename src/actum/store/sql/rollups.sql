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

-- name: summarize
-- Has the newest events found by their blocks. Called by a refresh, second.
select actum.summarize_events();

-- name: place
-- From which transaction on nothing is added yet, the oldest still open, and the first not begun. Called by whoever reads or moves the rollup's place.
select s.watermark::text as first, pg_snapshot_xmin(pg_current_snapshot())::text as oldest,
       pg_snapshot_xmax(pg_current_snapshot())::text as last
  from actum.rollup_state s;

-- name: add
-- Adds the facts that were recorded between two transactions to their hours, to the totals and to the outcomes. Called by a refresh, third; returns how many hours changed.
with fresh as materialized (
    select m.*
      from actum.fresh_facts(:since::text::xid8, :until::text::xid8, :spread::text[], :bounds::bigint[]) m
     union all
    select s.*
      from actum.fresh_step_facts(:since::text::bigint, :until::text::bigint, :spread::text[], :bounds::bigint[]) s
),
hourly as (
    insert into actum.rollups (hour, measure, contract, team, outcome, reason, kind, model, bucket, count, us, money)
    select n.hour, n.measure, n.contract, n.team, n.outcome, n.reason, n.kind, n.model, n.bucket, sum(n.count), sum(n.us),
           sum(n.money)
      from fresh n
     where n.measure <> 'verdicts_given'
     group by 1, 2, 3, 4, 5, 6, 7, 8, 9
        on conflict (measure, hour, contract, team, outcome, reason, kind, model, bucket) do update
       set count = rollups.count + excluded.count,
           us = rollups.us + excluded.us,
           money = rollups.money + excluded.money
    returning 1
),
total as (
    insert into actum.rollup_totals
           (measure, contract, step, outcome, reason, tier, kind, model, bucket, count, us, money, first_at)
    select n.measure, n.contract, n.step, n.outcome, n.reason, n.tier, n.kind, n.model, n.bucket, sum(n.count), sum(n.us),
           sum(n.money), min(n.first_at)
      from fresh n
     where n.measure <> 'verdicts_given'
     group by 1, 2, 3, 4, 5, 6, 7, 8, 9
        on conflict (measure, contract, step, outcome, reason, tier, kind, model, bucket) do update
       set count = rollup_totals.count + excluded.count,
           us = rollup_totals.us + excluded.us,
           money = rollup_totals.money + excluded.money,
           first_at = least(rollup_totals.first_at, excluded.first_at)
    returning 1
),
outcome as (
    insert into actum.rollup_outcomes (hour, contract, objective, total, bad, last_bad_at)
    select n.hour, n.contract, case n.measure when 'endings' then 'completion' else 'usability' end, sum(n.count),
           coalesce(sum(n.count) filter (where n.outcome not in ('completed', 'usable')), 0),
           max(n.last_at) filter (where n.outcome not in ('completed', 'usable') and n.count > 0)
      from fresh n
     where n.measure = 'endings' and n.outcome <> 'cancelled'
        or n.measure = 'verdicts_given'
     group by 1, 2, 3
        on conflict (hour, contract, objective) do update
       set total = rollup_outcomes.total + excluded.total,
           bad = rollup_outcomes.bad + excluded.bad,
           last_bad_at = greatest(rollup_outcomes.last_bad_at, excluded.last_bad_at)
    returning 1
)
select count(*)::int as changed
  from hourly;

-- name: advance
-- Says up to where facts are added. Called by a refresh, last.
update actum.rollup_state s
   set watermark = :until::text::xid8,
       refreshed_at = coalesce(:now::timestamptz, now())
 where s.is_only;

-- name: totals
-- Everything that was ever added up, over all hours and teams. Called by the client for `/metrics`.
select t.measure, t.contract, t.step, t.outcome, t.reason, t.tier, t.kind, t.model, t.bucket, t.count, t.us, t.money, t.first_at
  from actum.rollup_totals t
 order by t.measure, t.contract, t.step, t.outcome, t.reason, t.tier, t.kind, t.model, t.bucket;

-- name: lag
-- How many facts lie between two transactions, and the age of the oldest in seconds. Called by `Rollups.lag` for `/metrics`.
select coalesce(sum(f.facts), 0)::bigint as facts,
       coalesce(
           extract(epoch from coalesce(:now::timestamptz, now())
                   - min(f.first_at) filter (where f.measure not in ('verdicts', 'verdicts_given', 'disagreements'))),
           0)::float8 as seconds
  from (
           select m.measure, m.facts, m.first_at
             from actum.fresh_facts(:first::text::xid8, :last::text::xid8, '{}', '{}') m
            union all
           select s.measure, s.facts, s.first_at
             from actum.fresh_step_facts(:first::text::bigint, :last::text::bigint, '{}', '{}') s
       ) f;
