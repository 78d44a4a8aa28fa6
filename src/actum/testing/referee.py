"""The referee: triggers of a test's database that refuse what the tables of `actum.machine` do not hold.

It judges what the production statements write, whoever writes it and in whatever order: an illegal status, an edited
event, an effect that starts again without an answer to its last attempt. It is never part of a production database.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any, TypeAlias

from actum.machine import approvals, ledger, transitions
from actum.model.events import EventKind

Move: TypeAlias = tuple[str, str, str, str]
"""Machine, state before (empty before birth), move, state afterwards."""


def read_sql(name: str) -> str:
    """Return the text of one file of `testing/sql`."""
    return resources.files("actum.testing").joinpath("sql", f"{name}.sql").read_text("utf-8")


def moves() -> Iterator[Move]:
    """Yield every legal move of workflows, effects and approvals."""
    yield "workflow", "", EventKind.WORKFLOW_STARTED.value, transitions.BORN.value
    for (status, kind), after in transitions.TABLE.items():
        yield "workflow", status.value, kind.value, after.value
    yield "effect", "", ledger.BORN.value, ledger.BORN.value
    for effect, effects_after in ledger.TABLE.items():
        for one in effects_after:
            yield "effect", effect.value, one.value, one.value
    yield "approval", "", approvals.BORN.value, approvals.BORN.value
    for approval, approvals_after in approvals.TABLE.items():
        for other in approvals_after:
            yield "approval", approval.value, other.value, other.value


async def install(connection: Any) -> None:
    """Put the referee into a migrated database, once; a second call raises the driver's error."""
    await connection.execute(read_sql("referee"))
    columns = [list(column) for column in zip(*moves(), strict=True)]
    await connection.execute(read_sql("fill_referee"), *columns)
