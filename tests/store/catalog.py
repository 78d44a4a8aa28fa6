"""A database's schema as text, read from the catalogs: for comparing two databases, or one before and after."""

from __future__ import annotations

import asyncpg

CATALOG = """
select 'column ' || c.relname || '.' || a.attname as name,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
                 pg_get_expr(d.adbin, d.adrelid), a.attacl::text) as definition
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'c')
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where c.relnamespace = $1::text::regnamespace and a.attnum > 0 and not a.attisdropped
 union all
select 'relation ' || c.relname,
       concat_ws(' ', c.relkind, c.reloptions::text, pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid),
                 c.relacl::text)
  from pg_class c
 where c.relnamespace = $1::text::regnamespace
 union all
select 'index ' || indexname, indexdef from pg_indexes where schemaname = $1::text
 union all
select 'view ' || viewname, definition from pg_views where schemaname = $1::text
 union all
select 'constraint ' || conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
  from pg_constraint
 where connamespace = $1::text::regnamespace and contype <> 'n'
 union all
select 'function ' || p.oid::regprocedure, concat_ws(' ', pg_get_functiondef(p.oid), p.proacl::text)
  from pg_proc p
 where p.pronamespace = $1::text::regnamespace
 union all
select 'trigger ' || t.tgrelid::regclass || '.' || t.tgname, pg_get_triggerdef(t.oid)
  from pg_trigger t join pg_class c on c.oid = t.tgrelid
 where c.relnamespace = $1::text::regnamespace and not t.tgisinternal
 union all
select 'schema', n.nspacl::text from pg_namespace n where n.nspname = $1::text
 order by 1
"""


async def read_catalog(dsn: str, schema: str = "actum") -> dict[str, str]:
    """Return everything a schema holds, by name; empty where there is no such schema."""
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval("select to_regnamespace($1::text) is null", schema):
            return {}
        return {row["name"]: row["definition"] for row in await connection.fetch(CATALOG, schema)}
    finally:
        await connection.close()


async def execute(dsn: str, text: str, *values: object) -> None:
    """Run a script, or one statement with values, on a connection of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(text, *values)
    finally:
        await connection.close()


async def fetch(dsn: str, text: str, *values: object) -> list[asyncpg.Record]:
    """Return the rows of one statement, on a connection of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(text, *values)
        return rows
    finally:
        await connection.close()
