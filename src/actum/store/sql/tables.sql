-- name: describe
-- A table of an author's, and the commands that change, lock and put back rows of it, in its own words. Called by Table.find.
with found as materialized (
    select c.oid, c.oid::regclass::text as name
      from pg_class c
     where c.oid = to_regclass(:name::text)
),
columns as materialized (
    select a.attname, a.attnum, a.attgenerated, a.attidentity,
           exists (select from pg_index i where i.indrelid = f.oid and i.indisprimary and a.attnum = any(i.indkey)) as is_key
      from found f
      join pg_attribute a on a.attrelid = f.oid
     where a.attnum > 0
       and not a.attisdropped
),
shape as materialized (
    select f.oid,
           f.name,
           format('jsonb_populate_recordset(null::%s, $1::jsonb) as r', f.name) as given,
           (select string_agg(format('t.%1$I = r.%1$I', c.attname), ' and ' order by c.attnum)
              from columns c where c.is_key) as same_key,
           (select string_agg(format('t.%I', c.attname), ', ' order by c.attnum)
              from columns c where c.is_key) as by_key,
           (select string_agg(format('%1$I = r.%1$I', c.attname), ', ' order by c.attnum)
              from columns c where not c.is_key and c.attgenerated = '' and c.attidentity <> 'a') as back,
           (select string_agg(format('%I', c.attname), ', ' order by c.attnum)
              from columns c where c.attgenerated = '') as names,
           (select string_agg(format('r.%I', c.attname), ', ' order by c.attnum)
              from columns c where c.attgenerated = '') as images
      from found f
),
referring as materialized (
    select k.oid, k.conrelid::regclass::text as name, k.confdeltype, k.confupdtype, k.confkey,
           (select string_agg(format('o.%I = r.%I', mine.attname, theirs.attname), ' and ')
              from unnest(k.conkey, k.confkey) as pair (mine, theirs)
              join pg_attribute mine on mine.attrelid = k.conrelid and mine.attnum = pair.mine
              join pg_attribute theirs on theirs.attrelid = k.confrelid and theirs.attnum = pair.theirs) as refers
      from found f
      join pg_constraint k on k.confrelid = f.oid and k.contype = 'f'
)
select s.name,
       current_database()::text as database,
       array(select c.attname::text from columns c where c.is_key order by c.attnum) as keys,
       exists (select from pg_trigger g where g.tgrelid = s.oid and not g.tgisinternal) as has_triggers,
       array(
           select distinct c.attname::text
             from referring g
             join columns c on c.attnum = any(g.confkey)
            where g.confupdtype in ('c', 'n', 'd')
       ) as carried,
       format(
           'with touched as (%s
            returning to_jsonb(%s.*) as image)
            select image::text as image, count(*) over () as rows from touched limit %s',
           :statement::text, :alias::text, :most::int
       ) as touch,
       format(
           'select to_jsonb(t.*)::text as image from %s join %s as t on %s order by %s for no key update of t',
           s.given, s.name, s.same_key, s.by_key
       ) as lock,
       format(
           'select to_jsonb(r.*)::text as image, %s is not null as is_there
              from %s left join %s as t on %s where (t.* *= r.*) is not true',
           split_part(s.by_key, ', ', 1), s.given, s.name, s.same_key
       ) as compare,
       (
           select string_agg(
                      format('select %L as name where exists (select from %s join %s as o on %s)', g.name, s.given, g.name, g.refers),
                      ' union all '
                  )
             from referring g
            where g.confdeltype in ('c', 'n', 'd')
       ) as refer,
       format('update %s as t set ', s.name) || s.back || format(' from %s where %s', s.given, s.same_key) as replace,
       format('insert into %s (%s) overriding system value select %s from %s', s.name, s.names, s.images, s.given) as put,
       format('delete from %s as t using %s where %s', s.name, s.given, s.same_key) as remove
  from shape s;
