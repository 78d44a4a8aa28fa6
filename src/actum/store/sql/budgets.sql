-- What contracts and teams may use, and what attempts took of it. Budgets are locked by id, after everything else.

-- name: reserve
-- Takes what an attempt will use from every budget it is under, or from none; the same attempt finds its uses again. Called by the engine.
select r.answer, r.ordinal, r.unit, r.used, r.granted
  from actum.reserve_budgets(:workflow_id::uuid, :address::text, :attempt::int, :epoch::int, :is_effect::bool,
                             :budgets::jsonb, :amounts::jsonb, :is_forced::bool, :now::timestamptz) r;

-- name: settle
-- Charges the uses of an attempt with what it used, or releases them. Called by the engine.
select actum.settle_budgets(:workflow_id::uuid, :address::text, :attempt::int, :epoch::int, :state::text, :amounts::jsonb,
                            :now::timestamptz) as ended;

-- name: settle_left
-- Ends what earlier holders of a workflow left reserved. Called by the engine when it takes a workflow over.
select actum.settle_left_budgets(:workflow_id::uuid, :epoch::int, :now::timestamptz) as ended;

-- name: list
-- The budgets of a scope since a day, the latest first, with what is reserved and not settled. Called by the client.
select b.scope, b.subject, b.day, b.used::text as used,
       (select count(*) from actum.budget_uses u where u.budget_id = b.id and u.state = 'reserved')::int as open
  from actum.budgets b
 where b.scope = :scope::text
   and (b.day is null or b.day >= :since::date)
   and b.subject = coalesce(:subject::text, b.subject)
 order by b.day desc nulls last, b.subject
 limit :count::int;
