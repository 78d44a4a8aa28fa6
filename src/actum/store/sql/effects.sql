-- name: reach
-- What already stands under operation keys, newest generation only. Called by the runner when an intent is refused.
select distinct on (e.kind, e.key)
       e.kind, e.key, e.generation, e.workflow_id, e.address, e.argument_hash, e.state, e.result, e.attempt,
       e.started_at, e.ended_at, e.holders
  from actum.effects e
 where (e.kind, e.key) in (select * from unnest(:kinds::text[], :keys::text[]))
 order by e.kind, e.key, e.generation desc;

-- name: list_of
-- The ledger of one workflow. Called by `show`, audit and the tests' auditor.
select e.kind, e.key, e.generation, e.workflow_id, e.address, e.step, e.argument_hash, e.state, e.tier, e.approval_id,
       e.attempt, e.started_at, e.ended_at, e.result, e.holders
  from actum.effects e
 where e.workflow_id = :id::uuid
    or :id::uuid = any(e.holders)
 order by e.started_at;

-- name: find_violations
-- The proof: every row is a broken promise, and there should be none. Called by `actum audit verify`.
select e.workflow_id, e.address, 'an effect above tier 0 without its approval' as violation
  from actum.effects e
  left join actum.approvals a on a.id = e.approval_id
 where e.tier > 0
   and (a.id is null or a.used_at is null or a.ruling is distinct from 'approved')
 union all
select v.workflow_id, v.address, 'an outcome without its intent'
  from actum.events v
 where v.kind in ('effect.succeeded', 'effect.failed', 'effect.doubted')
   and not exists (
           select from actum.events s
            where s.workflow_id = v.workflow_id
              and s.address = v.address
              and s.kind = 'effect.started'
              and s.seq < v.seq
       )
 union all
select v.workflow_id, v.address, 'one attempt started twice'
  from actum.events v
 where v.kind = 'effect.started'
 group by v.workflow_id, v.address, v.attempt
having count(*) > 1
 union all
select u.workflow_id, u.address, 'an undo without its do'
  from actum.effects u
 where u.kind like '%.undo'
   and not exists (
           select from actum.effects d
            where d.kind = left(u.kind, -5)
              and d.key = u.key
              and d.generation = u.generation
              and d.state in ('undoing', 'undone', 'undo_failed')
       )
 union all
select e.workflow_id, e.address, 'an ending that left an effect open'
  from actum.effects e
  join actum.workflows w on w.id = e.workflow_id
 where e.state in ('started', 'in_doubt')
   and w.finished_at is not null
 union all
select min(e.workflow_id::text)::uuid, min(e.address), 'one approval used twice'
  from actum.effects e
 where e.approval_id is not null
 group by e.approval_id
having count(*) > 1
 union all
select r.workflow_id, r.address, 'a ruling without its decision'
  from actum.approvals r
 where r.ruling is not null
   and not exists (
           select from actum.decisions d
            where d.workflow_id = r.workflow_id
              and d.approval_id = r.id
              and d.ruling = r.ruling
              and d.actor = r.ruled_by
       );

-- name: list_standing
-- What workflows did, may have done or share and nobody undid, with what an undo needs. Called by the rollback.
-- An effect is what its workflow's own document calls it, or the newest that knows it, where code came in between.
with reached as (
    select e.kind, e.key, e.generation
      from actum.effects e
     where e.workflow_id = any(:ids::uuid[])
     union
    select e.kind, e.key, e.generation
      from actum.events v
      join actum.effects e on e.kind = v.data::json ->> 'kind'
                          and e.key = v.data::json ->> 'key'
     where v.workflow_id = any(:ids::uuid[])
       and v.kind in ('effect.started', 'effect.shared')
       and e.holders && :ids::uuid[]
)
select e.kind, e.key, e.generation, e.workflow_id, w.contract, e.address, e.step, e.arguments, e.argument_hash, e.result,
       e.state, e.started_at, e.ended_at,
       coalesce((
           select s.step ->> 'reversibility'
             from actum.contracts c
            cross join jsonb_array_elements(c.document::jsonb -> 'steps') as s(step)
            where c.contract = w.contract
              and s.step ->> 'name' = e.step
              and s.step ->> 'reversibility' is not null
            order by c.document_hash = w.document_hash desc, c.registered_at desc, c.shape desc
            limit 1
       ), 'final') as reversibility,
       u.state as undo_state,
       u.workflow_id as undo_by,
       exists (
           select from unnest(e.holders) as one(id)
            where not one.id = any(:ids::uuid[])
              and not exists (
                      select from actum.workflows h
                       where h.id = one.id
                         and h.status in ('failed', 'cancelled', 'rolled_back')
                  )
       ) as held_by_others
  from reached r
  join actum.effects e on e.kind = r.kind
                      and e.key = r.key
                      and e.generation = r.generation
  join actum.workflows w on w.id = e.workflow_id
  left join actum.effects u on u.kind = e.kind || '.undo'
                           and u.key = e.key
                           and u.generation = e.generation
 where e.state in ('succeeded', 'started', 'in_doubt', 'abandoned', 'undoing', 'undo_failed')
   and not e.kind like '%.undo'
 order by e.ended_at;

-- name: list_facts
-- The events in which something began or ended at an address. Called by the rollback.
-- Without outcomes that are recorded once more: what they tell of had ended before. As json, not jsonb: what a failure
-- says may hold characters that jsonb refuses.
select v.workflow_id, v.seq, v.at, v.kind, v.step, v.address, v.outcome, d.data ->> 'kind' as of_kind,
       d.data ->> 'key' as of_key, d.data ->> 'child' as of_child
  from actum.events v
 cross join lateral (select v.data::json as data) d
 where v.workflow_id = any(:ids::uuid[])
   and v.kind = any(:kinds::text[])
   and v.address is not null
   and not v.address like 'undo.%'
   and not coalesce((d.data ->> 'kept')::boolean, false)
 order by v.workflow_id, v.seq;

-- name: list_children
-- The children that workflows started, and how they stand. Called by the rollback.
select w.id, w.parent, w.status, w.finished_at
  from actum.events v
  join actum.workflows w on w.id = (v.data::jsonb ->> 'child')::uuid
 where v.workflow_id = any(:ids::uuid[])
   and v.kind = 'child.started';

-- name: list_forgettable
-- Those of some keys, as the outside sees them, for which the ledger answers by itself from now on. Called by what forgets keys.
-- They happened, or were undone, long ago, and whoever did or holds them has ended as long ago.
select k.kind, k.key
  from unnest(:kinds::text[], :keys::text[]) as k(kind, key)
  join actum.effects e on e.kind = k.kind
                      and e.key = regexp_replace(k.key, '#[0-9]+$', '')
                      and e.generation = coalesce(substring(k.key from '#([0-9]+)$')::int, 1)
 where e.state in ('succeeded', 'undone')
   and e.ended_at < coalesce(:now::timestamptz, now()) - :older::interval
   and not exists (
           select from actum.workflows w
            where (w.id = e.workflow_id or w.id = any(e.holders))
              and (w.finished_at is null or w.finished_at >= coalesce(:now::timestamptz, now()) - :older::interval)
       )
 order by k.kind, k.key;
