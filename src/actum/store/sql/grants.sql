-- name: give
-- Gives a standing approval with limits and an end. Called by the client.
insert into actum.grants (id, matcher, max_uses, max_sums, until, given_at, given_by, reason)
values (:id::uuid, :matcher::jsonb, :max_uses::int, :max_sums::jsonb, :until::timestamptz,
        coalesce(:now::timestamptz, now()), :by::text, :reason::text);

-- name: revoke
-- Ends a grant; what was approved by it stays approved. Called by the client.
update actum.grants g
   set revoked_at = coalesce(g.revoked_at, :now::timestamptz, now()), revoked_by = coalesce(g.revoked_by, :by::text)
 where g.id = :id::uuid
returning g.id;

-- name: list
-- Grants with what was used of them, newest first; those that can be used now unless more are wanted. Called by the client.
select g.id, g.matcher, g.max_uses, g.max_sums, g.until, g.given_at, g.given_by, g.reason, g.revoked_at, g.revoked_by,
       (select count(*) from actum.reservations r where r.limit_id = g.id and r.state <> 'released')::int as uses
  from actum.grants g
 where not :only_active::bool
    or g.revoked_at is null and g.until > coalesce(:now::timestamptz, now())
 order by g.given_at desc, g.id;

-- name: find
-- Grants whose id ends in these digits. Called by the command line.
select g.id
  from actum.grants g
 where replace(g.id::text, '-', '') like '%' || :suffix::text
 order by g.id desc
 limit 10;

-- name: use
-- Approves an open approval by a grant and takes one of its uses, in one short transaction. Called by the engine.
select d.answer, d.state
  from actum.use_grant(:grant_id::uuid, :approval_id::uuid, :attempt::int, :amounts::jsonb, :now::timestamptz) d;

-- name: reserve
-- Takes one use of a limit, before the intent; the same attempt finds its use again. Called by the engine.
select actum.reserve(:limit_id::uuid, :workflow_id::uuid, :address::text, :attempt::int, null::uuid, :amounts::jsonb,
                     :max_uses::int, :max_sums::jsonb, :now::timestamptz) as answer;

-- name: list_reservations
-- The uses of one limit, oldest first. Called by the client.
select r.limit_id, r.workflow_id, r.address, r.attempt, r.approval_id, r.amounts, r.state, r.taken_at, r.ended_at
  from actum.reservations r
 where r.limit_id = :limit_id::uuid
 order by r.taken_at, r.workflow_id, r.address;

-- name: list_asked
-- What was asked since an instant, with its facts: what a grant would have matched. Called by the client.
select a.id, a.kind, a.contract, a.team, a.preview, a.state, a.asked_at
  from actum.approvals a
 where a.asked_at >= :since::timestamptz
   and a.kind = coalesce(:kind::text, a.kind)
   and a.contract = coalesce(:contract::text, a.contract)
 order by a.asked_at;
