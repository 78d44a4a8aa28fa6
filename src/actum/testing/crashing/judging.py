"""What a killed run shows, compared with one that nobody killed: a fault with its likely cause, or nothing.

Pure: everything comes in as values, so that the sentences can be tried without a process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from actum.authoring.contract import Contract
from actum.authoring.effect import Effect
from actum.authoring.step import Step
from actum.model.workflow import Cause
from actum.testing.crashing.differences import IN_ANOTHER_ORDER, differences, shown, times
from actum.testing.crashing.notes import Boundary, Note
from actum.testing.crashing.trial import Seen

MOST = 4
"""Differences that one fault names."""
UNDOS = ("undo", "compensate")


class FaultKind(StrEnum):
    """What is wrong, as far as it can be told from outside."""

    STEP_WRITES = "step_writes"
    KEY_IGNORED = "key_ignored"
    PROBE_LIES = "probe_lies"
    UNDO_REPEATED = "undo_repeated"
    BODY_DIFFERS = "body_differs"
    NOT_ENDED = "not_ended"
    RAN_AGAIN = "ran_again"
    RECORDS_DIFFER = "records_differ"
    OUTCOME_DIFFERS = "outcome_differs"
    UNSTEADY = "unsteady"


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding. `boundary` is where the process was killed, None for a run that nobody killed.

    `step` is the step, effect or contract at fault where it is known; `what` says what happened, `twice` what the
    outside shows, and `cure` what to do.
    """

    kind: FaultKind
    boundary: Boundary | None
    step: str | None
    what: str
    twice: tuple[str, ...]
    cure: str


@dataclass(frozen=True, slots=True)
class Reference:
    """The run that nobody killed, and whether another such run came to the same."""

    seen: Seen
    is_result_steady: bool = True
    is_world_steady: bool = True


def steps_of(contract: Contract[..., Any]) -> dict[str, Step[..., Any]]:
    """Return the steps and effects of a contract and of its children, by name."""
    found: dict[str, Step[..., Any]] = {}
    for step in contract.steps:
        found.update(steps_of(step) if isinstance(step, Contract) else {step.name: step})
    return found


def compare_unkilled(first: Seen, second: Seen) -> tuple[Reference, list[Fault]]:
    """Return the reference of two runs that nobody killed, and what keeps them from being one."""
    result = differences([first.status, first.outcome], [second.status, second.outcome], "the result")
    world = differences(first.world, second.world, "observe()")
    faults = []
    if result:
        why = "two runs that nobody killed returned different results, so results were not compared"
        cure = (
            "have reset() put everything back, and give models and other sources fixed answers in the world"
        )
        faults.append(Fault(FaultKind.UNSTEADY, None, None, why, tuple(result[:MOST]), cure))
    if world:
        why = "observe() differed after two runs that nobody killed, so it was not compared"
        cure = "leave out of observe() what is new in each run: keys, ids and times"
        faults.append(Fault(FaultKind.UNSTEADY, None, None, why, tuple(world[:MOST]), cure))
    return Reference(first, not result, not world), faults


def judge(reference: Reference, seen: Seen, steps: Mapping[str, Step[..., Any]]) -> Fault | None:
    """Return what is wrong with a killed run; None when it is as if nobody had killed it."""
    if seen.stuck is not None:
        return _unended(seen, reference)
    again = _ran_again(seen)
    if again is not None:
        return again
    shows = _shows(reference, seen)
    lied = _lie(seen, shows)
    if lied is not None:
        return lied
    if shows:
        return _twice(seen, shows, steps)
    if seen.audit:
        cure = "this is a fault of Actum: please report it with this text"
        what = "the log, the row and the ledger of the workflow do not agree"
        return Fault(FaultKind.RECORDS_DIFFER, seen.boundary, None, what, seen.audit[:MOST], cure)
    return None


def judge_unkilled(seen: Seen) -> Fault | None:
    """Return why a run that nobody killed did not end; None when it did."""
    return None if seen.stuck is None else _unended(seen)


def _shows(reference: Reference, seen: Seen) -> list[str]:
    """Return what outsiders could see of the kill."""
    found: list[str] = []
    if seen.acted is not None:
        usual = max(Counter(reference.seen.acted or ()).values(), default=1)
        for (kind, key), count in Counter(seen.acted).items():
            if count > usual:
                found.append(f"{kind} was acted on {times(count)} under the key {shown(key)}")
    if reference.is_world_steady:
        found += differences(reference.seen.world, seen.world, "observe()")
    if reference.is_result_steady:
        if reference.seen.status != seen.status:
            found.append(f"it ended as {seen.status}; without a kill it ends as {reference.seen.status}")
        else:
            found += differences(reference.seen.outcome, seen.outcome, "the result")
    return found[:MOST]


def _unended(seen: Seen, reference: Reference | None = None) -> Fault:
    data = seen.data
    if seen.cause == Cause.HELD:
        return _held(seen, reference)
    if seen.cause == Cause.MISMATCH:
        after = "after the restart " if seen.boundary is not None else "taken up again after a wait, "
        what = (
            f"{after}the body did otherwise: the record has {data.get('recorded')}, "
            f"and the body asked for {data.get('asked')}"
        )
        cure = (
            "a body must do the same each time: take clock, chance and ids from actum.now(), actum.random() and "
            "actum.uuid4(), and everything else from the outcome of a step"
        )
        return Fault(FaultKind.BODY_DIFFERS, seen.boundary, _step_named(data), what, (), cure)
    cure = "see that each wait has somebody who ends it, and each effect a way out of doubt"
    return Fault(FaultKind.NOT_ENDED, seen.boundary, None, f"it did not end: {seen.stuck}", (), cure)


