"""Asking people: what was asked and withdrawn at once is nowhere to be answered."""

from __future__ import annotations

from typing import Any

import pytest

from actum import Fatal, Preview, Retry, WorkflowFailed, ask, contract, effect
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


LOOKS: list[BaseException | None] = []
"""What each of the next looks raises."""


@effect("mail.send", retry=Retry(attempts=2, first="1ms", never=(KeyError,)))
async def send_seen(to: str) -> str:
    return to


@send_seen.preview
async def _(to: str) -> Preview:
    error = LOOKS.pop(0)
    if error is not None:
        raise error
    return Preview(f"Send one mail to {to}", target=to)


@contract(on_failure="fail")
async def sends_seen() -> str:
    return await send_seen("ana")


async def test_a_look_that_failed_once_is_taken_again_before_asking_and_before_use(actum: Harness) -> None:
    LOOKS[:] = [ConnectionError("lost"), None, TimeoutError("late"), None]
    await actum.worker([sends_seen])
    handle = await actum.start(sends_seen())
    await actum.approve(handle)
    assert "ana" == await handle.result(10)
    assert [] == LOOKS


@pytest.mark.parametrize(
    "errors",
    [
        [ConnectionError("lost"), ConnectionError("lost")],
        [Fatal("there is no such mailbox")],
        [KeyError("ana")],
    ],
    ids=["its attempts are used up", "the error is fatal", "the error is never retried"],
)
async def test_a_look_is_not_taken_again_where_its_effect_would_not_be_tried_again(
    actum: Harness, errors: list[BaseException | None]
) -> None:
    LOOKS[:] = [*errors, None]
    await actum.worker([sends_seen])
    handle = await actum.start(sends_seen())
    with pytest.raises(WorkflowFailed):
        await handle.result(10)
    assert [None] == LOOKS
