-- The families of measures, over facts (see `schema.sql`), in a span of whole hours, of one contract, team or list of workflows, or of all.

-- name: tally
-- Adds up hours of the rollup by measure, outcome and reason. Called by `Quality.tally`, first.
select r.measure, nullif(r.outcome, '') as outcome, nullif(r.reason, '') as reason, sum(r.count)::bigint as count,
       sum(r.us)::bigint as us
  from actum.rollups r
 where r.measure = any(:measures::text[])
   and r.hour >= :since::timestamptz
   and r.hour < :until::timestamptz
   and (:contract::text is null or r.contract = :contract::text)
   and (:team::text is null or r.team = :team::text)
 group by r.measure, r.outcome, r.reason;

-- name: tally_rest
-- Adds up facts between two transactions by measure, outcome and reason. Called by `Quality.tally`, second, for what the rollup does not hold.
select f.measure, nullif(f.outcome, '') as outcome, nullif(f.reason, '') as reason, sum(f.count)::bigint as count,
       sum(f.us)::bigint as us
  from (
           select m.*
             from actum.fresh_facts(:first::text::xid8, :last::text::xid8, '{}', '{}') m
            union all
           select s.*
             from actum.fresh_step_facts(:first::text::bigint, :last::text::bigint, '{}', '{}') s
       ) f
 where f.measure = any(:measures::text[])
   and f.hour >= :since::timestamptz
   and f.hour < :until::timestamptz
   and (:contract::text is null or f.contract = :contract::text)
   and (:team::text is null or f.team = :team::text)
 group by f.measure, f.outcome, f.reason;

-- name: tally_of
-- Adds up the facts of some workflows by measure, outcome and reason. Called by `Quality.tally` where they are named.
select f.measure, f.outcome, f.reason, sum(f.count)::bigint as count, sum(f.us)::bigint as us
  from actum.facts f
 where f.measure = any(:measures::text[])
   and f.workflow_id = any(:workflows::uuid[])
   and f.at >= :since::timestamptz
   and f.at < :until::timestamptz
   and (:contract::text is null or f.contract = :contract::text)
   and (:team::text is null or f.team = :team::text)
 group by f.measure, f.outcome, f.reason;

-- name: behind
-- The events behind one measure, the longest first, then the newest. Called by the client for `actum quality --ids`.
select f.workflow_id, f.seq, f.at, f.step, f.outcome, f.reason, f.count, f.us
  from actum.facts f
 where f.measure = :measure::text
   and (f.part <> 'end' or :measure::text in ('timeouts_ended', 'recoveries', 'retries', 'retry_attempts'))
   and (f.part <> 'whole' or :measure::text in ('machine_times', 'human_times'))
   and (f.part <> 'block' or :measure::text in ('step_times', 'tokens', 'model_calls', 'tool_calls', 'unpriced_calls', 'costs'))
   and f.part <> 'word'
   and f.at >= :since::timestamptz
   and f.at < :until::timestamptz
   and (:contract::text is null or f.contract = :contract::text)
   and (:team::text is null or f.team = :team::text)
   and (:workflows::uuid[] is null or f.workflow_id = any(:workflows::uuid[]))
   and (:outcomes::text[] is null or f.outcome = any(:outcomes::text[]))
   and (:reasons::text[] is null or f.reason = any(:reasons::text[]))
 order by f.us desc, case when f.part = 'block' then f.count end desc nulls last, f.at desc, f.workflow_id, f.seq, f.count desc
 limit :count::int;

-- name: words
-- The outputs behind a measure of verdicts, as they are called now: a word that was taken back is not there. Called by the client for `actum quality --ids`.
select f.workflow_id, f.seq, f.at, f.step, f.outcome, f.reason, sum(f.count)::bigint as count, sum(f.us)::bigint as us
  from actum.facts f
 where f.part in ('word', 'one')
   and f.measure in ('verdicts', 'disagreements')
   and f.measure = :measure::text
   and f.at >= :since::timestamptz
   and f.at < :until::timestamptz
   and (:contract::text is null or f.contract = :contract::text)
   and (:team::text is null or f.team = :team::text)
   and (:workflows::uuid[] is null or f.workflow_id = any(:workflows::uuid[]))
   and (:outcomes::text[] is null or f.outcome = any(:outcomes::text[]))
   and (:reasons::text[] is null or f.reason = any(:reasons::text[]))
 group by f.workflow_id, f.seq, f.at, f.step, f.outcome, f.reason
having sum(f.count) > 0
 order by us desc, f.at desc, f.workflow_id
 limit :count::int;

-- name: unjudged
-- Completed workflows on whose output nobody has said a word. Called by the client for `actum quality --ids unjudged`.
select f.workflow_id, f.seq, f.at, f.step, f.outcome, f.reason, f.count, f.us
  from actum.facts f
 where f.measure = 'endings'
   and f.outcome = 'completed'
   and f.at >= :since::timestamptz
   and f.at < :until::timestamptz
   and (:contract::text is null or f.contract = :contract::text)
   and (:team::text is null or f.team = :team::text)
   and (:workflows::uuid[] is null or f.workflow_id = any(:workflows::uuid[]))
   and not exists (select from actum.verdicts v where v.workflow_id = f.workflow_id)
 order by f.at desc, f.workflow_id
 limit :count::int;

-- name: prompts
-- Outputs by prompt version: the tag `prompt` that a workflow was started with. Called by the client for `actum quality --by prompt`.
select w.tags ->> 'prompt' as prompt,
       coalesce(sum(f.count) filter (where f.measure = 'endings'), 0)::bigint as outputs,
       coalesce(sum(f.count) filter (where f.measure = 'verdicts' and f.outcome = 'usable'), 0)::bigint as usable,
       coalesce(sum(f.count) filter (where f.measure = 'verdicts' and f.outcome = 'unusable'), 0)::bigint as unusable,
       coalesce(sum(f.count) filter (where f.measure = 'failures'), 0)::bigint as caught
  from actum.facts f
  join actum.workflows w on w.id = f.workflow_id
 where (f.measure = 'verdicts'
        or f.measure = 'endings' and f.outcome = 'completed'
        or f.measure = 'failures' and f.reason = 'check.failed')
   and f.at >= :since::timestamptz
   and f.at < :until::timestamptz
   and (:contract::text is null or f.contract = :contract::text)
   and (:team::text is null or f.team = :team::text)
   and (:workflows::uuid[] is null or f.workflow_id = any(:workflows::uuid[]))
 group by w.tags ->> 'prompt'
 order by w.tags ->> 'prompt' nulls last;

-- name: newest_document
-- What a contract promises, as it was registered last. Called by the client for `actum readiness`.
select c.document
  from actum.contracts c
 where c.contract = :contract::text
 order by c.registered_at desc, c.shape desc
 limit 1;
