-- name: read
-- The records of claimed workflows with their payloads, in order. Called by the Claimer after its claim has committed.
-- One index scan for each workflow, whatever the planner believes: without statistics it joined whole tables.
select e.workflow_id, e.seq, e.at, e.kind, e.step, e.address, e.attempt, e.outcome, e.reason, e.actor, e.tier,
       e.data, e.hash, s.argument_hash, s.kind as snapshot_kind, s.body
  from unnest(:ids::uuid[]) as asked(id)
 cross join lateral (
           select *
             from actum.events v
            where v.workflow_id = asked.id
            order by v.seq
           offset 0
       ) e
  left join lateral (
           select *
             from actum.snapshots p
            where p.workflow_id = e.workflow_id
              and p.seq = e.seq
           offset 0
       ) s on true
 order by e.workflow_id, e.seq;

-- name: read_events
-- One workflow's log as stored, from a position on. Called by client, audit and the tests' auditor.
select e.workflow_id, e.seq, e.at, e.kind, e.step, e.address, e.attempt, e.outcome, e.reason, e.actor, e.contract,
       e.team, e.tier, e.current_step, e.attempt_count, e.payload_hash, e.data, e.hash
  from actum.events e
 where e.workflow_id = :id::uuid
   and e.seq >= :first::int
 order by e.seq;

-- name: read_snapshot
-- One payload. Called by the client for inputs, results and errors.
select s.seq, s.kind, s.argument_hash, s.body
  from actum.snapshots s
 where s.workflow_id = :id::uuid
   and s.seq = :seq::int;

-- name: read_snapshots
-- All payloads of a workflow. Called by audit.
select s.seq, s.kind, s.argument_hash, s.body
  from actum.snapshots s
 where s.workflow_id = :id::uuid
 order by s.seq;

-- name: append
-- Writes one flush of plain records, fenced workflow by workflow. Called by the Recorder.
-- `= any` and the `case` keep the plan an index scan without statistics; equalities alone became 200 times slower.
with heads as materialized (
    select * from unnest(:heads::actum.flushed_head[])
),
rows as materialized (
    select * from unnest(:records::actum.flushed_record[])
),
accepted as (
    update actum.workflows w
       set next_seq = h.next_seq,
           chain_head = h.chain_head,
           status = h.status,
           cause = h.cause,
           current_step = h.current_step,
           attempt_count = h.attempt_count,
           updated_at = coalesce(:now::timestamptz, now()),
           instance = case when h.is_final or w.wake = h.seen_wake then null else w.instance end,
           run_at = case when w.wake = h.seen_wake then h.run_at else w.run_at end,
           finished_at = case when h.is_final then coalesce(:now::timestamptz, now()) end
      from heads h
     where w.id = h.id
       and w.id = any(:ids::uuid[])
       and (case when w.instance = :instance::uuid and w.epoch = h.epoch and w.next_seq = h.expected
                 then true else false end)
    returning w.id, w.wake, w.instance is null as released
),
logged as (
    insert into actum.events (workflow_id, seq, at, kind, step, address, attempt, outcome, reason, actor, contract, team,
                              tier, current_step, attempt_count, payload_hash, data, hash)
    select r.id, r.seq, r.at, r.kind, r.step, r.address, r.attempt, r.outcome, r.reason, r.actor, h.contract, h.team,
           r.tier, r.current_step, r.attempt_count, r.payload_hash, r.data, r.hash
      from rows r
      join heads h on h.id = r.id
     where r.id in (select id from accepted)
),
kept as (
    insert into actum.snapshots (workflow_id, seq, kind, argument_hash, body)
    select r.id, r.seq, r.snapshot, r.argument_hash, r.body
      from rows r
     where r.snapshot is not null
       and r.id in (select id from accepted)
)
select a.id, a.wake, a.released, null::text as refusal
  from accepted a;

