"""A statement as an effect: previewed by counting in a transaction that is rolled back, carried out once, put back.

    class Closing(BaseModel):
        ids: list[int]
        status: str = "closed"

    close_accounts = sql_effect(
        "accounts.close", "update accounts set status = :status where id = any(:ids)", Closing, database=orders
    )

In a contract: `changed = await close_accounts(Closing(ids=[1, 2]))`. The effect is transactional: its rows and its
outcome commit together. For several statements, or values from the rows, write `@effect(…, transactional=…)` and use
`actum.sql.connection()` in its body and `actum.sql.look()` in its preview.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from actum.authoring.database import Database
from actum.authoring.effect import Effect, effect
from actum.authoring.looking import look
from actum.authoring.transaction import current_transaction
from actum.effects import changing
from actum.effects.changing import Change, Changed, Unfit
from actum.effects.statement import Verb, read_statement
from actum.errors import InvalidContract
from actum.model.contract import Duration, Retry
from actum.outcomes import Preview

__all__ = ["Change", "Changed", "Unfit", "Verb", "sql_effect"]

M = TypeVar("M", bound=BaseModel)

KEEPS = 500
"""Rows kept as they were, unless an author says otherwise."""


def sql_effect(
    kind: str,
    statement: str,
    values: type[M],
    *,
    database: Literal[True] | Database = True,
    keeps: int = KEEPS,
    timeout: Duration | None = None,
    retry: Retry | None = None,
    name: str | None = None,
) -> Effect[[M], Changed]:
    """Return a transactional effect made of one insert, update or delete; it takes one `values`.

    Values are written as `:name`, each a field of the model; nothing else is ever put into the statement.
    `database=True` is the engine's own. The preview runs the statement and rolls it back: sequences move on, and a
    trigger that sends something out of the database has sent it; so does the try before an update or a delete, by
    which its rows are known and locked as they are. An approval becomes stale when one of these rows has changed.

    Up to `keeps` rows stay in the result as they were, and the undo puts them back, or refuses where somebody has
    changed one since. What could not be put back is refused, before anybody is asked: more rows, a table without a
    primary key, rows whose change takes rows of other tables along, values that JSON does not carry exactly. With `keeps=0` the effect has no undo: attach your own, or
    leave it final; its approval then relies on the number of rows alone. `timeout` is for one attempt.
    Raises InvalidContract for a statement that is anything else, and for names that do not match.
    """
    read = read_statement(kind, statement)
    _check_names(kind, read.names, values)
    if keeps < 0:
        raise InvalidContract(f"{kind}: keeps={keeps} is no number of rows: write 0 or more")

    async def change(given: M) -> Changed:
        return await changing.carry_out(current_transaction().connection, read, given, keeps)

    async def preview(given: M) -> Preview[Change]:
        async with look() as connection:
            shown = database.name if isinstance(database, Database) else None
            return await changing.show(connection, read, given, keeps, shown)

    async def undo(changed: Changed, given: M) -> None:
        await changing.take_back(current_transaction().connection, read, changed)

    change.__annotations__ = {"given": values, "return": Changed}
    retry = retry or Retry(never=(Unfit,))
    made: Effect[[M], Changed] = effect(
        kind, transactional=database, timeout=timeout, retry=retry, name=name or kind
    )(change)
    made.preview(preview)
    if keeps:
        made.undo(undo)
    return made


def _check_names(kind: str, names: tuple[str, ...], values: type[Any]) -> None:
    given: object = values
    if not (isinstance(given, type) and issubclass(given, BaseModel)):
        raise InvalidContract(f"{kind}: {values!r} is no model: give a class made from pydantic.BaseModel")
    fields = set(values.model_fields)
    if missing := sorted(set(names) - fields):
        raise InvalidContract(
            f"{kind}: the statement needs :{', :'.join(missing)}, and {values.__name__} has no such field: add it"
        )
    if idle := sorted(fields - set(names)):
        raise InvalidContract(
            f"{kind}: {values.__name__} has {', '.join(idle)}, which the statement does not use: an approver would be misled"
        )
