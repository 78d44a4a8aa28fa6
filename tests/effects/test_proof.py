"""The page of the proof shows the query in force, and the query finds each violation that it names."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from actum import RollBack, WorkflowFailed, attempt, contract, effect
from actum.testing.harness import Harness

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "proof.md").read_text("utf-8")
SHOWN = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def in_force() -> str:
    text = resources.files("actum.store").joinpath("sql", "effects.sql").read_text("utf-8")
    (statement,) = re.findall(
        r"^-- name: find_violations\n-- [^\n]*\n(.*?;)$", text, re.MULTILINE | re.DOTALL
    )
    return f"{statement}\n"


def test_the_page_shows_the_query_in_force_and_explains_each_violation() -> None:
    assert [in_force()] == SHOWN
    named = re.findall(r"^select .*, '([^']+)'(?: as violation)?$", in_force(), re.MULTILINE)
    explained = re.findall(r"^\| (an? .*?|one .*?) \|", PAGE, re.MULTILINE)
    assert sorted(named) == sorted(explained)
    assert 7 == len(named)


@effect("proof.act")
async def act(name: str) -> str:
    return attempt().key or name


@act.undo
async def _(result: str, name: str) -> None:
    assert result


@contract(on_failure="rollback")
async def acts_twice() -> None:
    await act("a")
    await act("b")
    raise RollBack("enough")


HARM = {
    "an effect above tier 0 without its approval": (
        "update actum.approvals set ruling = 'rejected' where address = '1'"
    ),
    "an outcome without its intent": "delete from actum.events where kind = 'effect.started' and address = '1'",
    "one attempt started twice": (
        "update actum.events set address = '1', attempt = 1 where kind = 'effect.started' and address = '2'"
    ),
    "an undo without its do": "update actum.effects set state = 'succeeded' where address = '1'",
    "an ending that left an effect open": "update actum.effects set state = 'in_doubt' where address = '1'",
    "one approval used twice": (
        "update actum.effects set approval_id = (select approval_id from actum.effects where address = '1')"
        " where address = '2'"
    ),
    "a ruling without its decision": "update actum.approvals set ruled_by = 'user:nobody' where address = '1'",
}


@pytest.mark.parametrize("violation", HARM)
async def test_the_query_finds_nothing_where_promises_were_kept_and_each_violation_where_they_were_not(
    actum: Harness, violation: str
) -> None:
    await actum.worker([acts_twice])
    handle = await actum.start(acts_twice())
    for _ in range(2):
        await actum.approve(handle)
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    (query,) = SHOWN
    actum.audits = False
    async with actum.store.pool.connection() as connection:
        assert [] == await connection.fetch(query)
        await connection.execute("set session_replication_role = replica")  # no trigger refuses the harm
        await connection.execute(HARM[violation])
        found = await connection.fetch(query)
    assert (handle.workflow_id, violation) in [(row["workflow_id"], row["violation"]) for row in found]
