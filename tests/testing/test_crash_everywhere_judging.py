"""What a killed run is judged to show, tried on runs that were never made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from actum import contract, effect, step
from actum.testing.crashing.differences import differences
from actum.testing.crashing.judging import (
    Fault,
    FaultKind,
    Reference,
    compare_unkilled,
    judge,
    judge_unkilled,
    steps_of,
)
from actum.testing.crashing.notes import Boundary, Moment, Note
from actum.testing.crashing.report import Report
from actum.testing.crashing.trial import Seen


@step
async def read(name: str) -> str:
    return name


@effect("mail.send", in_doubt="repeat")
async def mail(name: str) -> str:
    return name


@contract(on_failure="fail")
async def inner(name: str) -> str:
    return await mail(name)


@contract
async def outer(name: str) -> str:
    return await inner(await read(name))


STEPS = steps_of(outer)
BOUNDARY = Boundary(2, "before", (Moment("effect.succeeded", "mail", "1", None),))
UNKILLED = Seen(None, "completed", "ada", ["mail"], [("mail", "k")], [])
REFERENCE = Reference(UNKILLED)


def killed(*notes: Note, **values: Any) -> Seen:
    return replace(UNKILLED, boundary=BOUNDARY, notes=list(notes), **values)


def note(
    life: int, role: str, what: Any = "began", *, step: str = "mail", address: str = "1", value: Any = None
) -> Note:
    return Note(life, "w", address, step, role, what, "k", value)


def judged(*notes: Note, **values: Any) -> Fault | None:
    return judge(REFERENCE, killed(*notes, **values), STEPS)


def test_steps_of_children_are_known_too() -> None:
    assert {"read", "mail"} == set(STEPS)


def test_a_run_that_came_to_the_same_has_no_fault_though_a_step_ran_twice() -> None:
    assert judged(note(1, "step", step="read"), note(2, "step", step="read")) is None


def test_what_was_durable_and_ran_again_is_a_fault_whatever_the_world_shows() -> None:
    fault = judged(note(2, "step", step="read", address="4"), over=frozenset({("w", "4")}))
    assert fault is not None
    assert (FaultKind.RAN_AGAIN, "read") == (fault.kind, fault.step)
    assert "read (4) ran again although its outcome was durable" == fault.what


def test_a_probe_that_looks_at_what_is_over_has_not_run_it_again() -> None:
    assert judged(note(2, "probe"), over=frozenset({("w", "1")})) is None


@pytest.mark.parametrize(
    ("role", "kind"),
    [
        ("step", FaultKind.STEP_WRITES),
        ("effect", FaultKind.KEY_IGNORED),
        ("undo", FaultKind.UNDO_REPEATED),
        ("compensate", FaultKind.UNDO_REPEATED),
    ],
)
def test_what_ran_twice_is_named_when_the_world_shows_it_twice(role: str, kind: FaultKind) -> None:
    name = "read" if role == "step" else "mail"
    fault = judged(note(1, role, step=name), note(2, role, step=name), world=["mail", "mail"])
    assert fault is not None
    assert (kind, name) == (fault.kind, fault.step)
    assert ('observe() holds "mail" twice; without a kill once',) == fault.twice


def test_an_effect_is_suspected_before_a_step_that_ran_beside_it() -> None:
    notes = [
        note(life, role, step=name, address=name)
        for life in (1, 2)
        for role, name in [("step", "read"), ("effect", "mail")]
    ]
    fault = judged(*notes, world=["mail", "mail"], acted=None)
    assert fault is not None
    assert "mail" == fault.step
    assert "(so did read)" in fault.what


def test_one_key_acted_on_twice_is_a_fault_though_the_world_looks_the_same() -> None:
    fault = judged(note(1, "effect"), note(2, "effect"), acted=[("mail", "k"), ("mail", "k")])
    assert fault is not None
    assert ('mail was acted on twice under the key "k"',) == fault.twice


@pytest.mark.parametrize(
    ("acted", "address", "said", "is_lie"),
    [
        ("returned", "1", "not_happened", True),
        ("returned", "1", "happened", False),
        ("returned", "1", "unknown", False),
        ("began", "1", "happened", False),
        ("began", "1", "not_happened", False),
        ("raised", "1", "not_happened", False),
        (None, "1", "happened", False),
        (None, "1", "not_happened", False),
        ("returned", "undo.1", "happened", True),
        ("returned", "undo.1", "not_happened", False),
        (None, "undo.1", "not_happened", False),
        (None, "undo.1", "happened", False),
    ],
)
def test_a_probe_is_a_lie_when_it_denies_what_was_seen(
    acted: str | None, address: str, said: str, is_lie: bool
) -> None:
    role = "undo" if address.startswith("undo") else "effect"
    before = [] if acted is None else [note(1, role, acted, address=address)]
    fault = judged(*before, note(2, "probe", "returned", address=address, value=said))
    assert is_lie == (fault is not None and fault.kind is FaultKind.PROBE_LIES)


def test_a_yes_before_anything_was_begun_is_a_lie_where_the_outside_differs() -> None:
    fault = judged(note(2, "probe", "returned", value="happened"), world=[])
    assert fault is not None
    assert FaultKind.PROBE_LIES == fault.kind
    assert ('observe() holds "mail" not at all; without a kill once',) == fault.twice


def test_a_step_is_suspected_before_an_effect_whose_keys_were_acted_on_once() -> None:
    notes = [
        note(life, role, step=name, address=name)
        for life in (1, 2)
        for role, name in [("effect", "mail"), ("step", "read")]
    ]
    fault = judged(*notes, world=["mail", "comment", "comment"])
    assert fault is not None
    assert (FaultKind.STEP_WRITES, "read") == (fault.kind, fault.step)


def test_a_difference_that_no_second_run_explains_is_still_a_fault() -> None:
    fault = judged(note(1, "effect"), outcome="bob", status="completed")
    assert fault is not None
    assert FaultKind.OUTCOME_DIFFERS == fault.kind
    assert ('the result is "bob"; without a kill it is "ada"',) == fault.twice


def test_another_order_is_nobodys_second_run() -> None:
    reference = Reference(replace(UNKILLED, world=["a", "b"]))
    fault = judge(reference, killed(note(1, "step"), note(2, "step"), world=["b", "a"]), STEPS)
    assert fault is not None
    assert (FaultKind.OUTCOME_DIFFERS, None) == (fault.kind, fault.step)
    assert "sort in observe() what may happen in any order" in fault.cure


def test_another_ending_is_a_fault() -> None:
    fault = judged(status="failed", outcome={})
    assert fault is not None
    assert ("it ended as failed; without a kill it ends as completed",) == fault.twice


def test_a_body_that_does_otherwise_is_named_with_both_sides() -> None:
    data = {"address": "2", "recorded": "read (aa)", "asked": "mail (bb)"}
    fault = judged(stuck="history has …", cause="mismatch", data=data)
    assert fault is not None
    assert (FaultKind.BODY_DIFFERS, "the body, at 2") == (fault.kind, fault.step)
    assert (
        "after the restart the body did otherwise: the record has read (aa), and the body asked for mail (bb)"
        == fault.what
    )


def test_records_that_differ_are_ours_to_explain() -> None:
    fault = judged(audit=("column status is 'x'",))
    assert fault is not None
    assert (FaultKind.RECORDS_DIFFER, ("column status is 'x'",)) == (fault.kind, fault.twice)


def test_what_differs_between_two_unkilled_runs_is_told_and_not_compared() -> None:
    reference, faults = compare_unkilled(UNKILLED, replace(UNKILLED, world=["other"]))
    assert [FaultKind.UNSTEADY] == [fault.kind for fault in faults]
    assert judge(reference, killed(world=["third"]), STEPS) is None
    assert judge(reference, killed(outcome="bob"), STEPS) is not None


def test_an_unkilled_run_that_ends_is_fine_and_one_that_does_not_is_a_fault() -> None:
    assert judge_unkilled(UNKILLED) is None
    fault = judge_unkilled(replace(UNKILLED, stuck="it waits for nobody"))
    assert fault is not None
    assert (FaultKind.NOT_ENDED, "it did not end: it waits for nobody") == (fault.kind, fault.what)


def test_a_run_that_ends_held_names_the_failure_and_what_to_do_about_it() -> None:
    data = {
        "why": "no",
        "reason": "other",
        "error_type": "StepFailed",
        "failed": [{"address": "2", "step": "mail", "word": "failed"}],
    }
    fault = judge_unkilled(replace(UNKILLED, stuck="no", cause="held", data=data))
    assert fault is not None
    assert (FaultKind.NOT_ENDED, "mail") == (fault.kind, fault.step)
    assert (
        "it failed (StepFailed: no) at mail (2), and is held for a person, as on_failure='hold' asks"
        == fault.what
    )
    assert "let what fails succeed in the world, or crash a contract whose on_failure ends it" in fault.cure
    by_itself = judge_unkilled(replace(UNKILLED, stuck="no", cause="held", data={**data, "failed": None}))
    assert by_itself is not None
    assert (None, "it failed (StepFailed: no), and is held for a person, as on_failure='hold' asks") == (
        by_itself.step,
        by_itself.what,
    )


def test_a_run_that_fails_only_when_killed_is_not_told_to_let_its_world_succeed() -> None:
    fault = judged(stuck="no", cause="held", data={"why": "no", "error_type": "ValueError"})
    assert fault is not None
    assert "without a kill it ends as completed" in fault.what
    assert "let what fails succeed" not in fault.cure


@pytest.mark.parametrize(
    ("expected", "found", "words"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ['w["a"] is 2; without a kill it is 1']),
        ({"a": 1}, {}, ['w["a"] is missing; without a kill it is 1']),
        ({}, {"a": 1}, ['w["a"] is 1; without a kill it is not there']),
        ([1, 2], [2, 1], ["w has the same entries in another order"]),
        ([1], [1, 1, 1], ["w holds 1 3 times; without a kill once"]),
        ([1], [], ["w holds 1 not at all; without a kill once"]),
        ({"a": [1]}, {"a": {}}, ['w["a"] is {}; without a kill it is [1]']),
    ],
)
def test_differences_are_told_in_words(expected: Any, found: Any, words: list[str]) -> None:
    assert words == differences(expected, found, "w")


def test_a_boundary_is_told_in_words() -> None:
    moments = [Moment("step.completed", "read", "1", None), Moment("effect.started", "mail", "2", None)]
    rest = [Moment("workflow.parked", None, None, None), Moment("workflow.completed", None, None, None)]
    assert "after a wait was recorded" == str(Boundary(1, "after"))
    assert "before the outcome of read (1) was recorded" == str(Boundary(1, "before", tuple(moments[:1])))
    assert "after the outcome of read (1) and the intent of mail (2) were recorded" == str(
        Boundary(1, "after", tuple(moments))
    )
    assert "after the outcome of read (1), the intent of mail (2) and 2 more were recorded" == str(
        Boundary(1, "after", (*moments, *rest))
    )


def test_a_report_tells_a_fault_once_with_the_number_of_its_boundaries() -> None:
    fault = judged(note(1, "effect"), note(2, "effect"), world=["mail", "mail"])
    assert fault is not None
    later = replace(fault, boundary=Boundary(3, "after"))
    told = str(Report("outer()", (BOUNDARY,), (fault, later), 1.0)).splitlines()
    assert "✗ killed before the outcome of mail (1) was recorded (and at 1 more)" in told
    assert "1 fault" == told[-1]
    assert "sound: each run came to the same, and nothing happened twice" in str(
        Report("outer()", (), (), 1.0)
    )
