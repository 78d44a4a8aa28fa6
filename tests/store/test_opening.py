"""A database that cannot be reached, or an address that cannot be meant, is one sentence with the way out."""

from __future__ import annotations

import os
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from catalog import execute

from actum.errors import ActumError, DatabaseUnavailable, InvalidSettings
from actum.settings import Settings
from actum.store.pool import Pool, conceal
from actum.testing.harness import Harness


async def refusal(dsn: str, schema: str = "actum") -> ActumError:
    with pytest.raises(ActumError) as caught:
        await (await Pool.open(dsn, schema=schema, size=1)).close()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    return caught.value


@pytest.mark.parametrize(
    "dsn",
    [
        "not an address",
        "mysql://root@localhost/actum",
        "postgresql://user@host:notaport/actum",
    ],
)
async def test_what_is_no_address_is_refused_as_a_setting(dsn: str) -> None:
    error = await refusal(dsn)
    assert isinstance(error, InvalidSettings)
    assert "write postgresql://user:password@host:5432/database" in str(error)


async def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    error = await refusal("postgresql://user:secret@127.0.0.1:1/actum")
    assert isinstance(error, DatabaseUnavailable)
    assert "no answer from the database at postgresql://user:…@127.0.0.1:1/actum" in str(error)
    assert "secret" not in str(error)


async def test_a_database_that_is_not_there_is_named(actum_dsn: str) -> None:
    missing = urlunsplit(urlsplit(actum_dsn)._replace(path="/there_is_none"))
    error = await refusal(missing)
    assert isinstance(error, DatabaseUnavailable)
    assert "there is no such database" in str(error)


async def test_a_role_that_is_not_there_is_named(actum_dsn: str) -> None:
    parts = urlsplit(actum_dsn)
    host = parts.netloc.rpartition("@")[2]
    error = await refusal(urlunsplit(parts._replace(netloc=f"nobody_there@{host}")))
    assert isinstance(error, DatabaseUnavailable)


async def test_a_server_without_connections_left_says_so(actum_dsn: str) -> None:
    name = urlsplit(actum_dsn).path.removeprefix("/")
    await execute(actum_dsn, f'create role "{name}_few" login connection limit 0')
    parts = urlsplit(actum_dsn)
    host = parts.netloc.rpartition("@")[2]
    try:
        error = await refusal(urlunsplit(parts._replace(netloc=f"{name}_few@{host}")))
        assert isinstance(error, DatabaseUnavailable)
    finally:
        await execute(actum_dsn, f'drop role "{name}_few"')


@pytest.mark.parametrize("schema", ["", "Actum", "a" * 32, "drop table", '"', "1st", "ac-tum"])
async def test_a_schema_that_cannot_be_named_is_refused(actum_dsn: str, schema: str) -> None:
    error = await refusal(actum_dsn, schema)
    assert isinstance(error, InvalidSettings)
    assert "use lower-case letters, digits and _" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://host",
        "http://host/db",
        "postgresql://u:pw@h:x/db",
        "postgresql://u:pw@h:99999999/db",
        "x",
    ],
)
def test_a_malformed_database_url_is_refused_before_connecting(url: str) -> None:
    with pytest.raises(InvalidSettings, match="is no database address") as caught:
        Settings.read({"ACTUM_DATABASE_URL": url})
    assert "pw" not in str(caught.value)


def test_a_password_is_never_shown() -> None:
    assert "postgresql://u:…@h/db" == conceal("postgresql://u:pass:word/@h/db".replace("/@", "@"))


async def test_a_lost_connection_is_unavailable_and_the_next_statement_finds_another(actum: Harness) -> None:
    async with actum.store.pool.connection() as connection:
        pid = connection.get_server_pid()
        other = await asyncpg.connect(actum.dsn)
        await other.execute("select pg_terminate_backend($1, 5000)", pid)
        await other.close()
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
            await connection.fetch("select 1")
    assert await actum.store.read_clock()


async def test_a_forked_child_is_told_to_open_its_own(actum: Harness) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            actum.store.pool.refuse_fork()
            os.write(write, b"nothing")
        except DatabaseUnavailable as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with open(read, "rb") as answer:
        assert b"opened before a fork: open a new one in the child process" in answer.read()
