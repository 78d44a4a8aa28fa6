"""The ledger's table, and what a call does that reaches a key."""

from __future__ import annotations

from itertools import product
from uuid import UUID

import pytest

from actum.machine.ledger import (
    BORN,
    TABLE,
    Conflict,
    EffectState,
    Existing,
    Join,
    Mine,
    NewGeneration,
    Own,
    Reached,
    Take,
    TakeOver,
    WaitForOther,
    move,
    reach,
)
from actum.machine.transitions import IllegalTransition

E = EffectState
ONE, TWO = UUID(int=1), UUID(int=2)
LEGAL = [
    "started succeeded",
    "started failed",
    "started in_doubt",
    "in_doubt succeeded",
    "in_doubt failed",
    "in_doubt started",
    "in_doubt abandoned",
    "failed started",
    "abandoned started",
    "succeeded undoing",
    "undoing undone",
    "undoing undo_failed",
    "undo_failed undoing",
]


def entry(
    state: EffectState, *, workflow: UUID = ONE, address: str = "3", arguments: bytes = b"a"
) -> Existing:
    return Existing(workflow, address, arguments, state, generation=2, attempt=4, result=b"result")


def test_the_table_holds_exactly_the_designed_moves() -> None:
    assert sorted(LEGAL) == sorted(f"{state} {after}" for state, row in TABLE.items() for after in row)


def test_a_move_is_made_if_it_is_in_the_table_and_raises_otherwise() -> None:
    for state, after in product(E, E):
        if f"{state} {after}" in LEGAL:
            assert after is move(state, after)
        else:
            with pytest.raises(IllegalTransition, match=f"is {state} cannot become {after}"):
                move(state, after)


@pytest.mark.parametrize("state", [state for state in E if state is not E.STARTED])
def test_an_entry_is_born_started_and_in_no_other_state(state: E) -> None:
    assert E.STARTED is move(None, E.STARTED) is BORN
    with pytest.raises(IllegalTransition):
        move(None, state)


def test_a_free_key_is_taken() -> None:
    assert Take() == reach(None, Mine(TWO, "1", b"a"))


def test_another_call_that_reaches_the_key_goes_by_the_state() -> None:
    words: dict[E, Reached] = {
        E.STARTED: WaitForOther(ONE, "3"),
        E.IN_DOUBT: WaitForOther(ONE, "3"),
        E.SUCCEEDED: Join(b"result"),
        E.FAILED: TakeOver(E.FAILED, 5),
        E.ABANDONED: TakeOver(E.ABANDONED, 5),
        E.UNDOING: WaitForOther(ONE, "3"),
        E.UNDO_FAILED: WaitForOther(ONE, "3"),
        E.UNDONE: NewGeneration(3),
    }
    assert set(E) == set(words)
    for workflow, address in ((TWO, "3"), (ONE, "4")):
        assert words == {state: reach(entry(state), Mine(workflow, address, b"a")) for state in words}


@pytest.mark.parametrize("state", [E.STARTED, E.IN_DOUBT, E.SUCCEEDED, E.FAILED, E.ABANDONED])
def test_the_same_call_finds_its_own_entry_again(state: E) -> None:
    assert Own(entry(state)) == reach(entry(state), Mine(ONE, "3", b"a"))


def test_the_same_call_gets_a_new_generation_after_an_undo_and_waits_during_one() -> None:
    assert NewGeneration(3) == reach(entry(E.UNDONE), Mine(ONE, "3", b"a"))
    assert WaitForOther(ONE, "3") == reach(entry(E.UNDOING), Mine(ONE, "3", b"a"))


def test_other_arguments_under_one_key_conflict_whatever_became_of_it() -> None:
    for workflow in (ONE, TWO):
        found = {state: reach(entry(state), Mine(workflow, "3", b"b")) for state in E}
        assert dict.fromkeys(E, Conflict(ONE, "3")) == found
