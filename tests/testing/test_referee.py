"""The referee refuses, in the database, exactly what the tables of the state machines do not hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from actum.machine import approvals, ledger, transitions
from actum.model.events import EventKind
from actum.model.ids import new_id
from actum.model.workflow import Status
from actum.testing.referee import moves

EVENT = "insert into actum.events (workflow_id, seq, at, kind, contract, hash) values ($1, $2, now(), $3, 'c', '\\x00')"


@pytest_asyncio.fixture
async def connection(actum_dsn: str) -> AsyncIterator[Any]:
    opened = await asyncpg.connect(actum_dsn)
    yield opened
    await opened.close()


async def refusal(connection: Any, text: str, *values: object) -> str | None:
    """Return what the referee said to a statement, which is undone; None when it let it pass."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        await connection.execute(text, *values)
    except asyncpg.PostgresError as error:
        if error.sqlstate not in ("AC001", "AC002"):
            raise
        return str(error)
    finally:
        await attempt.rollback()
    return None


def path_to(status: Status) -> list[EventKind]:
    """Return the shortest way from birth to a status."""
    paths: dict[Status, list[EventKind]] = {transitions.BORN: [EventKind.WORKFLOW_STARTED]}
    queue = [transitions.BORN]
    for here in queue:
        for kind, after in transitions.ROWS[here].items():
            if after not in paths:
                paths[after] = [*paths[here], kind]
                queue.append(after)
    return paths[status]


async def test_after_each_status_the_legal_kinds_pass_and_all_others_are_refused(connection: Any) -> None:
    for status in Status:
        await judge_kinds_after(connection, status)


async def judge_kinds_after(connection: Any, status: Status) -> None:
    workflow_id = new_id()
    path = path_to(status)
    for seq, kind in enumerate(path, start=1):
        await connection.execute(EVENT, workflow_id, seq, kind.value)
    said = {
        kind: await refusal(connection, EVENT, workflow_id, len(path) + 1, kind.value) for kind in EventKind
    }
    passed = {kind for kind, word in said.items() if word is None}
    assert all(f"cannot follow {status.value}" in word for word in said.values() if word is not None)
    assert set(transitions.ROWS[status]) == passed, status


async def test_a_workflow_begins_with_its_start(connection: Any) -> None:
    with pytest.raises(asyncpg.PostgresError, match=r"referee: step.completed .* cannot follow nothing"):
        await connection.execute(EVENT, new_id(), 1, "step.completed")


async def test_many_events_of_one_statement_are_judged_in_the_order_of_their_numbers(connection: Any) -> None:
    many = (
        "insert into actum.events (workflow_id, seq, at, kind, contract, hash)"
        " select $1, seq, now(), kind, 'c', '\\x00' from unnest($2::int[], $3::text[]) as e(seq, kind)"
    )
    kinds = ["workflow.completed", "workflow.started", "step.completed"]
    await connection.execute(many, new_id(), [3, 1, 2], kinds)
    with pytest.raises(asyncpg.PostgresError, match=r"cannot follow completed"):
        await connection.execute(many, new_id(), [2, 1, 3], kinds)


async def test_events_cannot_be_edited(connection: Any) -> None:
    await connection.execute(EVENT, new_id(), 1, "workflow.started")
    for text in (
        "update actum.events set reason = 'x'",
        "delete from actum.events",
        "update actum.events set data = '{}'",
    ):
        with pytest.raises(asyncpg.PostgresError, match=r"referee: events_.* is append-only"):
            await connection.execute(text)


PUT = (
    "insert into actum.effects (kind, key, origin, workflow_id, address, step, argument_hash, arguments, state, tier,"
    " started_at) values ('k', $1::uuid::text, $1, $1, '1', 's', 'x', 'x', $2, 0, now())"
)
MOVE = "update actum.effects set state = $2 where workflow_id = $1"


async def test_an_effect_is_born_started_only(connection: Any) -> None:
    said = {state: await refusal(connection, PUT, uuid4(), state.value) for state in ledger.EffectState}
    assert [ledger.BORN] == [state for state, word in said.items() if word is None]
    assert all("unwritten cannot become" in word for word in said.values() if word is not None)


def chain_to(state: str, table: Any, born: Any) -> list[str]:
    paths = {born: [born]}
    queue = [born]
    for here in queue:
        for after in sorted(table[here]):
            if after not in paths:
                paths[after] = [*paths[here], after]
                queue.append(after)
    return [one.value for one in paths[state]][1:]


async def test_an_effect_moves_as_the_ledger_allows(connection: Any) -> None:
    for state in ledger.EffectState:
        await judge_moves_from(connection, state)


async def judge_moves_from(connection: Any, state: ledger.EffectState) -> None:
    workflow_id = uuid4()
    await connection.execute(PUT, workflow_id, "started")
    for one in chain_to(state, ledger.TABLE, ledger.BORN):
        await connection.execute(MOVE, workflow_id, one)
    said = {after: await refusal(connection, MOVE, workflow_id, after.value) for after in ledger.EffectState}
    moved = {after for after, word in said.items() if word is None}
    assert all(
        f"an effect that is {state.value} cannot" in word for word in said.values() if word is not None
    )
    assert ledger.TABLE[state] == moved


def test_the_moves_are_those_of_the_three_tables() -> None:
    found = list(moves())
    assert len(set(found)) == len(found)
    counts = {name: sum(one[0] == name for one in found) for name in ("workflow", "effect", "approval")}
    expected = {
        "workflow": 1 + len(transitions.TABLE),
        "effect": 1 + sum(map(len, ledger.TABLE.values())),
        "approval": 1 + sum(map(len, approvals.TABLE.values())),
    }
    assert expected == counts
