"""Asking people: what was asked and withdrawn at once is nowhere to be answered."""

from __future__ import annotations

from typing import Any

import pytest

from actum import ask, contract, effect
from actum.testing.harness import Harness


@effect("mail.send")
async def send(to: str) -> str:
    return to


@contract(on_failure="fail")
async def acts() -> str:
    return await send("ana")


@contract(on_failure="fail")
async def asks() -> str:
    return await ask("Shall we?", str)


@pytest.mark.parametrize("body", [acts, asks])
async def test_what_is_asked_by_a_workflow_that_was_cancelled_before_it_began_is_closed(
    actum: Harness, body: Any
) -> None:
    handle = await actum.start(body())
    await handle.cancel("before anybody took it up")
    await actum.worker([body])
    await actum.run_until_idle()
    assert await handle.status() == "cancelled"
    assert await actum.inbox() == ([], [])
