"""Attacks by whoever wrote a contract: in person, in another spelling, by a delegate, by a grant, over a lost edit."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest
from people import DBAS, close_the_door, says, stand_in

from actum import Owner, contract, effect
from actum.authoring.document import describe, document_hash
from actum.cli.auditing import find_faults
from actum.errors import InvalidContract, NotEntitled
from actum.store.rows import ApprovalRow
from actum.testing.harness import Harness


@effect("door.open")
async def open_door(door: str) -> str:
    return f"opened {door}"


@contract(on_failure="fail", owner=Owner(team="doors", authors=["user:Ana", "service:bot"]))
async def opens(door: str) -> str:
    return await open_door(door)


async def waiting(actum: Harness) -> ApprovalRow:
    """Return an approval of the contract's that anybody in team:doors may give."""
    await close_the_door(actum)
    root = await actum.acting("user:root")
    await root.accounts.add("user:dan")
    for one in (*DBAS, "user:dan"):
        await root.accounts.join_group("team:doors", one)
    await actum.worker([opens])
    await actum.start(opens("left"))
    await actum.run_until_idle()
    ((row,), _) = await actum.inbox()
    return row


async def test_whoever_wrote_a_contract_approves_nothing_of_it_in_any_spelling(actum: Harness) -> None:
    row = await waiting(actum)
    assert ["service:bot", "user:Ana"] == list(row.authors)
    for spelling in ("user:ana", "ANA", " User: ana ", "service:BOT"):
        assert "self_approval" == await says(actum, row.id, spelling)
    with pytest.raises(NotEntitled, match="asked for this or wrote it"):
        await (await actum.acting("user:ana")).approve(row.id, "it is my own work")
    assert "decided" == await says(actum, row.id, "user:ana", "rejected"), "as the requester may"


async def test_nobody_approves_in_the_place_of_who_wrote_it(actum: Harness) -> None:
    row = await waiting(actum)
    await (await actum.acting("user:root")).accounts.add("user:eve")
    await stand_in(actum, "user:ana", "user:eve")
    assert "self_approval" == await says(actum, row.id, "user:eve")
    await stand_in(actum, "user:bo", "user:ana")
    assert "self_approval" == await says(actum, row.id, "user:ana")
    with pytest.raises(NotEntitled, match="requested or wrote this"):
        await (await actum.acting("user:bo")).approvals.hand_over(row.id, "user:ana", "she knows it best")
    with pytest.raises(NotEntitled, match="no say"):
        await (await actum.acting("user:ana")).approvals.hand_over(row.id, "user:eve", "decide for me")
    assert "decided" == await says(actum, row.id, "user:dan")


async def test_no_grant_of_who_wrote_it_opens_it(actum: Harness) -> None:
    row = await waiting(actum)
    ana = await actum.acting("user:ana")
    grant_id = await ana.grants.give({"kind": "door.open"}, uses=5, lasts="1h", reason="my own")
    assert "self_approval" == await actum.store.grants.use(grant_id, row.id, amounts={})
    bo = await actum.acting("user:bo")
    other = await bo.grants.give({"kind": "door.open"}, uses=5, lasts="1h", reason="tonight")
    assert "granted" == await actum.store.grants.use(other, row.id, amounts={})


async def test_a_worker_that_leaves_the_authors_out_is_found(actum: Harness) -> None:
    row = await waiting(actum)
    assert [] == await find_faults(actum.client, row.workflow_id)
    async with actum.store.pool.connection() as connection, connection.transaction():
        await connection.execute(
            "set local session_replication_role = replica"
        )  # as if it had been written so
        await connection.execute("update actum.approvals set authors = '{service:bot}'")
    (fault,) = await find_faults(actum.client, row.workflow_id)
    assert "leaves out authors whom every document of its contract names" in fault.sentence


def test_the_authors_are_part_of_what_a_contract_promises() -> None:
    @contract(on_failure="fail", owner=Owner(team="doors"))
    async def opens(door: str) -> str:
        return await open_door(door)

    named = globals()["opens"]
    assert ["service:bot", "user:Ana"] == describe(named)["owner"]["authors"]
    assert document_hash(describe(named)) != document_hash(describe(opens))
    assert named.shape_hash == opens.shape_hash, "who wrote it is nothing that a history depends on"


@pytest.mark.parametrize("authors", ["user:ana", ["ana"], ["group:dba"], ["user:"], [" user:ana"], [7]])
def test_authors_are_persons(authors: Sequence[str]) -> None:
    with pytest.raises(InvalidContract, match=r"write \[|write user:NAME"):
        Owner(team="doors", authors=authors)


def test_authors_are_named_once_whatever_their_order() -> None:
    one, other = (
        Owner(team="t", authors=names) for names in (["user:b", "user:a", "user:b"], ["user:a", "user:b"])
    )
    assert one == other
    assert orjson.dumps(list(one.authors)) == b'["user:a","user:b"]'
