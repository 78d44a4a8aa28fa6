"""What a contract needs before it is left alone with more: a walk in the order in which the work pays.

First the ways through and back (time-outs, recovery), then approvals that people understand, then rollback; only then
prompts. A better prompt in a workflow that loses its work, or asks what nobody reads, is effort in the wrong place. The
first check that does not hold is the gap to close next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import orjson

from actum.client.fatigue import ENOUGH, HASTY, UNOPENED, Fatigue, read_fatigue
from actum.client.quality import Report, read_report
from actum.errors import NotFound
from actum.model.quality import Family, Part
from actum.store.quality import TallyRow
from actum.store.store import Store
from actum.store.verdicts import SampleCount

FAMILIES = (Family.TIMEOUTS, Family.RETRIES, Family.ROLLBACKS, Family.OUTPUTS)
RECOVERED, OTHER, EXHAUSTED, EXPIRED, JUDGED, USABLE = 0.9, 0.1, 0.5, 0.1, 0.1, 0.9
"""The shares at which a check holds."""


class Stage(StrEnum):
    """What is looked at, in this order."""

    WAYS = "transitions and recovery"
    APPROVALS = "approvals people understand"
    ROLLBACK = "rollback"
    OUTPUTS = "outputs, and only now prompts"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing a contract needs: whether it `holds` (None: too little has happened to say), what was found, the way out.

    `measure` is what `actum quality --ids` takes to show what stands behind it, None for what the contract declares.
    """

    stage: Stage
    asks: str
    holds: bool | None
    found: str
    cure: str
    measure: str | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """The walk of one contract; `gap` is the first check that does not hold, None when all do."""

    contract: str
    checks: tuple[Check, ...]

    @property
    def gap(self) -> Check | None:
        """The first check that does not hold, or of which nothing can be said yet."""
        return next((one for one in self.checks if not one.holds), None)

    def as_data(self) -> dict[str, Any]:
        """Return this as JSON values."""
        gap = self.gap
        checks = [asdict(one) | {"stage": one.stage.value} for one in self.checks]
        return {"contract": self.contract, "is_ready": gap is None, "gap": gap and gap.asks, "checks": checks}


async def read_readiness(store: Store, contract: str, *, length: timedelta) -> Readiness:
    """Return the walk of a contract, by what it declares and what happened; raises NotFound for an unknown one."""
    found = await store.quality.newest_document(contract)
    if found is None:
        raise NotFound(
            f"no contract {contract!r} was ever registered: `actum worker` and `actum start` do that"
        )
    document = orjson.loads(found)
    now = await store.read_clock()
    report = await read_report(store, FAMILIES, since=now - length, until=now, contract=contract)
    ended = await store.quality.tally(report.span, ["approvals_ended"])
    people = await read_fatigue(store, since=now - length, contract=contract)
    expired, asked = count_expired(ended)
    wants = document.get("verdicts")
    sample = await store.verdicts.count_sample(since=now - length, contract=contract) if wants else None
    return Readiness(contract, walk(document, report, people, expired=expired, asked=asked, sample=sample))


def count_expired(ended: Sequence[TallyRow]) -> tuple[int, int]:
    """Return how many approvals expired, and of how many that people were asked for: what a grant decided is none."""
    granted = Part("approvals_ended", ("granted",)).count(ended)
    return Part("approvals_ended", ("expired",)).count(ended), Part("approvals_ended").count(ended) - granted


def walk(
    document: dict[str, Any],
    report: Report,
    people: Fatigue,
    *,
    expired: int,
    asked: int,
    sample: SampleCount | None = None,
) -> tuple[Check, ...]:
    """Return every check, in order; pure. `sample` is how the outputs stand on which the contract wants a word."""
    effects = [step for step in document["steps"] if "kind" in step]
    steps = [step for step in document["steps"] if "timeout" in step]
    return (
        *_ways(document, steps, report),
        *_approvals(effects, people, expired, asked),
        *_rollback(effects, report),
        *_outputs(report, sample),
    )


