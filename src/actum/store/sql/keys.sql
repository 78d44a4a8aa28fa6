-- name: make_schema
-- The schema of the keys table in another database, where it is missing. Called by OperationKeys.
create schema if not exists actum;

-- name: make_table
-- The keys of effects that are transactional in this database, completed by their own transactions. Called by OperationKeys.
create table if not exists actum.operation_keys (
    kind        text not null,
    key         text not null,
    workflow_id uuid not null,
    epoch       integer not null,
    attempt     integer not null,
    result      bytea,
    done_at     timestamptz,
    primary key (kind, key)
);

-- name: find_table
-- Whether the keys table is there. Called by OperationKeys.
select to_regclass('actum.operation_keys') is not null as found;

-- name: claim
-- Takes a key that is not done for one attempt; waits for whoever is completing it. Called by OperationKeys.
insert into actum.operation_keys as k (kind, key, workflow_id, epoch, attempt)
values (:kind::text, :key::text, :workflow_id::uuid, :epoch::int, :attempt::int)
    on conflict (kind, key) do update
   set workflow_id = excluded.workflow_id,
       epoch = excluded.epoch,
       attempt = excluded.attempt
 where k.done_at is null
   and not (k.workflow_id = excluded.workflow_id and k.epoch > excluded.epoch)
returning k.key;

-- name: read
-- What stands under a key. Called by OperationKeys after a claim that took nothing.
select k.result, k.done_at is not null as is_done
  from actum.operation_keys k
 where k.kind = :kind::text
   and k.key = :key::text;

-- name: hold
-- Locks a key inside the author's transaction if the claim is still this attempt's. Called by OperationKeys.
with held as materialized (
    select k.workflow_id, k.epoch, k.attempt, k.done_at
      from actum.operation_keys k
     where k.kind = :kind::text
       and k.key = :key::text
       for update
)
select h.epoch
  from held h
 where h.workflow_id = :workflow_id::uuid
   and h.epoch = :epoch::int
   and h.attempt = :attempt::int
   and h.done_at is null;

-- name: complete
-- Writes the result beside the author's rows. Called by OperationKeys as the last statement before the commit.
update actum.operation_keys k
   set result = :result::bytea,
       done_at = now()
 where k.kind = :kind::text
   and k.key = :key::text
returning k.key;

-- name: list_done
-- Keys that were done a while ago, page by page. Called by OperationKeys for what may be forgotten.
select k.kind, k.key
  from actum.operation_keys k
 where k.done_at < now() - :older::interval
   and (k.kind, k.key) > (:kind::text, :key::text)
 order by k.kind, k.key
 limit :count::int;

-- name: forget
-- Deletes keys that are done and that nobody can come back to. Called by OperationKeys.
delete from actum.operation_keys k
 using unnest(:kinds::text[], :keys::text[]) as f(kind, key)
 where k.kind = f.kind
   and k.key = f.key
   and k.done_at is not null
returning k.key;
