"""What the database cannot store fails its own workflow, and never stops the writer."""

from __future__ import annotations

import signal

import pytest
from crash_contracts import CONTRACTS
from crash_processes import Nursery
from crash_trial import Place, all_ended

from actum.errors import WorkflowFailed

GOOD = 40


@pytest.mark.parametrize("poison", ["a NUL in a preview", "an oversized result"])
async def test_a_record_that_cannot_be_stored_fails_its_own_workflow_alone(
    place: Place, nursery: Nursery, poison: str
) -> None:
    bad = CONTRACTS["poisoned_mail"]("bad") if "NUL" in poison else CONTRACTS["oversized"]("bad", 64 * 2**20)
    calls = [CONTRACTS["stages"](f"w{number}", 5) for number in range(GOOD)]
    handles = await place.requester.start_many([*calls[: GOOD // 2], bad, *calls[GOOD // 2 :]])
    failing = handles.pop(GOOD // 2)
    life = await nursery.bear(
        place.order("writer", ["stages", "poisoned_mail", "oversized"], concurrency=100)
    )
    await all_ended(place.store, GOOD)
    assert [5] * GOOD == [await handle.result(20) for handle in handles]
    with pytest.raises(WorkflowFailed) as failure:
        await failing.result(20)
    assert failure.value.status == "failed"
    later = await place.requester.start(CONTRACTS["stages"]("later", 2))
    assert 2 == await later.result(20)
    life.signal(signal.SIGTERM)
    assert 0 == await life.status()
    assert not place.lines("world")
    await place.audit()
