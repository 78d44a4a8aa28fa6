"""What can be set from outside: environment variables, read in one place and refused with one sentence each."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from actum.errors import InvalidSettings

DEFAULT_LEASE = 15.0
DEFAULT_CONCURRENCY = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one process.

    `database_url` is None for the embedded server in `home`. `lease` is in seconds. `hints` may be turned off: then
    everything is found by polling. `pooler` says that a transaction-mode pooler stands before the database.
    `environment` is where the effects of this process happen, such as `prod`: a fact that policy rules by.
    `webhook_url`, signed with `webhook_secret`, and `apprise_urls` are where people are told what waits for them,
    `alertmanager_url` is where incidents are told, with links below `console_url`. `token` is what a client signs in with.
    """

    database_url: str | None
    schema: str = "actum"
    home: Path = Path(".actum")
    lease: float = DEFAULT_LEASE
    hints: bool = True
    pooler: bool = False
    environment: str | None = None
    webhook_url: str | None = field(default=None, repr=False)
    webhook_secret: str | None = field(default=None, repr=False)
    apprise_urls: tuple[str, ...] = field(default=(), repr=False)
    alertmanager_url: str | None = field(default=None, repr=False)
    console_url: str | None = None
    token: str | None = field(default=None, repr=False)

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
            webhook_url=_web_address(env, "ACTUM_WEBHOOK_URL"),
            webhook_secret=_webhook_secret(env),
            apprise_urls=_apprise_urls(env),
            alertmanager_url=_web_address(env, "ACTUM_ALERTMANAGER_URL"),
            console_url=_web_address(env, "ACTUM_CONSOLE_URL"),
            token=_token(env),
        )


_KNOWN = frozenset(
    {
        "ACTUM_ALERTMANAGER_URL",
        "ACTUM_APPRISE_URLS",
        "ACTUM_CONSOLE_URL",
        "ACTUM_DATABASE_URL",
        "ACTUM_ENVIRONMENT",
        "ACTUM_HINTS",
        "ACTUM_HOME",
        "ACTUM_LEASE",
        "ACTUM_POOLER",
        "ACTUM_SCHEMA",
        "ACTUM_TOKEN",
        "ACTUM_WEBHOOK_SECRET",
        "ACTUM_WEBHOOK_URL",
    }
)


SHORTEST_SECRET = 16
"""Characters of a webhook's secret: fewer could be guessed from one message."""


def _web_address(env: Mapping[str, str], name: str) -> str | None:
    """Return a web address; what is refused is not shown, because it may hold a password."""
    url = (env.get(name) or "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        _ = parts.port
    except ValueError:
        is_address = False
    if not is_address or not re.fullmatch(r"[!-~]+", url) or "#" in url:
        raise InvalidSettings(
            f"{name} is no web address: write https://host/path in ASCII, without a user or a password"
        )
    return url


def _webhook_secret(env: Mapping[str, str]) -> str | None:
    secret = (env.get("ACTUM_WEBHOOK_SECRET") or "").strip()
    if secret and len(secret) < SHORTEST_SECRET:
        raise InvalidSettings(
            f"ACTUM_WEBHOOK_SECRET has {len(secret)} characters, and {SHORTEST_SECRET} are the fewest: make a random one"
        )
    if env.get("ACTUM_WEBHOOK_URL") and not secret:
        raise InvalidSettings(
            "ACTUM_WEBHOOK_URL needs ACTUM_WEBHOOK_SECRET, with which every message is signed: set both"
        )
    return secret or None


def _apprise_urls(env: Mapping[str, str]) -> tuple[str, ...]:
    urls = tuple((env.get("ACTUM_APPRISE_URLS") or "").split())
    for number, url in enumerate(urls, start=1):
        if not re.match(r"[a-z][a-z0-9+.-]*://.", url):
            raise InvalidSettings(
                f"ACTUM_APPRISE_URLS: number {number} is no address: write addresses as Apprise has them, such as "
                "mailto://… or slack://…, with spaces between them"
            )
    return urls


def _token(env: Mapping[str, str]) -> str | None:
    token = (env.get("ACTUM_TOKEN") or "").strip()
    if token and not re.fullmatch(r"actum_[A-Za-z0-9_-]{43}", token):
        raise InvalidSettings(
            "ACTUM_TOKEN is no token: copy the whole of what `actum account token` printed, actum_ and 43 characters"
        )
    return token or None


def _environment(env: Mapping[str, str]) -> str | None:
    name = env.get("ACTUM_ENVIRONMENT") or None
    if name is not None and not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name):
        raise InvalidSettings(
            f"ACTUM_ENVIRONMENT={name!r} cannot name an environment: use lower-case letters, digits, - and _, such as prod"
        )
    return name


def check_url(url: str, setting: str = "ACTUM_DATABASE_URL") -> str:
    """Return `url` if it can be a database's address; raises InvalidSettings without showing a password."""
    query = ""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("postgresql", "postgres") and len(parts.path) > 1
        _, query = parts.port, parts.query
    except ValueError:
        is_address = False
    if not is_address:
        shown = re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:…@", url)
        raise InvalidSettings(
            f"{setting}={shown!r} is no database address: write postgresql://user:password@host:5432/database"
        )
    _check_parameters(setting, dict(parse_qsl(query)))
    return url


SESSIONS = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")


def _check_parameters(setting: str, given: Mapping[str, str]) -> None:
    """Raise InvalidSettings for what an address says after its `?` and the driver has no good word for."""
    session = given.get("target_session_attrs")
    if session is not None and session not in SESSIONS:
        raise InvalidSettings(
            f"{setting}: target_session_attrs={session!r} is no kind of server: write one of {', '.join(SESSIONS)}"
        )
    passfile = given.get("passfile")
    if passfile is None or not os.path.exists(passfile):
        return
    if not os.path.isfile(passfile):
        raise InvalidSettings(
            f"{setting}: passfile={passfile!r} is no file: name the file that holds the passwords"
        )
    if os.name == "posix" and os.stat(passfile).st_mode & 0o077:
        raise InvalidSettings(
            f"{setting}: others may read passfile={passfile!r}, so it is not used: chmod 600 it"
        )


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
