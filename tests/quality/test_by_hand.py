"""A small history, every number of which was worked out on paper: seconds are chosen so that sums show what was added."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from golden import OTHER, PERSON, START, Life
from test_golden import fill

from actum.client.latency import read_latency
from actum.client.quality import ReasonRow, read_ids, read_prompts, read_report
from actum.model.events import EventKind as K
from actum.model.quality import Family
from actum.store.latency import CompletionRow, SpentRow, StepRow
from actum.store.quality import PromptRow, Span
from actum.store.store import Store

MACHINES = (Family.TIMEOUTS, Family.RETRIES, Family.ROLLBACKS, Family.OUTPUTS)
END = START + timedelta(days=7)


def life(number: int, prompt: str | None = None) -> Life:
    stamp = int((START + timedelta(hours=number)).timestamp() * 1000) << 80
    made = Life(
        UUID(int=stamp | (7 << 76) | (2 << 62) | number),
        START + timedelta(hours=number),
        "letters",
        "shop",
        prompt,
    )
    made.begin()
    return made


def recovered() -> Life:
    """Times out, is taken from a dead worker 20 s later, succeeds after 10 more: 30 s to recover."""
    made = life(1, "v1")
    step = {"step": "think", "address": "1"}
    made.note(K.ATTEMPT_FAILED, 5, attempt=1, reason="timeout.attempt", **step)
    made.worker = "worker:two"
    made.note(K.WORKFLOW_RESCUED, 20, reason="worker.lost")
    used = [{"model": "large", "input_tokens": 100, "output_tokens": 7, "model_calls": 1, "cost": "0.10"}]
    made.note(K.STEP_COMPLETED, 10, attempt=2, data={"us": 9_000_000, "usage": used}, **step)
    made.note(K.WORKFLOW_COMPLETED, 1)
    made.judge("usable", "judge", 60, "service:judge")
    made.judge("unusable", "person", 90 * 86_400)  # three months late, and the person's word counts
    made.judge("usable", "judge", 91 * 86_400, "service:judge")
    return made


def never_helped() -> Life:
    """Three attempts in vain: 4 + 6 s wasted; the hour in which a person had stopped it is nobody's waste."""
    made = life(2)
    step = {"step": "draft", "address": "1"}
    made.note(K.ATTEMPT_FAILED, 5, attempt=1, reason="other", **step)
    made.note(K.ATTEMPT_FAILED, 4, attempt=2, reason="timeout.attempt", **step)
    made.note(K.WORKFLOW_PAUSED, 0, reason="operator", actor=PERSON)
    made.note(K.WORKFLOW_RESUMED, 3600, actor=OTHER)
    made.note(K.STEP_FAILED, 6, attempt=3, reason="timeout.total", **step)
    made.note(K.WORKFLOW_FAILED, 0, reason="timeout.total")
    return made


def partly_undone() -> Life:
    """Rolled back in 3 + 2 + 7 s of machine time, with a failed undo and a day until a person came; one thing is left."""
    made = life(3)
    made.note(K.WORKFLOW_ROLLING_BACK, 1, reason="tool.error", data={"plan": []})
    undo = {"step": "post.undo", "address": "undo.1"}
    made.note(K.EFFECT_STARTED, 3, attempt=1, **undo)
    made.note(K.EFFECT_FAILED, 2, attempt=1, reason="dependency.down", **undo)
    made.note(K.WORKFLOW_BLOCKED, 0, reason="undo_failed")
    made.note(K.WORKFLOW_ROLLING_BACK, 86_400, actor=PERSON)
    made.note(K.EFFECT_STARTED, 0, attempt=2, **undo)
    made.note(K.EFFECT_SUCCEEDED, 7, attempt=2, **undo)
    made.note(K.WORKFLOW_ROLLED_BACK, 0, reason="tool.error", data={"outcome": "partial"})
    return made


USED = {"model": "small", "input_tokens": 20, "tool_calls": 3, "model_calls": 2, "unpriced": 2}


def caught_and_expired() -> Life:
    """A check refuses one output; then nobody decides in time. Another team is the owner when it completes."""
    made = life(4, "v2")
    step = {"step": "check", "address": "1"}
    made.note(K.ATTEMPT_FAILED, 1, attempt=1, reason="check.failed", **step)
    made.note(K.STEP_COMPLETED, 8, attempt=2, data={"us": 2_000_000, "usage": [USED]}, **step)
    data = {"approval_id": str(UUID(int=9))}
    made.note(K.APPROVAL_REQUESTED, 0, step="post", address="2", tier=2, data=data)
    made.note(K.APPROVAL_EXPIRED, 7200, step="post", address="2", data=data)
    made.note(K.STEP_FAILED, 0, step="post", address="2", outcome="expired", reason="human.expired")
    made.team = "garden"
    made.note(K.WORKFLOW_COMPLETED, 1)
    return made


def deadline_passed() -> Life:
    made = life(5)
    made.note(K.WORKFLOW_CANCEL_REQUESTED, 50, reason="timeout.total")
    made.note(K.WORKFLOW_FAILED, 0, reason="timeout.total")
    return made


