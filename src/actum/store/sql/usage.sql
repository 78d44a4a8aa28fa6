-- What attempts used, added up over the events that tell of it.

-- name: sum
-- Adds up what attempts reported since an instant, by contract, team, model or prompt. Called by the client for `actum usage`.
select case :by::text
           when 'contract' then e.contract
           when 'team' then e.team
           when 'model' then u.value ->> 'model'
           else u.value ->> 'prompt'
       end as name,
       count(distinct e.workflow_id)::bigint as workflows,
       count(distinct (e.workflow_id, e.seq))::bigint as attempts,
       coalesce(sum((u.value ->> 'model_calls')::bigint), 0)::bigint as model_calls,
       coalesce(sum((u.value ->> 'unpriced')::bigint), 0)::bigint as unpriced,
       coalesce(sum((u.value ->> 'input_tokens')::bigint), 0)::bigint as input_tokens,
       coalesce(sum((u.value ->> 'output_tokens')::bigint), 0)::bigint as output_tokens,
       coalesce(sum((u.value ->> 'tool_calls')::bigint), 0)::bigint as tool_calls,
       sum((u.value ->> 'cost')::numeric) as cost,
       array_remove(array_agg(distinct u.value ->> 'prices'), null) as prices
  from actum.events e,
       jsonb_array_elements(e.data::jsonb -> 'usage') u
 where e.at >= :since::timestamptz
   and e.at < :until::timestamptz
   and e.address is not null
   and e.data like '%"usage":[{%'
   and jsonb_typeof(e.data::jsonb -> 'usage') = 'array'
   and (:contract::text is null or e.contract = :contract::text)
   and (:team::text is null or e.team = :team::text)
 group by 1
 order by cost desc nulls last, model_calls desc, name nulls last;
