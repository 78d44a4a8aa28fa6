"""`actum retry`, `skip`, `edit`: what a held workflow shows, and the ways on from there."""

from __future__ import annotations

import pytest
from commanding import Actum, until


def held(served: Actum, parcel: str) -> str:
    """Start a delivery and return its name once it is held."""
    name = served.start("deliver", {"parcel": parcel})
    until(lambda: served.fine("show", name, "--json").json["cause"] == "held", "the hold")
    return name


def ended(served: Actum, name: str) -> str:
    """Wait for the end and return what is shown then."""
    until(lambda: "completed" in served.fine("show", name, "--json").json["status"], "the end")
    return served.fine("show", name).out


def test_a_held_workflow_shows_its_error_and_ends_with_the_commands_that_are_possible(served: Actum) -> None:
    name = held(served, "piano")
    out = served.fine("show", name).out
    assert "carry at 1: failed, 1 attempt, ValueError: piano is too heavy" in " ".join(out.split())
    assert "\x1b" not in out
    assert out.rstrip().splitlines()[-4:] == [
        f"  actum retry {name} 1 --reason '…'",
        f"  actum edit {name} 1 --input '{{…}}' --reason '…'",
        f"  actum skip {name} 1 --output 'JSON' --reason '…'",
        f"  actum cancel {name}",
    ]


def test_a_dry_run_says_what_would_be_tried_and_leaves_it_held(served: Actum) -> None:
    name = held(served, "stove")
    assert "would retry carry at 1 of deliver" in served.fine("retry", name, "--dry-run").out
    told = served.fine("skip", name, "1", "--output", '"done"', "--dry-run", "--json").json
    assert (told["verb"], told["address"], told["step"], told["asked"]) == ("skip", "1", "carry", False)
    assert served.fine("show", name, "--json").json["cause"] == "held"


def test_a_mended_step_is_retried_and_says_by_whom_and_why(served: Actum) -> None:
    name = held(served, "chest")
    (served.folder / "chest.mended").touch()
    assert "asked to retry carry at 1 of deliver" in served.fine("retry", name, "--reason", "two men now").out
    out = ended(served, name)
    assert "chest carried 0 stairs" in out
    assert "two men now" in " ".join(out.split())


def test_an_edited_step_takes_the_other_arguments_and_a_skipped_one_the_output(served: Actum) -> None:
    edited, skipped = held(served, "safe"), held(served, "organ")
    (served.folder / "vase.mended").touch()
    served.fine(
        "edit", edited, "--input", '{"parcel": "vase", "stairs": 3}', "--reason", "the vase was meant"
    )
    assert "vase carried 3 stairs" in ended(served, edited)
    served.fine("skip", skipped, "1", "--output", '"it stays"', "--reason", "sold to the neighbours")
    assert "it stays" in ended(served, skipped)


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        (("retry", "1"), 2, "retry needs its --reason"),
        (("retry", "9", "--reason", "r"), 1, "no failure stands at '9': failures stand at 1 (carry)"),
        (("skip", "--output", "5", "--reason", "r"), 2, "the output does not fit: it must be of type string"),
        (("skip", "--output", "{", "--reason", "r"), 2, "--output is not JSON"),
        (("edit", "--input", '{"parcels": 1}', "--reason", "r"), 2, "carry has no parameter 'parcels'"),
        (("edit", "--input", "[]", "--reason", "r"), 2, "a JSON object with an entry for each parameter"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(
    served: Actum, refusable: str, command: tuple[str, ...], code: int, sentence: str
) -> None:
    verb, *rest = command
    done = served(verb, refusable, *rest)
    assert (code, 1) == (done.code, len(done.err.splitlines()))
    assert sentence in done.err
    assert served.fine("show", refusable, "--json").json["cause"] == "held"


@pytest.fixture(scope="module")
def refusable(served: Actum) -> str:
    """A held workflow that every command here leaves held."""
    return held(served, "rock")


def test_a_workflow_that_is_not_held_cannot_be_retried(served: Actum) -> None:
    name = served.start("listen")
    done = served("retry", name, "--reason", "r")
    assert done.code == 1
    assert "is not held" in done.err
