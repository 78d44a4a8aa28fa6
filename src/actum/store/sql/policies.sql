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