def _held(seen: Seen, reference: Reference | None) -> Fault:
    """Say what a workflow with on_failure="hold" is held for, and, of a killed one, how it ends else."""
    data = seen.data
    failed: list[dict[str, str]] = data.get("failed") or []
    places = ", ".join(f"{one['step']} ({one['address']})" for one in failed)
    place = f" at {places}" if places else ""
    raised = f"{data.get('error_type') or 'it'}: {data.get('why') or seen.stuck}"
    what = f"it failed ({raised}){place}, and is held for a person, as on_failure='hold' asks"
    if reference is None:
        cure = "let what fails succeed in the world, or crash a contract whose on_failure ends it: 'fail' or 'rollback'"
    else:
        what += f"; without a kill it ends as {reference.seen.status}"
        cure = "look at what this failure finds, outside or in this process, that a crash leaves behind or takes away"
    step = failed[0]["step"] if len(failed) == 1 else None
    return Fault(FaultKind.NOT_ENDED, seen.boundary, step, what, (), cure)


def _step_named(data: Mapping[str, Any]) -> str | None:
    address = data.get("address")
    return f"the body, at {address}" if address else "the body"


def _ran_again(seen: Seen) -> Fault | None:
    for note in seen.notes:
        place = note.workflow, note.address
        if note.life > 1 and note.what == "began" and note.role != "probe" and place in seen.over:
            what = f"{note.step} ({note.address}) ran again although its outcome was durable"
            cure = "this is a fault of Actum: please report it with this text"
            return Fault(FaultKind.RAN_AGAIN, seen.boundary, note.step, what, (), cure)
    return None


# causes


def _lie(seen: Seen, shows: list[str]) -> Fault | None:
    """Return the probe that said something else than what had happened before the kill."""
    last: dict[tuple[str, str], Note] = {}
    for note in seen.notes:
        place = note.workflow, note.address
        if note.role != "probe":
            last[place] = note
        elif note.what == "returned" and note.life > 1:
            said = _wrong_answer(note, last.get(place), is_seen=bool(shows))
            if said is not None:
                cure = "let the probe look for this one attempt, by attempt().key, and return Unknown() when in doubt"
                what = f"the probe of {note.step} ({note.address}) {said}"
                return Fault(FaultKind.PROBE_LIES, seen.boundary, note.step, what, tuple(shows), cure)
    return None


def _wrong_answer(probe: Note, acted: Note | None, *, is_seen: bool) -> str | None:
    """Return what is wrong with a probe's answer, if anything.

    A yes before anything was begun may be true, because somebody else has done it: it counts where the outside differs.
    """
    is_of_undo = probe.address.startswith("undo.")
    had = acted is not None and acted.what == "returned"
    never = acted is None and is_seen
    said_yes, said_no = probe.value == "happened", probe.value == "not_happened"
    if is_of_undo:
        if had and said_yes:
            return "said that the effect still stood, and its undo had been done before the kill"
        return "said that the effect was gone, and its undo had not begun" if never and said_no else None
    if had and said_no:
        return "said that it had not happened, and it had happened before the kill"
    return "said that it had happened, and it had not begun" if never and said_yes else None


def _twice(seen: Seen, shows: list[str], steps: Mapping[str, Step[..., Any]]) -> Fault:
    """Name what ran before the kill and after it, and what it should have been."""
    if all(line.endswith(IN_ANOTHER_ORDER) for line in shows):
        cure = "sort in observe() what may happen in any order, or await one thing after the other"
        what = "the same happened, and in another order than without a kill"
        return Fault(FaultKind.OUTCOME_DIFFERS, seen.boundary, None, what, tuple(shows), cure)
    lives: dict[tuple[str, str], set[int]] = {}
    names: dict[tuple[str, str], Note] = {}
    for note in seen.notes:
        if note.what == "began" and note.role != "probe":
            place = note.workflow, note.address
            lives.setdefault(place, set()).add(note.life)
            names[place] = note
    ran_twice = [names[place] for place, found in lives.items() if len(found) > 1]
    if not ran_twice:
        cure = "look at what these steps leave outside, or in this process, that a new process does not find"
        what = "nothing ran twice, and yet the run differs from one without a kill"
        return Fault(FaultKind.OUTCOME_DIFFERS, seen.boundary, None, what, tuple(shows), cure)
    is_keyed = seen.acted is not None and not any(" under the key " in line for line in shows)
    ranks = {"effect": 3 if is_keyed else 0, "undo": 1, "compensate": 1, "step": 2}
    note = min(ran_twice, key=lambda one: ranks[one.role])
    kind, what, cure = _explain(note, steps.get(note.step))
    others = [one.step for one in ran_twice if one is not note]
    if others:
        what += f" (so did {', '.join(others)})"
    return Fault(kind, seen.boundary, note.step, what, tuple(shows), cure)


def _explain(note: Note, step: Step[..., Any] | None) -> tuple[FaultKind, str, str]:
    place = f"{note.step} ({note.address})"
    if note.role in UNDOS:
        return (
            FaultKind.UNDO_REPEATED,
            f"the {note.role} of {place} ran before the kill and again after it, and did its work both times",
            f"let the {note.role} look first whether it is done already, or hand attempt().key to the other side",
        )
    if isinstance(step, Effect):
        way = "in_doubt='repeat' says that the other side honours the key" if step.way_out == "repeat" else ""
        return (
            FaultKind.KEY_IGNORED,
            f"{place} ran before the kill and again after it under the same key, and acted both times"
            + (f"; {way}" if way else ""),
            "hand attempt().key to the other side, or attach a probe and leave in_doubt='repeat' out",
        )
    return (
        FaultKind.STEP_WRITES,
        f"{place} is a step; it ran before the kill and again after it, and changed the outside both times",
        "make it an effect, or let it only read and compute: a step may run again after a crash",
    )
