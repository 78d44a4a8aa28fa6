"""Brings a database to this version, once, however many processes try at the same time.

Migrations are numbered SQL files with checksums, applied in order, each in a transaction of its own under one lock.
A database that is newer than this code, or whose applied migrations were edited, is refused and left as it is.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import asyncpg

from actum.errors import DatabaseMismatch
from actum.store.pool import Pool
from actum.store.statements import rename_schema

_LOCK = 0x6163_7475_6D  # "actum": any number, as long as every version takes the same
_OLDEST_SERVER = 150000


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file: `when` says whether it runs before or after the code is deployed."""

    number: int
    when: str
    name: str
    text: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What a database has applied, and what this code would still apply."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


@cache
def migrations() -> tuple[Migration, ...]:
    """Return this version's migrations in order."""
    found = []
    for entry in sorted(
        resources.files("actum.store").joinpath("sql", "migrations").iterdir(), key=lambda e: e.name
    ):
        match = re.fullmatch(r"(\d{4})_(before|after)_(\w+)\.sql", entry.name)
        if match:
            text = entry.read_text("utf-8")
            found.append(
                Migration(
                    int(match[1]), match[2], match[3], text, hashlib.sha256(text.encode()).hexdigest()[:32]
                )
            )
    return tuple(found)


async def migrate(pool: Pool) -> Standing:
    """Apply what is missing and return how the database stood before.

    A crash half-way leaves whole migrations applied and the next call goes on from there; a second call applies
    nothing. Raises DatabaseMismatch for a database that is newer, edited, or on a server before Postgres 15.
    """
    async with pool.connection() as connection:
        standing = await _read(pool, connection)
        if not standing.pending:
            return standing
        async with connection.transaction():
            await connection.execute(pool.statement("migrations", "lock").text, _LOCK)
            await connection.execute(pool.statement("migrations", "make_schema").text)
            await connection.execute(pool.statement("migrations", "make_table").text)
        for migration in migrations():
            await _apply(pool, connection, migration)
    return standing


async def read_standing(pool: Pool) -> Standing:
    """Return what is applied and what is pending; raises DatabaseMismatch as `migrate` does. Changes nothing."""
    async with pool.connection() as connection:
        return await _read(pool, connection)


async def require_current(pool: Pool) -> None:
    """Raise DatabaseMismatch, with the command that helps, unless the database is at this version."""
    standing = await read_standing(pool)
    if standing.pending:
        raise DatabaseMismatch(
            f"the database lacks {len(standing.pending)} migration(s) ({', '.join(standing.pending)}): run `actum db migrate`"
        )


async def _apply(pool: Pool, connection: Any, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(pool.statement("migrations", "lock").text, _LOCK)
        enter = pool.statement("migrations", "enter")
        entered = await connection.fetch(
            enter.text,
            *enter.order(
                {"number": migration.number, "name": migration.name, "checksum": migration.checksum}
            ),
        )
        if entered:
            await connection.execute(rename_schema(migration.text, pool.schema))


async def _read(pool: Pool, connection: Any) -> Standing:
    version = connection.get_server_version()
    if version.major * 10000 < _OLDEST_SERVER:
        raise DatabaseMismatch(
            f"this is Postgres {version.major}, and Actum needs 15 or newer: upgrade the server"
        )
    try:
        rows = await connection.fetch(pool.statement("migrations", "list").text)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        rows = []
    known = {migration.number: migration for migration in migrations()}
    for row in rows:
        migration = known.get(row["number"])
        if migration is None:
            raise DatabaseMismatch(
                f"the database has migration {row['number']:04d} ({row['name']}), which this version of Actum does not"
                " know: it is newer, so deploy the newer code; nothing was changed"
            )
        if migration.checksum != row["checksum"]:
            raise DatabaseMismatch(
                f"migration {row['number']:04d} ({row['name']}) was applied with other text than this version has:"
                " one of them was edited; nothing was changed"
            )
    applied = {row["number"] for row in rows}
    return Standing(
        tuple(f"{m.number:04d}_{m.name}" for m in migrations() if m.number in applied),
        tuple(f"{m.number:04d}_{m.name}" for m in migrations() if m.number not in applied),
    )
