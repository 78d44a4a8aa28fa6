"""Calls in a real flow: lazy, awaited as asyncio awaits, answered by recorded words."""

from __future__ import annotations

import asyncio
import gc
import json
import warnings
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from actum.authoring.attempt import CURRENT_ATTEMPT, Attempt, attempt
from actum.authoring.call import Call, permitted
from actum.authoring.clock import now, random, uuid4
from actum.authoring.contract import contract
from actum.authoring.effect import effect
from actum.authoring.failures import encode_failure, encode_workflow_failure
from actum.authoring.step import step
from actum.errors import (
    ActumError,
    InvalidContract,
    InvalidInput,
    KeyConflict,
    NotApproved,
    NotPossible,
    OutsideWorkflow,
    StepFailed,
    WorkflowFailed,
)
from actum.flow.requests import Request
from actum.outcomes import Denied, Expired, Rejected

Drive = Callable[..., tuple[Any, dict[str, Request]]]


@step
async def double(number: int) -> int:
    return number * 2


@step
def join(words: list[str]) -> str:
    return " ".join(words)


@effect("mail.send")
async def send(to: str) -> str:
    return to


@contract
async def child(number: int) -> int:
    return await double(number)


def doubling(request: Request) -> tuple[str, bytes | None]:
    assert isinstance(request, Call)
    return "completed", json.dumps(json.loads(request.arguments)["number"] * 2).encode()


def answering(word: str, body: object) -> Callable[[Request], tuple[str, bytes | None]]:
    raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    return lambda _: (word, raw)


def test_a_call_that_is_never_used_does_nothing_and_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call = double(1)
        assert "<call of double>" == repr(call)
        del call
        gc.collect()


def test_asyncio_takes_a_call_as_a_coroutine() -> None:
    assert asyncio.iscoroutine(double(1))


def test_arguments_are_encoded_when_the_call_is_used() -> None:
    words = ["a"]
    call = join(words)
    words.append("b")
    assert b'{"words":["a","b"]}' == call.arguments
    words.append("c")
    assert b'{"words":["a","b"]}' == call.arguments
    assert sha256(call.arguments).digest() == call.argument_hash


def test_the_body_receives_what_was_recorded(drive: Drive) -> None:
    async def body() -> int:
        return await double(4)

    value, asked = drive(body, doubling)
    assert 8 == value
    assert {"1": "double"} == {address: request.name for address, request in asked.items()}


@pytest.mark.parametrize("way", ["gather", "group", "task", "wait_for", "timeout", "shield", "wait"])
def test_a_call_works_in_every_way_asyncio_awaits(drive: Drive, way: str) -> None:
    async def body() -> int:
        match way:
            case "gather":
                return (await asyncio.gather(double(4), double(5)))[0]
            case "group":
                async with asyncio.TaskGroup() as group:
                    first = group.create_task(double(4), name="mine")
                    group.create_task(double(5))
                return first.result()
            case "task":
                return await asyncio.create_task(double(4))
            case "wait_for":
                return await asyncio.wait_for(double(4), 60)
            case "timeout":
                async with asyncio.timeout(60):
                    return await double(4)
            case "shield":
                return await asyncio.shield(double(4))
        done, _ = await asyncio.wait([asyncio.create_task(double(4))])
        return done.pop().result()

    value, asked = drive(body, lambda request: doubling(request) if isinstance(request, Call) else None)
    assert 8 == value
    assert {"double"} == {request.name for request in asked.values()} - {"timer"}


def test_calls_take_their_addresses_where_they_are_used_not_where_they_are_made(drive: Drive) -> None:
    async def body() -> None:
        later, sooner = double(1), double(2)
        await sooner
        await later

    _, asked = drive(body, doubling)
    assert [b'{"number":2}', b'{"number":1}'] == [asked["1"].arguments, asked["2"].arguments]  # type: ignore[attr-defined]


def test_a_second_await_is_refused_and_names_the_first(drive: Drive) -> None:
    async def body() -> None:
        call = double(1)
        await call
        with pytest.raises(NotPossible, match=r"double\(…\) at 1 was already awaited"):
            await call

    drive(body, doubling)


def test_a_call_given_up_before_it_began_asks_for_nothing(drive: Drive) -> None:
    async def body() -> str:
        task = asyncio.create_task(double(1))
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "given up"
        return "ran"

    assert ("given up", {}) == drive(body, doubling)


def test_refused_arguments_take_no_address(drive: Drive) -> None:
    async def body() -> int:
        with pytest.raises(InvalidInput):
            await double("x")  # type: ignore[arg-type]
        return await double(1)

    value, asked = drive(body, doubling)
    assert 2 == value
    assert ["1"] == list(asked)


def test_a_failed_step_is_raised_as_step_failed(drive: Drive) -> None:
    class Odd(Exception):
        def __init__(self) -> None:
            super().__init__("odd number")
            self.number = 3

    async def body() -> None:
        await double(3)

    with pytest.raises(StepFailed) as failed:
        drive(body, answering("failed", encode_failure("double", "tool.error", Odd(), 4)))
    error = failed.value
    assert ("double", "tool.error", "odd number", 4) == (
        error.step,
        error.reason,
        error.message,
        error.attempts,
    )
    assert error.error_type.endswith("Odd")
    assert {"number": 3} == error.details


