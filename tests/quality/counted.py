"""Every measure once more, in plain Python: one walk over each workflow's exported events, and not a word of SQL.

It follows the definitions of `docs/reference/measures.md`, not the statements.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]
Labels = tuple[str, str, str, str, str, str, int, str, str, int]
"""Measure, contract, team, step, outcome, reason, tier, kind, model, bucket."""
Add = Callable[[datetime, Labels, int, int, Decimal], None]
Sums = dict[tuple[datetime, Labels], tuple[int, int, Decimal]]
"""Counts, microseconds and money."""

FAILING = {"attempt.failed", "step.failed", "effect.failed", "effect.doubted"}
SPREAD = {"machine_times", "human_times", "step_times"}
BOUNDS = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 14_400, 86_400, 604_800)
"""Up to how many seconds each bucket of these goes."""
LAST = [round(bound * 1_000_000) for bound in BOUNDS]
ENDINGS = {"workflow.completed", "workflow.failed", "workflow.cancelled", "workflow.rolled_back"}


def microseconds(length: timedelta) -> int:
    return (length.days * 86_400 + length.seconds) * 1_000_000 + length.microseconds


def is_person(event: Row) -> bool:
    return not event["actor"].startswith(("worker:", "workflow:")) and event["actor"] != "probe"


@dataclass(slots=True)
class Episode:
    """What went wrong at one address since its last end."""

    failures: list[Row] = field(default_factory=list)
    starts: int = 0
    has_retried: bool = False

    @property
    def timeouts(self) -> list[Row]:
        return [one for one in self.failures if one["reason"].startswith("timeout.")]


class Walk:
    """One workflow from its first event to its last."""

    def __init__(self, events: Sequence[Row], granted: set[str], add: Any) -> None:
        self.events = events
        self.granted = granted
        self._add = add
        self.episodes: defaultdict[str | None, Episode] = defaultdict(Episode)
        self.asked: dict[str, Row] = {}
        self.rolling: Row | None = None

    def walk(self) -> None:
        for index, event in enumerate(self.events):
            self._fail(event)
            self._end_address(event)
            self._workflow(index, event)
            self._people(event)
            self._spent(event)

    def add(
        self, measure: str, event: Row, outcome: str | None = None, reason: str | None = None,
        count: int = 1, us: int = 0, tier: int | None = None, kind: str | None = None, model: str | None = None,
        money: Decimal = Decimal(0),
    ) -> None:  # fmt: skip
        labels = (
            measure, event["contract"], event["team"] or "", event["step"] or "", outcome or "", reason or "",
            -1 if tier is None else tier, kind or "", model or "", bucket_of(us) if measure in SPREAD else -1,
        )  # fmt: skip
        self._add(event["at"], labels, count, us, money)

    # what goes wrong

    def _fail(self, event: Row) -> None:
        episode, kind = self.episodes[event["address"]], event["kind"]
        if kind == "effect.started":
            episode.starts += 1
        if kind not in FAILING or event["attempt"] is None:
            return
        self.add("failures", event, reason=event["reason"], tier=event["tier"])
        if event["reason"].startswith("timeout."):
            self.add("timeouts", event, reason=event["reason"], tier=event["tier"])
        episode.failures.append(event)
        episode.has_retried = episode.has_retried or kind == "attempt.failed"

    def _end_address(self, event: Row) -> None:
        ending = _ending_of(event)
        if event["kind"] == "step.reopened" or ending is not None:
            episode = self.episodes.pop(event["address"], Episode())
            if ending is not None:
                self._close(event, episode, ending)

    def _close(self, event: Row, episode: Episode, ending: str) -> None:
        timeouts, before = episode.timeouts, [one for one in episode.failures if one is not event]
        outcome = "recovered" if ending == "recovered" else "lost"
        tier = event["tier"]
        if timeouts:
            self.add("timeouts_ended", event, outcome, timeouts[0]["reason"], count=len(timeouts), tier=tier)
        if timeouts and ending == "recovered":
            took = self.machine_time(timeouts[0], event)
            self.add("recoveries", event, outcome, timeouts[0]["reason"], us=took, tier=tier)
        if before and (episode.starts > 1 or any(one["kind"] == "attempt.failed" for one in before)):
            first = before[0]
            took = self.machine_time(first, event)
            self.add("retries", event, ending, first["reason"], us=took, tier=tier)
            tries = len(episode.failures) + (event["kind"] in ("step.completed", "effect.succeeded"))
            self.add("retry_attempts", event, ending, first["reason"], count=tries, tier=tier)

    def machine_time(self, first: Row, last: Row) -> int:
        """Microseconds from one event to another in which the machine, and no person, was to act."""
        at_undos = first["kind"] == "workflow.rolling_back"
        total, is_paused, is_blocked, is_asked, is_doubted = 0, False, False, False, False
        for index, event in enumerate(self.events[: last["seq"] - 1]):
            kind = event["kind"]
            if kind == "workflow.paused":
                is_paused = True
            elif kind in ("workflow.resumed", "workflow.cancel_requested", "workflow.rolling_back"):
                is_paused = False
            if kind == "workflow.blocked":
                is_blocked, is_paused = True, False
            elif kind in ("workflow.unblocked", "step.reopened", "workflow.rolling_back"):
                is_blocked = False
            address = event["address"] or ""
            if address.startswith("undo.") if at_undos else address == last["address"]:
                if kind.startswith("approval."):
                    is_asked = kind == "approval.requested"
                if kind == "effect.doubted":
                    is_doubted = self._is_for_a_person(index, at_undos)
                elif kind in ("effect.started", "effect.settled"):
                    is_doubted = False
            if event["seq"] >= first["seq"] and not (is_paused or is_blocked or is_asked or is_doubted):
                total += microseconds(self.events[index + 1]["at"] - event["at"])
        return total

    def _is_for_a_person(self, index: int, at_undos: bool) -> bool:
        """Whether the doubt that begins here is ended by a person."""
        address = self.events[index]["address"]
        for event in self.events[index + 1 :]:
            if event["address"] == address and event["kind"] in ("effect.started", "effect.settled"):
                return event["kind"] == "effect.settled" and is_person(event)
        return False

    def human_time(self) -> int:
        """Microseconds in which a person was to act, whatever else went on."""
        total, is_paused, is_blocked, doubts, asked = 0, False, False, set(), set()
        for index, event in enumerate(self.events[:-1]):
            kind, address = event["kind"], event["address"]
            if kind in (
                "workflow.resumed",
                "workflow.cancel_requested",
                "workflow.rolling_back",
                "workflow.blocked",
            ):
                is_paused = False
            if kind in ("workflow.unblocked", "step.reopened", "workflow.rolling_back"):
                is_blocked = False
            is_paused = is_paused or kind == "workflow.paused"
            is_blocked = is_blocked or kind == "workflow.blocked"
            if kind in ("approval.requested", "question.asked"):
                asked.add(address)
            elif kind.startswith(("approval.", "question.")) or kind in ("step.failed", "step.abandoned"):
                asked.discard(address)
            if kind in ("effect.started", "effect.settled"):
                doubts.discard(address)
            elif kind == "effect.doubted" and self._is_for_a_person(index, at_undos=False):
                doubts.add(address)
            if is_paused or is_blocked or asked or doubts:
                total += microseconds(self.events[index + 1]["at"] - event["at"])
        return total

    def _spent(self, event: Row) -> None:
        """Add what the event's attempt took and used."""
        if event["address"] is None:
            return
        data = json.loads(event["data"] or "{}")
        if event["kind"] in ("step.completed", "effect.succeeded"):
            kind = "step" if event["kind"] == "step.completed" else "effect"
            self.add("step_times", event, us=data["us"], kind=kind)
        for one in data.get("usage", ()):
            model = one.get("model")
            for kind in ("input", "output"):
                self._used("tokens", event, one.get(f"{kind}_tokens"), model, kind)
            self._used("model_calls", event, one.get("model_calls"), model)
            self._used("tool_calls", event, one.get("tool_calls"), model)
            self._used("unpriced_calls", event, one.get("unpriced"), model)
            if "cost" in one:
                self.add("costs", event, model=model, money=Decimal(one["cost"]))

    def _used(
        self, measure: str, event: Row, count: int | None, model: str | None, kind: str | None = None
    ) -> None:
        if count:
            self.add(measure, event, count=count, model=model, kind=kind)

    # the workflow

    def _workflow(self, index: int, event: Row) -> None:
        kind, reason, tier = event["kind"], event["reason"], event["tier"]
        if kind == "workflow.cancel_requested" and reason == "timeout.total":
            self.add("timeouts", event, reason=reason)
            self.add("timeouts_ended", event, "lost", reason)
        if kind == "workflow.rescued":
            self.add(
                "rescues", event, reason=reason, us=microseconds(event["at"] - self.events[index - 1]["at"])
            )
        if kind == "workflow.blocked":
            self.add("blocks", event, reason=reason)
        if kind == "workflow.rolling_back" and self.rolling is None:
            self.rolling = event
            self.add("rollbacks", event, reason=reason)
        if kind == "workflow.rolled_back" and self.rolling is not None:
            outcome = json.loads(event["data"])["outcome"]
            self.add("rollbacks_ended", event, outcome, reason, us=self.machine_time(self.rolling, event))
        if kind == "effect.failed" and event["address"].startswith("undo."):
            self.add("undo_failures", event, reason=reason, tier=tier)
        if kind in ENDINGS:
            ending = kind.removeprefix("workflow.")
            self.add("endings", event, ending, reason)
            human = self.human_time()
            whole = microseconds(event["at"] - self.events[0]["at"])
            self.add("machine_times", event, ending, us=whole - human)
            self.add("human_times", event, ending, us=human)

    def _people(self, event: Row) -> None:
        kind, address = event["kind"], event["address"] or ""
        if kind == "approval.requested":
            self.asked[address] = event
            self.add("approvals_asked", event, tier=event["tier"])
        if kind in ("approval.decided", "approval.expired"):
            approval = json.loads(event["data"])["approval_id"]
            outcome = "expired" if kind == "approval.expired" else event["outcome"]
            outcome = "granted" if approval in self.granted else outcome
            asked = self.asked[address]
            waited = microseconds(event["at"] - asked["at"])
            self.add("approvals_ended", event, outcome, us=waited, tier=asked["tier"])
        stops = ("workflow.paused", "workflow.cancel_requested", "step.reopened", "effect.settled")
        if kind in stops and is_person(event):
            self.add("interventions", event, kind, tier=event["tier"])


