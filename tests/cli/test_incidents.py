"""`actum incident`, `slo`, `owners` and `--where`: what people type when something went wrong."""

from __future__ import annotations

import pytest
from commanding import Actum, until


def held(served: Actum, parcel: str) -> str:
    """Start a delivery and return its name once it is held."""
    name = served.start("deliver", {"parcel": parcel})
    until(lambda: served.fine("show", name, "--json").json["cause"] == "held", "the hold")
    return name


def test_an_incident_is_opened_taken_on_and_resolved_and_its_timeline_is_markdown(served: Actum) -> None:
    name = held(served, "bathtub")
    row = served.fine("incident", "open", "stairs are blocked | \x1b[2J", "--workflow", name, "--json").json
    assert ("deliver", "platform", True, "open") == (
        row["contract"],
        row["team"],
        row["is_missed"],
        row["state"],
    )
    digits = row["name"]
    assert digits in served.fine("incident", "list").out
    shown = served.fine("incident", "show", digits).out
    assert "platform, then #platform" in shown
    assert f"actum incident ack {digits}" in shown
    other = held(served, "piano")
    again = ("incident", "open", "the lift too", "--contract", "deliver", "--workflow", other)
    would = served.fine(*again, "--dry-run", "--json").json
    assert (True, False, [True]) == (
        would["dry_run"],
        would["is_new"],
        [one.replace("-", "").endswith(other) for one in would["workflows"]],
    )
    assert "is open already" in served.fine(*again).out
    assert 2 == len(served.fine("incident", "show", digits, "--json").json["workflows"])
    said = [
        one for one in served.fine("incident", "timeline", digits, "--json").json if one["what"] == "reported"
    ]
    assert ["the lift too"] == [one["about"] for one in said]
    assert "nothing was done" in served.fine("incident", "ack", digits, "--dry-run").out
    assert "is acknowledged" in served.fine("incident", "ack", digits).out
    assert "is mitigated" in served.fine("incident", "mitigate", digits, "--note", "took the lift").out
    done = served.fine("incident", "resolve", digits, "--cause", "capacity", "--note", "one lift")
    assert "is resolved" in done.out
    assert "no incident is open" in served.fine("incident", "list", "--contract", "deliver").out
    for trial in ((), ("--dry-run",)):
        late = served("incident", "resolve", digits, "--cause", "code", *trial)
        assert (1, 1) == (late.code, len(late.err.splitlines()))
    out = served.fine("incident", "timeline", digits, "--markdown").out
    assert out.startswith("# stairs are blocked \\|")
    assert "\x1b" not in out
    assert "- Cause: capacity: one lift" in out
    assert [line.count("|") - line.count("\\|") for line in out.splitlines() if "| resolved |" in line] == [6]
    whats = [one["what"] for one in served.fine("incident", "timeline", digits, "--json").json]
    assert ["opened", "acknowledged", "mitigated", "resolved"] == [
        what for what in whats if what in ("opened", "acknowledged", "mitigated", "resolved")
    ]
    (team,) = [one for one in served.fine("incident", "digest", "--json").json if one["team"] == "platform"]
    assert 1 <= team["missed"] <= team["opened"]
    assert 1 == team["causes"]["capacity"]
    assert "platform:" in served.fine("incident", "digest", "--since", "1d").out


def test_promises_and_owners_are_listed_and_written_for_a_catalogue(served: Actum) -> None:
    assert "nothing is promised" in served.fine("slo").out
    assert [] == served.fine("slo", "greet", "--json").json
    rows = {one["contract"]: one for one in served.fine("owners", "list", "--json").json}
    assert ("platform", ["#platform"], "runbook.md") == (
        rows["greet"]["team"],
        rows["greet"]["contacts"],
        rows["greet"]["runbook"],
    )
    out = served.fine("owners", "export", "--backstage").out
    assert len(rows) == out.count("kind: Component\n") == out.count('  owner: "group:platform"\n')


def test_many_are_shown_counted_and_then_tried_again(served: Actum) -> None:
    names = [held(served, parcel) for parcel in ("xylophone", "xebec", "zither")]
    affected = [part for name in names[:2] for part in ("--workflow", name)]
    row = served.fine("incident", "open", "no lift", "--step", "carry", *affected, "--json").json
    where = ("--where", f"incident={row['name']}", "--where", "cause=held")
    looked = served.fine("retry", *where, "--dry-run")
    assert "would retry 2; nothing was done: to do it, add --confirm 2" in looked.out
    assert all(name in looked.out for name in names[:2])
    unsure = served("retry", *where, "--reason", "mended")
    assert (2, "") == (unsure.code, unsure.err.partition("2 workflows fit")[0].replace("actum: ", ""))
    wrong = served("retry", *where, "--reason", "mended", "--confirm", "3")
    assert wrong.code == 1
    assert "2 workflows fit and 3 were meant" in wrong.err
    for parcel in ("xylophone", "xebec"):
        (served.folder / f"{parcel}.mended").touch()
    done = served.fine("retry", *where, "--reason", "mended", "--confirm", "2", "--json").json
    assert 2 == len(done["asked"]) == done["total"]
    for name in names[:2]:
        until(lambda name=name: served.fine("show", name, "--json").json["status"] == "completed", "the end")
    assert "held" == served.fine("show", names[2], "--json").json["cause"]
    assert "no workflow fits" in served.fine("retry", *where, "--reason", "r").out
    whats = [one["what"] for one in served.fine("incident", "timeline", row["name"], "--json").json]
    assert 2 == whats.count("asked to retry")
    assert "is resolved" in served.fine("incident", "resolve", row["name"], "--cause", "capacity").out


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        (("cancel",), 2, "name a workflow, or many with --where"),
        (("pause", "abcd", "--where", "contract=x"), 2, "not both"),
        (("cancel", "--where", "contract=x"), 2, "cancel needs its --reason"),
        (("cancel", "--where", "colour=x", "--reason", "r"), 2, "is no condition"),
        (("rollback", "--where", "status=completed", "--reason", "r"), 2, "is no status"),
        (("rollback", "--where", "contract=x", "--to", "1", "--reason", "r"), 2, "are for one workflow"),
        (("incident", "show", "ffff0000"), 3, "no incident ends in"),
        (("incident", "resolve", "ffff0000", "--cause", "magic"), 2, "magic"),
        (("incident", "open", " "), 2, "an incident needs a sentence"),
        (("slo", "delivr"), 3, "no contract 'delivr' was ever registered"),
        (("incident", "open", "late", "--contract", "delivr"), 3, "no contract 'delivr' was ever registered"),
        (
            ("incident", "open", "late", "--contract", "delivr", "--dry-run"),
            3,
            "'delivr' was ever registered",
        ),
        (("incident", "open", "late", "--workflow", "ffff0000", "--dry-run"), 3, "ffff0000"),
        (("incident", "digest", "--since", "often"), 2, "is not a duration"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    idle: Actum, command: tuple[str, ...], code: int, sentence: str
) -> None:
    done = idle(*command)
    assert (code, True) == (done.code, sentence in done.err), done.err