def _ways(document: dict[str, Any], steps: Sequence[dict[str, Any]], report: Report) -> list[Check]:
    endless = [step["name"] for step in steps if not any(step["timeout"].values())]
    endings = sum(row.count for row in report.facts if row.measure == "endings")
    owner = document.get("owner")
    return [
        Check(
            Stage.WAYS, "somebody answers for it", bool(owner), f"owner: {owner['team'] if owner else 'nobody'}",
            "give the contract an Owner with team, escalation and runbook",
        ),
        Check(
            Stage.WAYS, "every step ends", not endless, f"without any time-out: {_names(endless)}",
            "give these steps a Timeout: what hangs for ever is never recovered",
        ),
        Check(
            Stage.WAYS, "it has been seen", endings >= ENOUGH or None, f"{endings} ended; {ENOUGH} say something",
            "run it, and kill it with `actum crashtest`", "outputs",
        ),
        _at_least(Stage.WAYS, "time-outs are recovered from", report, "timeouts_recovered", RECOVERED),
        _none(Stage.WAYS, "no workflow kills its workers", report, "crash_loops"),
        _at_most(Stage.WAYS, "retries help", report, "retries_exhausted", EXHAUSTED),
        _at_most(Stage.WAYS, "reasons are known", report, "other_share", OTHER),
    ]  # fmt: skip


def _approvals(effects: Sequence[dict[str, Any]], people: Fatigue, expired: int, asked: int) -> list[Check]:
    blind = [step["name"] for step in effects if "preview" not in step["hooks"]]
    haste, unopened = people.haste, people.unopened
    return [
        Check(
            Stage.APPROVALS, "every effect shows what it would do", not blind, f"without a preview: {_names(blind)}",
            "declare `@effect.preview`: a person cannot judge what is not shown",
        ),
        Check(
            Stage.APPROVALS, "approvals are decided in time", expired <= EXPIRED * asked,
            f"{expired} of {asked} expired", "name more approvers, or an escalation", None,
        ),
        Check(
            Stage.APPROVALS, "people read what they decide",
            haste.measured < ENOUGH or haste.hasty < HASTY * haste.measured,
            f"{haste.hasty} of {haste.measured} prompts were answered faster than they can be read",
            "ask less, or shorten the previews: `actum quality --family people`",
        ),
        Check(
            Stage.APPROVALS, "people open the evidence",
            unopened.count < ENOUGH or unopened.some < UNOPENED * unopened.count,
            f"{unopened.some} of {unopened.count} approvals were given without",
            "put into the sentence and the checks what has to be read",
        ),
    ]  # fmt: skip


def _rollback(effects: Sequence[dict[str, Any]], report: Report) -> list[Check]:
    final = [step["name"] for step in effects if step["reversibility"] == "final"]
    return [
        Check(
            Stage.ROLLBACK, "every effect can be put back", not final,
            f"neither undo nor counter-action: {_names(final)}",
            "declare `@effect.undo` or `@effect.compensate`, or keep these effects last and at tier 2",
        ),
        _none(Stage.ROLLBACK, "undos work", report, "undo_failures"),
        _none(Stage.ROLLBACK, "rollbacks leave nothing standing", report, "rollbacks_partial"),
    ]  # fmt: skip


def _outputs(report: Report, sample: SampleCount | None) -> list[Check]:
    return [
        *([] if sample is None else [_sample(sample)]),
        _at_least(Stage.OUTPUTS, "outputs are judged", report, "judged", JUDGED, needs=True),
        _at_least(Stage.OUTPUTS, "outputs are usable", report, "usable", USABLE, needs=True),
    ]


def _sample(sample: SampleCount) -> Check:
    return Check(
        Stage.OUTPUTS, "the sample is judged in time", sample.overdue == 0 if sample.sampled else None,
        sample.describe(), "say a word on each that `actum verdict --due` lists",
    )  # fmt: skip


def _at_least(
    stage: Stage, asks: str, report: Report, name: str, share: float, *, needs: bool = False
) -> Check:
    reading = report.reading(name)
    of = reading.of or 0
    holds = reading.some >= share * of if of else (None if needs else True)
    return Check(
        stage, asks, holds, f"{reading.some} of {of}, and {share:.0%} are wanted", reading.measure.cure, name
    )


def _at_most(stage: Stage, asks: str, report: Report, name: str, share: float) -> Check:
    reading = report.reading(name)
    of = reading.of or 0
    found = f"{reading.some} of {of}, and {share:.0%} are the most"
    return Check(stage, asks, reading.some <= share * of, found, reading.measure.cure, name)


def _none(stage: Stage, asks: str, report: Report, name: str) -> Check:
    reading = report.reading(name)
    return Check(
        stage, asks, reading.some == 0, f"{reading.some} {reading.measure.title}", reading.measure.cure, name
    )


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "none"
