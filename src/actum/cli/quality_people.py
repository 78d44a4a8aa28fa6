"""How deciding goes, told on a terminal: each number of the family `people`, with what stands behind it."""

from __future__ import annotations

from actum.cli.printing import DIM, HEADING, WARN, say, say_all
from actum.cli.text import columns, duration, indent, neutral, table
from actum.client.fatigue import ENOUGH, READING_SPEED, Fatigue, is_always_approved, share
from actum.model.quality import TITLES, Family

NAMES = {
    "Time to decide": "time_to_decide",
    "Too fast to read": "haste",
    "Never opened": "unopened",
    "Regret": "regret",
    "Touchless": "touchless",
}
"""What `--ids` calls the measures that stand here under words."""


def tell_people(found: Fatigue, before: Fatigue | None, shows_ids: bool) -> None:
    """Print the measures of people, what they were before, and what might be asked less.

    Suggestions never apply themselves.
    """
    say(TITLES[Family.PEOPLE], HEADING)
    _tell_loads(found, shows_ids)
    earlier = _measures(before) if before is not None else []
    for number, (name, said, about, ids) in enumerate(_measures(found)):
        say_all(indent(said, f"{name + ':':<18} ", " " * 19, columns()))
        if earlier:
            say_all(indent(earlier[number][1], " " * 19 + "before: ", " " * 21, columns()))
        say_all(indent(about, " " * 19, " " * 19, columns()), DIM)
        if shows_ids and ids:
            say(" " * 19 + NAMES[name] + ":", DIM)
            _tell_ids(ids)
    _tell_rules(found, shows_ids)
    owner = neutral(found.owner) if found.owner else "whoever writes the policy"
    say()
    say(f"Suggestions for {owner}", HEADING)
    for one in found.suggestions or ("none",):
        say_all(indent(neutral(one), "  - " if found.suggestions else "  ", "    ", columns()), WARN)


def _tell_loads(found: Fatigue, shows_ids: bool) -> None:
    if not found.loads:
        say("Prompts:           nobody was asked anything")
        return
    cells = [
        [neutral(one.person), str(one.prompts), f"{one.a_day:.1f}", f"{one.most} on {one.busiest}"]
        for one in found.loads
    ]
    say_all(table(cells, ["PERSON", "PROMPTS", "A DAY", "MOST"], columns()))
    if shows_ids:
        for one in found.loads:
            say(f"  {neutral(one.person)}", DIM)
            _tell_ids(one.ids)
    say()


def _measures(found: Fatigue) -> list[tuple[str, str, str, list[str]]]:
    """Return each measure: its name, what it says, how it is defined, and what stands behind it."""
    times, haste = found.times, found.haste
    waited = (
        f"median {_seconds(times.median)}, nine of ten within {_seconds(times.ninetieth)}, in all {_seconds(times.total)}"
        if times.count
        else "nothing was decided"
    )
    unmeasured = haste.count - haste.measured
    return [
        (
            "Prompts",
            f"{sum(one.prompts for one in found.loads)} in all",
            "a card, a batch or a question is one",
            [],
        ),
        ("Time to decide", waited, "from asking to the decision, questions in between included", times.ids),
        (
            "Too fast to read",
            f"{_share(haste.hasty, haste.measured)} prompts; {unmeasured} more were not measured",
            f"open for less time than its words take, at {READING_SPEED}",
            haste.ids,
        ),
        (
            "Never opened",
            f"{_share(found.unopened.some, found.unopened.count)} approvals with a diff or checks",
            "approved by somebody who is not known to have seen all of the card",
            found.unopened.ids,
        ),
        (
            "Regret",
            f"{_share(found.regret.some, found.regret.count)} approvals that were used",
            "its effect was undone or failed, its workflow failed or was rolled back, or its output was called unusable",
            found.regret.ids,
        ),
        (
            "Touchless",
            f"{_share(found.touchless.some, found.touchless.count)} workflows that ended",
            "nobody was asked and nobody intervened; the ids are those of the others",
            found.touchless.ids,
        ),
    ]


def _tell_rules(found: Fatigue, shows_ids: bool) -> None:
    always = [one for one in found.rules if is_always_approved(one)]
    say_all(
        indent(
            f"{len(always)} of {len(found.rules)} rules, over at least {ENOUGH} decisions each",
            f"{'Always approved:':<18} ",
            " " * 19,
            columns(),
        )
    )
    for one in found.rules if shows_ids else always:
        say_all(
            indent(
                f"{neutral(one.rule)}: {_share(one.approved, one.count)} approved",
                " " * 19,
                " " * 21,
                columns(),
            )
        )
        if shows_ids:
            _tell_ids(one.ids)


def _tell_ids(ids: list[str] | tuple[str, ...]) -> None:
    for one in ids:
        say_all(indent(neutral(one), " " * 21, " " * 23, columns()), DIM)


def _share(some: int, count: int) -> str:
    found = share(some, count)
    return f"{some} of {count}" + ("" if found is None else f" ({found:.0%})")


def _seconds(seconds: float | None) -> str:
    return duration(int((seconds or 0) * 1_000_000))
