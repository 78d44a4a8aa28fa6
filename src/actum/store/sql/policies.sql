-- name: register
-- Keeps the text of a policy; one that is there stays as it is. Called by the client.
insert into actum.policies (hash, name, body, activation, registered_at, registered_by)
values (:hash::bytea, :name::text, :body::text, :activation::jsonb, coalesce(:now::timestamptz, now()), :actor::text)
    on conflict do nothing
returning hash;

-- name: activate
-- Activates a policy, requests that, or agrees to it, in one short transaction. Called by the client.
select actum.activate_policy(:hash::bytea, :actor::text, :rationale::text, :now::timestamptz) as answer;

-- name: shadow
-- Has one policy tried beside the active one, or none. Called by the client.
select actum.shadow_policy(:hash::bytea, :actor::text, :now::timestamptz) as answer;

-- name: read_active
-- The policy by which effects are ruled, if there is one. Called by the engine and the client.
select p.hash, p.name, p.body, p.activation, p.registered_at, p.registered_by, p.requested_at, p.requested_by,
       p.request_reason, p.agreements, p.activated_at, p.activated_by, p.retired_at, p.shadow_since, p.shadow_by,
       p.history
  from actum.policies p
 where p.activated_at is not null
   and p.retired_at is null;

-- name: list
-- All policies, those registered last first. Called by the client.
select p.hash, p.name, p.body, p.activation, p.registered_at, p.registered_by, p.requested_at, p.requested_by,
       p.request_reason, p.agreements, p.activated_at, p.activated_by, p.retired_at, p.shadow_since, p.shadow_by,
       p.history
  from actum.policies p
 order by p.registered_at desc, p.hash;

-- name: find
-- Policies whose hash begins with these hexadecimal digits. Called by the client.
select p.hash, p.name, p.body, p.activation, p.registered_at, p.registered_by, p.requested_at, p.requested_by,
       p.request_reason, p.agreements, p.activated_at, p.activated_by, p.retired_at, p.shadow_since, p.shadow_by,
       p.history
  from actum.policies p
 where starts_with(encode(p.hash, 'hex'), :digits::text)
 order by p.hash
 limit 10;

-- name: list_operations
-- What policy ruled since an instant: a page of it, each address once, as it was seen first. Called by the client.
-- Undos are not ruled. A preview that the server cannot take apart (it says \u0000) comes whole. What a denial does not
-- say of itself, the contract says of the effect.
with found as materialized (
    select distinct on (e.workflow_id, e.address)
           e.workflow_id, e.seq, e.address, e.at, e.contract, e.team, e.step, e.outcome,
           case when strpos(e.data, '\u0000') = 0 then e.data::json end as data
      from actum.events e
     where (e.kind in ('approval.requested', 'effect.started')
            or e.kind in ('step.failed', 'step.completed') and e.outcome = 'denied' and strpos(e.data, '"ruling"') > 0)
       and e.at >= :since::timestamptz
       and e.workflow_id >= :after_workflow::uuid
       and (e.workflow_id, e.address) > (:after_workflow::uuid, :after_address::text)
       and e.address not like 'undo.%'
     order by e.workflow_id, e.address, e.seq
     limit :count::int
)
select f.workflow_id, f.address, f.at, f.contract, f.team, coalesce(a.kind, f.data ->> 'kind', d.kind) as kind,
       coalesce(f.data ->> 'reversibility', d.reversibility) as reversibility, f.data ->> 'environment' as environment,
       coalesce((f.data -> 'facts')::text,
                case when strpos(p.shown, '\u0000') = 0 then (p.shown::json -> 'facts')::text end) as facts,
       case when strpos(p.shown, '\u0000') > 0 then p.shown end as preview
  from found f
  left join actum.approvals a on a.id = (f.data ->> 'approval_id')::uuid
  left join actum.snapshots s
    on a.id is null
   and s.workflow_id = f.workflow_id
   and s.seq = f.seq
   and s.kind = 'preview'
  left join lateral (
                select one.value ->> 'kind' as kind, one.value ->> 'reversibility' as reversibility
                  from actum.workflows w
                  join actum.contracts c on c.contract = w.contract and c.document_hash = w.document_hash,
                       json_array_elements(
                           case when strpos(c.document, '\u0000') = 0 then c.document::json -> 'steps' end) one
                 where f.outcome = 'denied'
                   and f.data ->> 'kind' is null
                   and w.id = f.workflow_id
                   and one.value ->> 'name' = f.step
                 limit 1
            ) d on true
 cross join lateral (select coalesce(a.preview, convert_from(s.body, 'UTF8')) as shown) p
 order by f.workflow_id, f.address;

-- name: find_operation
-- What policy ruled when it asked for one approval. Called by the client.
select a.workflow_id, a.address, coalesce(d.at, a.asked_at) as at, a.contract, a.team, a.kind,
       d.data ->> 'reversibility' as reversibility, d.data ->> 'environment' as environment, null::text as facts, a.preview
  from actum.approvals a
  left join lateral (
                select e.at, case when strpos(e.data, '\u0000') = 0 then e.data::json end as data
                  from actum.events e
                 where e.workflow_id = a.workflow_id
                   and e.address = a.address
                   and e.kind = 'approval.requested'
                   and strpos(e.data, a.id::text) > 0
            ) d on true
 where a.id = :id::uuid;
