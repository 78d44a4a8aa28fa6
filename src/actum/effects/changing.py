"""Changing rows by one statement: what was there is kept, and the undo puts it back, unless somebody changed it since."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Any, Final

from pydantic import BaseModel

from actum.authoring.canonical import MAX_PAYLOAD
from actum.authoring.transaction import Connection
from actum.effects.answers import mask
from actum.effects.statement import Statement, Verb
from actum.errors import NotDone
from actum.outcomes import Preview
from actum.store.tables import Table, Touched

SHOWN = 20
"""Rows whose change the preview shows."""
LONGEST = 500
"""Characters of one row that the preview shows."""
LARGEST = MAX_PAYLOAD - 64 * 1024
"""Bytes of images in one result."""


class Unfit(NotDone):
    """These rows cannot be changed so that they could be put back, or were changed by somebody else; nothing was done."""


@dataclass(frozen=True, slots=True)
class Change:
    """The facts of a preview: `rows` would be changed, by `verb` (insert, update, delete)."""

    table: str
    rows: int
    verb: Verb
    database: str


@dataclass(frozen=True, slots=True)
class Changed:
    """What a statement did; the effect's result.

    `before` and `after` are the rows as JSON texts, as Postgres writes them: nothing `before` an insert or `after` a
    delete, and neither where no before-images are kept.
    """

    verb: Verb
    table: str
    rows: int
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def values(self) -> list[dict[str, Any]]:
        """Return the rows `after`, or, where they were deleted, `before`, as dicts of JSON values."""
        return [json.loads(image) for image in self.after or self.before]


async def carry_out(connection: Connection, statement: Statement, values: BaseModel, keeps: int) -> Changed:
    """Run the statement and return what it did; up to `keeps` rows are kept as they were, none if that is 0.

    To know rows before they change, an update or a delete is tried out first, inside a savepoint. Raises Unfit where
    its rows could not be put back exactly, and the driver's errors.
    """
    table = await _find(connection, statement, keeps or SHOWN)
    arguments = _arguments(statement, values)
    if not keeps:
        touched = await table.touch(arguments)
        return Changed(statement.verb, table.name, touched.rows)
    if statement.verb is Verb.INSERT:
        touched = await table.touch(arguments)
        _refuse_many(table, touched, keeps)
        await _refuse_inexact(table, touched.images)
        _refuse_large(table, touched.images)
        return Changed(statement.verb, table.name, touched.rows, (), tuple(touched.images))
    before = await _lock(table, statement, await table.try_out(arguments), keeps)
    await _refuse_inexact(table, list(before.values()))
    touched = await table.touch(arguments)
    if {table.key_of(one) for one in touched.images} != set(before):
        raise NotDone(f"rows of {table.name} were changed by somebody else meanwhile")
    after = () if statement.verb is Verb.DELETE else tuple(touched.images)
    await _refuse_inexact(table, after)
    _refuse_carried(table, before, after)
    _refuse_large(table, [*before.values(), *after])
    return Changed(statement.verb, table.name, touched.rows, tuple(before.values()), after)


async def _find(connection: Connection, statement: Statement, most: int) -> Table:
    table = await Table.find(connection, statement.table, statement.text, statement.alias, most + 1)
    if table is None:
        raise Unfit(
            f"there is no table {statement.table}, or not on this account's search_path: create it, or name its schema"
        )
    return table


async def _lock(table: Table, statement: Statement, tried: Touched, keeps: int) -> dict[str, str]:
    """Return the rows that the statement would touch, as they are, by their keys; nobody changes them any more."""
    _refuse_many(table, tried, keeps)
    before = {table.key_of(image): image for image in await table.lock(tried.images)}
    if len(before) != tried.rows:
        raise NotDone(
            f"not every row of {table.name} that the statement touches keeps its primary key, or somebody else is at "
            f"them: {_ways_out}"
        )
    if statement.verb is Verb.DELETE and (referring := await table.refer(list(before.values()))):
        raise Unfit(
            f"with these rows of {table.name}, rows of {', '.join(referring)} would go or change: {_ways_out}"
        )
    return before


_ways_out: Final = "say keeps=0, and attach an undo of your own or leave it final"


def _refuse_many(table: Table, touched: Touched, keeps: int) -> None:
    if not table.keys:
        raise Unfit(f"{table.name} has no primary key, by which rows could be put back: {_ways_out}")
    if touched.rows > keeps:
        raise Unfit(
            f"{touched.rows:,} rows of {table.name} are more than the {keeps:,} that are kept for an undo: narrow the "
            f"statement, raise keeps=, or {_ways_out}"
        )


def _refuse_large(table: Table, images: Sequence[str]) -> None:
    size = len(json.dumps(images, ensure_ascii=False).encode())
    if size > LARGEST:
        raise Unfit(
            f"the rows of {table.name}, as they were and as they would be, are {size:,} bytes, more than the {LARGEST:,} "
            f"that are kept: narrow the statement, or {_ways_out}"
        )


async def _refuse_inexact(table: Table, images: Sequence[str]) -> None:
    """Refuse rows that would not be the same again if they were made from their images."""
    if await table.compare(images):
        raise Unfit(
            f"rows of {table.name} do not come back the same from what is kept (a column of type json, or a trigger that "
            f"changes them once more): {_ways_out}"
        )


def _refuse_carried(table: Table, before: Mapping[str, str], after: Sequence[str]) -> None:
    """Refuse an update of what foreign keys carry on to other tables: putting it back would not call that back."""
    for image in after if table.carried else ():
        old, new = json.loads(before[table.key_of(image)]), json.loads(image)
        for column in table.carried:
            if old[column] != new[column]:
                raise Unfit(f"what {table.name}.{column} is, other tables follow: {_ways_out}")


async def take_back(connection: Connection, statement: Statement, changed: Changed) -> None:
    """Put back what was there; raises Unfit, and leaves everything, where somebody has changed one of the rows since."""
    table = await _find(connection, statement, SHOWN)
    is_delete, is_insert = changed.verb is Verb.DELETE, changed.verb is Verb.INSERT
    there = await table.lock(changed.before if is_delete else changed.after)
    different = [] if is_delete else await table.compare(changed.after)
    in_the_way = there if is_delete else [one.image for one in different if one.is_there or not is_insert]
    if in_the_way:
        keys = ", ".join(table.key_of(image).strip("[]") for image in in_the_way[:3])
        raise Unfit(
            f"{len(in_the_way)} of {changed.rows} rows of {table.name} were changed by somebody else since ({keys}"
            f"{', …' if len(in_the_way) > 3 else ''}), and all are left as they are"
        )
    if is_insert and (referring := await table.refer(there)):
        raise Unfit(
            f"rows of {', '.join(referring)} refer to the rows that were inserted, and all are left as they are"
        )
    match changed.verb:
        case Verb.INSERT:
            await table.remove(changed.after)
        case Verb.UPDATE:
            await table.replace(changed.before)
        case Verb.DELETE:
            await table.put(changed.before)


async def show(
    connection: Connection, statement: Statement, values: BaseModel, keeps: int, database: str | None
) -> Preview[Change]:
    """Return the preview, having run the statement on a connection whose transaction is to be rolled back."""
    table = await _find(connection, statement, keeps or SHOWN)
    if keeps:
        changed = await carry_out(connection, statement, values, keeps)
    else:
        touched = await table.touch(_arguments(statement, values))
        old = statement.verb is Verb.DELETE
        images = tuple(touched.images[:SHOWN])
        changed = Changed(
            statement.verb, table.name, touched.rows, images if old else (), () if old else images
        )
    place = database or table.database
    count = f"{changed.rows:,} row{'' if changed.rows == 1 else 's'}"
    link = "into" if statement.verb is Verb.INSERT else "of" if statement.verb is Verb.UPDATE else "from"
    return Preview(
        f"{statement.verb.capitalize()} {count} {link} {table.name} in {place}",
        target=f"{place}.{table.name}",
        facts=Change(table.name, changed.rows, statement.verb, place),
        diff=_diff(table, changed),
        checks=_checks(table),
        blast_radius=f"{count} of {table.name}",
        relies_on=_fingerprint(changed.rows, changed.before if keeps else ()),
    )


def _checks(table: Table) -> tuple[str, ...]:
    if not table.has_triggers:
        return ()
    return (
        f"{table.name} has triggers: what they do elsewhere is not counted here, and no undo takes it back",
    )


def _fingerprint(rows: int, before: Sequence[str]) -> str:
    return sha256("\n".join([str(rows), *sorted(before)]).encode()).hexdigest()


def _diff(table: Table, changed: Changed) -> str:
    """Return the first rows as they were and as they would be; of an update, the columns that change."""
    after = {
        table.key_of(one) if table.keys else str(number): one for number, one in enumerate(changed.after)
    }
    before = {
        table.key_of(one) if table.keys else str(number): one for number, one in enumerate(changed.before)
    }
    lines: list[str] = []
    for key in sorted(after | before)[:SHOWN]:
        old, new = _row(before.get(key)), _row(after.get(key))
        same = {name for name in old if name in new and old[name] == new[name]} - set(table.keys)
        lines += [f"{mark} {_text(row, same)}" for mark, row in (("-", old), ("+", new)) if row]
    left = changed.rows - min(changed.rows, SHOWN)
    return "\n".join([*lines, f"… and {left:,} more rows"] if left else lines)


def _row(image: str | None) -> dict[str, Any]:
    found: Any = mask(json.loads(image)) if image else {}
    return dict(found)


def _text(row: Mapping[str, Any], hidden: set[str]) -> str:
    shown = [f"{name} = {json.dumps(row[name], ensure_ascii=False)}" for name in row if name not in hidden]
    text = ", ".join(shown)
    left = len(text) - LONGEST
    return f"{text[:LONGEST]}… and {left:,} more characters" if left > 0 else text


def _arguments(statement: Statement, values: BaseModel) -> list[object]:
    return [_for_driver(getattr(values, name)) for name in statement.names]


def _for_driver(value: object) -> object:
    match value:
        case BaseModel():
            return value.model_dump_json()
        case dict():
            return json.dumps(value)
        case Enum():
            return value.value
        case list() | tuple() | set() | frozenset():
            return [_for_driver(one) for one in value]
    return value
