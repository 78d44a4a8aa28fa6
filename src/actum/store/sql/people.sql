-- What deciding costs people. Each statement is one measure with the ids behind it, between two instants, of one contract,
-- team or list of workflows, or of all.
-- A prompt is a card in front of one person: an approval, a whole batch, or a question; after an escalation it is another one.
-- What a grant decided is no prompt.

-- name: prompts
-- How many prompts each person answered on each day (UTC), and which. Called by the client for `actum quality`.
select p.person, p.day, count(*)::int as count, array_agg(p.card order by p.card) as ids
  from (
           select lower(d.actor) as person, (d.decided_at at time zone 'UTC')::date as day,
                  coalesce(a.batch_id, a.id)::text as card, d.round
             from actum.decisions d
             join actum.approvals a on a.id = d.approval_id
            where d.decided_at >= :since::timestamptz
              and d.decided_at < :until::timestamptz
              and d.ruling in ('approved', 'rejected', 'voted')
              and d.rule not like 'grant:%'
              and (:contract::text is null or d.contract = :contract::text)
              and (:team::text is null or d.team = :team::text)
              and (:workflows::uuid[] is null or d.workflow_id = any(:workflows::uuid[]))
            union
           select lower(q.answered_by), (q.answered_at at time zone 'UTC')::date, q.workflow_id || ' ' || q.address, 1
             from actum.questions q
            where q.answered_at >= :since::timestamptz
              and q.answered_at < :until::timestamptz
              and (:contract::text is null or q.contract = :contract::text)
              and (:team::text is null or q.team = :team::text)
              and (:workflows::uuid[] is null or q.workflow_id = any(:workflows::uuid[]))
       ) p
 group by p.person, p.day
 order by p.day, p.person;

-- name: time_to_decide
-- How long approvals waited for their decision, in seconds, the slowest first. Called by the client for `actum quality`.
select count(*)::int as count,
       percentile_cont(0.5) within group (order by t.seconds) as median,
       percentile_cont(0.9) within group (order by t.seconds) as ninetieth,
       coalesce(sum(t.seconds), 0)::float8 as total,
       coalesce(array_agg(t.id order by t.seconds desc, t.id), '{}') as ids
  from (
           select a.id::text as id, date_part('epoch', a.ruled_at - a.asked_at)::float8 as seconds
             from actum.approvals a
            where a.ruled_at >= :since::timestamptz
              and a.ruled_at < :until::timestamptz
              and (:contract::text is null or a.contract = :contract::text)
              and (:team::text is null or a.team = :team::text)
              and (:workflows::uuid[] is null or a.workflow_id = any(:workflows::uuid[]))
              and not exists (
                      select from actum.decisions d where d.approval_id = a.id and d.rule like 'grant:%'
                  )
       ) t;

-- name: haste
-- How many prompts were answered faster than they can be read, of those whose reading was measured. Called by the client for `actum quality`.
select count(*)::int as count,
       count(t.seen_ms)::int as measured,
       (count(*) filter (where t.seen_ms < t.words * 60000.0 / :words_a_minute::int))::int as hasty,
       coalesce(
           array_agg(t.card order by t.card) filter (where t.seen_ms < t.words * 60000.0 / :words_a_minute::int), '{}'
       ) as ids
  from (
           select coalesce(a.batch_id, a.id)::text as card, max(d.seen_ms) as seen_ms,
                  max(substring(d.seen from '([0-9]{1,6}) words')::int) as words
             from actum.decisions d
             join actum.approvals a on a.id = d.approval_id
            where d.decided_at >= :since::timestamptz
              and d.decided_at < :until::timestamptz
              and d.ruling in ('approved', 'rejected', 'voted')
              and d.rule not like 'grant:%'
              and (:contract::text is null or d.contract = :contract::text)
              and (:team::text is null or d.team = :team::text)
              and (:workflows::uuid[] is null or d.workflow_id = any(:workflows::uuid[]))
            group by lower(d.actor), coalesce(a.batch_id, a.id), d.round
       ) t;

