-- name: register
-- Announces a worker and its first heartbeat. Called by the worker at start.
insert into actum.workers (instance, name, machine, pid, pid_started, python, version, contracts, queues, shapes,
                           concurrency, lease, started_at, heartbeat_at)
values (:instance::uuid, :name::text, :machine::text, :pid::int, :pid_started::text, :python::text, :version::text,
        :contracts::text[], :queues::text[], :shapes::bytea[], :concurrency::int, :lease::interval,
        coalesce(:now::timestamptz, now()), coalesce(:now::timestamptz, now()));

-- name: beat
-- Renews a worker's lease, unless it was stopped or declared dead. Called by the heartbeat thread.
update actum.workers w
   set heartbeat_at = coalesce(:now::timestamptz, now())
 where w.instance = :instance::uuid
   and w.stopped_at is null
returning w.heartbeat_at;

-- name: stop
-- Ends a worker's row, by itself or because it is dead. Called by the worker at its end and by the Rescuer.
update actum.workers w
   set stopped_at = coalesce(:now::timestamptz, now()),
       stop_reason = :reason::text
 where w.instance = any(:instances::uuid[])
   and w.stopped_at is null
returning w.instance;

-- name: declare_dead
-- Ends the rows of workers whose lease has run out; their workflows may then be taken. Called by the Rescuer.
-- The heartbeat is judged under the row's lock, so a beat that comes in time wins.
update actum.workers w
   set stopped_at = coalesce(:now::timestamptz, now()),
       stop_reason = 'lease expired'
 where w.instance = any(array(
           select d.instance
             from actum.workers d
            where d.stopped_at is null
              and d.heartbeat_at + d.lease < coalesce(:now::timestamptz, now())
              and d.instance <> :instance::uuid
            order by d.instance
              for update skip locked
       ))
returning w.instance;

-- name: list_neighbours
-- Live-looking workers of this machine, whose process can be looked at. Called by the Rescuer.
select w.instance, w.pid, w.pid_started
  from actum.workers w
 where w.stopped_at is null
   and w.machine = :machine::text
   and w.instance <> :instance::uuid;

-- name: list_stopped_owners
-- Stopped or unknown instances that still own workflows. Called by the Rescuer.
select distinct f.instance
  from actum.workflows f
  left join actum.workers w on w.instance = f.instance
 where f.instance is not null
   and (w.instance is null or w.stopped_at is not null);

-- name: list_live
-- Workers whose lease holds. Called by client, doctor and the command line.
select w.instance, w.name, w.machine, w.pid, w.python, w.version, w.contracts, w.queues, w.shapes, w.concurrency,
       w.started_at, w.heartbeat_at
  from actum.workers w
 where w.stopped_at is null
   and w.heartbeat_at + w.lease >= coalesce(:now::timestamptz, now())
 order by w.started_at;

-- name: get
-- One worker, alive or not. Called by `show`.
select w.instance, w.name, w.machine, w.pid, w.python, w.started_at, w.heartbeat_at, w.stopped_at, w.stop_reason
  from actum.workers w
 where w.instance = :instance::uuid;
