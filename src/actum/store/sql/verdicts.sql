-- name: give
-- Adds a verdict to a completed workflow's, unless the same person has just said the same. Called by the client for `actum verdict`.
-- Two at once meet in the number: the second finds it taken, writes nothing, and is tried again.
with judged as (
    select w.status, v.number, v.verdict, v.by, v.actor, v.why
      from actum.workflows w
      left join lateral (
               select p.*
                 from actum.verdicts p
                where p.workflow_id = w.id
                order by p.number desc
                limit 1
           ) v on true
     where w.id = :workflow_id::uuid
),
given as (
    insert into actum.verdicts (workflow_id, number, verdict, by, actor, why, given_at)
    select :workflow_id::uuid, coalesce(j.number, 0) + 1, :verdict::text, :by::text, :actor::text, :why::text,
           coalesce(:now::timestamptz, now())
      from judged j
     where j.status = 'completed'
       and (j.verdict, j.by, j.actor, j.why) is distinct from (:verdict::text, :by::text, :actor::text, :why::text)
        on conflict do nothing
    returning number
)
select j.status,
       case
           when j.status <> 'completed' then 'not_completed'
           when exists (select from given) then 'given'
           when (j.verdict, j.by, j.actor, j.why) = (:verdict::text, :by::text, :actor::text, :why::text) then 'repeated'
           else 'again'
       end as answer
  from judged j;

-- name: list_of
-- The verdicts on one workflow's output, in order. Called by the client for `actum show` and by those who judge.
select v.number, v.verdict, v.by, v.actor, v.why, v.given_at
  from actum.verdicts v
 where v.workflow_id = :workflow_id::uuid
 order by v.number;
