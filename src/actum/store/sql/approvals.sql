-- name: list_pending
-- Approvals that wait for a person, oldest first. Called by the inbox.
select a.id, a.workflow_id, a.address, a.asked_by, a.step, a.kind, a.key, a.action_hash, a.arguments, a.preview,
       a.relies_on, a.tier, a.rule, a.contract, a.team, a.requester, a.approvers, a.asked_at, a.expires_at, a.state,
       a.ruled_by, a.ruled_at, a.rationale, a.used_at, a.authors, a.requirements, a.batch_id, a.on_expiry, a.escalated_at,
       a.paused_at, a.edited, a.round
  from actum.approvals a
 where a.ruling is null
   and a.closed is null
   and (a.expires_at is null or a.expires_at > coalesce(:now::timestamptz, now()) or a.paused_at is not null
        or a.on_expiry = 'hold' or a.on_expiry = 'escalate' and a.escalated_at is null)
 order by a.asked_at, a.id
 limit :count::int;

-- name: list_of
-- All approvals of workflows. Called by `show` and by the runner after a claim.
select a.id, a.workflow_id, a.address, a.asked_by, a.step, a.kind, a.key, a.action_hash, a.arguments, a.preview,
       a.relies_on, a.tier, a.rule, a.contract, a.team, a.requester, a.approvers, a.asked_at, a.expires_at, a.state,
       a.ruled_by, a.ruled_at, a.rationale, a.used_at, a.authors, a.requirements, a.batch_id, a.on_expiry, a.escalated_at,
       a.paused_at, a.edited, a.round
  from actum.approvals a
 where a.workflow_id = any(:ids::uuid[])
 order by a.workflow_id, a.asked_at, a.id;

-- name: get
-- One approval, decided or not. Called by the command line.
select a.id, a.workflow_id, a.address, a.asked_by, a.step, a.kind, a.key, a.action_hash, a.arguments, a.preview,
       a.relies_on, a.tier, a.rule, a.contract, a.team, a.requester, a.approvers, a.asked_at, a.expires_at, a.state,
       a.ruled_by, a.ruled_at, a.rationale, a.used_at, a.authors, a.requirements, a.batch_id, a.on_expiry, a.escalated_at,
       a.paused_at, a.edited, a.round
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
                             :now::timestamptz, :edit::bytea, :seen::text, :seen_ms::int) d;

-- name: decide_many
-- Decides many approvals in one call, each judged as if alone. Called by the client for batches.
select d.approval_id, d.answer, d.state, d.workflow_id, d.ruled_by, d.detail
  from actum.decide_approvals(:ids::uuid[], :rulings::text[], :rationales::text[], :seen_hashes::bytea[], :actor::text,
                              :now::timestamptz, :seen::text, :seen_ms::int) d;

-- name: revoke
-- Takes an approval back before its use. Called by the client.
select d.answer, d.state, d.workflow_id
  from actum.revoke_approval(:id::uuid, :actor::text, :reason::text, :now::timestamptz) d;

-- name: hand_over
-- Hands an open approval over to another person. Called by the client.
select d.answer, d.state, d.workflow_id
  from actum.hand_over_approval(:id::uuid, :actor::text, :person::text, :reason::text, :now::timestamptz) d;

-- name: inquire
-- Asks something about an open approval, whose time then stands still. Called by the client.
select d.answer, d.inquiry_id
  from actum.inquire(:id::uuid, :actor::text, :question::text, :now::timestamptz) d;

-- name: answer_inquiry
-- Answers what was asked about an approval; the first answer stands. Called by the client.
select d.answer, d.approval_id
  from actum.answer_inquiry(:inquiry::bigint, :actor::text, :answer::text, :now::timestamptz) d;

-- name: list_inquiries
-- What was asked about approvals, and answered, in order. Called by the client for cards.
select i.id, i.approval_id, i.question, i.asked_by, i.asked_at, i.answer, i.answered_by, i.answered_at
  from actum.inquiries i
 where i.approval_id = any(:ids::uuid[])
 order by i.id;

-- name: expire
-- Ends or escalates open approvals whose time has passed. Called by the Waker.
select d.approval_id, d.workflow_id, d.outcome
  from actum.expire_approvals(:limit::int, :now::timestamptz) d;

-- name: remind
-- Marks open approvals whose reminder is due, each once, and keeps in the outbox that they wait. Called by the Attendant.
-- It waits for nobody, because it takes approvals without their workflows: what is being decided is left for the next pass.
with due as (
    update actum.approvals a
       set reminded_at = coalesce(:now::timestamptz, now())
     where a.id = any(array(
               select o.id
                 from actum.approvals o
                where o.ruling is null
                  and o.closed is null
                  and o.paused_at is null
                  and o.reminded_at is null
                  and actum.remind_at(o) <= coalesce(:now::timestamptz, now())
                  for update skip locked
           ))
    returning a.id, a.workflow_id, a.expires_at, a as approval
), told as (
    insert into actum.notifications
    select n.*
      from due d
     cross join lateral actum.notice_about(d.approval, 'reminder', coalesce(:now::timestamptz, now())) n
        on conflict do nothing
)
select d.id, d.workflow_id, d.expires_at
  from due d;

-- name: list_unplaced
-- Open approvals that were asked for a while ago and are not where they belong. Called by the Attendant.
select a.id, a.kind, a.contract, a.team, a.rule, a.policy_hash, a.preview, a.placement
  from actum.approvals a
 where a.placement is not null
   and a.ruling is null
   and a.closed is null
   and (:older::interval is null or a.asked_at <= coalesce(:now::timestamptz, now()) - :older::interval)
 order by a.asked_at
 limit :count::int;

-- name: place_alone
-- Notes that an approval belongs into no batch and under no grant, and so costs a prompt. Called by the engine.
with alone as (
    update actum.approvals a
       set placement = null
     where a.id = :id::uuid
       and a.placement is not null
    returning a as approval
)
select (l.approval).id, actum.settle_prompt(l.approval, 1, :now::timestamptz)
  from alone l;

-- name: list_votes
-- The votes cast on approvals, in order. Called by the client for cards.
select v.approval_id, v.voter, v.counts_for, v.ruling, v.satisfies, v.voted_at, v.round
  from actum.votes v
 where v.approval_id = any(:ids::uuid[])
 order by v.round, v.voted_at, v.voter;

-- name: list_decisions
-- The decisions taken for a workflow, in the order of their chain. Called by `show` and audit.
select d.id, d.address, d.approval_id, d.kind, d.tier, d.ruling, d.rule, d.actor, d.rationale, d.decided_at, d.seq,
       d.workflow_id, d.contract, d.team, d.counts_for, d.facts, d.seen, d.seen_ms, d.round, d.policy_hash, d.action_hash, d.hash
  from actum.decisions d
 where d.workflow_id = :id::uuid
 order by d.seq;

-- name: list_decision_heads
-- The heads of the chains of decisions, all of them or one workflow's. Called by audit.
select h.workflow_id, h.count, h.head
  from actum.decision_heads h
 where (:id::uuid is null or h.workflow_id = :id::uuid)
   and (:after::uuid is null or h.workflow_id > :after::uuid)
 order by h.workflow_id
 limit :count::int;
