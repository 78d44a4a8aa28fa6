"""Rows of an author's own table: changed by the author's statement, kept as they were, and put back.

The database writes the commands itself, from its catalogue: names are quoted by it, and a key of several columns, a
generated column or an identity needs no special word here. A row is kept as JSON text, which is never read as numbers
on its way, so that it is put back to the last digit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from actum.store.statements import Statement, load


@dataclass(frozen=True, slots=True)
class Touched:
    """What a statement did: how many rows, and the first of them as they are now (as they were, if deleted)."""

    rows: int
    images: list[str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not as it was left; `is_there` is False where nothing has its key."""

    image: str
    is_there: bool


class Table:
    """A table, the statement that changes it, and the connection of the transaction in which all this happens.

    `keys` are the columns of the primary key, empty where there is none: then only `touch` is possible. `carried` are
    the columns whose changes foreign keys carry on to other tables.
    """

    def __init__(self, connection: Any, row: Any) -> None:
        self._connection = connection
        self._row = row
        self.name: str = row["name"]
        self.database: str = row["database"]
        self.keys: tuple[str, ...] = tuple(row["keys"])
        self.carried: frozenset[str] = frozenset(row["carried"])
        self.has_triggers: bool = row["has_triggers"]

    @classmethod
    async def find(cls, connection: Any, name: str, statement: str, alias: str, most: int) -> Table | None:
        """Return the table that SQL would find under `name`, or None.

        `alias` is what `statement` calls it, `most` how many images `touch` brings. Raises the driver's errors.
        """
        values = {"name": name, "statement": statement, "alias": alias, "most": most}
        named = cls.statement("tables", "describe")
        row = await connection.fetchrow(named.text, *named.order(values))
        return cls(connection, row) if row is not None else None

    @staticmethod
    def statement(topic: str, name: str) -> Statement:
        """Return a named statement."""
        return load(topic)[name]

    async def touch(self, arguments: Sequence[object]) -> Touched:
        """Run the author's statement. Raises the driver's errors."""
        rows = await self._connection.fetch(self._row["touch"], *arguments)
        return Touched(rows[0]["rows"] if rows else 0, [row["image"] for row in rows])

    async def try_out(self, arguments: Sequence[object]) -> Touched:
        """Run the author's statement, and take back what it did. Raises the driver's errors."""
        savepoint = self._connection.transaction()
        await savepoint.start()
        try:
            return await self.touch(arguments)
        finally:
            await savepoint.rollback()

    async def lock(self, images: Sequence[str]) -> list[str]:
        """Lock the rows that have the keys of `images`, and return them as they are."""
        return [row["image"] for row in await self._fetch("lock", images)]

    async def compare(self, images: Sequence[str]) -> list[Difference]:
        """Return those of `images` that are not exactly what is there under their keys."""
        return [Difference(row["image"], row["is_there"]) for row in await self._fetch("compare", images)]

    async def refer(self, images: Sequence[str]) -> list[str]:
        """Return the tables with rows that would go, or change, if the rows of `images` were deleted."""
        return sorted({row["name"] for row in await self._fetch("refer", images)})

    async def replace(self, images: Sequence[str]) -> None:
        """Give the rows with the keys of `images` those values."""
        await self._fetch("replace", images)

    async def put(self, images: Sequence[str]) -> None:
        """Insert rows."""
        await self._fetch("put", images)

    async def remove(self, images: Sequence[str]) -> None:
        """Delete the rows with the keys of `images`."""
        await self._fetch("remove", images)

    def key_of(self, image: str) -> str:
        """Return the primary key in an image, as JSON."""
        values = json.loads(image, parse_float=str)
        return json.dumps([values[name] for name in self.keys], ensure_ascii=False)

    async def _fetch(self, command: str, images: Sequence[str]) -> Any:
        text = self._row[command]
        if text is None or not images:  # no other table refers to it; nothing but the key could be put back
            return []
        return await self._connection.fetch(text, f"[{','.join(images)}]")
