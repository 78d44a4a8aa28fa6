"""`crash_everywhere` finds what a crash shows, names it in words, and finds nothing where nothing is wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from actum.errors import InvalidInput, NotFound
from actum.testing import FaultKind, Report, crash_everywhere
from actum.testing.server import TestServer

pytestmark = pytest.mark.crash

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "examples")]

import crash_everywhere_flows as flows  # noqa: E402

from faults import hidden_write, ignored_key, lying_probe, repeated_undo, unsteady_body  # noqa: E402

PLANTED = [
    (hidden_write, FaultKind.STEP_WRITES, "summarize", 'observe() holds "comment on a7" twice'),
    (ignored_key, FaultKind.KEY_IGNORED, "charge", 'observe() holds "charge a7 42" twice'),
    (lying_probe, FaultKind.PROBE_LIES, "send", 'observe() holds "mail to a7" twice'),
    (repeated_undo, FaultKind.UNDO_REPEATED, "reserve", 'observe() holds "give back a7" twice'),
    (unsteady_body, FaultKind.BODY_DIFFERS, "the body, at 2", "the body asked for put_away"),
]


async def crash(server: TestServer, call: Any, world: ModuleType | str = flows, **options: Any) -> Report:
    return await crash_everywhere(call, world=world, server=server, **options)


@pytest.mark.parametrize(
    ("module", "kind", "step", "twice"), PLANTED, ids=[one[0].__name__.partition(".")[2] for one in PLANTED]
)
async def test_a_planted_fault_is_found_and_its_cure_is_sound(
    actum_server: TestServer, module: ModuleType, kind: FaultKind, step: str, twice: str
) -> None:
    report = await crash(actum_server, module.faulty("a7"), "faults.world")
    assert {(kind, step)} == {(fault.kind, fault.step) for fault in report.faults}
    assert twice in " ".join(str(report).split())
    assert all(fault.boundary in report.boundaries and fault.cure for fault in report.faults)
    assert max(len(line) for line in str(report).splitlines()) <= 80
    with pytest.raises(AssertionError, match="1 fault"):
        report.assert_sound()
    mended = await crash(actum_server, module.mended("a7"), "faults.world")
    mended.assert_sound()
    assert len(mended.boundaries) >= 2


async def test_six_steps_are_killed_at_every_boundary_within_a_minute(actum_server: TestServer) -> None:
    report = await crash(actum_server, flows.six_steps("ada"))
    report.assert_sound()
    assert report.seconds < 60
    for when in ("before", "after"):
        met = [one for boundary in report.boundaries if boundary.when == when for one in boundary.moments]
        outcomes = {one.step for one in met if one.kind in ("step.completed", "effect.succeeded")}
        assert {"collect", "propose", "check", "request_approval", "make_branch", "left"} <= outcomes
        assert {"effect.started", "approval.requested", "workflow.completed"} <= {one.kind for one in met}


async def test_timers_pass_children_run_and_questions_signals_and_doubts_are_answered(
    actum_server: TestServer,
) -> None:
    report = await crash(actum_server, flows.waits_for_everything("ada"))
    report.assert_sound()
    assert len(report.boundaries) >= 16


async def test_what_comes_in_another_order_in_each_run_is_killed_at_all_the_same(
    actum_server: TestServer,
) -> None:
    report = await crash(actum_server, flows.takes_turns(), at_once=1)
    report.assert_sound()
    for when in ("before", "after"):
        met = [one for boundary in report.boundaries if boundary.when == when for one in boundary.moments]
        assert {"odd", "even"} <= {one.step for one in met if one.kind == "step.completed"}


async def test_a_rollback_is_killed_everywhere_too(actum_server: TestServer) -> None:
    report = await crash(actum_server, flows.gives_up("ada"))
    report.assert_sound()
    assert any("the intent of make_branch.undo" in str(boundary) for boundary in report.boundaries)


async def test_a_workflow_that_ends_under_nobodys_hand_is_reported_before_any_kill(
    actum_server: TestServer,
) -> None:
    report = await crash(actum_server, flows.waits_for_nobody("ada"), "faults.world")
    (fault,) = report.faults
    assert (FaultKind.NOT_ENDED, None) == (fault.kind, fault.boundary)
    assert "it waits for nobody (for signal)" in fault.what
    assert "write answer(question) in faults.world" in fault.what


async def test_results_that_differ_from_run_to_run_are_said_not_to_be_compared(
    actum_server: TestServer,
) -> None:
    report = await crash(actum_server, flows.returns_its_process("ada"))
    unsteady, *rest = report.faults
    assert (FaultKind.UNSTEADY, None) == (unsteady.kind, unsteady.boundary)
    assert {FaultKind.STEP_WRITES} == {fault.kind for fault in rest}


async def test_bad_input_is_refused_in_a_sentence(actum_server: TestServer) -> None:
    call = flows.six_steps("ada")
    with pytest.raises(NotFound, match="there is no module 'nowhere' for the world"):
        await crash(actum_server, call, "nowhere")
    with pytest.raises(InvalidInput, match=r"the world .*hidden_write has no reset\(\): write a function"):
        await crash(actum_server, call, hidden_write)
    with pytest.raises(InvalidInput, match="at_once=0 makes no run: say 1 or more"):
        await crash(actum_server, call, at_once=0)
    with pytest.raises(InvalidInput, match="is a contract without arguments"):
        await crash(actum_server, flows.six_steps)
    with pytest.raises(InvalidInput, match="define it in a module of its own"):
        await crash(actum_server, _nested()("ada"))


def _nested() -> Any:
    import actum

    @actum.contract
    async def nested(name: str) -> str:
        return name

    return nested


async def test_a_world_that_all_runs_share_is_used_by_one_run_at_a_time(actum_server: TestServer) -> None:
    import crash_everywhere_shared as shared

    report = await crash(actum_server, flows.child("ada"), shared)
    report.assert_sound()
    assert len(report.boundaries) >= 2
    with pytest.raises(InvalidInput, match=r"reset\(\) failed: RuntimeError: two runs at a time"):
        await crash(actum_server, flows.child("ada"), shared, at_once=2)
    shared.running = 0