def test_a_failed_child_is_raised_as_workflow_failed(drive: Drive) -> None:
    async def body() -> None:
        await child(3)

    failure = encode_workflow_failure("child", "0123456789abcdef", "cancelled", "operator", "stopped by ana")
    with pytest.raises(WorkflowFailed, match="child 89abcdef ended as cancelled: stopped by ana") as failed:
        drive(body, answering("failed", failure))
    assert ("0123456789abcdef", "cancelled", "operator") == (
        failed.value.workflow_id,
        failed.value.status,
        failed.value.reason,
    )


def test_a_completed_child_brings_its_result(drive: Drive) -> None:
    async def body() -> int:
        return await child(3)

    assert 6 == drive(body, doubling)[0]


@pytest.mark.parametrize(
    ("word", "body", "expected"),
    [
        ("rejected", {"reason": "too dear", "by": ["user:ana"]}, Rejected("too dear", by=("user:ana",))),
        ("expired", {}, Expired()),
        ("denied", {"reason": "frozen"}, Denied("frozen")),
    ],
)
def test_an_effect_without_approval_is_raised_with_the_record(
    drive: Drive, word: str, body: dict[str, object], expected: object
) -> None:
    async def asking() -> None:
        await send("ana")

    with pytest.raises(NotApproved) as refused:
        drive(asking, answering(word, body))
    assert expected == refused.value.outcome


def test_a_taken_key_is_raised_with_the_key(drive: Drive) -> None:
    async def body() -> None:
        await send("ana")

    with pytest.raises(KeyConflict, match="taken by another") as conflict:
        drive(body, answering("key_conflict", {"message": "taken by another", "key": "k1"}))
    assert "k1" == conflict.value.key


def test_an_invalid_outcome_is_raised_with_its_path(drive: Drive) -> None:
    async def body() -> None:
        await send("ana")

    with pytest.raises(InvalidInput, match="no such place") as refused:
        drive(body, answering("invalid", {"message": "no such place", "path": "to"}))
    assert "to" == refused.value.path


def test_a_cancelled_outcome_is_a_cancellation(drive: Drive) -> None:
    async def body() -> str:
        try:
            await send("ana")
        except asyncio.CancelledError:
            return "cancelled"
        return "sent"

    assert "cancelled" == drive(body, answering("cancelled", None))[0]


def test_a_word_of_another_version_is_refused(drive: Drive) -> None:
    async def body() -> None:
        await send("ana")

    with pytest.raises(ActumError, match="'teleported' is not one this version of Actum knows"):
        drive(body, answering("teleported", None))


@pytest.mark.parametrize(
    ("call", "way_out"),
    [
        (lambda: double(1), r"double\.function in a unit test"),
        (lambda: send("a"), r"body of a @contract"),
        (lambda: child(1), r"client\.start\(child\(…\)\) or actum\.run\(child\(…\)\)"),
    ],
)
async def test_a_call_outside_a_workflow_says_how_to_run_it(
    call: Callable[[], Call[Any]], way_out: str
) -> None:
    with pytest.raises(OutsideWorkflow, match=way_out):
        await call()
    with pytest.raises(OutsideWorkflow, match=way_out):
        await asyncio.gather(call())


async def test_the_function_is_as_it_was_written() -> None:
    assert 8 == await double.function(4)
    assert "a b" == join.function(["a", "b"])


def test_a_call_that_the_contract_does_not_name_is_refused(drive: Drive) -> None:
    @contract(steps=[join])
    async def narrow() -> None:
        await double(1)

    assert permitted(join([]), narrow)
    assert not permitted(double(1), narrow)
    with pytest.raises(InvalidContract, match="double is not among the steps of narrow"):
        drive(narrow.function, doubling, narrow)


def test_a_namesake_of_a_permitted_step_is_refused() -> None:
    @step(name="double")
    async def impostor(number: int) -> int:
        return number

    assert permitted(double(1), child)
    assert not permitted(impostor(1), child)


def test_workflow_time_and_chance_are_the_same_in_every_run(drive: Drive) -> None:
    async def body() -> tuple[str, str, float]:
        await double(1)
        return now().isoformat(), str(uuid4()), random().random()

    first, again = drive(body, doubling)[0], drive(body, doubling)[0]
    assert first == again
    assert "2023-11-14T22:13:20.000001+00:00" == first[0]


@pytest.mark.parametrize("function", [now, uuid4, random])
def test_workflow_time_and_chance_outside_a_workflow_are_refused(function: Callable[[], object]) -> None:
    with pytest.raises(OutsideWorkflow, match="in steps too"):
        function()


def test_a_step_reads_its_attempt() -> None:
    heard: list[object] = []
    token = CURRENT_ATTEMPT.set(Attempt(2, key="k", epoch=7, on_heartbeat=heard.append))
    try:
        assert (2, "k", 7) == (attempt().number, attempt().key, attempt().epoch)
        attempt().heartbeat({"done": 3})
        attempt().heartbeat()
    finally:
        CURRENT_ATTEMPT.reset(token)
    assert [{"done": 3}, None] == heard


def test_attempt_outside_a_step_is_refused() -> None:
    with pytest.raises(OutsideWorkflow, match="call it in a step or an effect"):
        attempt()
