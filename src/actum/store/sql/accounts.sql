-- name: add
-- Makes an account; one that is there stays as it is. Called by the client.
insert into actum.accounts (identity, display_name, roles, created_by, created_at)
select :identity::text, :display_name::text, :roles::text[], :by::text, coalesce(:now::timestamptz, now())
 where not exists (select from actum.accounts a where lower(a.identity) = lower(:identity::text))
    on conflict do nothing
returning identity;

-- name: get
-- One account with the groups it is in. Called by the client.
select a.identity, a.display_name, a.roles, a.created_at, a.created_by, a.disabled_at, a.disabled_by,
       array(
           select m.group_name from actum.members m
            where lower(m.identity) = lower(a.identity) and m.removed_at is null
            order by m.group_name
       ) as groups
  from actum.accounts a
 where lower(a.identity) = lower(:identity::text);

-- name: list
-- All accounts with the groups they are in. Called by the client.
select a.identity, a.display_name, a.roles, a.created_at, a.created_by, a.disabled_at, a.disabled_by,
       array(
           select m.group_name from actum.members m
            where lower(m.identity) = lower(a.identity) and m.removed_at is null
            order by m.group_name
       ) as groups
  from actum.accounts a
 order by a.identity;

-- name: give_roles
-- Sets the roles of an account, unless that leaves no admin. Called by the client.
-- All admins are locked, in one order: of two who demote each other at once, the second sees what the first did.
with admins as materialized (
    select o.identity from actum.accounts o
     where 'admin' = any(o.roles) and o.disabled_at is null
     order by o.identity
       for update
)
update actum.accounts a
   set roles = :roles::text[]
 where lower(a.identity) = lower(:identity::text)
   and (
           'admin' = any(:roles::text[])
           or exists (select from admins o where o.identity <> a.identity)
       )
returning a.identity;

-- name: disable
-- Disables an account, unless that leaves no admin; nothing is deleted. Called by the client.
-- All admins are locked, in one order, as by `give_roles`.
with admins as materialized (
    select o.identity from actum.accounts o
     where 'admin' = any(o.roles) and o.disabled_at is null
     order by o.identity
       for update
)
update actum.accounts a
   set disabled_at = coalesce(a.disabled_at, :now::timestamptz, now()),
       disabled_by = coalesce(a.disabled_by, :by::text)
 where lower(a.identity) = lower(:identity::text)
   and exists (select from admins o where o.identity <> a.identity)
returning a.identity;

-- name: join_group
-- Puts an account into a group; twice changes nothing. Called by the client.
insert into actum.members (group_name, identity, added_by, added_at)
select :group_name::text, a.identity, :by::text, coalesce(:now::timestamptz, now())
  from actum.accounts a
 where lower(a.identity) = lower(:identity::text)
    on conflict (group_name, identity) do update set removed_at = null, removed_by = null
returning identity;

-- name: leave_group
-- Takes an account out of a group; the row stays. Called by the client.
update actum.members m
   set removed_at = coalesce(:now::timestamptz, now()), removed_by = :by::text
 where lower(m.identity) = lower(:identity::text)
   and lower(m.group_name) = lower(:group_name::text)
   and m.removed_at is null
returning m.identity;

-- name: add_token
-- Keeps the hash of a new token of an account that may use one. Called by the client.
insert into actum.tokens (id, identity, label, hash, created_by, created_at, expires_at)
select :id::uuid, a.identity, :label::text, :hash::bytea, :by::text, coalesce(:now::timestamptz, now()),
       :expires_at::timestamptz
  from actum.accounts a
 where lower(a.identity) = lower(:identity::text)
   and a.disabled_at is null
returning identity;

-- name: use_token
-- Whose token this is, if it is good now, and that it was used. Called by the client for each sign-in.
update actum.tokens t
   set last_used_at = coalesce(:now::timestamptz, now())
  from actum.accounts a
 where t.hash = :hash::bytea
   and t.revoked_at is null
   and (t.expires_at is null or t.expires_at > coalesce(:now::timestamptz, now()))
   and a.identity = t.identity
   and a.disabled_at is null
returning a.identity;

-- name: list_tokens
-- Tokens without their hashes, of one account or of all. Called by the client.
select t.id, t.identity, t.label, t.created_at, t.created_by, t.expires_at, t.last_used_at, t.revoked_at, t.revoked_by
  from actum.tokens t
 where :identity::text is null
    or lower(t.identity) = lower(:identity::text)
 order by t.identity, t.created_at;

-- name: revoke_token
-- Ends a token; twice changes nothing. Called by the client.
update actum.tokens t
   set revoked_at = coalesce(t.revoked_at, :now::timestamptz, now()), revoked_by = coalesce(t.revoked_by, :by::text)
 where t.id = :id::uuid
returning t.identity;

-- name: delegate
-- Has another person decide in somebody's place for a while. Called by the client.
insert into actum.delegations (id, delegator, delegate, since, until, reason, given_by, given_at)
values (:id::uuid, :delegator::text, :delegate::text, :since::timestamptz, :until::timestamptz, :reason::text, :by::text,
        coalesce(:now::timestamptz, now()));

-- name: list_delegations
-- Who decides for whom, ended ones included, newest first. Called by the client.
select d.id, d.delegator, d.delegate, d.since, d.until, d.reason, d.given_at, d.given_by, d.revoked_at, d.revoked_by
  from actum.delegations d
 order by d.given_at desc, d.id;

-- name: end_delegation
-- Ends a delegation; twice changes nothing. Called by the client.
update actum.delegations d
   set revoked_at = coalesce(d.revoked_at, :now::timestamptz, now()), revoked_by = coalesce(d.revoked_by, :by::text)
 where d.id = :id::uuid
returning d.id;

-- name: break_glass
-- Has a person decide for an hour what they otherwise may not. Called by the client.
insert into actum.break_glass (id, actor, role, incident, reason, opened_at, until)
select :id::uuid, :actor::text, :role::text, :incident::text, :reason::text, t.instant, t.instant + interval '1 hour'
  from (select coalesce(:now::timestamptz, now()) as instant) t
returning until;

-- name: list_broken_glass
-- Every time somebody broke the glass, newest first. Called by the client for every report.
select b.id, b.actor, b.role, b.incident, b.reason, b.opened_at, b.until, b.ended_at
  from actum.break_glass b
 order by b.opened_at desc, b.id;

-- name: mend_glass
-- Ends a broken glass before its hour. Called by the client.
update actum.break_glass b
   set ended_at = coalesce(b.ended_at, :now::timestamptz, now())
 where b.id = :id::uuid
returning b.id;
