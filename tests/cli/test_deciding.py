"""`actum inbox`, `approve`, `reject`, `answer`: what a person reads, and what becomes of their word."""

from __future__ import annotations

import re

import pytest
from commanding import ANA, Actum, ask, ask_how_many, execute


@pytest.fixture(scope="module")
def asked(served: Actum) -> tuple[str, str]:
    """A change that asks, on behalf of Ana, and is decided by nobody."""
    return ask(served, "undecided", *ANA)


def test_the_card_says_what_why_how_it_can_be_put_back_and_checks_with_failures_first(
    served: Actum, asked: tuple[str, str]
) -> None:
    card = served.process("inbox", asked[1]).out
    assert "Write 1 file called undecided" in card
    assert r"\x1b[2J" in card
    assert "\x1b" not in card
    assert "no policy is active" in card
    assert "final: nothing can put it back" in card
    assert "count = 1" in card
    assert card.index("tests: failed") < card.index("style: passed")
    assert f"… 20 more lines: `actum inbox {asked[1]} --full`" in card
    assert "+line 59" in served.fine("inbox", asked[1], "--full").out
    assert max(map(len, card.splitlines())) <= 80


def test_the_inbox_is_filtered_and_names_the_line_to_type(served: Actum, asked: tuple[str, str]) -> None:
    assert (
        f"actum approve {asked[1]} --confirm 'TARGET' --reason '…'"
        in served.fine("inbox", "--contract", "change").out
    )
    assert "nothing waits" in served.fine("inbox", "--contract", "greet").out
    assert "nothing waits" in served.fine("inbox", "--team", "nobody").out
    names = [one["name"] for one in served.fine("inbox", "--json").json["approvals"]]
    assert asked[1] in names


def test_a_dry_run_shows_the_card_and_decides_nothing(served: Actum, asked: tuple[str, str]) -> None:
    done = served.fine("approve", asked[1], "--reason", "looks right", "--dry-run")
    assert "would be approved by db:actum; nothing was decided" in done.out
    assert "pending" == served.fine("inbox", asked[1], "--json").json["state"]


def test_an_approved_action_runs_once_and_the_first_decision_stands(served: Actum) -> None:
    workflow, approval = ask(served, "approved", *ANA)
    assert (
        "approved by db:actum: Write 1 file"
        in served.process("approve", approval, "--confirm", "approved", "--reason", "read it").out
    )
    served.fine("watch", workflow)
    assert "approved already" in served.fine("approve", approval, "--reason", "read it").out
    done = served("reject", approval, "--reason", "changed my mind")
    assert 1 == done.code
    assert "the first decision stands" in done.err
    told = served.fine("show", workflow, "--json").json
    assert ("approved x 1", ["succeeded"]) == (told["result"], [one["state"] for one in told["effects"]])
    assert "read it" in served.fine("show", workflow).out


def test_a_rejected_action_never_runs_and_the_reason_is_told(served: Actum) -> None:
    workflow, approval = ask(served, "rejected", *ANA)
    served.process("reject", approval, "--reason", "not on a Friday")
    done = served("watch", workflow)
    assert 1 == done.code
    assert "not on a Friday" in done.out
    assert [] == served.fine("show", workflow, "--json").json["effects"]


def test_whoever_asked_cannot_approve(served: Actum) -> None:
    workflow, approval = ask(served, "mine")
    done = served.process("approve", approval, "--confirm", "mine", "--reason", "I trust myself")
    assert (4, 1) == (done.code, len(done.err.splitlines()))
    assert "cannot approve it" in done.err
    served.fine("cancel", workflow)


def test_a_decision_needs_its_reason_and_an_approval(served: Actum, asked: tuple[str, str]) -> None:
    assert 2 == served("approve", asked[1]).code
    assert 2 == served("approve", asked[1], "--reason", "  ").code
    assert 3 == served("approve", "ffffffffff", "--reason", "x").code
    assert 3 == served("reject", "00000000-0000-7000-8000-000000000000", "--reason", "x").code


def test_an_answer_that_does_not_fit_is_refused_and_one_that_fits_goes_on(served: Actum) -> None:
    workflow, address = ask_how_many(served, "forks")
    assert re.search(r"How many forks\?", served.fine("inbox").out)
    for text, said in (
        ('"many"', "must be of type integer"),
        ("many", "not JSON"),
        ('"a\\u0000"', "holds a NUL character"),
        ("[" * 1000 + "]" * 1000, "make it flatter"),
    ):
        done = served("answer", workflow, address, "--value", text)
        assert (2, 1) == (done.code, len(done.err.splitlines()))
        assert said in done.err
    assert "nothing was answered" in served.fine("answer", workflow, address, "--value", "7", "--dry-run").out
    assert 0 == served.process("answer", workflow, address, "--value", "7").code
    served.fine("watch", workflow)
    assert 7 == served.fine("show", workflow, "--json").json["result"]
    done = served("answer", workflow, address, "--value", "8")
    assert 1 == done.code
    assert "no question is open" in done.err


def test_an_account_without_the_right_is_refused_with_exit_code_4(
    served: Actum, asked: tuple[str, str]
) -> None:
    execute(served, "drop role if exists actum_cli_reader")
    execute(served, "create role actum_cli_reader login in role actum_reader")
    dsn = served.environment["ACTUM_DATABASE_URL"].replace("actum@", "actum_cli_reader@")
    assert asked[1] in served("inbox", ACTUM_DATABASE_URL=dsn).out
    for arguments in (["reject", asked[1], "--reason", "x"], ["cancel", asked[0]]):
        done = served(*arguments, ACTUM_DATABASE_URL=dsn)
        assert (4, 1) == (done.code, len(done.err.splitlines())), done.err
        assert "permission denied" in done.err
    execute(served, "drop role actum_cli_reader")
