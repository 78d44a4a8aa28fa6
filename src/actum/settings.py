"""What can be set from outside: environment variables, read in one place and refused with one sentence each."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from actum.errors import InvalidSettings

DEFAULT_LEASE = 15.0
DEFAULT_CONCURRENCY = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one process.

    `database_url` is None for the embedded server in `home`. `lease` is in seconds. `hints` may be turned off: then
    everything is found by polling. `pooler` says that a transaction-mode pooler stands before the database.
    `environment` is where the effects of this process happen, such as `prod`: a fact that policy rules by.
    """

    database_url: str | None
    schema: str = "actum"
    home: Path = Path(".actum")
    lease: float = DEFAULT_LEASE
    hints: bool = True
    pooler: bool = False
    environment: str | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Return the settings in the environment (`ACTUM_…`); raises InvalidSettings for what cannot be meant."""
        env = os.environ if environment is None else environment
        _refuse_unknown(env)
        url = env.get("ACTUM_DATABASE_URL") or None
        if url is not None:
            check_url(url)
        schema = env.get("ACTUM_SCHEMA", "actum")
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,30}", schema):
            raise InvalidSettings(
                f"ACTUM_SCHEMA={schema!r} cannot name a schema: use lower-case letters, digits and _, at most 31"
            )
        return cls(
            database_url=url,
            schema=schema,
            home=Path(env.get("ACTUM_HOME") or ".actum"),
            lease=_seconds(env, "ACTUM_LEASE", DEFAULT_LEASE),
            hints=_switch(env, "ACTUM_HINTS", default=True),
            pooler=_switch(env, "ACTUM_POOLER", default=False),
            environment=_environment(env),
        )


_KNOWN = frozenset(
    {
        "ACTUM_DATABASE_URL",
        "ACTUM_ENVIRONMENT",
        "ACTUM_HINTS",
        "ACTUM_HOME",
        "ACTUM_LEASE",
        "ACTUM_POOLER",
        "ACTUM_SCHEMA",
    }
)


def _environment(env: Mapping[str, str]) -> str | None:
    name = env.get("ACTUM_ENVIRONMENT") or None
    if name is not None and not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name):
        raise InvalidSettings(
            f"ACTUM_ENVIRONMENT={name!r} cannot name an environment: use lower-case letters, digits, - and _, such as prod"
        )
    return name


def check_url(url: str) -> str:
    """Return `url` if it can be a database's address; raises InvalidSettings without showing a password."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("postgresql", "postgres") and len(parts.path) > 1
        _ = parts.port
    except ValueError:
        is_address = False
    if not is_address:
        shown = re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:…@", url)
        raise InvalidSettings(
            f"ACTUM_DATABASE_URL={shown!r} is no database address: write postgresql://user:password@host:5432/database"
        )
    return url


def _refuse_unknown(env: Mapping[str, str]) -> None:
    unknown = sorted(name for name in env if name.startswith("ACTUM_") and name not in _KNOWN)
    unknown = [name for name in unknown if not name.startswith("ACTUM_TEST_")]
    if unknown:
        raise InvalidSettings(
            f"{unknown[0]} is no setting of Actum: unset it; the settings are {', '.join(sorted(_KNOWN))}"
        )


def _seconds(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.1 <= value <= 3600:
        raise InvalidSettings(
            f"{name}={text!r} is no length of time: write seconds from 0.1 to 3600, such as {name}=15"
        )
    return value


def _switch(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name, "").lower()
    if not text:
        return default
    if text in ("1", "true", "on", "yes"):
        return True
    if text in ("0", "false", "off", "no"):
        return False
    raise InvalidSettings(f"{name}={env[name]!r} is neither on nor off: write {name}=on or {name}=off")
