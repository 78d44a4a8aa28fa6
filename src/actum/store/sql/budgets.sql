-- What contracts and teams may use, and what attempts took of it. Budgets are locked by id, after everything else.

-- name: reserve
-- Takes what an attempt will use from every budget it is under, or from none; the same attempt finds its uses again. Called by the engine.
select r.answer, r.ordinal, r.unit, r.used, r.granted
  from actum.reserve_budgets(:workflow_id::uuid, :address::text, :attempt::int, :epoch::int, :is_effect::bool,
                             :budgets::jsonb, :amounts::jsonb, :is_forced::bool, :now::timestamptz) r;

-- name: reserve_prompt
-- Takes one prompt for asking people, or none where that joins a batch or a grant covers it. Called by the engine before it asks.
select r.answer, r.ordinal, r.unit, r.used, r.granted
  from actum.reserve_prompt(:workflow_id::uuid, :name::text, :epoch::int, :budgets::jsonb, :rule::text, :key::text,
                            :policy_hash::bytea, :grants::uuid[], :now::timestamptz) r;

-- name: settle
-- Charges the uses of an attempt with what it used, or releases them. Called by the engine.
select actum.settle_budgets(:workflow_id::uuid, :address::text, :attempt::int, :epoch::int, :state::text, :amounts::jsonb,
                            :now::timestamptz) as ended;

-- name: settle_left
-- Ends what earlier holders of a workflow left reserved. Called by the engine when it takes a workflow over.
select actum.settle_left_budgets(:workflow_id::uuid, :epoch::int, :now::timestamptz) as ended;

-- name: list
-- The budgets of a scope since a day, the latest first, with what is not settled; a team's by who owns a contract now. Called by the client.
select b.scope, b.subject, b.day, b.used::text as used,
       (select count(*) from actum.budget_uses u where u.budget_id = b.id and u.state = 'reserved')::int as open
  from actum.budgets b
 where b.scope = :scope::text
   and (b.day is null or b.day >= :since::date)
   and b.subject = coalesce(:subject::text, b.subject)
   and (:team::text is null
        or case b.scope
               when 'team' then b.subject
               when 'contract' then (
                   select c.team
                     from actum.contracts c
                    where c.contract = b.subject
                    order by c.registered_at desc, c.shape desc
                    limit 1
               )
           end = :team::text)
 order by b.day desc nulls last, b.subject;

-- name: list_refused
-- Budgets that let somebody not in since an instant, by contract and unit. Called by the Watcher.
select case when b.scope = 'team' then '' else coalesce(w.contract, b.subject) end as contract,
       case when b.scope = 'team' then b.subject else w.team end as team, b.scope, b.refused_unit as unit,
       max((b.used ->> b.refused_unit)::numeric) as used, max(b.refused_limit) as granted, count(*)::int as count,
       min(b.refused_at) as first_at, max(b.refused_at) as last_at, (array_agg(b.refused_by order by b.refused_at desc))[1] as latest,
       (array_agg(distinct b.refused_by))[1:1000] as workflow_ids
  from actum.budgets b
  left join actum.workflows w on w.id = b.refused_by
 where b.refused_at > :since::timestamptz
 group by 1, 2, 3, 4
 order by 1, 2, 3, 4;

-- name: prune
-- Deletes some of what is kept of budgets and is too old. Called by the Pruner.
select actum.prune_budgets(:kept::interval, :count::int, :now::timestamptz) as pruned;
