-- name: take_turn
-- Takes the turn to look for what is wrong, unless somebody has within a while. Called by the Watcher before it looks.
-- A turn that was taken in the future is one of a clock that was set back since: nobody waits for it.
update actum.watch_turn t
   set taken_at = coalesce(:now::timestamptz, now())
 where t.taken_at <= coalesce(:now::timestamptz, now()) - :every::interval
    or t.taken_at > coalesce(:now::timestamptz, now()) + :every::interval
returning t.taken_at;

-- name: list_troubles
-- What is wrong now, by rule, contract, step and reason, without what was resolved since it came up. Called by the Watcher.
-- What an effect left behind is an event; everything else is how workflows and approvals stand. What stands comes up again
-- a while after its incident was resolved, when whatever mends it has had its time; an event does if its incident ended
-- before it was seen. What comes up again does so now, or the resolve would be held to be the later one.
with clock as (
    select coalesce(:now::timestamptz, now()) as now
),
promises as (
    select distinct on (c.contract) c.contract, c.document::jsonb -> 'slo' as slo
      from actum.contracts c
     order by c.contract, c.registered_at desc, c.shape desc
),
lengths as (
    select p.contract,
           make_interval(secs => coalesce((p.slo ->> 'progress')::float8, extract(epoch from :patience::interval))) as progress,
           make_interval(secs => coalesce((p.slo ->> 'decision')::float8, extract(epoch from :patience::interval))) as decision
      from promises p
),
served as (
    select distinct unnest(w.shapes) as shape
      from actum.workers w, clock
     where w.stopped_at is null
       and w.heartbeat_at + w.lease >= clock.now
),
failed as (
    select case when e.address like 'undo.%' then 'undo_failed' else 'retries_exhausted' end as rule, e.contract, e.team,
           e.step, e.reason, e.workflow_id, e.at,
           case when e.address like 'undo.%' and w.status = 'blocked' and w.cause = 'undo_failed'
                then not exists (select from actum.events l where l.workflow_id = e.workflow_id and l.seq > e.seq
                                    and l.kind = 'effect.failed' and l.address like 'undo.%')
                else false end as stands,
           w.finished_at is not null as has_ended
      from clock, actum.events e
      left join actum.workflows w on w.id = e.workflow_id
     where e.kind = 'effect.failed'
       and e.at > clock.now - :horizon::interval
     union all
    select 'retries_exhausted', e.contract, e.team, e.step, e.reason, e.workflow_id, e.at, false, w.finished_at is not null
      from clock, actum.events e
      left join actum.workflows w on w.id = e.workflow_id
     where e.kind = 'step.failed'
       and e.at > clock.now - :horizon::interval
       and e.outcome is null
       and exists (select from actum.effects f where f.workflow_id = e.workflow_id and f.address = e.address)
),
blocked as (
    select case
               when w.cause = 'in_doubt' then 'doubt'
               when w.cause = 'crash_loop' then 'crash_loop'
               when w.cause = 'mismatch' then 'unserved'
               else 'stuck'
           end as rule, w.contract, w.team,
           case when w.cause = 'in_doubt' then d.step else w.current_step end as step,
           case when w.cause = 'in_doubt' then d.reason when w.cause <> 'crash_loop' then w.cause end as reason,
           w.id, b.at
      from actum.workflows w
     cross join clock
      left join lengths l on l.contract = w.contract
     cross join lateral (
               select e.at
                 from actum.events e
                where e.workflow_id = w.id
                  and e.kind = 'workflow.blocked'
                order by e.seq desc
                limit 1
           ) b
      left join lateral (
               select e.step, e.reason
                 from actum.events e
                where e.workflow_id = w.id
                  and e.kind = 'effect.doubted'
                order by e.seq desc
                limit 1
           ) d on true
     where w.finished_at is null
       and w.status = 'blocked'
       and w.cause <> 'undo_failed'
       and (w.cause in ('in_doubt', 'crash_loop')
            or b.at <= clock.now - case when w.cause = 'mismatch' then :unserved::interval
                                        else coalesce(l.progress, :patience::interval) end)
),
waiting as (
    select case when s.shape is null then 'unserved' else 'stuck' end as rule, w.contract, w.team,
           case when s.shape is not null then w.current_step end as step, null as reason, w.id,
           case when s.shape is null then greatest(w.run_at, w.created_at) else w.updated_at end as at
      from actum.workflows w
     cross join clock
      left join lengths l on l.contract = w.contract
      left join served s on s.shape = w.shape_hash
     where w.finished_at is null
       and w.status in ('pending', 'running', 'waiting', 'rolling_back')
       and (w.instance is not null and w.updated_at <= clock.now - coalesce(l.progress, :patience::interval)
            or w.instance is null and w.run_at <= clock.now - case when s.shape is null then :unserved::interval
                                                                   else coalesce(l.progress, :patience::interval) end)
),
late as (
    select 'approval_late' as rule, a.contract, a.team, a.step, null as reason, a.workflow_id, a.asked_at as at
      from actum.approvals a
     cross join clock
      left join lengths l on l.contract = a.contract
     where a.ruling is null
       and a.closed is null
       and a.paused_at is null
       and a.asked_at <= clock.now - coalesce(l.decision, :patience::interval)
),
troubles(rule, contract, team, step, reason, workflow_id, at, stands, has_ended) as (
    select * from failed
     union all
    select b.*, true, false from blocked b
     union all
    select w.*, true, false from waiting w
     union all
    select l.*, true, false from late l
),
keyed as (
    select t.rule, t.contract, t.team, coalesce(t.step, '') as step, coalesce(t.reason, '') as reason, t.workflow_id, t.at,
           t.stands, t.has_ended
      from troubles t
),
resolved as (
    select i.rule, i.contract, i.step, i.reason, max(i.resolved_at) as at, max(i.last_at) as last_at
      from actum.incidents i
     where i.resolved_at is not null
     group by i.rule, i.contract, i.step, i.reason
),
affected as (
    select k.rule, k.contract, k.step, k.reason, k.workflow_id, (array_agg(k.team order by k.at desc))[1] as team,
           min(k.at) as first_at, max(k.at) as at, max(case when k.at <= r.at then clock.now else k.at end) as seen_at,
           bool_and(k.has_ended) as has_ended
      from keyed k
     cross join clock
      left join resolved r on (r.rule, r.contract, r.step, r.reason) = (k.rule, k.contract, k.step, k.reason)
     where r.at is null
        or k.at > r.at
        or k.stands and r.at <= clock.now - case when k.rule = 'unserved' then :unserved::interval else :respite::interval end
        or not k.stands and k.at > r.last_at
     group by k.rule, k.contract, k.step, k.reason, k.workflow_id
)
select a.rule, a.contract, a.step, a.reason, (array_agg(a.team order by a.at desc))[1] as team,
       count(*)::int as count, min(a.first_at) as first_at, max(a.seen_at) as last_at,
       (array_agg(a.workflow_id order by a.at desc, a.workflow_id))[1] as latest,
       (array_agg(a.workflow_id order by a.has_ended, a.first_at, a.workflow_id))[1:1000] as workflow_ids
  from affected a
 group by a.rule, a.contract, a.step, a.reason
 order by a.rule, a.contract, a.step, a.reason;