def bucket_of(us: int) -> int:
    """Return the place of the first bound that a time does not pass."""
    return bisect_left(LAST, us)


def _ending_of(event: Row) -> str | None:
    match event["kind"]:
        case "step.completed" | "effect.succeeded" | "effect.shared":
            return "recovered"
        case "step.failed" | "effect.failed":
            return "exhausted"
        case "step.abandoned":
            return "abandoned"
        case "effect.settled" if event["outcome"] != "did_not_happen":
            return "exhausted" if event["outcome"] == "abandoned" else "recovered"
        case _:
            return None


def _judge(completed: Row, verdicts: Sequence[Row], add: Any) -> None:
    """Add what all verdicts on one output come to in the end."""
    labels, rest = (completed["contract"], completed["team"] or "", ""), (-1, "", "", -1)
    others = [one for one in verdicts if one["by"] != "judge"]
    final = (others or list(verdicts))[-1]
    lived = 0
    if final["verdict"] == "unusable":
        first = next(one for one in verdicts if one["verdict"] == "unusable")
        lived = microseconds(first["given_at"] - completed["at"])
    said = final["verdict"], final["by"]
    add(completed["at"], ("verdicts", *labels, *said, *rest), 1, lived, Decimal(0))
    words = {one["by"]: one["verdict"] for one in verdicts}
    if {"judge", "person"} <= set(words) and words["judge"] != words["person"]:
        add(completed["at"], ("disagreements", *labels, "", "", *rest), 1, 0, Decimal(0))


