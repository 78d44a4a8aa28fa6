"""What the client's verbs refuse: one sentence of Actum's own, whatever was handed in, and nothing is changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actum import Client, Signal, ask, contract
from actum.authoring.canonical import MAX_PAYLOAD
from actum.client.handle import Handle
from actum.errors import InvalidInput, WorkflowFailed
from actum.store.pool import UnstorableText
from actum.testing.harness import Harness

HALF = "a\ud800b"
NUL = "a\0b"


@contract
async def survey(about: str) -> list[str]:
    return await ask(f"Which {about}?", list[str])


REFUSED: dict[str, tuple[str, Callable[[Client, Handle[Any], Any], Awaitable[object]]]] = {
    "a reason with a NUL": ("reason holds a NUL", lambda c, h, i: h.cancel(NUL)),
    "a reason with half a character": ("not valid Unicode", lambda c, h, i: h.pause(HALF)),
    "a reason that is a book": ("keep it to 10,000", lambda c, h, i: h.cancel("x" * 3_000_000)),
    "a reason that is no text": ("reason is text, and 5 is none", lambda c, h, i: h.resume(5)),  # type: ignore[arg-type]
    "an address with a NUL": ("address holds", lambda c, h, i: h.roll_back("x", to=NUL)),
    "a kind nobody knows": ("'zz' is no kind: say one of signal", lambda c, h, i: c.send(i, "zz")),
    "a signal without a name": ("a signal has a name", lambda c, h, i: c.send(i, "signal")),
    "a signal that is no JSON": ("is JSON as bytes", lambda c, h, i: c.send(i, "signal", name="go", body=b"{")),
    "a signal with a NUL": ("holds a NUL", lambda c, h, i: c.send(i, "signal", name="go", body=b'"\\u0000"')),
    "a message to no id": ("'nope' is no id of a workflow", lambda c, h, i: c.send("nope", "pause")),  # type: ignore[arg-type]
    "an answer with a NUL": ("the answer: .*holds a NUL", lambda c, h, i: c.answer(i, "1", [NUL])),
    "an answer of 3 MB": ("more than a payload", lambda c, h, i: c.answer(i, "1", ["x" * 3 * MAX_PAYLOAD])),
    "an answer that is no JSON": ("is a set", lambda c, h, i: c.answer(i, "1", {1})),
    "an answer without a bottom": ("make it flatter", lambda c, h, i: c.answer(i, "1", bottomless())),
    "an answer that does not fit": ("of type string", lambda c, h, i: c.answer(i, "1", [7])),
    "an answer at a NUL": ("address holds a NUL", lambda c, h, i: c.answer(i, NUL, [])),
    "an answer to no id": ("is no id", lambda c, h, i: c.answer("x", "1", [])),  # type: ignore[arg-type]
    "a requester with a NUL": ("requester holds", lambda c, h, i: c.start(survey("b"), requester=f"user:{NUL}")),
    "a requester that is no text": ("is text", lambda c, h, i: c.start(survey("b"), requester=5)),  # type: ignore[arg-type]
    "a priority too far": ("is no priority", lambda c, h, i: c.start(survey("b"), priority=2**40)),
    "a priority in words": ("is no priority", lambda c, h, i: c.start(survey("b"), priority="x")),  # type: ignore[arg-type]
    "a key that is no text": ("5 is no start key", lambda c, h, i: c.start(survey("b"), key=5)),  # type: ignore[arg-type]
    "a key too long": ("the start key of 12000", lambda c, h, i: c.start(survey("b"), key="k" * 12_000)),
    "a list of a contract with a NUL": ("contract holds", lambda c, h, i: c.list(contract=NUL)),
    "a list of no status": ("'zz' is no status", lambda c, h, i: c.list(status="zz")),
    "a list of less than nothing": ("count=-1", lambda c, h, i: c.list(count=-1)),
    "a list before no id": ("is no id", lambda c, h, i: c.list(before="x")),  # type: ignore[arg-type]
    "an inbox of less than nothing": ("count=-1", lambda c, h, i: c.inbox(-1)),
    "a name with a NUL": ("name of the workflow holds", lambda c, h, i: c.find(f"survey/{NUL}")),
    "a name that is no text": ("is text", lambda c, h, i: c.find(5)),  # type: ignore[arg-type]
    "no id of a workflow": ("'nope' is no id", lambda c, h, i: c.get("nope")),  # type: ignore[arg-type]
    "no id of an approval": ("is no id of an approval", lambda c, h, i: c.approve(5, "x")),  # type: ignore[arg-type]
    "a rationale with a NUL": ("holds a NUL", lambda c, h, i: c.approve(i, NUL)),
    "no number of a question": ("is no number", lambda c, h, i: c.approvals.answer_inquiry(2**70, "x")),
    "a verdict with a NUL": ("reason holds", lambda c, h, i: c.verdicts.give(i, "usable", NUL)),
    "verdicts less than none": ("count=-1", lambda c, h, i: c.verdicts.due(count=-1)),
    "an incident with a NUL": ("summary holds", lambda c, h, i: c.incidents.open(NUL)),
    "a note with a NUL": ("note holds", lambda c, h, i: c.incidents.mitigate(i, note=NUL)),
    "incidents less than none": ("count=-1", lambda c, h, i: c.incidents.list(count=-1)),
    "a freeze of a NUL": ("subject holds", lambda c, h, i: c.freezes.freeze("kind", NUL, reason="x")),
    "a grant of too many uses": (
        "uses=",
        lambda c, h, i: c.grants.give({"kind": "a.b"}, uses=2**40, lasts="1h", reason="x"),
    ),
    "a grant of a NUL, which only the database finds": (
        "the matcher holds a NUL",
        lambda c, h, i: c.grants.give({"kind": NUL}, uses=1, lasts="1h", reason="x"),
    ),
    "an account of a NUL, which only the database finds": (
        "the display name holds a NUL",
        lambda c, h, i: c.accounts.add("ana", display_name=NUL, roles=["admin"]),
    ),
    "an account of half a character, which only the driver finds": (
        "the display name holds half of a character",
        lambda c, h, i: c.accounts.add("ana", display_name=HALF, roles=["admin"]),
    ),
}  # fmt: skip


def bottomless() -> list[Any]:
    value: list[Any] = []
    for _ in range(5_000):
        value = [value]
    return value


async def test_whatever_is_no_argument_is_refused_in_one_sentence_and_changes_nothing(actum: Harness) -> None:
    client = actum.client
    handle = await client.start(survey("forks"))
    await actum.worker([survey])
    await actum.run_until_idle()
    before = await handle.row()
    for what, (sentence, call) in REFUSED.items():
        with pytest.raises(InvalidInput, match=sentence) as caught:
            await call(client, handle, handle.workflow_id)
        said = str(caught.value)
        assert (1, False) == (len(said.splitlines()), "query argument" in said), what
    assert before == await handle.row()
    assert [handle.workflow_id] == [row.id for row in await client.list()]
    assert [] == await client.store.messages.read_open([handle.workflow_id])
    await client.answer(handle.workflow_id, "1", ["the silver ones"])
    assert ["the silver ones"] == await handle.result(10)


chosen = Signal("chosen", int)


@contract
async def choose(patience: int) -> list[str]:
    taken = []
    for _ in range(patience):
        try:
            taken.append(f"took {await chosen.wait()}")
        except InvalidInput as error:
            taken.append(f"refused {error.path or error}")
    return [*taken, f"took {await chosen.wait()}"]


async def test_a_signal_that_does_not_fit_is_taken_and_raises_where_the_body_waits(actum: Harness) -> None:
    await actum.worker([choose])
    patient, hasty = await actum.start(choose(1)), await actum.start(choose(0))
    for one in (patient, hasty):
        with pytest.raises(InvalidInput):
            await one.signal(chosen, "two")  # type: ignore[arg-type]
        await actum.client.send(one.workflow_id, "signal", name="chosen", body=b'"two"')
    await patient.signal(chosen, 2)
    refused, took = await patient.result(10)
    assert (True, "took 2") == (refused.startswith("refused"), took)
    with pytest.raises(WorkflowFailed) as caught:
        await hasty.result(10)
    assert "schema.invalid" == caught.value.reason


async def test_what_is_no_text_of_a_caller_stays_a_fault_of_ours(actum: Harness) -> None:
    with pytest.raises(Exception, match="query argument") as caught:
        await actum.store.workflows.find(5)  # type: ignore[arg-type]
    assert not isinstance(caught.value, UnstorableText)