-- name: open
-- Opens an incident for each trouble, or notes in the open one of its key which workflows it affects. Called by the Watcher.
-- What stands affects those that it was found with now; of everything else it counts how often it has come up.
-- The owner is the one the affected workflow was started under; without a workflow the one registered last.
-- Whoever was told that it is over, which the machine had seen too early, is told that it is back.
with back as (
    select format('incident/%s/back/%s', i.id, (date_part('epoch', i.mitigated_at) * 1000)::bigint) as key, i.id, i.summary,
           i.mitigated_at, array(
               select distinct unnest(n.recipients) as name
                 from actum.notifications n
                where n.about = i.id
                  and n.kind = 'incident'
                order by name
           ) as recipients
      from unnest(:rules::text[], :contracts::text[], :steps::text[], :reasons::text[]) as u(rule, contract, step, reason)
      join actum.incidents i on (i.rule, i.contract, i.step, i.reason) = (u.rule, u.contract, u.step, u.reason)
     where i.resolved_at is null
       and i.mitigated_by like 'worker:%'
),
told as (
    insert into actum.notifications (key, kind, about, recipients, subject, body, link, created_at, due_at)
    select b.key, 'incident_back', b.id, b.recipients, 'It is back: ' || b.summary,
           format('it seemed to be over since %s UTC', to_char(b.mitigated_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')),
           'incidents/' || b.id, t.now, t.now
      from back b
     cross join (select coalesce(:now::timestamptz, now()) as now) t
     where b.recipients <> '{}'
        on conflict do nothing
)
insert into actum.incidents as i (id, rule, contract, step, reason, summary, team, contacts, runbook, quiet_hours, urgency,
                                  reduces_autonomy, opened_at, opened_by, machine_at, first_at, last_at, count, workflow_ids,
                                  seen_ids)
select u.id, u.rule, u.contract, u.step, u.reason, u.summary, coalesce(u.team, o.owner ->> 'team'),
       array(select jsonb_array_elements_text(coalesce(nullif(o.owner, 'null') -> 'escalation', '[]'))),
       o.owner ->> 'runbook', o.owner ->> 'quiet_hours', u.urgency, u.reduces, t.now, :actor::text, t.now, u.first_at, u.last_at,
       u.count, a.ids, a.ids[1:50]
  from unnest(:ids::uuid[], :rules::text[], :contracts::text[], :steps::text[], :reasons::text[], :summaries::text[],
              :teams::text[], :urgencies::text[], :reduces::bool[], :first_ats::timestamptz[], :last_ats::timestamptz[],
              :counts::int[], :latests::uuid[], :workflow_ids::text[])
       as u(id, rule, contract, step, reason, summary, team, urgency, reduces, first_at, last_at, count, latest, workflow_ids)
 cross join (select coalesce(:now::timestamptz, now()) as now) t
 cross join lateral (select coalesce(string_to_array(nullif(u.workflow_ids, ''), ' '), '{}')::uuid[] as ids) a
  left join actum.workflows w on w.id = u.latest
  left join lateral (
           select c.document::jsonb -> 'owner' as owner
             from actum.contracts c
            where c.contract = u.contract
            order by (c.document_hash = w.document_hash) is true desc, c.registered_at desc, c.shape desc
            limit 1
       ) o on true
 where not exists (
           select from actum.incidents p
            where (p.rule, p.contract, p.step, p.reason) = (u.rule, u.contract, u.step, u.reason)
              and p.resolved_at >= u.last_at
       )
 order by u.rule, u.contract, u.step, u.reason
    on conflict (rule, contract, step, reason) where resolved_at is null do update
   set count = case
                   when i.rule = 'writer_stopped' then i.count + 1
                   when i.rule = 'chain_broken' then i.count + excluded.count
                   when i.rule in ('doubt', 'stuck', 'approval_late', 'crash_loop', 'unserved')
                   then greatest(excluded.count, cardinality(actum.affected_by(i, excluded.workflow_ids)))
                   else greatest(i.count, excluded.count)
               end,
       last_at = greatest(i.last_at, excluded.last_at),
       workflow_ids = actum.affected_by(i, excluded.workflow_ids),
       seen_ids = array(
           select s.id
             from unnest(i.seen_ids || excluded.workflow_ids) with ordinality s(id, place)
            group by s.id
            order by min(s.place)
            limit 50
       ),
       reduces_autonomy = excluded.reduces_autonomy,
       urgency = case when excluded.urgency = 'now' then 'now' else i.urgency end,
       machine_at = coalesce(i.machine_at, excluded.machine_at),
       mitigated_at = case when i.mitigated_by like 'worker:%' then null else i.mitigated_at end,
       mitigated_by = case when i.mitigated_by like 'worker:%' then null else i.mitigated_by end
 where i.machine_at is null
    or i.mitigated_by like 'worker:%'
    or excluded.count > i.count
    or excluded.last_at > i.last_at
    or actum.affected_by(i, excluded.workflow_ids) <> i.workflow_ids
    or i.count > greatest(excluded.count, cardinality(i.workflow_ids))
       and i.rule in ('doubt', 'stuck', 'approval_late', 'crash_loop', 'unserved')
    or excluded.reduces_autonomy <> i.reduces_autonomy
    or excluded.urgency = 'now' and i.urgency <> 'now'
returning i.id, i.xmax = 0 as is_new;

-- name: report
-- Opens an incident that a person saw, or keeps in the open one of its key what was said, about which. Called by the client.
-- A new one is a detection miss unless the machine has opened another about this contract that is open. The same words of the
-- same person about the same workflows are kept once.
insert into actum.incidents as i (id, rule, contract, step, reason, summary, team, contacts, runbook, quiet_hours, urgency,
                                  opened_at, opened_by, is_missed, first_at, last_at, count, workflow_ids, named_ids,
                                  seen_ids)
select :id::uuid, :rule::text, :contract::text, :step::text, '', :summary::text, o.owner ->> 'team',
       array(select jsonb_array_elements_text(coalesce(nullif(o.owner, 'null') -> 'escalation', '[]'))), o.owner ->> 'runbook',
       o.owner ->> 'quiet_hours', :urgency::text, t.now, :actor::text,
       not exists (
           select from actum.incidents p
            where p.resolved_at is null
              and p.contract = :contract::text
              and p.machine_at is not null
       ), t.now, t.now, greatest(1, cardinality(:workflow_ids::uuid[])), (:workflow_ids::uuid[])[1:1000],
       (:workflow_ids::uuid[])[1:1000], (:workflow_ids::uuid[])[1:50]
  from (select coalesce(:now::timestamptz, now()) as now) t
  left join lateral (
           select c.document::jsonb -> 'owner' as owner
             from actum.contracts c
            where c.contract = :contract::text
            order by c.registered_at desc, c.shape desc
            limit 1
       ) o on true
    on conflict (rule, contract, step, reason) where resolved_at is null do update
   set reports = i.reports || jsonb_build_array(jsonb_build_object('at', excluded.opened_at, 'actor', excluded.opened_by,
                                                                   'summary', excluded.summary)),
       named_ids = array(
           select n.id
             from unnest(i.named_ids || excluded.named_ids) with ordinality n(id, place)
            group by n.id
            order by min(n.place)
            limit 1000
       ),
       workflow_ids = actum.affected_by(i, excluded.named_ids || i.workflow_ids),
       seen_ids = array(
           select n.id
             from unnest(i.seen_ids || excluded.named_ids) with ordinality n(id, place)
            group by n.id
            order by min(n.place)
            limit 50
       ),
       count = greatest(i.count, cardinality(actum.affected_by(i, excluded.named_ids || i.workflow_ids)))
 where not excluded.named_ids <@ i.named_ids
    or (excluded.summary, excluded.opened_by) <> (i.summary, i.opened_by)
       and not i.reports @> jsonb_build_array(jsonb_build_object('actor', excluded.opened_by, 'summary', excluded.summary))
returning i.id, i.xmax = 0 as is_new;

-- name: escalate
-- Notes that the next of an incident's contacts is told, and keeps what to tell them, once for each. Called by the Watcher.
with told as (
    update actum.incidents i
       set level = u.level,
           told_at = coalesce(:now::timestamptz, now())
      from unnest(:ids::uuid[], :levels::int[], :recipients::text[], :bodies::text[]) as u(id, level, recipient, body)
     where i.id = u.id
       and i.level = u.level - 1
       and i.acknowledged_at is null
       and i.mitigated_at is null
       and i.resolved_at is null
    returning i.id, u.level, u.recipient, i.summary, u.body, i.told_at
)
insert into actum.notifications (key, kind, about, recipients, subject, body, link, created_at, due_at)
select 'incident/' || t.id || '/' || t.level, 'incident', t.id, array[t.recipient], t.summary, t.body, 'incidents/' || t.id,
       t.told_at, t.told_at
  from told t
    on conflict do nothing
returning key;

-- name: end
-- Ends what the machine has seen go away: mitigated, or resolved where nobody had looked. Called by the Watcher.
-- Whoever was told of it is told, here and where people end one, in the same transaction.
-- What was opened after the look is left alone: that look could not know of it.
with ended as (
    update actum.incidents i
       set mitigated_at = coalesce(i.mitigated_at, :now::timestamptz, now()),
           mitigated_by = coalesce(i.mitigated_by, :actor::text),
           reduces_autonomy = false,
           resolved_at = case when u.is_over then coalesce(:now::timestamptz, now()) end,
           resolved_by = case when u.is_over then :actor::text end,
           cause = case when u.is_over then 'recovered' end
      from unnest(:ids::uuid[], :overs::bool[]) as u(id, is_over)
     where i.id = u.id
       and i.opened_at <= :looked_at::timestamptz
       and i.mitigated_at is null
       and i.resolved_at is null
       and (i.acknowledged_at is null or not u.is_over)
    returning i as incident
),
told as (
    insert into actum.notifications
    select n.*
      from ended e
     cross join lateral actum.notice_of_end(e.incident) n
     where n.key is not null
        on conflict do nothing
)
select (e.incident).id
  from ended e;

-- name: acknowledge
-- Somebody takes an incident on, which ends its escalation; twice changes nothing. Called by the client.
update actum.incidents i
   set acknowledged_at = coalesce(i.acknowledged_at, :now::timestamptz, now()),
       acknowledged_by = coalesce(i.acknowledged_by, :actor::text)
 where i.id = :id::uuid
   and i.resolved_at is null
returning i.id;

-- name: mitigate
-- The harm is over, the cause may not be known; twice changes nothing. Called by the client.
with ended as (
    update actum.incidents i
       set acknowledged_at = coalesce(i.acknowledged_at, :now::timestamptz, now()),
           acknowledged_by = coalesce(i.acknowledged_by, :actor::text),
           mitigated_at = coalesce(i.mitigated_at, :now::timestamptz, now()),
           mitigated_by = coalesce(i.mitigated_by, :actor::text),
           note = coalesce(:note::text, i.note)
     where i.id = :id::uuid
       and i.resolved_at is null
    returning i as incident
),
told as (
    insert into actum.notifications
    select n.*
      from ended e
     cross join lateral actum.notice_of_end(e.incident) n
     where n.key is not null
        on conflict do nothing
)
select (e.incident).id
  from ended e;

-- name: resolve
-- Ends an incident with its cause; nothing where it has ended. Called by the client.
with ended as (
    update actum.incidents i
       set acknowledged_at = coalesce(i.acknowledged_at, :now::timestamptz, now()),
           acknowledged_by = coalesce(i.acknowledged_by, :actor::text),
           mitigated_at = coalesce(i.mitigated_at, :now::timestamptz, now()),
           mitigated_by = coalesce(i.mitigated_by, :actor::text),
           resolved_at = coalesce(:now::timestamptz, now()),
           resolved_by = :actor::text,
           cause = :cause::text,
           note = coalesce(:note::text, i.note)
     where i.id = :id::uuid
       and i.resolved_at is null
    returning i as incident
),
told as (
    insert into actum.notifications
    select n.*
      from ended e
     cross join lateral actum.notice_of_end(e.incident) n
     where n.key is not null
        on conflict do nothing
)
select (e.incident).id
  from ended e;

-- name: list
-- Incidents, the open ones or all, newest first. Called by the client and the Watcher.
select i.id, i.rule, i.contract, i.step, i.reason, i.summary, i.team, i.contacts, i.runbook, i.quiet_hours, i.urgency,
       i.reduces_autonomy, i.opened_at, i.opened_by, i.machine_at, i.is_missed, i.first_at, i.last_at, i.count, i.workflow_ids,
       i.level, i.told_at, i.acknowledged_at, i.acknowledged_by, i.mitigated_at, i.mitigated_by, i.resolved_at, i.resolved_by,
       i.cause, i.note
  from actum.incidents i
 where (i.resolved_at is null or not :only_open::bool)
   and (:contract::text is null or i.contract = :contract::text)
   and (:team::text is null or i.team = :team::text)
   and (:since::timestamptz is null or i.opened_at >= :since::timestamptz)
 order by i.opened_at desc, i.id desc
 limit :count::int;

-- name: get
-- One incident. Called by the client.
select i.id, i.rule, i.contract, i.step, i.reason, i.summary, i.team, i.contacts, i.runbook, i.quiet_hours, i.urgency,
       i.reduces_autonomy, i.opened_at, i.opened_by, i.machine_at, i.is_missed, i.first_at, i.last_at, i.count, i.workflow_ids,
       i.level, i.told_at, i.acknowledged_at, i.acknowledged_by, i.mitigated_at, i.mitigated_by, i.resolved_at, i.resolved_by,
       i.cause, i.note
  from actum.incidents i
 where i.id = :id::uuid;

-- name: get_newest_like
-- The newest incident of another one's key of which somebody was told, else that one. Called by the Notifier.
select i.id, i.rule, i.contract, i.step, i.reason, i.summary, i.team, i.contacts, i.runbook, i.quiet_hours, i.urgency,
       i.reduces_autonomy, i.opened_at, i.opened_by, i.machine_at, i.is_missed, i.first_at, i.last_at, i.count, i.workflow_ids,
       i.level, i.told_at, i.acknowledged_at, i.acknowledged_by, i.mitigated_at, i.mitigated_by, i.resolved_at, i.resolved_by,
       i.cause, i.note
  from actum.incidents i
  join actum.incidents o on (o.rule, o.contract, o.step, o.reason) = (i.rule, i.contract, i.step, i.reason)
 where o.id = :id::uuid
   and (i.id = o.id or i.level > 0)
 order by i.opened_at desc, i.id desc
 limit 1;

-- name: list_alerting
-- The newest incident of each key of which somebody was told, if it is not over, or was over lately and no notice says so any more. Called by the Notifier.
select n.*
  from (
           select distinct on (i.rule, i.contract, i.step, i.reason)
                  i.id, i.rule, i.contract, i.step, i.reason, i.summary, i.team, i.contacts, i.runbook, i.quiet_hours, i.urgency,
                  i.reduces_autonomy, i.opened_at, i.opened_by, i.machine_at, i.is_missed, i.first_at, i.last_at, i.count, i.workflow_ids,
                  i.level, i.told_at, i.acknowledged_at, i.acknowledged_by, i.mitigated_at, i.mitigated_by, i.resolved_at, i.resolved_by,
                  i.cause, i.note
             from actum.incidents i
            where i.level > 0
            order by i.rule, i.contract, i.step, i.reason, i.opened_at desc, i.id desc
       ) n
 cross join (select coalesce(:now::timestamptz, now()) as now) t
 where coalesce(n.mitigated_at, n.resolved_at) is null
    or coalesce(n.mitigated_at, n.resolved_at) > t.now - :lately::interval
       and not exists (
               select from actum.notifications m
                where m.about = n.id
                  and m.kind = 'incident_end'
                  and m.created_at >= coalesce(n.mitigated_at, n.resolved_at)
                  and (m.state = 'sent' or m.state = 'unsent' and m.created_at > t.now - :no_older::interval)
           )
 order by n.opened_at desc, n.id desc;

-- name: find
-- Incidents whose id ends in these digits, newest first. Called by the command line.
select i.id
  from actum.incidents i
 where replace(i.id::text, '-', '') like '%' || :suffix::text
 order by i.id desc
 limit 10;

-- name: list_reduced
-- Contracts whose tier 0 is asked for while their budget is used up. Called by Policing at each refresh.
select distinct i.contract
  from actum.incidents i
 where i.resolved_at is null
   and i.mitigated_at is null
   and i.reduces_autonomy;

-- name: read_timeline
-- What happened about an incident, in order: its turns, what was told, what its workflows went through. Called by the client.
with found as (
    select i.*
      from actum.incidents i
     where i.id = :id::uuid
)
select t.at, t.what, t.actor, t.workflow_id, t.about
  from (
           select f.first_at as at, 'came up' as what, null::text as actor, null::uuid as workflow_id, f.summary as about
             from found f
            union all
           select f.opened_at, 'opened', f.opened_by, null, case when f.is_missed then 'by a person, before the machine saw it' end
             from found f
            union all
           select f.machine_at, 'seen by the machine', null, null, null
             from found f
            where f.machine_at <> f.opened_at
            union all
           select (r ->> 'at')::timestamptz, 'reported', r ->> 'actor', null, r ->> 'summary'
             from found f
            cross join lateral jsonb_array_elements(f.reports) r
            union all
           select f.acknowledged_at, 'acknowledged', f.acknowledged_by, null, null
             from found f
            union all
           select f.mitigated_at, 'mitigated', f.mitigated_by, null, null
             from found f
            union all
           select f.resolved_at, 'resolved', f.resolved_by, null, concat_ws(': ', f.cause, f.note)
             from found f
            union all
           select n.created_at, 'told', null, null, array_to_string(n.recipients, ', ') || ' (' || n.state || ')'
             from found f
             join actum.notifications n on n.about = f.id and n.kind = 'incident'
            union all
           select e.at, e.kind, e.actor, e.workflow_id, concat_ws(' ', e.step, e.address, e.reason)
             from found f
             join actum.events e on e.workflow_id = any(f.named_ids || f.seen_ids)
            where e.at >= f.first_at
              and e.at <= coalesce(f.resolved_at, 'infinity')
              and e.kind in ('attempt.failed', 'step.failed', 'effect.failed', 'effect.doubted', 'effect.settled', 'step.reopened',
                             'workflow.rescued', 'workflow.blocked', 'workflow.unblocked', 'workflow.paused', 'workflow.resumed',
                             'workflow.cancel_requested', 'workflow.rolling_back', 'workflow.rolled_back',
                             'workflow.completed', 'workflow.failed', 'workflow.cancelled', 'approval.decided')
            union all
           select v.at, 'asked to ' || v.verb, v.actor, v.workflow_id, v.reason
             from found f
             join actum.interventions v on v.workflow_id = any(f.named_ids || f.seen_ids)
            where v.at >= f.first_at
              and v.at <= coalesce(f.resolved_at, 'infinity')
       ) t
 where t.at is not null
 order by t.at, t.workflow_id nulls first, t.what
 limit :count::int;

-- name: digest
-- How each team's incidents went since an instant: how many, how fast, which the machine missed. Called by the client.
select coalesce(i.team, '') as team, count(*)::int as opened, count(*) filter (where i.resolved_at is null)::int as still_open,
       count(*) filter (where i.is_missed)::int as missed,
       percentile_cont(0.5) within group (order by extract(epoch from (i.acknowledged_at - i.opened_at))) as acknowledge_seconds,
       percentile_cont(0.5) within group (order by extract(epoch from (i.mitigated_at - i.opened_at))) as mitigate_seconds,
       (
           select json_object_agg(c.rule, c.count order by c.rule)::text
             from (
                      select p.rule, count(*) as count
                        from actum.incidents p
                       where p.opened_at >= :since::timestamptz
                         and coalesce(p.team, '') = coalesce(i.team, '')
                       group by p.rule
                  ) c
       ) as rules,
       (
           select json_object_agg(c.cause, c.count order by c.cause)::text
             from (
                      select p.cause, count(*) as count
                        from actum.incidents p
                       where p.opened_at >= :since::timestamptz
                         and coalesce(p.team, '') = coalesce(i.team, '')
                         and p.cause is not null
                       group by p.cause
                  ) c
       ) as causes
  from actum.incidents i
 where i.opened_at >= :since::timestamptz
 group by i.team
 order by i.team;

-- name: list_owners
-- The contracts as registered last, each with its owner and promises. Called by the client and the Watcher.
select distinct on (c.contract) c.contract, c.team, (c.document::jsonb -> 'owner')::text as owner,
       (c.document::jsonb -> 'slo')::text as slo, c.document::jsonb ->> 'about' as about
  from actum.contracts c
 order by c.contract, c.registered_at desc, c.shape desc;

-- name: count_outcomes
-- How many good and bad events each promise of these contracts has had in each window. Called by the Watcher and the client.
select c.contract, c.objective, c.length, c.total, c.bad, c.last_bad_at
  from actum.count_outcomes(:contracts::text[], :targets::interval[], :windows::interval[],
                            coalesce(:now::timestamptz, now()), :first::text::xid8, :last::text::xid8) c;

-- name: prune
-- Deletes some of the incidents that were resolved too long ago. Called by the Pruner.
select actum.prune_incidents(:kept::interval, :count::int, :now::timestamptz) as pruned;
