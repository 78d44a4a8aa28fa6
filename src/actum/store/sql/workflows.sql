-- name: start
-- Starts workflows, each with its key, first event and input; a taken key starts nothing. Called by the client.
with asked as materialized (
    select *
      from unnest(
          :ids::uuid[], :contracts::text[], :keys::text[], :shape_hashes::bytea[], :document_hashes::bytea[],
          :teams::text[], :requesters::text[], :queues::text[], :priorities::int[], :salts::bytea[], :tags::text[],
          :ats::timestamptz[], :deadlines::timestamptz[], :input_hashes::bytea[], :arguments::bytea[],
          :payload_hashes::bytea[], :actors::text[], :data::text[], :hashes::bytea[], :changes::text[]
      ) as a(id, contract, key, shape_hash, document_hash, team, requester, queue, priority, salt, tags, at, deadline,
             input_hash, arguments, payload_hash, actor, data, hash, changes)
),
keyed as (
    insert into actum.start_keys (contract, key, workflow_id, input_hash, created_at)
    select a.contract, a.key, a.id, a.input_hash, a.at
      from asked a
     where a.key is not null
     order by a.contract, a.key
        on conflict do nothing
    returning workflow_id
),
fresh as (
    select a.*
      from asked a
     where a.key is null or a.id in (select workflow_id from keyed)
),
started as (
    insert into actum.workflows (id, contract, key, shape_hash, document_hash, changes, team, origin, requester,
                                 queue, priority, salt, tags, next_seq, chain_head, deadline, run_at,
                                 created_at, updated_at)
    select f.id, f.contract, f.key, f.shape_hash, f.document_hash, coalesce(string_to_array(nullif(f.changes, ''), ' '), '{}'), f.team,
           f.id, f.requester, f.queue, f.priority, f.salt, f.tags::jsonb, 2, f.hash, f.deadline, f.at,
           f.at, f.at
      from fresh f
    returning id
),
logged as (
    insert into actum.events (workflow_id, seq, at, kind, actor, contract, team, payload_hash, data, hash)
    select f.id, 1, f.at, 'workflow.started', f.actor, f.contract, f.team, f.payload_hash, f.data, f.hash
      from fresh f
),
kept as (
    insert into actum.snapshots (workflow_id, seq, kind, argument_hash, body)
    select f.id, 1, 'input', f.input_hash, f.arguments
      from fresh f
)
select id from started;

-- name: find_keys
-- Reads what already stands under start keys. Called by the client after a start that started less than asked.
select k.contract, k.key, k.workflow_id, k.input_hash
  from actum.start_keys k
 where (k.contract, k.key) in (select * from unnest(:contracts::text[], :keys::text[]));

-- name: claim
-- Takes ready workflows under this worker's lease. Called by the Claimer; their records are read afterwards.
-- Queue by queue, so that the index hands them over in order and the claim ends at `slots`, however many are ready.
update actum.workflows w
   set instance = :instance::uuid,
       epoch = w.epoch + 1,
       python = coalesce(w.python, :python::text)
 where w.id = any(array(
           select ready.id
             from unnest(:queues::text[]) as asked(queue)
            cross join lateral (
                      select r.id, r.run_at
                        from actum.workflows r
                       where r.instance is null
                         and r.finished_at is null
                         and r.queue = asked.queue
                         and r.run_at <= coalesce(:now::timestamptz, now())
                         and r.shape_hash = any(:shapes::bytea[])
                         and (:only::uuid is null or r.id = :only::uuid)
                         and not (r.crash_count >= 2 and r.status <> 'blocked' and :only::uuid is null
                                  and r.contract = any(:alone::text[]))
                         and not exists (
                                 select from actum.freezes f
                                  where f.ended_at is null
                                    and f.mode = 'hold_starts'
                                    and r.next_seq = 2
                                    and (f.scope = 'everything' or f.scope = 'contract' and f.subject = r.contract)
                             )
                       order by r.run_at
                       limit :slots::int
                         for update skip locked
                  ) ready
            order by ready.run_at
            limit :slots::int
       ))
returning w.id, w.contract, w.key, w.shape_hash, w.document_hash, w.python, w.changes, w.team, w.origin, w.requester,
          w.parent, w.parent_address, w.salt, w.status, w.cause, w.current_step, w.attempt_count, w.next_seq,
          w.chain_head, w.deadline, w.epoch, w.wake, w.crash_count, w.created_at, w.queue, w.tags::text as tags,
          w.updated_at, w.finished_at, w.run_at, w.instance;

-- name: find_crashed
-- A ready workflow that was running in two crashes or more, to be run alone. Called by the Isolator.
select r.id, r.contract
  from actum.workflows r
 where r.instance is null
   and r.finished_at is null
   and r.crash_count >= 2
   and r.status <> 'blocked'
   and r.queue = any(:queues::text[])
   and r.run_at <= coalesce(:now::timestamptz, now())
   and r.shape_hash = any(:shapes::bytea[])
   and r.contract = any(:alone::text[])
 order by r.run_at
 limit 1;

