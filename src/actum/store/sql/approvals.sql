-- name: list_pending
-- Approvals that wait for a person, oldest first. Called by the inbox.
select a.id, a.workflow_id, a.address, a.asked_by, a.step, a.kind, a.key, a.action_hash, a.arguments, a.preview,
       a.relies_on, a.tier, a.rule, a.contract, a.team, a.requester, a.approvers, a.asked_at, a.expires_at, a.state,
       a.ruled_by, a.ruled_at, a.rationale, a.used_at
  from actum.approvals a
 where a.ruling is null
   and a.closed is null
   and (a.expires_at is null or a.expires_at > coalesce(:now::timestamptz, now()))
 order by a.asked_at, a.id
 limit :count::int;

-- name: list_of
-- All approvals of workflows. Called by `show` and by the runner after a claim.
select a.id, a.workflow_id, a.address, a.asked_by, a.step, a.kind, a.key, a.action_hash, a.arguments, a.preview,
       a.relies_on, a.tier, a.rule, a.contract, a.team, a.requester, a.approvers, a.asked_at, a.expires_at, a.state,
       a.ruled_by, a.ruled_at, a.rationale, a.used_at
  from actum.approvals a
 where a.workflow_id = any(:ids::uuid[])
 order by a.workflow_id, a.asked_at, a.id;

-- name: get
-- One approval, decided or not. Called by the command line.
select a.id, a.workflow_id, a.address, a.asked_by, a.step, a.kind, a.key, a.action_hash, a.arguments, a.preview,
       a.relies_on, a.tier, a.rule, a.contract, a.team, a.requester, a.approvers, a.asked_at, a.expires_at, a.state,
       a.ruled_by, a.ruled_at, a.rationale, a.used_at
  from actum.approvals a
 where a.id = :id::uuid;

-- name: find
-- Approvals whose id ends in these digits. Called by the command line.
select a.id
  from actum.approvals a
 where replace(a.id::text, '-', '') like '%' || :suffix::text
 order by a.id desc
 limit 10;

-- name: decide
-- Decides one approval; every check and every lock is in the function. Called by client and command line.
select d.answer, d.state, d.workflow_id, d.ruled_by, d.detail
  from actum.decide_approval(:id::uuid, :ruling::text, :actor::text, :rationale::text, :seen_hash::bytea,
                             :now::timestamptz) d;

-- name: list_decisions
-- The decisions taken for a workflow. Called by `show` and audit.
select d.id, d.address, d.approval_id, d.kind, d.tier, d.ruling, d.rule, d.actor, d.rationale, d.decided_at
  from actum.decisions d
 where d.workflow_id = :id::uuid
 order by d.id;
