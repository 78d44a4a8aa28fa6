"""Which troubles make an incident, whom it reaches and when, and when it ends.

Troubles that share rule, contract, step and reason are one incident. The team is told first, then its contacts one
after the other until somebody acknowledges; what can wait is not told in the team's quiet hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from actum.model.incident import Rule, Urgency
from actum.model.quiet import QuietHours

URGENT: Final = frozenset(
    {Rule.UNDO_FAILED, Rule.DOUBT, Rule.CHAIN_BROKEN, Rule.CRASH_LOOP, Rule.WRITER_STOPPED}
)
"""What leaves something half done in the world, or stops everything: told at night too."""

LASTING: Final = frozenset(
    {Rule.UNDO_FAILED, Rule.RETRIES_EXHAUSTED, Rule.CHAIN_BROKEN, Rule.WRITER_STOPPED, Rule.REPORTED}
)
"""What does not go away by itself: only a person says that it is over."""

PATIENCE: Final = (timedelta(minutes=15), timedelta(minutes=45), timedelta(minutes=105))
"""How long after the opening each contact is told while nobody acknowledges; further ones follow by the hour."""

SENTENCES: Final = {
    Rule.UNDO_FAILED: "an undo failed, and what it was to put back still stands",
    Rule.RETRIES_EXHAUSTED: "an effect failed for good",
    Rule.DOUBT: "nobody knows whether an effect happened",
    Rule.STUCK: "a workflow does not move",
    Rule.APPROVAL_LATE: "an approval waits longer than it may",
    Rule.BURN: "its promise is being broken",
    Rule.CHAIN_BROKEN: "a log is not what was written",
    Rule.CRASH_LOOP: "a workflow crashed its workers again and again",
    Rule.UNSERVED: "no live worker serves what is ready",
    Rule.WRITER_STOPPED: "a worker could not write for a while",
    Rule.BUDGET_SPENT: "a budget lets nothing more in",
    Rule.REPORTED: "somebody reported it",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the database holds of one key now: how many workflows have it, and since when.

    `latest` is the workflow that had it last; `first_at` and `last_at` bound when it came up.
    """

    rule: Rule
    contract: str
    step: str
    reason: str
    team: str | None
    count: int
    first_at: datetime
    last_at: datetime
    latest: UUID | None = None
    workflow_ids: Sequence[UUID] = ()
    urgency: Urgency | None = None
    reduces: bool = False
    summary: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes two troubles one incident."""
        return self.rule.value, self.contract, self.step, self.reason


def merge(troubles: Iterable[Trouble]) -> list[Trouble]:
    """Return one trouble for each key: counts added up, workflows together, the latest's words."""
    found: dict[tuple[str, str, str, str], Trouble] = {}
    for one in sorted(troubles, key=lambda trouble: trouble.last_at):
        known = found.get(one.key)
        if known is not None:
            one = replace(
                one,
                count=known.count + one.count,
                first_at=min(known.first_at, one.first_at),
                workflow_ids=(*known.workflow_ids, *one.workflow_ids),
            )
        found[one.key] = one
    return list(found.values())


class End(StrEnum):
    """What becomes of an open incident at one pass."""

    STAYS = "stays"
    MITIGATED = "mitigated"
    """What somebody has acknowledged is over by itself; the cause is theirs to say."""
    RESOLVED = "resolved"
    """It came and went before anybody looked."""


def urgency_of(rule: Rule) -> Urgency:
    """Return how urgent an incident of `rule` is, where its trouble says nothing else."""
    return Urgency.NOW if rule in URGENT else Urgency.WAKING_HOURS


def summarize(trouble: Trouble) -> str:
    """Return one sentence: where it is, what it is, and how often."""
    place = f"{trouble.contract}, {trouble.step}" if trouble.step else trouble.contract or "the system"
    what = trouble.summary or SENTENCES[trouble.rule]
    why = f" ({trouble.reason})" if trouble.reason else ""
    return f"{place}: {what}{why}"


def due_level(
    opened_at: datetime, now: datetime, contacts: int, urgency: Urgency, quiet: QuietHours | None
) -> int:
    """Return how many tellings are due by `now`: 1 is the team, each further one the next of its `contacts`.

    What can wait begins to be told when quiet hours end, and never within them.
    """
    waits = quiet is not None and urgency is Urgency.WAKING_HOURS
    begins = quiet.end_after(opened_at) if waits and quiet is not None else opened_at
    due = sum(begins + _patience(level) <= now for level in range(contacts + 1))
    is_quiet = waits and quiet is not None and quiet.end_after(now) != now
    return 0 if is_quiet else due


def _patience(level: int) -> timedelta:
    if level == 0:
        return timedelta()
    steps = len(PATIENCE)
    return PATIENCE[min(level, steps) - 1] + timedelta(hours=max(level - steps, 0))


def recipient(level: int, team: str | None, contacts: Sequence[str]) -> str:
    """Return whom the telling of `level` (1 is the first) is for."""
    return contacts[level - 2] if level > 1 else f"team:{team}" if team else "everybody"


def consider_end(rule: Rule, *, stands: bool, was_seen: bool, is_acknowledged: bool) -> End:
    """Return what becomes of an unmitigated incident; `was_seen` tells that the machine has seen its trouble at all."""
    if stands or not was_seen or rule in LASTING:
        return End.STAYS
    return End.MITIGATED if is_acknowledged else End.RESOLVED