-- name: release
-- Gives workflows up unfinished: at shutdown, or when a lost reply left them claimed and unknown. Called by the worker.
update actum.workflows w
   set instance = null,
       epoch = w.epoch + 1,
       run_at = least(w.run_at, coalesce(:now::timestamptz, now()))
 where w.id = any(array(
           select h.id
             from actum.workflows h
            where h.id = any(:ids::uuid[])
              and h.instance = :instance::uuid
            order by h.id
              for update
       ))
returning w.id;

-- name: list_owned
-- The workflows a worker's lease covers, for comparing with what it holds in memory. Called by the worker.
select w.id, w.wake
  from actum.workflows w
 where w.instance = :instance::uuid;

-- name: rescue
-- Takes workflows from dead workers and makes them ready again, counting the crash. Called by the Rescuer.
update actum.workflows w
   set instance = null,
       epoch = w.epoch + 1,
       crash_count = w.crash_count + 1,
       run_at = least(w.run_at, coalesce(:now::timestamptz, now()))
 where w.id = any(array(
           select h.id
             from actum.workflows h
            where h.instance = any(:instances::uuid[])
            order by h.id
            limit :slots::int
              for update skip locked
       ))
returning w.id;

-- name: wake
-- Makes workflows ready; says nothing about why. Called after messages were left for them.
update actum.workflows w
   set wake = w.wake + 1,
       run_at = least(w.run_at, coalesce(:now::timestamptz, now()))
 where w.id = any(array(
           select h.id
             from actum.workflows h
            where h.id = any(:ids::uuid[])
              and h.finished_at is null
            order by h.id
              for update
       ))
returning w.id;

-- name: wake_mismatched
-- Makes workflows blocked by a mismatch ready to be tried by other code, new or old. Called when a worker of it begins.
update actum.workflows w
   set wake = w.wake + 1,
       run_at = least(w.run_at, coalesce(:now::timestamptz, now()))
 where w.id = any(array(
           select h.id
             from actum.workflows h
            where h.contract = :contract::text
              and h.status = 'blocked'
              and h.cause = 'mismatch'
              and h.finished_at is null
            order by h.id
              for update
       ))
returning w.id;

-- name: get
-- One workflow's row. Called by client and command line.
select w.id, w.contract, w.key, w.shape_hash, w.document_hash, w.python, w.changes, w.team, w.origin, w.requester,
       w.parent, w.parent_address, w.salt, w.status, w.cause, w.current_step, w.attempt_count, w.next_seq,
       w.chain_head, w.deadline, w.epoch, w.wake, w.crash_count, w.created_at, w.queue, w.tags::text as tags,
       w.updated_at, w.finished_at, w.run_at, w.instance
  from actum.workflows w
 where w.id = :id::uuid;

-- name: get_settled
-- One workflow's row, once whoever is writing it has committed or not. Called by the Recorder after a lost reply.
-- The columns are the locking part's own: any other part would show the row as it was before the wait.
with settled as materialized (
    select w.id, w.contract, w.key, w.shape_hash, w.document_hash, w.python, w.changes, w.team, w.origin, w.requester,
           w.parent, w.parent_address, w.salt, w.status, w.cause, w.current_step, w.attempt_count, w.next_seq,
           w.chain_head, w.deadline, w.epoch, w.wake, w.crash_count, w.created_at, w.queue, w.tags::text as tags,
           w.updated_at, w.finished_at, w.run_at, w.instance
      from actum.workflows w
     where w.id = :id::uuid
       for update
)
select s.*
  from settled s;

-- name: find
-- Workflows whose id ends in these digits, newest first. Called by the command line for short names.
select w.id
  from actum.workflows w
 where replace(w.id::text, '-', '') like '%' || :suffix::text
 order by w.id desc
 limit 10;

-- name: list
-- A page of workflows, newest first. Called by client and command line.
select w.id, w.contract, w.key, w.shape_hash, w.document_hash, w.python, w.changes, w.team, w.origin, w.requester,
       w.parent, w.parent_address, w.salt, w.status, w.cause, w.current_step, w.attempt_count, w.next_seq,
       w.chain_head, w.deadline, w.epoch, w.wake, w.crash_count, w.created_at, w.queue, w.tags::text as tags,
       w.updated_at, w.finished_at, w.run_at, w.instance
  from actum.workflows w
 where (:contract::text is null or w.contract = :contract::text)
   and (:status::text is null or w.status = :status::text)
   and (:before::uuid is null or w.id < :before::uuid)
   and (:parent::uuid is null or w.parent = :parent::uuid)
 order by w.id desc
 limit :count::int;

-- name: count_by_status
-- How many workflows stand where. Called by doctor and the command line.
select w.status, count(*) as count
  from actum.workflows w
 group by w.status;

-- name: read_endings
-- Which of these workflows have ended, and how. Called by the client's waiters.
select w.id, w.status, w.next_seq
  from actum.workflows w
 where w.id = any(:ids::uuid[])
   and w.finished_at is not null;

-- name: count_ready
-- Ready workflows of a contract that no worker has taken. Called by the client to say why nothing moves.
select count(*) as count
  from actum.workflows w
 where w.instance is null
   and w.finished_at is null
   and w.contract = :contract::text
   and w.run_at <= coalesce(:now::timestamptz, now());