-- name: append_with_intents
-- Writes one flush that also moves the ledger, approvals, questions, children or messages. Called by the Recorder.
-- Locks in order: workflow, approval, effect. At most one intent a workflow stands in a flush, as its last record.
-- The shorter one is for a flush that begins effects about which nobody was asked, and ends others: most do no more.
-- shorter: append_with_first_intents
-- `any(array[…])` goes by the index for each row; with an equality as well, the whole list was sorted for each.
with heads as materialized (
    select * from unnest(:heads::actum.flushed_head[])
),
rows as materialized (
    select * from unnest(:records::actum.flushed_record[])
),
held as materialized (
    select h.*
      from actum.workflows w, heads h
     where w.id = h.id
       and w.id = any(:ids::uuid[])
       and (case when w.instance = :instance::uuid and w.epoch = h.epoch and w.next_seq = h.expected
                 then true else false end)
     order by w.id
       for update of w
),
intents as materialized (
    select * from unnest(:intents::actum.flushed_intent[]) i
     where i.id in (select id from held)
),
approved as materialized (
    select a.id, a.state, a.action_hash, a.expires_at, a.used_at
      from intents i
      join actum.approvals a on a.id = i.approval_id and a.workflow_id = i.id
     order by a.id
       for update of a
),
judged as materialized (
    select i.*,
           case
               when i.tier > 0 and a.id is null then 'approval'
               when a.id is not null and a.action_hash <> i.action_hash then 'approval'
               when a.id is not null and a.state <> 'approved' and not (a.state = 'used' and i.mode = 'again')
                   then 'approval'
               when a.id is not null and a.used_at is null
                    and a.expires_at <= coalesce(:now::timestamptz, clock_timestamp()) then 'expired'
               when i.mode <> 'join' and not (a.id is not null and i.kind like '%.undo') and exists (
                        select from actum.freezes f
                         where f.ended_at is null
                           and f.mode = 'deny'
                           and (f.scope = 'everything' or f.scope = 'kind' and f.subject = i.kind
                                or f.scope = 'contract' and f.subject = h.contract
                                or f.scope = 'environment' and coalesce(f.subject = :environment::text, true))
                    ) then 'frozen'
               when i.mode <> 'join' and i.kind not like '%.undo' and coalesce((
                        select p.hash
                          from actum.policies p
                         where p.activated_at is not null
                           and p.retired_at is null
                    ), '\x') <> coalesce(i.policy_hash, '\x') then 'policy'
               when i.mode <> 'join' and i.kind not like '%.undo' and exists (
                        select from actum.freezes f
                         where f.ended_at is null
                           and f.mode = 'force_tier_2'
                           and (f.scope = 'everything' or f.scope = 'kind' and f.subject = i.kind
                                or f.scope = 'contract' and f.subject = h.contract
                                or f.scope = 'environment' and coalesce(f.subject = :environment::text, true))
                    ) and (i.tier < 2 or a.used_at is null and exists (
                        select from actum.decisions d
                         where d.approval_id = a.id
                           and d.rule like 'grant:%'
                    )) then 'tier'
           end as refusal
      from intents i
      join heads h on h.id = i.id
      left join approved a on a.id = i.approval_id
),
--[
shared as (
    update actum.effects e
       set holders = e.holders || array(select unnest(s.ids) except select unnest(e.holders))
      from (
               select j.kind, j.key, j.generation, j.argument_hash, array_agg(j.id) as ids
                 from judged j
                where j.refusal is null
                  and j.mode = 'join'
                group by j.kind, j.key, j.generation, j.argument_hash
           ) s
     where e.kind = s.kind
       and e.key = s.key
       and e.generation = s.generation
       and e.argument_hash = s.argument_hash
       and e.state = 'succeeded'
    returning s.ids
),
-- A holder that this snapshot cannot see yet holds: it may have begun while this waited for the row.
undoing as (
    update actum.effects e
       set state = 'undoing'
      from judged j
     where j.refusal is null
       and j.family is not null
       and e.kind = left(j.kind, -5)
       and e.key = j.key
       and e.generation = j.generation
       and e.state in ('succeeded', 'undo_failed')
       and not exists (
               select from unnest(e.holders) as one(id)
                where not one.id = any(j.family::uuid[])
                  and not exists (
                          select from actum.workflows h
                           where h.id = one.id
                             and h.status in ('failed', 'cancelled', 'rolled_back')
                      )
           )
    returning j.id
),
--]
entered as (
    insert into actum.effects (kind, key, generation, origin, workflow_id, address, step, argument_hash, arguments,
                               state, tier, approval_id, policy_hash, attempt, started_at, holders)
    select j.kind, j.key, j.generation, j.origin, j.id, j.address, j.step, j.argument_hash, j.arguments,
           'started', j.tier, j.approval_id, j.policy_hash, j.attempt, coalesce(:now::timestamptz, now()), array[j.id]
      from judged j
     where j.refusal is null
       and j.mode = 'first'
--[
       and (j.family is null or j.id in (select id from undoing))
--]
     order by j.kind, j.key
        on conflict do nothing
    returning workflow_id as id
),
--[
entered_again as (
    update actum.effects e
       set state = 'started',
           workflow_id = j.id,
           origin = j.origin,
           address = j.address,
           argument_hash = j.argument_hash,
           arguments = j.arguments,
           attempt = j.attempt,
           approval_id = j.approval_id,
           policy_hash = j.policy_hash,
           started_at = coalesce(:now::timestamptz, now()),
           ended_at = null,
           holders = case when j.id = any(e.holders) then e.holders else e.holders || j.id end
      from judged j
     where j.refusal is null
       and (j.family is null or j.id in (select id from undoing))
       and e.kind = j.kind
       and e.key = j.key
       and e.generation = j.generation
       and (j.mode = 'again' and e.workflow_id = j.id
                and (e.state = 'failed' or e.state in ('in_doubt', 'abandoned') and e.argument_hash = j.argument_hash)
            or (j.mode = 'take_over' and e.state = 'failed' or j.mode = 'take_over_doubt' and e.state = 'abandoned')
                and e.argument_hash = j.argument_hash)
    returning e.workflow_id as id
),
--]
refused as (
    select j.id,
           case
               when j.refusal is not null then j.refusal
--[
               when j.family is not null and j.id not in (select id from undoing) then 'held'
--]
               else 'key'
           end as why
      from judged j
     where j.refusal is not null
        or not (j.id in (select id from entered)
--[
                or j.id in (select id from entered_again) or j.id in (select unnest(ids) from shared)
--]
               )
),
--[
used as (
    update actum.approvals a
       set used_at = coalesce(:now::timestamptz, now()),
           used_epoch = h.epoch
      from judged j
      join heads h on h.id = j.id
     where a.id = j.approval_id
       and a.used_at is null
       and j.id not in (select id from refused)
),
--]
accepted as (
    update actum.workflows w
       set next_seq = h.next_seq,
           chain_head = h.chain_head,
           status = h.status,
           cause = h.cause,
           current_step = h.current_step,
           attempt_count = h.attempt_count,
           updated_at = coalesce(:now::timestamptz, now()),
           instance = case when h.is_final or w.wake = h.seen_wake then null else w.instance end,
           run_at = case when w.wake = h.seen_wake then h.run_at else w.run_at end,
           finished_at = case when h.is_final then coalesce(:now::timestamptz, now()) end
      from held h
     where w.id = any(array[h.id])
       and h.id not in (select id from refused)
    returning w.id, w.wake, w.instance is null as released
),
ended as (
    update actum.effects e
       set state = o.state,
           ended_at = case when o.state in ('started', 'in_doubt') then null
                           when o.state = e.state then e.ended_at
                           else coalesce(:now::timestamptz, now()) end,
           result = coalesce(o.result, e.result)
      from unnest(:endings::actum.flushed_ending[]) o
     where e.kind = o.kind
       and e.key = o.key
       and e.generation = o.generation
       and (e.workflow_id = o.id or o.state in ('undone', 'undo_failed'))
       and o.id in (select id from accepted)
),
--[
asked as (
    insert into actum.approvals (id, workflow_id, address, asked_by, step, kind, key, action_hash, arguments, preview,
                                 relies_on, tier, rule, policy_hash, contract, team, requester, authors, approvers,
                                 requirements, placement, asked_at, expires_at, on_expiry, escalate_to, remind_share)
    select a.id, a.workflow_id, a.address, a.asked_by, a.step, a.kind, a.key, decode(a.action_hash, 'hex'),
           decode(a.arguments, 'hex'), a.preview, a.relies_on, a.tier, a.rule, decode(a.policy_hash, 'hex'), a.contract,
           a.team, a.requester, coalesce(a.authors, '{}'), a.approvers, a.requirements, nullif(a.placement, 'null'),
           a.asked_at, a.expires_at, coalesce(a.on_expiry, 'reject'), nullif(a.escalate_to, 'null'), coalesce(a.remind_share, 0.8)
      from jsonb_to_recordset(:extras::jsonb -> 'approvals') as a(
               id uuid, workflow_id uuid, address text, asked_by text, step text, kind text, key text,
               action_hash text, arguments text, preview text, relies_on text, tier smallint, rule text,
               policy_hash text, contract text, team text, requester text, authors text[], approvers text[],
               requirements jsonb, placement jsonb, asked_at timestamptz, expires_at timestamptz, on_expiry text, escalate_to jsonb, remind_share real)
     where a.workflow_id in (select id from accepted)
),
closed as (
    update actum.approvals a
       set closed = case when a.ruling is distinct from 'approved' then c.closed
                         when a.expires_at <= coalesce(:now::timestamptz, clock_timestamp()) then 'expired'
                         else 'stale' end,
           closed_at = coalesce(:now::timestamptz, now())
      from jsonb_to_recordset(:extras::jsonb -> 'closings') as c(id uuid, workflow_id uuid, closed text)
     where a.id = c.id
       and a.closed is null
       and a.used_at is null
       and a.ruling is distinct from 'rejected'
       and c.workflow_id in (select id from accepted)
),
questioned as (
    insert into actum.questions (workflow_id, address, question, schema, addressee, contract, team, asked_at)
    select q.workflow_id, q.address, q.question, q.schema, q.addressee, q.contract, q.team, q.asked_at
      from jsonb_to_recordset(:extras::jsonb -> 'questions') as q(
               workflow_id uuid, address text, question text, schema text, addressee text, contract text, team text,
               asked_at timestamptz)
     where q.workflow_id in (select id from accepted)
        on conflict (workflow_id, address) do update
       set question = excluded.question, schema = excluded.schema, addressee = excluded.addressee,
           asked_at = excluded.asked_at, answered_at = null, answered_by = null, closed_at = null
),
unasked as (
    update actum.questions q
       set closed_at = coalesce(:now::timestamptz, now())
      from jsonb_to_recordset(:extras::jsonb -> 'unasked') as u(workflow_id uuid, address text)
     where q.workflow_id = u.workflow_id
       and q.address = u.address
       and q.answered_at is null
       and u.workflow_id in (select id from accepted)
),
born as (
    insert into actum.workflows (id, contract, key, shape_hash, document_hash, changes, team, origin, requester, queue,
                                 parent, parent_address, salt, next_seq, chain_head, deadline, run_at, created_at,
                                 updated_at)
    select c.id, c.contract, null, decode(c.shape_hash, 'hex'), decode(c.document_hash, 'hex'), c.changes, c.team, c.id,
           c.requester, c.queue, c.parent, c.parent_address, decode(c.salt, 'hex'), 2, decode(c.hash, 'hex'),
           c.deadline, c.at, c.at, c.at
      from jsonb_to_recordset(:extras::jsonb -> 'children') as c(
               id uuid, contract text, shape_hash text, document_hash text, changes text[], team text, requester text,
               queue text, parent uuid, parent_address text, salt text, hash text, deadline timestamptz,
               at timestamptz)
     where c.parent in (select id from accepted)
),
born_logged as (
    insert into actum.events (workflow_id, seq, at, kind, actor, contract, team, payload_hash, data, hash)
    select c.id, 1, c.at, 'workflow.started', c.actor, c.contract, c.team, decode(c.payload_hash, 'hex'), c.data,
           decode(c.hash, 'hex')
      from jsonb_to_recordset(:extras::jsonb -> 'children') as c(
               id uuid, contract text, team text, parent uuid, payload_hash text, hash text, at timestamptz,
               actor text, data text)
     where c.parent in (select id from accepted)
),
born_kept as (
    insert into actum.snapshots (workflow_id, seq, kind, argument_hash, body)
    select c.id, 1, 'input', decode(c.argument_hash, 'hex'), decode(c.arguments, 'hex')
      from jsonb_to_recordset(:extras::jsonb -> 'children') as c(
               id uuid, parent uuid, argument_hash text, arguments text)
     where c.parent in (select id from accepted)
),
sent as (
    insert into actum.messages (workflow_id, kind, name, address, outcome, body, actor, reason, sent_at)
    select m.recipient, m.kind, m.name, m.address, m.outcome, decode(m.body, 'hex'), m.actor, m.reason,
           coalesce(:now::timestamptz, now())
      from jsonb_to_recordset(:extras::jsonb -> 'messages') as m(
               workflow_id uuid, recipient uuid, kind text, name text, address text, outcome text, body text,
               actor text, reason text)
     where m.workflow_id in (select id from accepted)
),
received as (
    update actum.messages m
       set received = true
     where m.id = any(:received::bigint[])
       and m.workflow_id in (select id from accepted)
),
--]
logged as (
    insert into actum.events (workflow_id, seq, at, kind, step, address, attempt, outcome, reason, actor, contract, team,
                              tier, current_step, attempt_count, payload_hash, data, hash)
    select r.id, r.seq, r.at, r.kind, r.step, r.address, r.attempt, r.outcome, r.reason, r.actor, h.contract, h.team,
           r.tier, r.current_step, r.attempt_count, r.payload_hash, r.data, r.hash
      from rows r
      join heads h on h.id = r.id
     where r.id in (select id from accepted)
),
kept as (
    insert into actum.snapshots (workflow_id, seq, kind, argument_hash, body)
    select r.id, r.seq, r.snapshot, r.argument_hash, r.body
      from rows r
     where r.snapshot is not null
       and r.id in (select id from accepted)
)
select a.id, a.wake, a.released, null::text as refusal
  from accepted a
 union all
select r.id, null::integer, false, r.why
  from refused r;
