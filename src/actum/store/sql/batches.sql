-- name: join
-- Puts an approval into the open batch of its rule and key, or opens one; null when it stands alone. Called by the engine.
select actum.join_batch(:approval_id::uuid, :batch_id::uuid, :rule::text, :policy_hash::bytea, :key::text,
                        :window::interval, :max_items::int, :max_sums::jsonb, :amounts::jsonb,
                        :now::timestamptz) as batch_id;

-- name: close
-- Closes batches by their ids: nothing joins them any more. Called by the engine's leader, when `machine.batches` says so.
-- It waits for nobody, and so in no circle: what is being joined or decided is left for the next pass, as in `end`.
update actum.batches b
   set closed_at = coalesce(:now::timestamptz, now()),
       close_reason = r.reason
  from unnest(:ids::uuid[], :reasons::text[]) as r(id, reason)
 where b.id = r.id
   and b.id = any(array(
           select o.id from actum.batches o where o.id = any(:ids::uuid[]) and o.closed_at is null for update skip locked
       ))
returning b.id;

-- name: list
-- Batches that are not decided, oldest first, with whether every workflow in one waits. Called by client and leader.
-- One that asked for more a moment ago is not done asking: a workflow may park before the last of its items is placed. So
-- may its worker die, and then others place what it left (`LEFT_AFTER`), within as long as is waited for here. One that
-- goes on by itself within a minute, because a retry pauses, may ask for more as well.
select b.id, b.rule, b.policy_hash, b.key, b.state, b.opened_at, b.closes_at, b.closed_at, b.close_reason, b.shown_at,
       b.max_items, b.max_sums, b.count, b.sums, b.items,
       not exists (
           select from actum.approvals a
             join actum.workflows w on w.id = a.workflow_id
            where a.batch_id = b.id
              and a.ruling is null
              and a.closed is null
              and (w.status <> 'waiting' or w.instance is not null
                   or w.run_at < least(coalesce(:now::timestamptz, now()) + interval '1 minute', a.expires_at))
       ) and not exists (
           select from actum.approvals a
             join actum.approvals o on o.workflow_id = a.workflow_id
            where a.batch_id = b.id
              and a.ruling is null
              and a.closed is null
              and o.placement is not null
              and o.rule = b.rule
              and o.ruling is null
              and o.closed is null
              and o.asked_at > coalesce(:now::timestamptz, now()) - interval '10 seconds'
       ) as all_parked
  from actum.batches b
 where b.state <> 'decided'
 order by b.opened_at, b.id;

-- name: show
-- Fixes a batch's items, because somebody looks at them, and returns their ids; none before it is sifted. Called by the client.
select d as approval_id
  from actum.show_batch(:id::uuid, :now::timestamptz) d;

-- name: sift
-- Takes the outliers out of a batch nobody has seen, once, to be decided alone at tier 2. Called by the Attendant, the client.
select actum.sift_batch(:id::uuid, :outliers::uuid[], :reasons::text[], :now::timestamptz) as sifted;

-- name: list_unsifted
-- The open items of batches that are closed, not sifted and not seen. Called by the Attendant and the client.
-- With what they show, and whether anything like them was decided before; of all batches, or of one.
select b.id as batch_id, a.id, a.preview,
       not exists (
           select from actum.approvals o
            where o.kind = a.kind
              and o.contract = a.contract
              and o.ruling is not null
       ) as is_first
  from actum.batches b
  join actum.approvals a on a.batch_id = b.id
 where b.state = 'open'
   and b.closed_at is not null
   and b.sifted_at is null
   and (:id::uuid is null or b.id = :id::uuid)
   and a.ruling is null
   and a.closed is null
 order by a.asked_at, a.id;

-- name: end
-- Ends batches that nothing joins any more and of which nothing is open: opened by somebody or not. Called by the Attendant.
update actum.batches b
   set state = 'decided',
       decided_at = coalesce(:now::timestamptz, now())
 where b.id = any(array(
           select o.id
             from actum.batches o
            where o.state <> 'decided'
              and (o.state = 'shown' or o.closed_at is not null)
              and not exists (
                      select from actum.approvals a
                       where a.batch_id = o.id
                         and a.ruling is null
                         and a.closed is null
                  )
              for update skip locked
       ))
returning b.id;
