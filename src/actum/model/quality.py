"""What quality is measured by: facts, which SQL defines once, and measures, which are sums and shares of facts.

A fact is what one event (or verdict) adds; `actum.facts` in the schema says which events do. A measure says which facts
it adds up, what the number means, and what to do when it is bad. Counts and microseconds are whole numbers, so that
whoever adds them up comes to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol


class Family(StrEnum):
    """Which question a measure answers: five, and last how long it took, which is measured in `actum.model.latency`."""

    TIMEOUTS = "timeouts"
    RETRIES = "retries"
    PEOPLE = "people"
    ROLLBACKS = "rollbacks"
    OUTPUTS = "outputs"
    LATENCY = "latency"


class Unit(StrEnum):
    """What a number counts: things, a share between 0 and 1, machine time, or a mean of counts."""

    COUNT = "count"
    SHARE = "share"
    SECONDS = "seconds"
    MEAN = "mean"


class Good(StrEnum):
    """Which way a number should go."""

    MORE = "more"
    LESS = "less"
    NEITHER = "neither"


class Verdict(StrEnum):
    """Whether a completed output was of use."""

    USABLE = "usable"
    UNUSABLE = "unusable"


class Judge(StrEnum):
    """Who said so: a model, a person, or work that came later and stood on the output."""

    JUDGE = "judge"
    PERSON = "person"
    DOWNSTREAM = "downstream"


TITLES: Final[Mapping[Family, str]] = MappingProxyType(
    {
        Family.TIMEOUTS: "Time-outs and recovery",
        Family.RETRIES: "Retries",
        Family.PEOPLE: "People",
        Family.ROLLBACKS: "Rollbacks",
        Family.OUTPUTS: "Outputs",
        Family.LATENCY: "Latency and cost",
    }
)

FACTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "timeouts": "Attempts, and whole workflows, that were not done in time.",
        "timeouts_ended": "Time-outs whose step has ended since: recovered, or lost.",
        "recoveries": "Steps that succeeded after a time-out; machine time from the first one on.",
        "retries": "Steps that were tried again, by how it ended and by the first reason; machine time since then.",
        "retry_attempts": "Attempts that those steps took in all.",
        "failures": "Attempts that did not succeed, or of which nobody knows.",
        "rescues": "Workflows taken from a dead worker; time since their last record.",
        "blocks": "Workflows that could not go on by themselves, by cause.",
        "rollbacks": "Rollbacks begun, by cause.",
        "rollbacks_ended": "Rollbacks that ended, complete or partial; machine time.",
        "undo_failures": "Undos that certainly did not happen and are not tried again.",
        "endings": "Workflows that ended, by how.",
        "verdicts": "Completed outputs by the word that counts, and by who said it; how long bad ones had lived.",
        "disagreements": "Outputs about which judge and person differ.",
        "approvals_asked": "Approvals that were asked for.",
        "approvals_ended": "Approvals decided or expired, by how; human time since they were asked for.",
        "interventions": "Times that a person stopped, ended, reopened or settled something.",
        "machine_times": "Workflows that ended, by how; their time without that in which a person was to act.",
        "human_times": "The same workflows; the time in which a person was to act.",
        "step_times": "Attempts of steps and effects that succeeded; machine time.",
        "tokens": "Tokens that attempts reported, by model: what it was told, and what it answered.",
        "model_calls": "Calls of models that attempts reported.",
        "tool_calls": "Calls of tools that attempts reported.",
        "unpriced_calls": "Calls of models of which nobody knows what they cost.",
        "costs": "What calls cost, where that is known: the currency reported, US dollars where prices were looked up.",
    }
)
"""Every fact, and what it is."""


class Added(Protocol):
    """Facts added up under one outcome and reason, as a query or the rollup gives them."""

    @property
    def measure(self) -> str: ...
    @property
    def outcome(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def count(self) -> int: ...
    @property
    def us(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Part:
    """Facts that a measure adds up: those of one name, with these outcomes and reasons, all where none are named."""

    fact: str
    outcomes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def holds(self, row: Added) -> bool:
        """Whether these facts are among them."""
        return (
            row.measure == self.fact
            and (not self.outcomes or row.outcome in self.outcomes)
            and (not self.reasons or row.reason in self.reasons)
        )

    def count(self, rows: Iterable[Added]) -> int:
        """Return how many there are."""
        return sum(row.count for row in rows if self.holds(row))

    def us(self, rows: Iterable[Added]) -> int:
        """Return their time, in microseconds."""
        return sum(row.us for row in rows if self.holds(row))


@dataclass(frozen=True, slots=True)
class Measure:
    """One number: `some` alone, or `some` of `of`. `about` says what it means, `cure` what to do when it is bad."""

    name: str
    family: Family
    title: str
    unit: Unit
    good: Good
    some: Part
    about: str
    cure: str
    of: Part | None = None

    def read(self, rows: Iterable[Added]) -> Reading:
        """Return the number over facts that are added up by outcome and reason."""
        known = list(rows)
        us = self.some.us(known) if self.unit is Unit.SECONDS else None
        return Reading(self, self.some.count(known), None if self.of is None else self.of.count(known), us)


@dataclass(frozen=True, slots=True)
class Reading:
    """A measure's number: how many, of how many, and for times the microseconds, all whole numbers."""

    measure: Measure
    some: int
    of: int | None
    us: int | None

    @property
    def value(self) -> float | None:
        """The count, the share, the mean, or the mean seconds; None where there is nothing to share or time."""
        match self.measure.unit:
            case Unit.COUNT:
                return self.some
            case Unit.SECONDS:
                return (self.us or 0) / 1e6 / self.some if self.some else None
            case Unit.SHARE | Unit.MEAN:
                return self.some / self.of if self.of else None


