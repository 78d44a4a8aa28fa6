-- name: enqueue
-- Keeps what people are to be told; a key that is there already stays as it is. Called by whoever has news.
insert into actum.notifications (key, kind, about, recipients, subject, body, link, created_at, due_at)
select :key::text, :kind::text, :about::uuid, :recipients::text[], :subject::text, :body::text, :link::text, t.now, t.now
  from (select coalesce(:now::timestamptz, now()) as now) t
    on conflict do nothing
returning key;

-- name: tell_approvals
-- Keeps that open approvals wait which stand alone, in no batch and under no grant. Called by the Attendant.
-- What is older than rows are kept would be told anew, so `no_older` is less than that.
insert into actum.notifications
select n.*
  from actum.approvals a
 cross join lateral actum.notice_about(a, 'approval', coalesce(:now::timestamptz, now())) n
 where a.ruling is null
   and a.closed is null
   and a.batch_id is null
   and a.asked_at > coalesce(:now::timestamptz, now()) - :no_older::interval
   and a.asked_at <= coalesce(:now::timestamptz, now()) - :alone_after::interval
   and not exists (select from actum.notifications o where o.key = 'approval/' || a.id)
 order by a.asked_at
 limit 500
    on conflict do nothing
returning key;

-- name: tell_batches
-- Keeps that closed batches wait, each once for all of its items, when they are sifted. Called by the Attendant.
insert into actum.notifications
select n.*
  from actum.batches b
 cross join lateral actum.notice_of_batch(b.id, coalesce(:now::timestamptz, now())) n
 where b.state <> 'decided'
   and b.sifted_at is not null
   and b.closed_at > coalesce(:now::timestamptz, now()) - :no_older::interval
   and n.key is not null
   and not exists (select from actum.notifications o where o.key = 'batch/' || b.id)
 order by b.closed_at
 limit 500
    on conflict do nothing
returning key;

-- name: tell_questions
-- Keeps that workflows ask people something. Called by the Attendant.
insert into actum.notifications (key, kind, about, recipients, subject, body, link, created_at, due_at)
select 'question/' || q.workflow_id || '/' || q.address, 'question', q.workflow_id,
       array_remove(array[q.addressee], null), 'A workflow asks: ' || q.question,
       format('Contract %s, workflow %s', q.contract, right(replace(q.workflow_id::text, '-', ''), 8)),
       'workflows/' || q.workflow_id, t.now, t.now
  from actum.questions q
 cross join (select coalesce(:now::timestamptz, now()) as now) t
 where q.answered_at is null
   and q.closed_at is null
   and q.asked_at > t.now - :no_older::interval
   and q.asked_at <= t.now - :unanswered_for::interval
   and not exists (
           select from actum.notifications o where o.key = 'question/' || q.workflow_id || '/' || q.address
       )
 order by q.asked_at
 limit 500
    on conflict do nothing
returning key;

-- name: drop_needless
-- Marks what nobody needs to hear any more, because it was decided before it left. Called by the Notifier.
update actum.notifications n
   set state = 'needless',
       ended_at = coalesce(:now::timestamptz, now())
 where n.state = 'unsent'
   and n.due_at > coalesce(:now::timestamptz, now()) - :no_older::interval
   and n.kind in ('approval', 'batch', 'reminder', 'escalation', 'handed_over', 'inquiry', 'question')
   and not exists (select from actum.approvals a where a.id = n.about and a.ruling is null and a.closed is null)
   and not exists (select from actum.approvals a where a.batch_id = n.about and a.ruling is null and a.closed is null)
   and not exists (
           select from actum.questions q
            where q.workflow_id = n.about
              and n.key = 'question/' || q.workflow_id || '/' || q.address
              and q.answered_at is null
              and q.closed_at is null
       )
returning n.key;

-- name: claim
-- Takes what is due and not too old to be news, for as long as sending may take. Called by the Notifier.
update actum.notifications n
   set attempts = n.attempts + 1,
       due_at = coalesce(:now::timestamptz, now()) + :patience::interval
 where n.key = any(array(
           select d.key
             from actum.notifications d
            where d.state = 'unsent'
              and d.due_at between coalesce(:now::timestamptz, now()) - :no_older::interval
                               and coalesce(:now::timestamptz, now())
              and d.created_at > coalesce(:now::timestamptz, now()) - :no_older::interval
              and (:kinds::text[] is null or d.kind = any(:kinds::text[]))
            order by d.due_at
            limit :count::int
              for update skip locked
       ))
returning n.key, n.kind, n.about, n.recipients, n.subject, n.body, n.link, n.created_at, n.state, n.due_at, n.attempts,
          n.channels, n.ended_at, n.error;

-- name: conclude
-- Writes what became of attempts to send: by which channels it left, and when to try again if at all. Called by the Notifier.
update actum.notifications n
   set state = r.state,
       channels = string_to_array(r.channels, ' '),
       error = r.error,
       due_at = coalesce(:now::timestamptz, now()) + coalesce(r.pause, interval '0'),
       ended_at = case when r.state <> 'unsent' then coalesce(:now::timestamptz, now()) end
  from unnest(:keys::text[], :states::text[], :channels::text[], :errors::text[], :pauses::interval[])
       as r(key, state, channels, error, pause)
 where n.key = r.key
   and n.state = 'unsent'
returning n.key;

-- name: prune
-- Deletes what is older than an instant allows, sent or not. Called by the Notifier.
-- Who was told of an incident is kept until it is over: then they are told that.
delete from actum.notifications n
 where n.created_at < coalesce(:now::timestamptz, now()) - :older::interval
   and not (n.kind = 'incident'
            and exists (
                    select from actum.incidents i
                     where i.id = n.about and i.mitigated_at is null and i.resolved_at is null
                ))
returning n.key;

-- name: list
-- What was to be told and what became of it, newest first. Called by the command line and tests.
select n.key, n.kind, n.about, n.recipients, n.subject, n.body, n.link, n.created_at, n.state, n.due_at, n.attempts,
       n.channels, n.ended_at, n.error
  from actum.notifications n
 where :state::text is null
    or n.state = :state::text
 order by n.created_at desc, n.key
 limit :count::int;

-- name: read_standing
-- How much waits unattended, failed so far, or was given up, and the newest reason. Called by doctor.
select count(*) filter (where n.state = 'unsent' and n.attempts = 0
                          and n.created_at < coalesce(:now::timestamptz, now()) - :late::interval)::int as unattended,
       count(*) filter (where n.state = 'unsent' and n.error is not null)::int as failing,
       count(*) filter (where n.state = 'abandoned')::int as abandoned,
       (array_agg(n.error order by n.created_at desc) filter (where n.error is not null and n.state <> 'sent'))[1] as error
  from actum.notifications n;
