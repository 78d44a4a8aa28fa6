-- How long it took and what it cost, over facts, in a span, of one contract, team or list of workflows, or of all, by
-- contract or by the tag `prompt`. Each time is one that was measured, never one between two, so that it names a workflow.

-- name: completions
-- The middle and the ninety-fifth of a hundred completed workflows, machine's time and people's. Called by the client for `actum quality`.
select case :by::text when 'prompt' then w.tags ->> 'prompt' else f.contract end as name,
       count(*) filter (where f.measure = 'machine_times') as count,
       percentile_disc(0.5) within group (order by f.us) filter (where f.measure = 'machine_times') as median,
       percentile_disc(0.95) within group (order by f.us) filter (where f.measure = 'machine_times') as ninety_fifth,
       percentile_disc(0.5) within group (order by f.us) filter (where f.measure = 'human_times') as people_median,
       percentile_disc(0.95) within group (order by f.us) filter (where f.measure = 'human_times') as people_ninety_fifth
  from actum.facts f
  join actum.workflows w on w.id = f.workflow_id
 where f.part = 'whole'
   and f.measure in ('machine_times', 'human_times')
   and f.outcome = 'completed'
   and f.at >= :since::timestamptz
   and f.at < :until::timestamptz
   and (:contract::text is null or f.contract = :contract::text)
   and (:team::text is null or f.team = :team::text)
   and (:workflows::uuid[] is null or f.workflow_id = any(:workflows::uuid[]))
 group by 1
 order by 2 desc, 1 nulls last;

-- name: steps
-- The middle and the ninety-fifth of a hundred attempts that succeeded, by step, those that took most in all first. Called by the client for `actum quality`.
select case :by::text when 'prompt' then w.tags ->> 'prompt' else f.contract end as name,
       f.step,
       count(*) as count,
       sum(f.us)::bigint as us,
       percentile_disc(0.5) within group (order by f.us) as median,
       percentile_disc(0.95) within group (order by f.us) as ninety_fifth
  from actum.facts f
  join actum.workflows w on w.id = f.workflow_id
 where f.part = 'block'
   and f.measure = 'step_times'
   and f.at >= :since::timestamptz
   and f.at < :until::timestamptz
   and (:contract::text is null or f.contract = :contract::text)
   and (:team::text is null or f.team = :team::text)
   and (:workflows::uuid[] is null or f.workflow_id = any(:workflows::uuid[]))
 group by 1, f.step
 order by sum(f.us) desc, 1 nulls last, f.step;

-- name: usage
-- What attempts reported: tokens by kind, calls, and what they cost. Called by the client for `actum quality`.
select case :by::text when 'prompt' then w.tags ->> 'prompt' else f.contract end as name,
       coalesce(sum(f.count) filter (where f.measure = 'tokens' and f.kind = 'input'), 0)::bigint as input_tokens,
       coalesce(sum(f.count) filter (where f.measure = 'tokens' and f.kind = 'output'), 0)::bigint as output_tokens,
       coalesce(sum(f.count) filter (where f.measure = 'model_calls'), 0)::bigint as model_calls,
       coalesce(sum(f.count) filter (where f.measure = 'tool_calls'), 0)::bigint as tool_calls,
       coalesce(sum(f.count) filter (where f.measure = 'unpriced_calls'), 0)::bigint as unpriced,
       sum(f.money) filter (where f.measure = 'costs') as cost
  from actum.facts f
  join actum.workflows w on w.id = f.workflow_id
 where f.part = 'block'
   and f.measure in ('tokens', 'model_calls', 'tool_calls', 'unpriced_calls', 'costs')
   and f.at >= :since::timestamptz
   and f.at < :until::timestamptz
   and (:contract::text is null or f.contract = :contract::text)
   and (:team::text is null or f.team = :team::text)
   and (:workflows::uuid[] is null or f.workflow_id = any(:workflows::uuid[]))
 group by 1
 order by cost desc nulls last, input_tokens desc, name nulls last;
