-- Makes a test's database blank again without making it anew: its connections keep their plans. What stands in it when
-- this is installed is what a blank one holds; called once, when the template database is made.

create schema actum_blank;

-- More than rows: what tells that a test changed tables, functions, views, triggers, privileges or settings. What was
-- written anew is of a later transaction; of `pg_class`, whose rows are written anew for much that changes nothing, it is
-- said what matters.
create function actum_blank.describe() returns text
language sql stable as $$
    select concat_ws(' ',
        (select concat_ws(' ', count(*), count(*) filter (where c.relrowsecurity), sum(hashtext(c.relacl::text))) from pg_class c),
        (select concat_ws(' ', count(*), max(a.xmin::text::bigint)) from pg_attribute a),
        (select concat_ws(' ', count(*), max(d.xmin::text::bigint)) from pg_attrdef d),
        (select concat_ws(' ', count(*), max(c.xmin::text::bigint)) from pg_constraint c),
        (select concat_ws(' ', count(*), max(r.xmin::text::bigint)) from pg_rewrite r),
        (select concat_ws(' ', count(*), max(p.xmin::text::bigint)) from pg_proc p),
        (select concat_ws(' ', count(*), max(t.xmin::text::bigint)) from pg_trigger t),
        (select count(*) from pg_db_role_setting)
    )
$$;

create table actum_blank.description (text text not null);

-- Whether nobody but this many connections is there.
create function actum_blank.are_alone(connections bigint) returns boolean
language sql volatile as $$
    select count(*) <= connections
      from pg_stat_activity a
     where a.datname = current_database() and a.backend_type = 'client backend'
$$;

-- Returns false, with nothing changed, where more than rows would have to be put back, where there are so many of them
-- that making a database is quicker, and where we may not pass triggers by.
create function actum_blank.make_blank() returns boolean
language plpgsql volatile as $$
declare
    touched record;
begin
    if current_setting('is_superuser') = 'off'
       or (select d.text from actum_blank.description d) is distinct from actum_blank.describe()
       or (select sum(pg_relation_size(c.oid)) from pg_class c where c.relkind = 'r') > 50e6 then
        return false;
    end if;
    perform set_config('session_replication_role', 'replica', true);
    for touched in
        select c.oid::regclass as name, c.relname, b.oid is not null as is_filled
          from pg_class c
          left join pg_class b on b.relname = c.relname and b.relnamespace = 'actum_blank'::regnamespace
         where c.relkind = 'r'
           and (c.relnamespace = 'actum'::regnamespace or c.oid = 'actum_referee.statuses'::regclass)
           and pg_relation_size(c.oid) > 0
    loop
        execute format('delete from only %s', touched.name);
        if touched.is_filled then
            execute format('insert into %s overriding system value table actum_blank.%I', touched.name, touched.relname);
        end if;
    end loop;
    perform setval(s.seqrelid, s.seqstart, false) from pg_sequence s;
    return true;
end
$$;

do $$
declare
    filled record;
    has_rows boolean;
begin
    for filled in select c.relname from pg_class c where c.relnamespace = 'actum'::regnamespace and c.relkind = 'r' loop
        execute format('select exists (select from actum.%I)', filled.relname) into has_rows;
        if has_rows then
            execute format('create table actum_blank.%I as table actum.%I', filled.relname, filled.relname);
        end if;
    end loop;
    insert into actum_blank.description select actum_blank.describe();
end
$$;
