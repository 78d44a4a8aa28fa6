-- name: list_open
-- Questions that wait for an answer, oldest first. Called by the inbox.
select q.workflow_id, q.address, q.question, q.schema, q.addressee, q.contract, q.team, q.asked_at
  from actum.questions q
 where q.answered_at is null
   and q.closed_at is null
 order by q.asked_at, q.workflow_id
 limit :count::int;

-- name: list_of
-- A workflow's questions. Called by `show` and `answer`.
select q.workflow_id, q.address, q.question, q.schema, q.addressee, q.contract, q.team, q.asked_at, q.answered_at,
       q.answered_by, q.closed_at
  from actum.questions q
 where q.workflow_id = :id::uuid
 order by q.asked_at, q.address;

-- name: answer
-- Answers one open question, leaves the message and wakes the workflow. Called by client and command line.
with woken as (
    update actum.workflows w
       set wake = w.wake + 1,
           run_at = least(w.run_at, coalesce(:now::timestamptz, now()))
     where w.id = :workflow_id::uuid
       and w.finished_at is null
    returning w.id
),
answered as (
    update actum.questions q
       set answered_at = coalesce(:now::timestamptz, now()),
           answered_by = :actor::text
     where q.workflow_id in (select id from woken)
       and q.address = :address::text
       and q.answered_at is null
       and q.closed_at is null
    returning q.workflow_id
)
insert into actum.messages (workflow_id, kind, name, address, outcome, body, actor, sent_at)
select workflow_id, 'answer', null, :address::text, 'completed', :body::bytea, :actor::text,
       coalesce(:now::timestamptz, now())
  from answered
returning id;
