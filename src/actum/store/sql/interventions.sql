-- name: list_matching
-- Unfinished workflows that fit a filter, oldest first, and how many there are. Called by the client for a bulk intervention.
select w.id, w.contract, w.key, w.status, w.cause, w.current_step, w.team, w.created_at, count(*) over ()::int as total
  from actum.workflows w
 where w.finished_at is null
   and (:contract::text is null or w.contract = :contract::text)
   and (:team::text is null or w.team = :team::text)
   and (:status::text is null or w.status = :status::text)
   and (:cause::text is null or w.cause = :cause::text)
   and (:step::text is null or w.current_step = :step::text)
   and (:queue::text is null or w.queue = :queue::text)
   and (:requester::text is null or w.requester = :requester::text)
   and (:older::interval is null or w.created_at < coalesce(:now::timestamptz, now()) - :older::interval)
   and (:incident::uuid is null
        or w.id = any(array(select unnest(i.workflow_ids) from actum.incidents i where i.id = :incident::uuid)))
   and w.tags @> :tags::text::jsonb
   and (w.status <> 'paused' or :verb::text <> 'pause')
   and (w.status <> 'blocked' or :verb::text <> 'pause')
   and (:verb::text <> 'resume' or w.status = 'paused' or w.status = 'blocked' and w.cause in ('crash_loop', 'refused', 'undo_failed'))
   and (:verb::text <> 'retry' or w.status = 'blocked' and w.cause = 'held')
   and (:verb::text <> 'rollback' or w.status <> 'rolling_back' and coalesce(w.cause, '') <> 'undo_failed')
 order by w.id
 limit :count::int;

-- name: intervene
-- Leaves a message for each of many workflows, wakes them, and notes who did it; ended ones are left out. Called by the client.
with asked as materialized (
    select *
      from unnest(:ids::uuid[], :names::text[], :addresses::text[]) as a(id, name, address)
),
woken as (
    update actum.workflows w
       set wake = w.wake + 1,
           run_at = least(w.run_at, coalesce(:now::timestamptz, now()))
     where w.id = any(array(
               select h.id
                 from actum.workflows h
                where h.id = any(:ids::uuid[])
                  and h.finished_at is null
                order by h.id
                  for update
           ))
    returning w.id
),
noted as (
    insert into actum.interventions (bulk, workflow_id, at, actor, verb, reason, filter)
    select :bulk::uuid, w.id, coalesce(:now::timestamptz, now()), :actor::text, :verb::text, :reason::text, :filter::text
      from woken w
)
insert into actum.messages (workflow_id, kind, name, address, actor, reason, sent_at)
select a.id, :verb::text, a.name, a.address, :actor::text, :reason::text, coalesce(:now::timestamptz, now())
  from asked a
  join woken w on w.id = a.id
returning workflow_id;
