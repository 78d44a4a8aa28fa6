"""`actum usage`: what was used, what it cost as far as anybody knows, and what waits for a budget."""

from __future__ import annotations

import json

from commanding import Actum, Begin, until


def start(own: Actum, ticket: str) -> str:
    """Start a workflow and return its name."""
    given = json.dumps({"ticket": ticket})
    name: str = own.fine("start", "spending:sort_ticket", "--input", given, "--json").json["name"]
    return name


def test_usage_is_shown_with_what_is_not_known_and_a_held_workflow_says_which_budget(
    own: Actum, begin: Begin
) -> None:
    assert "Nothing was reported" in own.fine("usage").out
    begin(own, "worker", "spending").wait_for(" serves")
    first = start(own, "one")
    until(lambda: own.fine("show", first, "--json").json["status"] == "completed", "the end of the first")
    held = start(own, "two")
    until(lambda: own.fine("show", held, "--json").json["status"] == "waiting", "the hold of the second")

    shown = " ".join(own.fine("show", held).out.split())
    assert "room in a budget (triage): this contract has used 2 of 2 model_calls today" in shown

    lines = own.fine("usage", "--by", "model").out.splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["MODEL", "WORKFLOWS", "ATTEMPTS", "CALLS", "TOKENS", "IN", "TOKENS", "OUT", "TOOLS", "COST"],
        ["gpt-4o", "1", "1", "1", "1200", "80", "0", "0.0038"],
        ["a?[31mjudge", "1", "1", "1", "10", "1", "0", "unknown"],
    ]
    assert "1 model calls have no known cost" in " ".join(lines[4].split())

    found = own.fine("usage", "--team", "support", "--json").json
    (total,) = found["usage"]
    assert (total["name"], total["model_calls"], total["unpriced"], total["cost"]) == (
        "sort_ticket",
        2,
        1,
        "0.0038",
    )
    assert own.fine("usage", "--team", "nobody", "--json").json["usage"] == []
    (budget,) = own.fine("usage", "--json").json["budgets"]
    assert (budget["subject"], budget["used"]["model_calls"], budget["open"]) == ("sort_ticket", 2, 0)


def test_usage_refuses_a_span_that_is_none(idle: Actum) -> None:
    refused = idle("usage", "--since", "yesterday")
    assert refused.code != 0
    assert "'yesterday' is not a duration" in refused.err
