-- name: lock
-- One process migrates at a time; the lock ends with the transaction. Called by migrate.
select pg_advisory_xact_lock(:lock::bigint);

-- name: make_schema
-- The schema itself, where it is missing. Called by migrate.
create schema if not exists actum;

-- name: make_table
-- The list of what was applied. Called by migrate.
create table if not exists actum.migrations (
    number     integer primary key,
    name       text not null,
    checksum   text not null,
    applied_at timestamptz not null default now()
);

-- name: list
-- What was applied, in order. Called by migrate and by everything that opens a database.
select m.number, m.name, m.checksum
  from actum.migrations m
 order by m.number;

-- name: enter
-- Notes one migration as applied, in the transaction that applied it. Called by migrate.
insert into actum.migrations (number, name, checksum)
values (:number::int, :name::text, :checksum::text)
    on conflict do nothing
returning number;
