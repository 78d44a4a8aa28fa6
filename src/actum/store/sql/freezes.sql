-- name: freeze
-- Throws the kill switch over one scope. Called by the client.
insert into actum.freezes (id, scope, subject, mode, actor, reason, created_at)
values (:id::uuid, :scope::text, :subject::text, :mode::text, :actor::text, :reason::text,
        coalesce(:now::timestamptz, now()));

-- name: unfreeze
-- Ends a freeze; twice changes nothing. Called by the client.
update actum.freezes f
   set ended_at = coalesce(f.ended_at, :now::timestamptz, now()), ended_by = coalesce(f.ended_by, :actor::text)
 where f.id = :id::uuid
returning f.id;

-- name: list
-- Freezes that hold, newest first, and on demand those that ended. Called by the client and the engine.
select f.id, f.scope, f.subject, f.mode, f.actor, f.reason, f.created_at, f.ended_at, f.ended_by
  from actum.freezes f
 where f.ended_at is null
    or not :only_active::bool
 order by f.created_at desc, f.id;

-- name: find
-- Freezes that hold and whose id ends in these digits. Called by the command line.
select f.id
  from actum.freezes f
 where f.ended_at is null
   and replace(f.id::text, '-', '') like '%' || :suffix::text
 order by f.id desc
 limit 10;

-- name: list_in_flight
-- Effects of a scope that have begun and not ended: a freeze no longer reaches them. Called by the client.
select e.kind, e.key, e.workflow_id, w.contract, e.address, e.state, e.attempt, e.started_at
  from actum.effects e
  join actum.workflows w on w.id = e.workflow_id
 where e.state in ('started', 'in_doubt', 'undoing')
   and (:scope::text in ('everything', 'environment')
        or :scope::text = 'kind' and e.kind = :subject::text
        or :scope::text = 'contract' and w.contract = :subject::text)
 order by e.started_at;

-- name: list_known
-- The names that a scope is known to have, by the contracts that were registered. Called by the client.
select distinct k.name
  from actum.contracts c
 cross join lateral (
           select c.contract as name
            where :scope::text = 'contract'
            union all
           select s.value ->> 'kind'
             from jsonb_array_elements(c.document::jsonb -> 'steps') s
            where :scope::text = 'kind'
       ) k
 where k.name is not null
 order by k.name;
