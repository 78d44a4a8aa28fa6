"""`actum db migrate` and `actum db status`: the database's version."""

from __future__ import annotations

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.lazy import LazyGroup, Place
from actum.cli.opening import carry_out
from actum.cli.printing import say, say_json
from actum.settings import Settings
from actum.store.migrate import Standing, migrate, read_standing
from actum.store.opening import open_store
from actum.store.pool import conceal

PLACES = {
    "migrate": Place("database:migrate_database", "Commands", "Bring the database to this version."),
    "status": Place("database:status", "Commands", "Say what is applied, and what is missing."),
}


@click.group(cls=LazyGroup, places=PLACES)
def db() -> None:
    """Bring the database to this version, or see how it stands."""


@click.command("migrate")
@options.dry_run
def migrate_database(dry_run: bool) -> int:
    """Apply the migrations that are missing, each in a transaction of its own, under one lock.

    A second call applies nothing; a database that is newer, or was edited, is refused and left as it is.
    """
    return carry_out(_migrate(dry_run))


async def _migrate(dry_run: bool) -> int:
    store, opened = await open_store(Settings.read(), size=1)
    try:
        before = await read_standing(store.pool) if dry_run else await migrate(store.pool)
    finally:
        await opened.close()
    if not before.pending:
        say("nothing to apply: the database is at this version")
        return Exit.FINE
    for name in before.pending:
        say(f"would apply {name}" if dry_run else f"applied {name}")
    return Exit.FINE


@click.command()
@options.as_json
def status(is_json: bool) -> int:
    """Say which database is meant, what is applied and what is missing; exit code 1 when something is."""
    return carry_out(_status(is_json))


async def _status(is_json: bool) -> int:
    settings = Settings.read()
    store, opened = await open_store(settings, size=1)
    try:
        standing = await read_standing(store.pool)
        described = await store.describe()
    finally:
        await opened.close()
    place = f"embedded in {settings.home}" if opened.is_embedded else conceal(store.pool.dsn)
    server = f"{described['version_number'] // 10000}.{described['version_number'] % 10000}"
    if is_json:
        say_json(
            {
                "database": place,
                "schema": settings.schema,
                "postgres": server,
                "role": described["role"],
                "applied": standing.applied,
                "pending": standing.pending,
            }
        )
    else:
        _tell(place, settings.schema, server, described["role"], standing)
    return Exit.FAILED if standing.pending else Exit.FINE


def _tell(place: str, schema: str, server: str, role: str, standing: Standing) -> None:
    say(f"database  {place}, schema {schema}")
    say(f"server    Postgres {server}, as {role}")
    for name in standing.applied:
        say(f"applied   {name}")
    for name in standing.pending:
        say(f"missing   {name}")
    if standing.pending:
        say("run `actum db migrate`")