EXPECTED = {  # some, of, seconds in all
    "timeouts": (4, None, None),
    "timeouts_recovered": (1, 4, None),
    "timeouts_lost": (3, None, None),
    "time_to_recover": (1, None, 30),
    "rescues": (1, None, None),
    "time_to_take_over": (1, None, 20),
    "crash_loops": (0, None, None),
    "retries": (3, None, None),
    "retries_recovered": (2, 3, None),
    "retries_exhausted": (1, 3, None),
    "retries_abandoned": (0, 3, None),
    "attempts_to_success": (4, 2, None),
    "time_wasted": (1, None, 10),
    "failures": (6, None, None),
    "other_share": (1, 6, None),
    "rollbacks": (1, None, None),
    "rollback_share": (1, 5, None),
    "rollbacks_complete": (0, 1, None),
    "rollbacks_partial": (1, None, None),
    "rollbacks_stopped": (1, None, None),
    "undo_failures": (1, None, None),
    "rollback_time": (1, None, 12),
    "outputs": (2, None, None),
    "usable": (0, 1, None),
    "unusable": (1, None, None),
    "judged": (1, 2, None),
    "caught": (1, None, None),
    "bad_output_lived": (1, None, 90 * 86_400),
    "disagreements": (1, None, None),
}


async def test_each_number_is_the_one_on_paper_and_names_what_stands_behind_it(store: Store) -> None:
    lives = [recovered(), never_helped(), partly_undone(), caught_and_expired(), deadline_passed()]
    await fill(store, lives, 1)
    report = await read_report(store, MACHINES, since=START, until=END, compares=True)
    assert EXPECTED == {
        one.measure.name: (one.some, one.of, one.us and one.us // 1_000_000) for one in report.readings
    }
    assert (0.25, 2.0, 10.0) == tuple(
        report.reading(name).value for name in ("timeouts_recovered", "attempts_to_success", "time_wasted")
    )
    assert [
        ReasonRow("check.failed", 1, 0, 0, 8_000_000),
        ReasonRow("other", 0, 1, 0, 10_000_000),
        ReasonRow("timeout.attempt", 1, 0, 0, 30_000_000),
    ] == list(report.reasons)
    assert {0, None} == {one.some if one.of is None else one.value for one in report.before or ()}

    behind = {name: await read_ids(store, name, report.span, count=9) for name in (*EXPECTED, "unjudged")}
    assert [(lives[1].workflow_id, 6)] == [(row.workflow_id, row.seq) for row in behind["time_wasted"]]
    assert {lives[0].workflow_id} == {row.workflow_id for row in behind["rescues"]}
    assert [lives[3].workflow_id] == [row.workflow_id for row in behind["unjudged"]]
    for name, (some, _, _) in EXPECTED.items():
        assert some == sum(row.count for row in behind[name]), name
        assert all(row.count > 0 for row in behind[name]), name

    await check_latency(store, report.span)
    garden = await read_report(store, MACHINES, since=START, until=END, team="garden")
    assert (1, 0) == (
        garden.reading("outputs").some,
        garden.reading("caught").some,
    )  # the owner of each event's time
    assert [PromptRow("v1", 1, 0, 1, 0), PromptRow("v2", 1, 0, 0, 1)] == await read_prompts(
        store, report.span
    )


async def check_latency(store: Store, span: Span) -> None:
    """36 s and 10 s of machine time; in the second, people were waited for two hours, which are nobody's machine time."""
    second, hours = 1_000_000, 7_200_000_000
    found = await read_latency(store, span)
    assert (CompletionRow("letters", 2, 10 * second, 36 * second, 0, hours),) == found.completions
    assert (
        StepRow("letters", "think", 1, 9 * second, 9 * second, 9 * second),
        StepRow("letters", "check", 1, 2 * second, 2 * second, 2 * second),
    ) == found.steps
    assert (SpentRow("letters", 120, 7, 3, 3, 2, Decimal("0.10")),) == found.usage
    by_prompt = await read_latency(store, span, "prompt")
    assert [("v1", 36 * second, 0), ("v2", 10 * second, hours)] == [
        (one.name, one.median, one.people_median) for one in by_prompt.completions
    ]
    assert [("v1", Decimal("0.10")), ("v2", None)] == [(one.name, one.cost) for one in by_prompt.usage]
    assert () == (await read_latency(store, span.previous())).completions
    for name, tops in {"machine_times": 36 * second, "human_times": hours, "step_times": 9 * second}.items():
        assert tops == (await read_ids(store, name, span, count=1))[0].us
    tokens = await read_ids(store, "tokens", span, count=9)
    assert [100, 20, 7] == [row.count for row in tokens]


def judged(number: int, *words: tuple[str, str]) -> Life:
    """An output with words on it, given a minute apart: verdict and who says so."""
    made = life(number)
    made.note(K.WORKFLOW_COMPLETED, 1)
    for minute, (verdict, by) in enumerate(words, start=1):
        made.judge(verdict, by, 60 * minute)
    return made


async def test_an_output_stands_behind_what_it_is_called_last_and_behind_nothing_else(store: Store) -> None:
    better = judged(1, ("unusable", "person"), ("usable", "person"))
    overruled = judged(2, ("usable", "judge"), ("unusable", "person"))
    bad = judged(3, ("unusable", "person"))
    agreed = judged(
        4, ("usable", "judge"), ("unusable", "person"), ("usable", "judge"), ("unusable", "judge")
    )
    await fill(store, [better, overruled, bad, agreed], 1)
    report = await read_report(store, [Family.OUTPUTS], since=START, until=END)
    expected = {
        "usable": [better],
        "unusable": [overruled, agreed, bad],  # in the order in which they had lived longest, then the newest
        "bad_output_lived": [overruled, agreed, bad],
        "judged": [overruled, agreed, bad, better],
        "disagreements": [overruled],
    }
    for name, lives in expected.items():
        rows = await read_ids(store, name, report.span, count=9)
        assert {one.workflow_id for one in lives} == {row.workflow_id for row in rows}, name
        assert report.reading(name).some == len(rows) == len(lives), name
        first = await read_ids(store, name, report.span, count=1)
        assert rows[:1] == first, name
    assert [120, 120, 60] == [
        row.us // 1_000_000 for row in await read_ids(store, "unusable", report.span, count=9)
    ]
