-- Makes a test's database blank again without making it anew: its connections keep their plans. What stands in it when
-- this is installed is what a blank one holds; called once, when the template database is made.

create schema actum_blank;

-- More than rows: what tells that a test changed tables, functions, views, triggers, types, privileges or settings. What
-- was written since is younger; of `pg_class`, whose rows are written anew for much that changes nothing, it is said what
-- matters.
create function actum_blank.describe(since xid) returns text
language sql stable as $$
    select concat_ws(' ',
        (select concat_ws(' ', count(*), count(*) filter (where c.relrowsecurity), sum(hashtext(c.relacl::text))) from pg_class c),
        (select concat_ws(' ', count(*), count(*) filter (where age(a.xmin) < age(since))) from pg_attribute a),
        (select concat_ws(' ', count(*), count(*) filter (where age(d.xmin) < age(since))) from pg_attrdef d),
        (select concat_ws(' ', count(*), count(*) filter (where age(c.xmin) < age(since))) from pg_constraint c),
        (select concat_ws(' ', count(*), count(*) filter (where age(r.xmin) < age(since))) from pg_rewrite r),
        (select concat_ws(' ', count(*), count(*) filter (where age(p.xmin) < age(since))) from pg_proc p),
        (select concat_ws(' ', count(*), count(*) filter (where age(t.xmin) < age(since))) from pg_trigger t),
        (select count(*) from pg_type),
        (select count(*) from pg_namespace n where n.nspname !~ '^pg_(toast_)?temp'),
        (select count(*)
           from pg_db_role_setting s
          where s.setdatabase in (0, (select d.oid from pg_database d where d.datname = current_database())))
    )
$$;

create table actum_blank.description (since xid not null, text text not null);
create table actum_blank.tables (name oid primary key);

-- Whether nobody but this many connections is there.
create function actum_blank.are_alone(connections bigint) returns boolean
language sql volatile as $$
    select count(*) <= connections
      from pg_stat_activity a
     where a.datname = current_database() and a.backend_type = 'client backend'
$$;

-- Drops the tables that were made since, the partitions of further weeks among them; true where some were not Actum's.
create function actum_blank.drop_new() returns boolean
language plpgsql volatile as $$
declare
    made record;
    had_others boolean := false;
begin
    for made in
        select c.oid::regclass::text as name, c.relnamespace <> 'actum'::regnamespace as is_other
          from pg_class c
         where c.relkind in ('r', 'p') and c.oid >= 16384 and c.relpersistence <> 't'
           and not exists (select from actum_blank.tables t where t.name = c.oid)
         order by c.oid desc
    loop
        execute format('drop table if exists %s', made.name);
        had_others := had_others or made.is_other;
    end loop;
    return had_others;
end
$$;

-- Returns `blank`; `blank but for types` where a connection may remember a table that is gone; and `spoilt` where more
-- would have to be put back than rows and new tables, where there are so many rows that making a database is quicker,
-- and where we may not pass triggers by.
create function actum_blank.make_blank() returns text
language plpgsql volatile as $$
declare
    had_others boolean;
begin
    if current_setting('is_superuser') = 'off' then
        return 'spoilt';
    end if;
    had_others := actum_blank.drop_new();
    if (select d.text is distinct from actum_blank.describe(d.since) from actum_blank.description d)
       or (select sum(pg_relation_size(t.name)) from actum_blank.tables t) > 50e6 then
        return 'spoilt';
    end if;
    -- For good: whenever this changes, the server forgets the plans of the connection.
    if current_setting('session_replication_role') <> 'replica' then
        perform set_config('session_replication_role', 'replica', false);
    end if;
    perform actum_blank.put_rows_back();
    return case when had_others then 'blank but for types' else 'blank' end;
end
$$;

-- One statement for each table, written out: their plans are kept too.
do $$
declare
    known record;
    has_rows boolean;
    body text := '';
begin
    for known in
        select c.oid::regclass as name, c.relname
          from pg_class c
         where c.relkind = 'r'
           and (c.relnamespace = 'actum'::regnamespace or c.oid = 'actum_referee.statuses'::regclass)
    loop
        body := body || format('delete from only %s;', known.name);
        execute format('select exists (select from %s)', known.name) into has_rows;
        if has_rows then
            execute format('create table actum_blank.%I as table %s', known.relname, known.name);
            body := body || format(
                'insert into %s overriding system value table actum_blank.%I;', known.name, known.relname
            );
        end if;
    end loop;
    body := body || 'perform setval(s.seqrelid, s.seqstart, false) from pg_sequence s;';
    execute format(
        'create function actum_blank.put_rows_back() returns void language plpgsql volatile as %L',
        'begin ' || body || ' end'
    );
    insert into actum_blank.tables select c.oid from pg_class c where c.relkind in ('r', 'p') and c.oid >= 16384;
    insert into actum_blank.description
    select here.since, actum_blank.describe(here.since) from (select pg_current_xact_id()::xid as since) here;
end
$$;
