-- name: send
-- Leaves one message for a workflow and wakes it, if it has not ended. Called by client and command line.
with woken as (
    update actum.workflows w
       set wake = w.wake + 1,
           run_at = least(w.run_at, coalesce(:now::timestamptz, now()))
     where w.id = :workflow_id::uuid
       and w.finished_at is null
    returning w.id
)
insert into actum.messages (workflow_id, kind, name, address, outcome, body, actor, reason, sent_at)
select id, :kind::text, :name::text, :address::text, :outcome::text, :body::bytea, :actor::text, :reason::text,
       coalesce(:now::timestamptz, now())
  from woken
returning id;

-- name: read_open
-- What outsiders left and nobody received, oldest first. Called by the runner before it parks, and after a claim.
select m.id, m.workflow_id, m.kind, m.name, m.address, m.outcome, m.body, m.actor, m.reason, m.sent_at
  from actum.messages m
 where m.workflow_id = any(:ids::uuid[])
   and not m.received
 order by m.workflow_id, m.sent_at, m.id;

-- name: sweep
-- Workflows that sleep although a message waits: whoever left it died before the wake. Called by the Waker.
-- One that wakes within a minute by itself is left to do so.
select distinct m.workflow_id
  from actum.messages m
  join actum.workflows w on w.id = m.workflow_id
 where not m.received
   and w.instance is null
   and w.finished_at is null
   and w.run_at > coalesce(:now::timestamptz, now()) + interval '1 minute'
   and (w.status not in ('paused', 'blocked')
        or w.status = 'blocked' and w.cause = 'in_doubt'
        or m.kind in ('cancel', 'resume', 'rollback', 'retry', 'skip', 'edit', 'settle'))
 limit 1000;
