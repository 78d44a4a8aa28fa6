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

-- name: list_due
-- The outputs of samples that wait for a word, those that have waited longest first. Called by the client for `actum verdict --due`.
select o.workflow_id, o.contract, o.team, o.finished_at, o.due_at
  from actum.sampled_outputs o
 where o.word is null
   and o.workflow_id >= actum.week_bound(coalesce(:now::timestamptz, now()) - :horizon::interval)
   and (:contract::text is null or o.contract = :contract::text)
   and (:team::text is null or o.team = :team::text)
 order by o.due_at, o.workflow_id
 limit :count::int;

-- name: count_sample
-- How many outputs of contracts' samples completed between two instants, judged and overdue. Called by the client for readiness and quality.
select count(*)::int as sampled, count(o.word)::int as judged,
       count(*) filter (where o.word is null and o.due_at <= coalesce(:now::timestamptz, now()))::int as overdue
  from actum.sampled_outputs o
 where o.finished_at >= :since::timestamptz
   and (:until::timestamptz is null or o.finished_at < :until::timestamptz)
   and (:workflows::uuid[] is null or o.workflow_id = any(:workflows::uuid[]))
   and o.workflow_id >= actum.week_bound(coalesce(:now::timestamptz, now()) - :horizon::interval)
   and (:contract::text is null or o.contract = :contract::text)
   and (:team::text is null or o.team = :team::text);

-- name: tell_overdue
-- Keeps that outputs wait for a word longer than they may: one thing to tell for each contract and day. Called by the Watcher.
insert into actum.notifications (key, kind, about, recipients, subject, body, link, created_at, due_at)
select format('verdicts/%s/%s', o.contract, to_char(t.now at time zone 'UTC', 'YYYY-MM-DD')), 'verdicts', null,
       array[coalesce('team:' || (array_agg(o.team order by o.due_at desc))[1], 'everybody')],
       format('%s: %s waited longer for a verdict than %s may', o.contract,
              case count(*) when 1 then '1 output has' else count(*) || ' outputs have' end,
              case count(*) when 1 then 'it' else 'they' end),
       format('The oldest completed on %s; actum verdict --due --contract %s',
              to_char(min(o.finished_at) at time zone 'UTC', 'YYYY-MM-DD'), o.contract),
       null, t.now, t.now
  from actum.sampled_outputs o
 cross join (select coalesce(:now::timestamptz, now()) as now) t
 where o.word is null
   and o.due_at <= t.now
   and o.workflow_id >= actum.week_bound(t.now - :horizon::interval)
 group by o.contract, t.now
 order by o.contract
    on conflict do nothing
returning key;