-- name: unopened
-- How many approvals with evidence were approved by somebody who is not known to have opened all of it. Called by the client for `actum quality`.
select count(*)::int as count,
       (count(*) filter (where t.is_unopened))::int as unopened,
       coalesce(array_agg(t.id order by t.id) filter (where t.is_unopened), '{}') as ids
  from (
           select a.id::text as id, bool_or(d.seen is null or d.seen like '%lines folded%') as is_unopened
             from actum.decisions d
             join actum.approvals a on a.id = d.approval_id
            where d.decided_at >= :since::timestamptz
              and d.decided_at < :until::timestamptz
              and d.round = a.round
              and d.ruling in ('approved', 'voted')
              and d.rule not like 'grant:%'
              and (:contract::text is null or d.contract = :contract::text)
              and (:team::text is null or d.team = :team::text)
              and (:workflows::uuid[] is null or d.workflow_id = any(:workflows::uuid[]))
              and (coalesce((a.preview::json -> 'diff')::text, '""') <> '""'
                   or coalesce((a.preview::json -> 'checks')::text, '[]') <> '[]')
            group by a.id
       ) t;

-- name: regret
-- How many approvals that were used were regretted: undone, or their workflow failed, was rolled back or gave an unusable output. Called by the client for `actum quality`.
select count(*)::int as count,
       (count(*) filter (where t.is_regretted))::int as regretted,
       coalesce(array_agg(t.id order by t.id) filter (where t.is_regretted), '{}') as ids
  from (
           select a.id::text as id,
                  w.status in ('failed', 'rolling_back', 'rolled_back')
                  or exists (
                         select from actum.effects e
                          where e.workflow_id = a.workflow_id
                            and e.approval_id = a.id
                            and (e.state in ('undoing', 'undone', 'undo_failed')
                                 or e.state = 'failed' and w.finished_at is not null)
                     )
                  or coalesce((
                         select v.verdict = 'unusable'
                           from actum.verdicts v
                          where v.workflow_id = a.workflow_id
                          order by v.by <> 'judge' desc, v.number desc
                          limit 1
                     ), false) as is_regretted
             from actum.approvals a
             join actum.workflows w on w.id = a.workflow_id
            where a.ruling = 'approved'
              and a.used_at is not null
              and a.ruled_at >= :since::timestamptz
              and a.ruled_at < :until::timestamptz
              and (:contract::text is null or a.contract = :contract::text)
              and (:team::text is null or a.team = :team::text)
              and (:workflows::uuid[] is null or a.workflow_id = any(:workflows::uuid[]))
       ) t;

-- name: rules
-- What became of the approvals that each rule asked for. Called by the client for `actum quality`.
select a.rule, count(*)::int as count, (count(*) filter (where a.ruling = 'approved'))::int as approved,
       array_agg(a.id::text order by a.id) as ids
  from actum.approvals a
 where a.ruled_at >= :since::timestamptz
   and a.ruled_at < :until::timestamptz
   and (:contract::text is null or a.contract = :contract::text)
   and (:team::text is null or a.team = :team::text)
   and (:workflows::uuid[] is null or a.workflow_id = any(:workflows::uuid[]))
   and not exists (select from actum.decisions d where d.approval_id = a.id and d.rule like 'grant:%')
 group by a.rule
 order by count(*) desc, a.rule;

-- name: touchless
-- How many workflows ended without anybody asked or intervening; the ids are those touched. Called by the client for `actum quality`.
with touched as (
    select a.workflow_id
      from actum.approvals a
     where not exists (select from actum.decisions d where d.approval_id = a.id and d.rule like 'grant:%')
     union
    select q.workflow_id
      from actum.questions q
     union
    select m.workflow_id
      from actum.messages m
     where m.kind in ('cancel', 'pause', 'resume', 'rollback', 'settle', 'retry', 'skip', 'edit')
       and actum.is_person(m.actor)
)
select count(*)::int as count,
       (count(*) filter (where t.workflow_id is null))::int as touchless,
       coalesce(array_agg(w.id::text order by w.id) filter (where t.workflow_id is not null), '{}') as ids
  from actum.workflows w
  left join touched t on t.workflow_id = w.id
 where w.finished_at >= :since::timestamptz
   and w.finished_at < :until::timestamptz
   and (:contract::text is null or w.contract = :contract::text)
   and (:team::text is null or w.team = :team::text)
   and (:workflows::uuid[] is null or w.id = any(:workflows::uuid[]));