def count(events: Iterable[Row], verdicts: Iterable[Row], decisions: Iterable[Row]) -> Sums:
    """Return every measure by hour and labels; what comes to nothing is left out."""
    sums: Sums = defaultdict(lambda: (0, 0, Decimal(0)))

    def add(at: datetime, labels: Labels, count: int, us: int, money: Decimal) -> None:
        key = (at.replace(minute=0, second=0, microsecond=0), labels)
        so_far = sums[key]
        sums[key] = (so_far[0] + count, so_far[1] + us, so_far[2] + money)

    walk_all(events, verdicts, decisions, add)
    return {key: value for key, value in sums.items() if any(value)}


def walk_all(events: Iterable[Row], verdicts: Iterable[Row], decisions: Iterable[Row], add: Add) -> None:
    """Tell `add` every fact: when, its labels, how many, microseconds and money."""
    histories: defaultdict[Any, list[Row]] = defaultdict(list)
    for event in events:
        histories[event["workflow_id"]].append(event)
    granted = {str(one["approval_id"]) for one in decisions if one["rule"].startswith("grant:")}
    words: defaultdict[Any, list[Row]] = defaultdict(list)
    for verdict in verdicts:
        words[verdict["workflow_id"]].append(verdict)
    for workflow_id, history in histories.items():
        history.sort(key=lambda event: event["seq"])
        Walk(history, granted, add).walk()
        if words[workflow_id]:
            said = sorted(words[workflow_id], key=lambda one: one["number"])
            _judge(next(one for one in history if one["kind"] == "workflow.completed"), said, add)


def count_regret(events: Iterable[Row], verdicts: Iterable[Row]) -> tuple[int, int]:
    """Return how many approvals were used, and how many of those were regretted.

    Regretted is what was done by it and failed for good, or was done in a workflow that failed, was rolled back, or gave
    an output whose last word is unusable, a judge's where no one else has spoken.
    """
    words: dict[Any, tuple[bool, int, str]] = {}
    for one in verdicts:
        word = one["by"] != "judge", one["number"], one["verdict"]
        words[one["workflow_id"]] = max(word, words.get(one["workflow_id"], word))
    approved: dict[Any, str] = {}
    used: dict[str, Any] = {}
    failed: set[str] = set()
    endings: dict[Any, str] = {}
    for event in sorted(events, key=lambda one: (one["workflow_id"], one["seq"])):
        kind, place = event["kind"], (event["workflow_id"], event["address"])
        if kind == "approval.decided" and event["outcome"] == "approved":
            approved[place] = json.loads(event["data"])["approval_id"]
        if kind == "effect.started" and place in approved:
            used[approved[place]] = event["workflow_id"]
        if kind == "effect.failed" and place in approved:
            failed.add(approved[place])
        if kind in ENDINGS:
            endings[event["workflow_id"]] = kind
    bad = [
        approval
        for approval, workflow in used.items()
        if approval in failed
        or endings[workflow] in ("workflow.failed", "workflow.rolled_back")
        or words.get(workflow, (False, 0, ""))[2] == "unusable"
    ]
    return len(used), len(bad)
