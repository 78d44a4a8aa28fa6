-- name: list_beside
-- What a card says beside its approval: reminders, the step as registered, what the workflow wrote when it asked. Called by the client for cards.
select a.id, actum.remind_at(a) as remind_at, a.reminded_at, a.policy_hash, w.status as workflow_status,
       (
           select s.value::text
             from actum.contracts c, json_array_elements(c.document::json -> 'steps') s
            where c.contract = w.contract
              and c.document_hash = w.document_hash
              and s.value ->> 'name' = a.step
            limit 1
       ) as step,
       (
           select e.data
             from actum.events e
            where e.workflow_id = a.workflow_id
              and e.kind = 'approval.requested'
              and strpos(e.data, a.id::text) > 0
            limit 1
       ) as requested
  from actum.approvals a
  left join actum.workflows w on w.id = a.workflow_id
 where a.id = any(:ids::uuid[]);

-- name: list_alike
-- For each approval the facts of those of its kind that were asked before it, newest first. Called by the client for cards.
select b.id as approval_id, e.id, e.contract, e.requester, e.facts, e.target
  from actum.approvals b
 cross join lateral (
           select a.id, a.contract, a.requester,
                  (a.preview::json -> 'facts')::text as facts,
                  (a.preview::json -> 'target')::text as target
             from actum.approvals a
            where a.kind = b.kind
              and a.id < b.id
              and coalesce(a.batch_id <> b.batch_id, true)
            order by a.id desc
            limit :count::int
       ) e
 where b.id = any(:ids::uuid[]);

-- name: find_batches
-- Batches whose id ends in these digits, decided ones included. Called by the client.
select b.id, b.rule, b.policy_hash, b.key, b.state, b.opened_at, b.closes_at, b.closed_at, b.close_reason, b.shown_at,
       b.max_items, b.max_sums, b.count, b.sums, b.items, false as all_parked
  from actum.batches b
 where replace(b.id::text, '-', '') like '%' || :suffix::text
 order by b.id desc
 limit 10;
