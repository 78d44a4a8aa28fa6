"""The walk to the first gap: recovery before approvals, approvals before rollback, and prompts last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actum.client.fatigue import Fatigue
from actum.client.quality import Report, read_measures
from actum.client.readiness import Readiness, Stage, count_expired, walk
from actum.model.quality import BY_NAME, FACTS, MEASURES, Family
from actum.store.people import HasteRow, ShareRow, TimesRow
from actum.store.quality import Span, TallyRow

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FAMILIES = tuple(Family)
STEP = {"name": "think", "timeout": {"attempt": 60.0, "total": None, "stall": None}, "hooks": []}
EFFECT = {**STEP, "name": "post", "kind": "post", "hooks": ["preview", "undo"], "reversibility": "undoable"}
DOCUMENT: dict[str, Any] = {"owner": {"team": "shop"}, "steps": [STEP, EFFECT]}
GOOD = {
    ("endings", "completed", None): 100,
    ("timeouts_ended", "recovered", "timeout.attempt"): 9,
    ("timeouts_ended", "lost", "timeout.attempt"): 1,
    ("retries", "recovered", "other"): 5,
    ("retries", "exhausted", "other"): 5,
    ("failures", None, "other"): 1,
    ("failures", None, "tool.error"): 9,
    ("rollbacks_ended", "complete", None): 3,
    ("verdicts", "usable", "person"): 9,
    ("verdicts", "unusable", "person"): 1,
}


def people(*, hasty: int = 0, unopened: int = 0) -> Fatigue:
    none = ShareRow(0, 0, [])
    return Fatigue(
        since=NOW, until=NOW, team="shop", owner=None, loads=(), times=TimesRow(0, None, None, 0.0, []),
        haste=HasteRow(30, 30, hasty, []), unopened=ShareRow(30, unopened, []), regret=none, rules=(),
        touchless=none, suggestions=(),
    )  # fmt: skip


def walked(
    document: dict[str, Any] = DOCUMENT,
    change: dict[tuple[str, str | None, str | None], int] | None = None,
    found: Fatigue | None = None,
    expired: int = 0,
) -> Readiness:
    rows = [TallyRow(*labels, count, 0) for labels, count in {**GOOD, **(change or {})}.items()]
    span = Span(NOW - timedelta(days=30), NOW)
    report = Report(span, FAMILIES, read_measures(FAMILIES, rows), None, (), tuple(rows))
    return Readiness("shelves", walk(document, report, found or people(), expired=expired, asked=20))


def test_what_grants_decide_hides_nothing_of_what_expires() -> None:
    outcomes = {"granted": 90, "expired": 9, "approved": 1}
    ended = [TallyRow("approvals_ended", outcome, None, count, 0) for outcome, count in outcomes.items()]
    expired, asked = count_expired(ended)
    assert (9, 10) == (expired, asked)


def test_nothing_is_missing_where_every_check_holds() -> None:
    assert walked().gap is None


GAPS: list[tuple[str, Stage, dict[str, Any]]] = [
    ("somebody answers for it", Stage.WAYS, {"document": {**DOCUMENT, "owner": None}}),
    (
        "every step ends",
        Stage.WAYS,
        {
            "document": {
                **DOCUMENT,
                "steps": [{**STEP, "timeout": {"attempt": None, "total": None, "stall": None}}],
            }
        },
    ),
    ("it has been seen", Stage.WAYS, {"change": {("endings", "completed", None): 19}}),
    (
        "time-outs are recovered from",
        Stage.WAYS,
        {"change": {("timeouts_ended", "lost", "timeout.attempt"): 2}},
    ),
    ("no workflow kills its workers", Stage.WAYS, {"change": {("blocks", None, "crash_loop"): 1}}),
    ("retries help", Stage.WAYS, {"change": {("retries", "exhausted", "other"): 6}}),
    ("reasons are known", Stage.WAYS, {"change": {("failures", None, "other"): 2}}),
    (
        "every effect shows what it would do",
        Stage.APPROVALS,
        {"document": {**DOCUMENT, "steps": [{**EFFECT, "hooks": ["undo"]}]}},
    ),
    ("approvals are decided in time", Stage.APPROVALS, {"expired": 3}),
    ("people read what they decide", Stage.APPROVALS, {"found": people(hasty=6)}),
    ("people open the evidence", Stage.APPROVALS, {"found": people(unopened=15)}),
    (
        "every effect can be put back",
        Stage.ROLLBACK,
        {"document": {**DOCUMENT, "steps": [{**EFFECT, "reversibility": "final"}]}},
    ),
    ("undos work", Stage.ROLLBACK, {"change": {("undo_failures", None, "tool.error"): 1}}),
    (
        "rollbacks leave nothing standing",
        Stage.ROLLBACK,
        {"change": {("rollbacks_ended", "partial", None): 1}},
    ),
    ("outputs are judged", Stage.OUTPUTS, {"change": {("endings", "completed", None): 101}}),
    ("outputs are usable", Stage.OUTPUTS, {"change": {("verdicts", "unusable", "person"): 2}}),
]


@pytest.mark.parametrize(("asks", "stage", "wrong"), GAPS, ids=[asks for asks, _, _ in GAPS])
def test_the_first_check_that_does_not_hold_is_the_gap(
    asks: str, stage: Stage, wrong: dict[str, Any]
) -> None:
    gap = walked(**wrong).gap
    assert gap is not None
    assert (asks, stage) == (gap.asks, gap.stage)
    assert gap.cure
    assert gap.measure is None or gap.measure in BY_NAME


def test_the_walk_asks_in_the_order_in_which_the_work_pays() -> None:
    assert [asks for asks, _, _ in GAPS] == [check.asks for check in walked().checks]
    everything = walked(
        {**DOCUMENT, "owner": None}, {("undo_failures", None, "bug"): 1}, people(hasty=30), 20
    )
    assert everything.gap is everything.checks[0]


def test_each_measure_is_made_of_facts_that_exist_and_says_what_to_do() -> None:
    parts = [part for one in MEASURES for part in (one.some, one.of) if part is not None]
    assert set() == {part.fact for part in parts} - set(FACTS)
    assert len(MEASURES) == len(BY_NAME)
    assert [] == [one.name for one in MEASURES if not one.about.endswith(".") or not one.cure]