RECOVERED: Final = ("recovered",)
USELESS: Final = ("exhausted", "abandoned")
F = Family

MEASURES: Final[tuple[Measure, ...]] = (
    Measure(
        "timeouts", F.TIMEOUTS, "time-outs", Unit.COUNT, Good.LESS, Part("timeouts"),
        "Attempts that were not done in time, and workflows whose deadline passed.",
        "Look which step and which limit it is: raise the limit where the work is slow, cut the work where it is large.",
    ),
    Measure(
        "timeouts_recovered", F.TIMEOUTS, "recovered", Unit.SHARE, Good.MORE, Part("timeouts_ended", RECOVERED),
        "Of the time-outs whose step has ended since, those whose step succeeded. What still tries is not counted.",
        "Give the step more attempts or a longer pause between them; for an effect, declare `in_doubt` or a probe.",
        Part("timeouts_ended"),
    ),
    Measure(
        "timeouts_lost", F.TIMEOUTS, "lost", Unit.COUNT, Good.LESS, Part("timeouts_ended", ("lost",)),
        "Time-outs whose step, or whole workflow, failed or was given up.",
        "Open one with `actum show` and read what the last attempt waited for.",
    ),
    Measure(
        "time_to_recover", F.TIMEOUTS, "time to recover", Unit.SECONDS, Good.LESS, Part("recoveries"),
        "Machine time from the first time-out of a step to its success; pauses and people's time are left out.",
        "Shorten the attempt's time-out, so that a hanging one is given up sooner, or the pause after it.",
    ),
    Measure(
        "rescues", F.TIMEOUTS, "taken from dead workers", Unit.COUNT, Good.LESS, Part("rescues"),
        "Workflows that another worker took over and went on with.",
        "Look why workers die: memory, deployments without a drain, machines.",
    ),
    Measure(
        "time_to_take_over", F.TIMEOUTS, "time to take over", Unit.SECONDS, Good.LESS, Part("rescues"),
        "From the last record of the dead worker to the first of the next; long steps make it longer.",
        "Shorten the lease (`ACTUM_LEASE`), or add workers.",
    ),
    Measure(
        "crash_loops", F.TIMEOUTS, "crash loops", Unit.COUNT, Good.LESS, Part("blocks", (), ("crash_loop",)),
        "Workflows that killed every worker that took them up, and were blocked.",
        "Run one of them alone and look what it does to its process.",
    ),
    Measure(
        "retries", F.RETRIES, "steps tried again", Unit.COUNT, Good.LESS, Part("retries"),
        "Steps and effects that had a second attempt and have ended since, counted where they end.",
        "See the reasons below: each has its own cure.",
    ),
    Measure(
        "retries_recovered", F.RETRIES, "recovered", Unit.SHARE, Good.MORE, Part("retries", RECOVERED),
        "Those that a later attempt brought to success.",
        "A reason that is never recovered from should not be tried again: name it in `Retry(never=…)`.",
        Part("retries"),
    ),
    Measure(
        "retries_exhausted", F.RETRIES, "exhausted", Unit.SHARE, Good.LESS, Part("retries", ("exhausted",)),
        "Those whose attempts were used up in vain.",
        "See what the first reason was, and whether the next attempt had anything new to go by.",
        Part("retries"),
    ),
    Measure(
        "retries_abandoned", F.RETRIES, "abandoned", Unit.SHARE, Good.NEITHER, Part("retries", ("abandoned",)),
        "Those that the body, or somebody who ended the workflow, did not wait for.",
        "Where the body gives up by a limit of its own, let the step's retry have the same limit.",
        Part("retries"),
    ),
    Measure(
        "attempts_to_success", F.RETRIES, "attempts to success", Unit.MEAN, Good.LESS,
        Part("retry_attempts", RECOVERED),
        "Attempts, the successful one included, of those that were recovered: the mean.",
        "More than three: the first pause is too short, or the cause is not one that passes.",
        Part("retries", RECOVERED),
    ),
    Measure(
        "time_wasted", F.RETRIES, "wasted each time", Unit.SECONDS, Good.LESS, Part("retries", USELESS),
        "Machine time from the first failure to the end, of those that were never recovered.",
        "Fewer attempts or a shorter `elapsed`; `Fatal` where an attempt knows that another will not help.",
    ),
    Measure(
        "failures", F.RETRIES, "attempts that failed", Unit.COUNT, Good.LESS, Part("failures"),
        "Attempts that ended in an error or in doubt, whatever came after.",
        "Sort by reason, and begin with the most frequent.",
    ),
    Measure(
        "other_share", F.RETRIES, "of no known reason", Unit.SHARE, Good.LESS, Part("failures", (), ("other",)),
        "Failed attempts whose reason is `other`: what nobody has classified nobody can mend.",
        "Raise exceptions that say what they are, or give them an attribute `reason`.",
        Part("failures"),
    ),
    Measure(
        "rollbacks", F.ROLLBACKS, "begun", Unit.COUNT, Good.LESS, Part("rollbacks"),
        "Workflows that began to undo what they had done.",
        "See the causes: an output found bad late wants a check before the first effect.",
    ),
    Measure(
        "rollback_share", F.ROLLBACKS, "of what ended", Unit.SHARE, Good.LESS, Part("endings", ("rolled_back",)),
        "Workflows that ended rolled back, of all that ended.",
        "Move checks and approvals before the effects that are undone most.",
        Part("endings"),
    ),
    Measure(
        "rollbacks_complete", F.ROLLBACKS, "complete", Unit.SHARE, Good.MORE, Part("rollbacks_ended", ("complete",)),
        "Rollbacks that left nothing standing.",
        "Declare an undo or a counter-action for the effects that `actum rollback ID --report` names.",
        Part("rollbacks_ended"),
    ),
    Measure(
        "rollbacks_partial", F.ROLLBACKS, "partial", Unit.COUNT, Good.LESS, Part("rollbacks_ended", ("partial",)),
        "Rollbacks after which something is left standing.",
        "Read the report of each, and put in order by hand what it names.",
    ),
    Measure(
        "rollbacks_stopped", F.ROLLBACKS, "stopped by a failed undo", Unit.COUNT, Good.LESS,
        Part("blocks", (), ("undo_failed",)),
        "Times that a rollback stopped and waited for a person, because an undo failed.",
        "Mend what the undo needs, then `actum resume`.",
    ),
    Measure(
        "undo_failures", F.ROLLBACKS, "undos that failed", Unit.COUNT, Good.LESS, Part("undo_failures"),
        "Undos that certainly did not happen.",
        "Crash-test the contract with its rollback: an undo is code that runs on the worst day.",
    ),
    Measure(
        "rollback_time", F.ROLLBACKS, "duration", Unit.SECONDS, Good.LESS, Part("rollbacks_ended"),
        "Machine time from the plan to the end; waiting for a person is left out.",
        "Long ones undo much: end workflows sooner, or in smaller pieces.",
    ),
    Measure(
        "outputs", F.OUTPUTS, "completed", Unit.COUNT, Good.MORE, Part("endings", ("completed",)),
        "Workflows that completed, and so gave an output.",
        "Compare with what was started: `actum list`.",
    ),
    Measure(
        "usable", F.OUTPUTS, "usable", Unit.SHARE, Good.MORE, Part("verdicts", ("usable",)),
        "Of the outputs that were judged, those that were of use. Silence is not counted as good.",
        "Compare prompt versions (`--by prompt`), and put what makes outputs unusable into a check.",
        Part("verdicts"),
    ),
    Measure(
        "unusable", F.OUTPUTS, "unusable", Unit.COUNT, Good.LESS, Part("verdicts", ("unusable",)),
        "Completed outputs that somebody found to be of no use.",
        "Read the reasons with `actum verdict ID`, and write the check that would have found the next one.",
    ),
    Measure(
        "judged", F.OUTPUTS, "judged", Unit.SHARE, Good.MORE, Part("verdicts"),
        "Completed outputs on which there is a word.",
        "Have a sample judged: `actum quality --ids unjudged` names some that nobody has looked at.",
        Part("endings", ("completed",)),
    ),
    Measure(
        "caught", F.OUTPUTS, "caught by checks", Unit.COUNT, Good.NEITHER, Part("failures", (), ("check.failed",)),
        "Attempts whose output a `@step.verdict` refused, before anybody saw it.",
        "Many: the prompt does not say what the check wants. None, with unusable outputs: the check is too kind.",
    ),
    Measure(
        "bad_output_lived", F.OUTPUTS, "bad output lived", Unit.SECONDS, Good.LESS, Part("verdicts", ("unusable",)),
        "From completion to the first word that the output was unusable.",
        "Judge sooner: a check in the workflow finds in seconds what somebody downstream finds in months.",
    ),
    Measure(
        "disagreements", F.OUTPUTS, "judge and person differ", Unit.COUNT, Good.LESS, Part("disagreements"),
        "Outputs that a judge and a person see differently; the person's word counts.",
        "Show the judge these examples, or stop asking it.",
    ),
)  # fmt: skip
"""Every measure of four families; those of people are in `PEOPLE`, measured by what was decided."""

