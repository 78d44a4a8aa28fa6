-- name: read_clock
-- The database's clock. Called by every process to learn how far its own is off.
select now() as now;

-- name: notify
-- Sends a hint; nothing depends on its arrival. Called after commits, in its own statement.
select pg_notify(:channel::text, :payload::text);

-- name: make_weeks
-- Makes the partitions of this week and the coming ones. Called by workers and clients at start, then daily.
select actum.make_weeks(coalesce(:now::timestamptz, now()), 4) as made;

-- name: describe
-- What server this is and how safely it writes. Called by doctor.
select version() as version,
       current_setting('server_version_num')::int as version_number,
       current_setting('fsync') as fsync,
       current_setting('synchronous_commit') as synchronous_commit,
       current_setting('synchronous_standby_names') as synchronous_standby_names,
       current_user as role,
       pg_is_in_recovery() as is_replica,
       pg_database_size(current_database()) as bytes;
