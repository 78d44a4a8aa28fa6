"""Another Postgres database in which effects are transactional."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from actum.errors import InvalidContract, InvalidSettings
from actum.settings import check_url


@dataclass(frozen=True, slots=True)
class Database:
    """A database by name, for `@effect(..., transactional=orders)`: `orders = Database("orders", env="ORDERS_URL")`.

    `env` names the environment variable that holds its address; or give the address itself as `url`. Nothing is
    connected until the first effect runs. Raises InvalidContract where neither or both are given.
    """

    name: str
    url: str | None = None
    env: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", self.name):
            raise InvalidContract(
                f"{self.name!r} cannot name a database: use lower-case letters, digits and _, at most 31"
            )
        if (self.url is None) == (self.env is None):
            raise InvalidContract(
                f"database {self.name!r} needs one address: env= names the variable that holds it, or url= is it"
            )

    def address(self, environment: Mapping[str, str] | None = None) -> str:
        """Return the address to connect to; raises InvalidSettings when the variable is empty or no address."""
        if self.url is not None:
            return check_url(self.url)
        found = (os.environ if environment is None else environment).get(self.env or "")
        if not found:
            raise InvalidSettings(
                f"{self.env} is not set: it holds the address of database {self.name!r}, such as "
                f"postgresql://user:password@host:5432/{self.name}"
            )
        return check_url(found)
