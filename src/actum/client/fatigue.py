"""Fatigue: what deciding costs people, each number with the ids behind it, and what might be asked less.

A person who is asked too often stops reading. The numbers say where that happens; the suggestions go to the owner of
the policy and never apply themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from actum.errors import PolicyError
from actum.machine.policy import parse_policy
from actum.store.people import HasteRow, PromptsRow, RuleRow, ShareRow, TimesRow
from actum.store.quality import Span

if TYPE_CHECKING:
    from actum.store.store import Store

WORDS_A_MINUTE = 238
READING_SPEED = (
    "238 words a minute: silent reading of English non-fiction, M. Brysbaert, How many words do we read per minute?, "
    "Journal of Memory and Language 109 (2019)"
)
MANY = 20
"""Prompts to one person on one day from which a suggestion follows."""
ALWAYS = 0.97
"""The share of approvals above which a rule asks for what is always given."""
ENOUGH = 20
"""Decisions without which nothing follows from a share."""
HASTY, UNOPENED, REGRETTED = 0.2, 0.5, 0.1
"""The shares from which a suggestion follows."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one person was asked: prompts in all, on how many days, and on the busiest of them."""

    person: str
    prompts: int
    days: int
    most: int
    busiest: date
    ids: tuple[str, ...]

    @property
    def a_day(self) -> float:
        """Prompts a day, over the days with any."""
        return self.prompts / self.days


@dataclass(frozen=True, slots=True)
class Fatigue:
    """Every measure of the family `people` of a span; `owner` is the active policy's, None without one."""

    since: datetime
    until: datetime
    team: str | None
    owner: str | None
    loads: tuple[Load, ...]
    times: TimesRow
    haste: HasteRow
    unopened: ShareRow
    regret: ShareRow
    rules: tuple[RuleRow, ...]
    touchless: ShareRow
    suggestions: tuple[str, ...]
    contract: str | None = None

    def ids_of(self, name: str) -> tuple[str, ...]:
        """Return what stands behind one measure of `actum.model.quality.PEOPLE`."""
        found = {
            "prompts": [one for load in self.loads for one in load.ids],
            "time_to_decide": self.times.ids,
            "haste": self.haste.ids,
            "unopened": self.unopened.ids,
            "regret": self.regret.ids,
            "rules": [one for rule in self.rules for one in rule.ids],
            "touchless": self.touchless.ids,
        }
        return tuple(found[name])

    def as_data(self) -> dict[str, Any]:
        """Return this as JSON values: shares between 0 and 1, None where there is nothing to share."""
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "contract": self.contract,
            "team": self.team,
            "policy_owner": self.owner,
            "prompts": [
                {**asdict(one), "busiest": one.busiest.isoformat(), "a_day": one.a_day} for one in self.loads
            ],
            "seconds_to_decide": asdict(self.times),
            "haste": {
                **asdict(self.haste),
                "share": share(self.haste.hasty, self.haste.measured),
                "reading_speed": READING_SPEED,
            },
            "unopened": _with_share(self.unopened),
            "regret": _with_share(self.regret),
            "rules": [{**asdict(one), "share": share(one.approved, one.count)} for one in self.rules],
            "always_approved": [one.rule for one in self.rules if is_always_approved(one)],
            "touchless": _with_share(self.touchless),
            "suggestions": list(self.suggestions),
        }


async def read_fatigue(
    store: Store,
    *,
    since: datetime,
    until: datetime | None = None,
    contract: str | None = None,
    team: str | None = None,
    workflows: Sequence[UUID] | None = None,
) -> Fatigue:
    """Return what was asked of people since an instant, until now or another one; one statement a measure.

    Of one contract's, one team's or some workflows, or of all.
    """
    now = await store.read_clock()
    some = None if workflows is None else tuple(workflows)
    span = Span(since, until or now + timedelta(microseconds=1), contract, team, some)
    people = store.people
    loads = sum_loads(await people.prompts(span))
    haste = await people.haste(span, words_a_minute=WORDS_A_MINUTE)
    unopened = await people.unopened(span)
    regret = await people.regret(span)
    rules = tuple(await people.rules(span))
    return Fatigue(
        since=since,
        until=until or now,
        contract=contract,
        team=team,
        owner=await _read_owner(store),
        loads=loads,
        times=await people.time_to_decide(span),
        haste=haste,
        unopened=unopened,
        regret=regret,
        rules=rules,
        touchless=await people.touchless(span),
        suggestions=suggest(loads, haste, unopened, regret, rules),
    )


def sum_loads(rows: Sequence[PromptsRow]) -> tuple[Load, ...]:
    """Return the load of each person, the heaviest first."""
    people = dict.fromkeys(row.person for row in rows)
    loads = [_load(person, [row for row in rows if row.person == person]) for person in people]
    return tuple(sorted(loads, key=lambda one: (-one.prompts, one.person)))


def _load(person: str, rows: Sequence[PromptsRow]) -> Load:
    busiest = max(rows, key=lambda row: row.count)
    ids = tuple(one for row in rows for one in row.ids)
    return Load(person, sum(row.count for row in rows), len(rows), busiest.count, busiest.day, ids)


def suggest(
    loads: Sequence[Load], haste: HasteRow, unopened: ShareRow, regret: ShareRow, rules: Sequence[RuleRow]
) -> tuple[str, ...]:
    """Return what the policy's owner might change, in sentences; nothing follows from a handful of decisions."""
    found = [
        f"{one.person} was asked {one.most} times on {one.busiest}: batch what the busiest rules ask for, or name "
        "more approvers"
        for one in loads
        if one.most >= MANY
    ]
    for one in rules:
        if is_always_approved(one):
            found.append(
                f"what rule {one.rule} asks for was approved {one.approved} of {one.count} times: lower its tier, "
                "narrow its match, or give a grant"
            )
    if haste.measured >= ENOUGH and haste.hasty >= HASTY * haste.measured:
        found.append(
            f"{haste.hasty} of {haste.measured} prompts were answered faster than they can be read: ask less, or "
            "shorten the previews"
        )
    if unopened.count >= ENOUGH and unopened.some >= UNOPENED * unopened.count:
        found.append(
            f"the evidence of {unopened.some} of {unopened.count} approvals was not opened: put into the sentence and "
            "the checks what has to be read"
        )
    if regret.count >= ENOUGH and regret.some >= REGRETTED * regret.count:
        found.append(
            f"{regret.some} of {regret.count} approvals were regretted: raise the tier of their rules, or add checks "
            "to their previews"
        )
    return tuple(found)


def is_always_approved(row: RuleRow) -> bool:
    """Whether a rule asks for what is nearly always given, over enough decisions to say so."""
    return row.count >= ENOUGH and row.approved > ALWAYS * row.count


def share(some: int, count: int) -> float | None:
    """Return some of count as a number between 0 and 1, None of nothing."""
    return some / count if count else None


def _with_share(row: ShareRow) -> dict[str, Any]:
    return {**asdict(row), "share": share(row.some, row.count)}


async def _read_owner(store: Store) -> str | None:
    active = await store.policies.read_active()
    if active is None:
        return None
    try:
        return parse_policy(active.body).document.owner or None
    except PolicyError:
        return None
