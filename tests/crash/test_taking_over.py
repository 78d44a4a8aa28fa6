"""From a dead or stopped worker to the next: killed while it claims, rescues or parks; raced for; woken too late."""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from crash_contracts import CONTRACTS
from crash_driver import LOST_LEASE
from crash_processes import Nursery
from crash_trial import Place, Trial, all_ended
from patience import until
from test_sweep import expected

WATCHED = ("workflows", "events", "snapshots", "effects", "approvals", "messages", "questions")


@pytest.mark.parametrize(
    ("at", "number", "when"),
    [
        ("claim", 1, "after"),
        ("claim", 2, "after"),
        ("claim", 3, "after"),
        ("park", 1, "before"),
        ("park", 1, "after"),
        ("park", 2, "before"),
        ("park", 2, "after"),
        ("park", 3, "before"),
        ("park", 3, "after"),
    ],
)
async def test_killed_while_it_claims_or_parks_nothing_is_lost(
    place: Place, nursery: Nursery, at: str, number: int, when: str
) -> None:
    trial = Trial(place, nursery, "everything", "cat")
    assert expected("everything", "cat") == await trial.run(at=at, number=number, when=when)
    assert trial.kills == 1
    trial.check_attempts()
    await place.audit()


@pytest.mark.parametrize(
    ("at", "when"), [("declare", "before"), ("declare", "after"), ("rescue", "before"), ("rescue", "after")]
)
async def test_killed_while_it_rescues_the_next_one_rescues(
    place: Place, nursery: Nursery, at: str, when: str
) -> None:
    handles = await start_stages(place, 5)
    ids = [str(handle.workflow_id) for handle in handles]
    first = await nursery.bear(place.order("one", ["stages"], until=ids, at="flush", number=2, when="after"))
    assert -signal.SIGKILL == await first.status()
    second = await nursery.bear(place.order("two", ["stages"], until=ids, at=at, number=1, when=when))
    assert -signal.SIGKILL == await second.status()
    third = await nursery.bear(place.order("three", ["stages"], until=ids))
    assert 0 == await third.status()
    assert [4] * 5 == [await handle.result(5) for handle in handles]
    check_one_at_a_time(place.lines("steps"))
    assert most_runs(place) <= 2
    await place.audit()


async def test_two_workers_race_for_a_dead_ones_work_and_each_workflow_goes_on_once(
    place: Place, nursery: Nursery
) -> None:
    handles = await start_stages(place, 60)
    ids = [str(handle.workflow_id) for handle in handles]
    dead = await nursery.bear(
        place.order("dead", ["stages"], until=ids, concurrency=60, at="flush", number=3, when="before")
    )
    assert -signal.SIGKILL == await dead.status()
    durable = await completed_stages(place, [handle.workflow_id for handle in handles])
    before = len(place.lines("steps"))
    (place.folder / "held").touch()
    racers = [
        await nursery.bear(place.order(name, ["stages"], until=ids, concurrency=10))
        for name in ("left", "right")
    ]
    await until(lambda: len({line["pid"] for line in place.lines("holders")}) == 2, "both hold some")
    (place.folder / "held").unlink()
    assert [0, 0] == [await racer.status() for racer in racers]
    assert [4] * 60 == [await handle.result(5) for handle in handles]
    lines = place.lines("steps")
    again = {(line["name"], line["step"]) for line in lines[before:]} & durable
    assert not again
    assert len({line["pid"] for line in lines[before:]}) == 2
    check_one_at_a_time(lines)
    assert most_runs(place) <= 2
    await place.audit()


@pytest.mark.parametrize("moment", ["while the other works", "after the other has ended it"])
async def test_a_stopped_worker_that_wakes_after_hand_over_changes_nothing(
    place: Place, nursery: Nursery, moment: str
) -> None:
    handles = [await place.requester.start(CONTRACTS["two_gates"](f"w{number}")) for number in range(20)]
    zombie = await nursery.bear(place.order("zombie", ["two_gates"], lease=1.0))
    await until(lambda: begun(place, zombie.pid, "gated 1") == 20, "the first worker holds all")
    zombie.signal(signal.SIGSTOP)
    heir = await nursery.bear(place.order("heir", ["two_gates"], lease=1.0))
    await until(lambda: begun(place, heir.pid, "gated 1") == 20, "the second worker took over")
    (place.folder / "gate-1").touch()
    await until(lambda: begun(place, heir.pid, "gated 2") == 20, "the second worker goes on")
    if moment == "after the other has ended it":
        (place.folder / "gate-2").touch()
        await all_ended(place.store, 20)
    before = await everything_written(place)
    zombie.signal(signal.SIGCONT)
    assert LOST_LEASE == await zombie.status()
    assert before == await everything_written(place)
    (place.folder / "gate-2").touch()
    assert ["gated 1 of w0, gated 2 of w0"] == [await handles[0].result(20)]
    for number, handle in enumerate(handles):
        assert f"gated 1 of w{number}, gated 2 of w{number}" == await handle.result(20)
        await check_no_event_after_hand_over(place, handle.workflow_id)
    assert not begun(place, zombie.pid, "gated 2")
    heir.signal(signal.SIGTERM)
    assert 0 == await heir.status()
    await place.audit()


