"""`actum db …`: the database's version, and the keys of other databases that nobody comes back to."""

from __future__ import annotations

import os
from datetime import timedelta

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.lazy import LazyGroup, Place
from actum.cli.opening import carry_out
from actum.cli.outcome import tell_outcome
from actum.cli.printing import say, say_json
from actum.errors import InvalidInput
from actum.model.contract import parse_duration
from actum.settings import Settings, check_url
from actum.store.forgetting import KEPT, forget_keys
from actum.store.keys import OperationKeys
from actum.store.migrate import Standing, migrate, read_standing
from actum.store.opening import open_store
from actum.store.pool import Explained, conceal

PLACES = {
    "migrate": Place("database:migrate_database", "Commands", "Bring the database to this version."),
    "prune-keys": Place("database:prune_keys", "Commands", "Delete operation keys of another database."),
    "status": Place("database:status", "Commands", "Say what is applied, and what is missing."),
}


@click.group(cls=LazyGroup, places=PLACES)
def db() -> None:
    """Bring the database to this version, see how it stands, or delete old keys elsewhere."""


@click.command("migrate")
@options.dry_run
@options.as_json
def migrate_database(dry_run: bool, is_json: bool) -> int:
    """Apply the migrations that are missing, each in a transaction of its own, under one lock.

    A second call applies nothing; a database that is newer, or was edited, is refused and left as it is.
    """
    return carry_out(_migrate(dry_run, is_json))


async def _migrate(dry_run: bool, is_json: bool) -> int:
    store, opened = await open_store(Settings.read(), size=1)
    try:
        before = await read_standing(store.pool) if dry_run else await migrate(store.pool)
    finally:
        await opened.close()
    said = [f"would apply {name}" if dry_run else f"applied {name}" for name in before.pending]
    return tell_outcome(
        "db migrate",
        said or "nothing to apply: the database is at this version",
        {"migrations": before.pending},
        actor=None,
        is_json=is_json,
        dry_run=dry_run,
    )


@click.command("prune-keys")
@click.argument("variable", metavar="VARIABLE")
@click.option(
    "--older",
    default=f"{KEPT.days}d",
    show_default=True,
    metavar="DURATION",
    help="Only what was done, and whose workflows have ended, so long ago; 30d at least.",
)
@options.dry_run
@options.as_json
def prune_keys(variable: str, older: str, dry_run: bool, is_json: bool) -> int:
    """Delete operation keys of another database that no workflow can come back to.

    VARIABLE is the environment variable with that database's address, as the effects' `Database(…, env=…)` names it. A key
    stays while a workflow that used it has not ended, or where the ledger does not know it. Let --older be longer than
    the oldest backup of Actum's database that you might restore.
    """
    return carry_out(_prune_keys(variable, parse_duration(older), is_json, is_trial=dry_run))


async def _prune_keys(variable: str, older: timedelta, is_json: bool, *, is_trial: bool) -> int:
    address = os.environ.get(variable)
    if not address:
        raise InvalidInput(
            f"{variable} is not set: name the environment variable with that database's address"
        )
    keys = OperationKeys(check_url(address, variable))
    store, opened = await open_store(Settings.read(), size=1)
    try:
        with Explained(address, setting=variable):
            found = await forget_keys(store, keys, older=older, is_trial=is_trial)
    finally:
        await keys.close()
        await opened.close()
    what = "could be deleted; nothing was done" if is_trial else "deleted"
    said = f"{found.old} keys are old enough, {found.forgotten} of them {what}"
    facts = {"database": variable, "old": found.old, "forgotten": found.forgotten}
    return tell_outcome("db prune-keys", said, facts, actor=None, is_json=is_json, dry_run=is_trial)


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