PEOPLE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "prompts": (
            "How many prompts each person answered, by day. A card, a batch or a question is one.",
            "Batch what the busiest rules ask for, or name more approvers.",
        ),
        "time_to_decide": (
            "Human time from asking to the decision, questions in between included: the middle, and nine of ten.",
            "Look who was away: hand-over, escalation, and an expiry that says what happens then.",
        ),
        "haste": (
            "Prompts answered in less time than their words take to read.",
            "Ask less often, and say less on each card.",
        ),
        "unopened": (
            "Approvals with evidence, given by somebody not known to have opened all of it.",
            "Put into the sentence and the checks what has to be read.",
        ),
        "regret": (
            "Approvals that were used and whose effect was undone or failed, or whose workflow failed or gave an unusable output.",
            "Raise the tier of their rules, or add checks to their previews.",
        ),
        "rules": (
            "What each rule asks for, and how often it is given.",
            "Nearly always given: lower the tier, narrow the match, or give a grant.",
        ),
        "touchless": (
            "Workflows that ended without anybody asked or intervening; a parent that cancels its child is nobody.",
            "See which approvals and interventions there were, and which a rule could have decided.",
        ),
    }
)
"""The measures of people: what each means, and what to do when it is bad."""

BY_NAME: Final[Mapping[str, Measure]] = MappingProxyType({one.name: one for one in MEASURES})


def facts_of(families: Iterable[Family]) -> tuple[str, ...]:
    """Return the facts that the measures of these families are made of, sorted."""
    wanted = set(families)
    parts = [
        part for one in MEASURES if one.family in wanted for part in (one.some, one.of) if part is not None
    ]
    return tuple(sorted({part.fact for part in parts}))