async def test_a_workflow_that_kills_its_process_is_blocked_and_spares_the_others(
    place: Place, nursery: Nursery
) -> None:
    killer = await place.requester.start(CONTRACTS["killer"]("killer"))
    handles = await start_stages(place, 4)
    order = place.order("victim", ["killer", "stages"], lease=1.0)
    life = await nursery.bear(order)

    async def is_blocked() -> bool:
        nonlocal life
        if life.ended.done():
            assert -signal.SIGKILL == await life.status()
            life = await nursery.bear(order)
        return await killer.status() == "blocked"

    await until(is_blocked, "the killer is blocked")
    row = await killer.row()
    assert "crash_loop" == row.cause, place.logged()
    for handle in handles:
        assert 4 == await handle.result(20)
    assert len(nursery.lives) <= 3, "it killed more than two busy workers"
    later = await place.requester.start(CONTRACTS["stages"]("later", 2))
    assert 2 == await later.result(20)
    await killer.cancel("it kills")
    await until(lambda: has_status(killer, "cancelled"), "the killer is cancelled")
    life.signal(signal.SIGTERM)
    assert 0 == await life.status()
    await place.audit()


# looking


async def has_status(handle: Any, status: str) -> bool:
    found: str = await handle.status()
    return found == status


async def start_stages(place: Place, count: int) -> Sequence[Any]:
    calls = [CONTRACTS["stages"](f"w{number}", 4) for number in range(count)]
    return await place.requester.start_many(calls)


async def completed_stages(place: Place, ids: Sequence[UUID]) -> set[tuple[str, str]]:
    """Return (workflow's name, stage) of everything durable."""
    found = set()
    for workflow_id in ids:
        for one in await place.store.records.read_snapshots(workflow_id):
            text = (one.body or b"").decode().strip('"')
            if one.kind == "output" and text.startswith("stage "):
                step, _, name = text.partition(" of ")
                found.add((name, step))
    return found


def begun(place: Place, pid: int, step: str) -> int:
    lines = place.lines("steps")
    return len(
        {line["name"] for line in lines if (line["pid"], line["step"], line["what"]) == (pid, step, "begin")}
    )


def most_runs(place: Place) -> int:
    runs: dict[tuple[str, str], int] = defaultdict(int)
    for line in place.lines("steps"):
        runs[line["name"], line["step"]] += line["what"] == "begin"
    return max(runs.values())


def check_one_at_a_time(lines: list[dict[str, Any]]) -> None:
    """Check that processes took turns at each workflow: once a later one has begun, an earlier one writes nothing."""
    turns: dict[str, list[int]] = defaultdict(list)
    epochs: dict[str, int] = {}
    for line in sorted(lines, key=lambda line: line["at"]):
        turn = turns[line["name"]]
        if not turn or turn[-1] != line["pid"]:
            assert line["pid"] not in turn, f"{line['name']} was held by two processes at a time"
            turn.append(line["pid"])
        assert line["epoch"] >= epochs.get(line["name"], 0)
        epochs[line["name"]] = line["epoch"]


async def everything_written(place: Place) -> dict[str, Any]:
    """Return all rows of all tables that a worker writes for its workflows."""
    connection = await asyncpg.connect(place.dsn)
    try:
        return {
            table: [
                tuple(row)
                for row in await connection.fetch(f"select * from actum.{table} t order by t::text")  # noqa: S608
            ]
            for table in WATCHED
        }
    finally:
        await connection.close()


async def check_no_event_after_hand_over(place: Place, workflow_id: UUID) -> None:
    actors = [event.actor for event in await place.store.records.read_events(workflow_id)]
    workers = [actor for actor in actors if actor and actor.startswith("worker:")]
    turns = [one for number, one in enumerate(workers) if number == 0 or workers[number - 1] != one]
    assert turns in (["worker:heir"], ["worker:zombie", "worker:heir"]), turns
