"""Approvals, questions and signals in a real flow."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from actum.authoring.approval import ApprovalRequest, request_approval
from actum.authoring.call import Call
from actum.authoring.effect import effect
from actum.authoring.question import Question, ask
from actum.authoring.signals import Signal
from actum.authoring.step import step
from actum.errors import InvalidContract, InvalidInput, NotApproved, NotPossible, OutsideWorkflow
from actum.flow import Flow, Returned, SignalReceived
from actum.flow.requests import Request
from actum.outcomes import Approved, Expired, NotNeeded, Rejected

Drive = Callable[..., tuple[Any, dict[str, Request]]]


class Reply(BaseModel):
    text: str


@effect("mail.send")
async def send(to: str) -> str:
    return to


@effect("mail.drop")
async def drop(to: str) -> str:
    return to


@step
async def read(to: str) -> str:
    return to


replied = Signal("customer_replied", Reply)


def ruling(word: str, body: object = None) -> Callable[[Request], tuple[str, bytes | None]]:
    def answer(request: Request) -> tuple[str, bytes | None]:
        if isinstance(request, Call):
            return "completed", b'"sent"'
        return word, None if body is None else json.dumps(body).encode()

    return answer


def test_an_approved_call_runs_at_the_address_it_was_approved_at(drive: Drive) -> None:
    async def body() -> tuple[object, str]:
        call = send("ana")
        ruled = await request_approval(call)
        assert isinstance(ruled, Approved)
        assert (call,) == ruled.calls
        return ruled.by, await call

    value, asked = drive(body, ruling("approved", {"by": ["user:bo"], "rationale": "fine"}))
    assert (("user:bo",), "sent") == value
    request = asked["2"]
    assert isinstance(request, ApprovalRequest)
    assert ["1"] == [call.address for call in request.calls]
    assert asked["1"] is request.calls[0]


@pytest.mark.parametrize(
    ("word", "body", "expected"),
    [
        ("not_needed", None, NotNeeded),
        ("rejected", {"reason": "no", "by": ["user:bo"]}, Rejected),
        ("expired", None, Expired),
    ],
)
def test_every_other_answer_is_returned_not_raised(
    drive: Drive, word: str, body: object, expected: type[object]
) -> None:
    async def asking() -> object:
        return await request_approval(send("ana"))

    assert isinstance(drive(asking, ruling(word, body))[0], expected)


def test_a_denial_by_policy_is_raised(drive: Drive) -> None:
    async def body() -> None:
        await request_approval(send("ana"))

    with pytest.raises(NotApproved, match="send: denied by policy: frozen"):
        drive(body, ruling("denied", {"reason": "frozen"}))


def test_arguments_are_fixed_when_approval_is_asked(drive: Drive) -> None:
    @effect("list.write")
    async def write(words: list[str]) -> str:
        return ""

    async def body() -> None:
        words = ["approved"]
        call = write(words)
        await request_approval(call)
        words.append("smuggled")
        await call

    _, asked = drive(body, ruling("not_needed"))
    assert b'{"words":["approved"]}' == asked["1"].arguments  # type: ignore[attr-defined]


def hash_of(*calls: Call[Any]) -> bytes:
    for number, call in enumerate(calls):
        call.address = str(number + 1)
    return ApprovalRequest(calls).argument_hash


def test_the_hash_of_a_request_tells_kinds_arguments_addresses_and_order_apart() -> None:
    elsewhere = send("a")
    elsewhere.address = "7"
    hashes = {
        hash_of(send("a")),
        hash_of(drop("a")),
        hash_of(send("b")),
        hash_of(send("a"), drop("a")),
        hash_of(drop("a"), send("a")),
        ApprovalRequest((elsewhere,)).argument_hash,
    }
    assert 6 == len(hashes)
    assert hash_of(send("a")) == hash_of(send("a"))


@pytest.mark.parametrize(
    ("calls", "sentence"),
    [
        (lambda: (), "asks for nothing"),
        (lambda: (read("a"),), "takes calls of effects"),
        (lambda: ("send",), "takes calls of effects"),
        (lambda: (send("a"),) * 2, "one call twice"),
    ],
)
async def test_only_distinct_calls_of_effects_are_approved(
    calls: Callable[[], tuple[Any, ...]], sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        await request_approval(*calls())


def test_a_call_that_was_awaited_is_not_approved_afterwards(drive: Drive) -> None:
    async def body() -> None:
        call = send("a")
        await call
        with pytest.raises(NotPossible, match="already awaited"):
            await request_approval(call)

    drive(body, ruling("approved"))


def test_a_question_brings_an_answer_of_its_type(drive: Drive) -> None:
    async def body() -> Reply:
        return await ask("What did they say?", Reply, to="team:support")

    value, asked = drive(body, ruling("completed", {"text": "yes"}))
    assert Reply(text="yes") == value
    question = asked["1"]
    assert isinstance(question, Question)
    assert ("What did they say?", "team:support") == (question.question, question.to)
    assert ["text"] == question.schema["$defs"]["Reply"]["required"]
    with pytest.raises(InvalidInput, match="text"):
        question.decode(b'{"text":5}')


def test_different_questions_have_different_hashes() -> None:
    hashes = {Question("a?", int).argument_hash, Question("b?", int).argument_hash}
    assert 3 == len(hashes | {Question("a?", int, "team:x").argument_hash})


@pytest.mark.parametrize("text", ["", "  ", "x" * 4_001, "a\0b"])
def test_a_question_that_nobody_could_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="a question is text"):
        Question(text, int)


def test_a_signal_brings_its_values_in_order() -> None:
    async def body() -> list[str]:
        return [(await replied.wait()).text, (await replied.wait()).text]

    flow = Flow(body, started_at=0, seed=b"seed")
    flow.advance([])
    flow.advance(
        [
            SignalReceived("customer_replied", number, replied.encode(Reply(text=str(number))))
            for number in (1, 2)
        ]
    )
    ending = flow.ending()
    assert isinstance(ending, Returned)
    assert ["1", "2"] == ending.value


def test_a_signal_refuses_values_that_do_not_fit() -> None:
    with pytest.raises(InvalidInput, match="signal customer_replied: "):
        replied.encode("text")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="signal customer_replied: "):
        replied.decode(b"5")


def test_a_signal_needs_a_name() -> None:
    with pytest.raises(InvalidContract, match="a signal needs a name"):
        Signal(" ", int)


async def test_asking_outside_a_workflow_says_where_it_belongs() -> None:
    for asking in (lambda: request_approval(send("a")), lambda: ask("why?", str), replied.wait):
        with pytest.raises(OutsideWorkflow, match="in the body of a @contract"):
            await asking()
