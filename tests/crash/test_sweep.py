"""Killed before and after every flush: the result is the same, what was durable never runs again, effects happen once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from crash_processes import Nursery
from crash_trial import MakePlace, Place, Trial

SIX = "{0}: run_checks of {0}; world.change of {0}"
EVERYTHING = [
    "left of {0}",
    "right of {0}",
    "first of {0}",
    "second of {0}",
    "timed out",
    "child with child_step of {0}",
    "signalled",
    "flaky of {0}",
    "meanwhile of {0}",
    "winner of {0}",
    "world.charge of {0}",
    "world.mail of {0}",
]
EXPECTED: dict[str, Any] = {"six_steps": SIX, "everything": EVERYTHING}
FLUSHES = {"six_steps": 8, "everything": 16}
"""Boundaries that there must be at least, or the sweep sweeps nothing."""


def expected(contract: str, name: str) -> Any:
    result = EXPECTED[contract]
    return result.format(name) if isinstance(result, str) else [part.format(name) for part in result]


async def sweep(place: Place, nursery: Nursery, contract: str, when: str) -> int:
    """Kill at flush 1, 2, 3 … until a workflow ends before its kill; return how many kills there were."""
    number = 0
    while True:
        number += 1
        name = f"{when}-{number}"
        trial = Trial(place, nursery, contract, name)
        assert expected(contract, name) == await trial.run(at="flush", number=number, when=when), name
        trial.check_attempts()
        if trial.kills == 0:
            break
    await place.audit()
    return number - 1


@pytest.mark.parametrize("contract", ["six_steps", "everything"])
async def test_killed_at_every_flush_it_ends_with_the_same_result(
    make_place: MakePlace, nursery: Nursery, contract: str
) -> None:
    before, after = await make_place("before"), await make_place("after")
    counts = await asyncio.gather(
        sweep(before, nursery, contract, "before"), sweep(after, nursery, contract, "after")
    )
    assert min(counts) >= FLUSHES[contract], counts


@pytest.mark.parametrize("contract", ["six_steps", "everything"])
async def test_a_workflow_whose_every_process_is_killed_still_ends(
    place: Place, nursery: Nursery, contract: str
) -> None:
    trial = Trial(place, nursery, contract, "cat")
    assert expected(contract, "cat") == await trial.run(every_life=True, at="flush", number=2, when="after")
    assert trial.kills >= 2
    trial.check_attempts()
    await place.audit()
