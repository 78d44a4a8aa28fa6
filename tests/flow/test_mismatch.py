"""What a record and a body can disagree about."""

from __future__ import annotations

import pytest
from flow_bodies import (
    BEGIN,
    Step,
    complete,
    flow_here,
    open_flow,
    start,
    step,
)
from flow_running import given_up, two_steps

from actum.flow import (
    Abandoned,
    Command,
    Delivery,
    Flow,
    Mismatch,
    Outcome,
)


def mismatch_of(flow: Flow, *records: Delivery) -> Mismatch:
    with pytest.raises(Mismatch) as caught:
        flow.advance(records)
    return caught.value


def test_another_step_than_recorded_is_a_mismatch_with_both_sides() -> None:
    record = Outcome("1", "other", Step("first", "a").argument_hash, BEGIN, "completed", b"")
    mismatch = mismatch_of(open_flow(two_steps), record)
    assert mismatch.address == "1"
    assert mismatch.recorded.startswith("other (")
    assert mismatch.asked.startswith("first (")
    assert "other" in str(mismatch)
    assert "first" in str(mismatch)


def test_other_arguments_than_recorded_are_a_mismatch_with_both_sides() -> None:
    recorded, asked = Step("first", "b").argument_hash, Step("first", "a").argument_hash
    mismatch = mismatch_of(open_flow(two_steps), Outcome("1", "first", recorded, BEGIN, "completed", b""))
    assert recorded.hex()[:16] in mismatch.recorded
    assert asked.hex()[:16] in mismatch.asked


def test_a_record_of_an_address_never_asked_for_is_a_mismatch() -> None:
    record = Outcome("7", "first", b"", BEGIN, "completed", b"")
    assert mismatch_of(open_flow(two_steps), record).asked == "nothing"


def test_records_left_over_when_the_body_has_ended_are_a_mismatch() -> None:
    async def shorter() -> str:
        return await step("first", "a")

    live = open_flow(two_steps)
    (first,) = live.advance(()).start
    (second,) = live.advance([complete(first, BEGIN)]).start
    mismatch = mismatch_of(open_flow(shorter), complete(first, BEGIN), complete(second, BEGIN))
    assert (mismatch.address, mismatch.asked) == ("2", "nothing and has ended")


def test_a_second_outcome_of_one_address_is_a_mismatch() -> None:
    flow = open_flow(two_steps)
    (first,) = flow.advance(()).start
    assert "second time" in mismatch_of(flow, complete(first, BEGIN), complete(first, BEGIN)).recorded


def test_an_abandonment_the_body_knows_nothing_of_is_a_mismatch() -> None:
    assert "still awaits" in mismatch_of(open_flow(two_steps), Abandoned("1", "first", BEGIN)).asked
    assert mismatch_of(open_flow(two_steps), Abandoned("4", "first", BEGIN)).asked == "nothing"
    flow = open_flow(two_steps)
    (first,) = flow.advance(()).start
    late = Abandoned("1", "first", BEGIN)
    assert "outcome came before" in mismatch_of(flow, complete(first, BEGIN), late).asked
    flow = open_flow(given_up)
    other, slow = flow.advance(()).start
    assert (
        mismatch_of(flow, complete(other, BEGIN), Abandoned(slow.address, "x", BEGIN)).asked
        == "slow and gave it up"
    )


def test_a_body_that_catches_everything_cannot_catch_a_mismatch() -> None:
    caught = []

    async def body() -> None:
        try:
            await step("first")
        except BaseException as error:
            caught.append(error)
            raise

    flow = open_flow(body)
    mismatch_of(flow, Outcome("1", "other", b"", BEGIN, "completed", b""))
    assert caught == []


def test_a_mismatch_found_while_decoding_leaves_the_body_out_as_well() -> None:
    class Decoding(Step):
        def receive(self, outcome: Outcome) -> str:
            raise Mismatch(outcome.address, recorded="a number", asked="a text")

    async def body() -> None:
        try:
            await flow_here().ask(Decoding("decoded"))
        except Mismatch:
            await step("on a guess")

    flow = open_flow(body)
    (command,) = flow.advance(()).start
    assert mismatch_of(flow, complete(command, BEGIN)).recorded == "a number"


def test_a_start_of_something_else_is_a_mismatch() -> None:
    flow = open_flow(given_up)
    assert mismatch_of(flow, start(Command("2", Step("another")), BEGIN)).address == "2"


def test_an_outcome_of_an_address_given_up_is_compared_all_the_same() -> None:
    flow = open_flow(given_up)
    other, slow = flow.advance(()).start
    wrong = Outcome(slow.address, "different", slow.request.argument_hash, BEGIN, "completed", b"")
    assert slow.address == mismatch_of(flow, complete(other, BEGIN), wrong).address
