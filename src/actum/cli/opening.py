"""Opens the client as the one who acts, and carries out a command's coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from actum.cli.options import AUTHOR
from actum.client import Client
from actum.errors import InvalidSettings
from actum.settings import Settings

T = TypeVar("T")


def carry_out(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end on a loop of its own."""
    return asyncio.run(work)


def actor_of(settings: Settings, who: str | None, default: str) -> str:
    """Return who acts: nobody by name with a token or over a DSN, else one of the laptop's two identities.

    Raises InvalidSettings for `--as` beside a token or over a DSN: there the token, or the database, says who we are.
    """
    if settings.token is not None:
        if who is not None:
            raise InvalidSettings(
                f"--as {who} and ACTUM_TOKEN name two actors: leave --as out, or unset ACTUM_TOKEN"
            )
        return ""
    if settings.database_url is None:
        return f"user:{who or default}"
    if who is not None:
        raise InvalidSettings(
            f"--as {who} is for the embedded database: over ACTUM_DATABASE_URL you act as the role you connect with, "
            "so leave --as out, and sign in with ACTUM_TOKEN"
        )
    return ""


@asynccontextmanager
async def open_client(who: str | None = None, default: str = AUTHOR) -> AsyncIterator[Client]:
    """Open the client of the settings in the environment; raises as `Client.open` does."""
    settings = Settings.read()
    async with Client.open(actor=actor_of(settings, who, default), settings=settings) as client:
        yield client
